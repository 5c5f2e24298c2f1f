"""Makes one run: a sandbox with a scenario, the user's command in it, and everything that can be seen afterwards."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from json import loads
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener

from msgspec import field

from mockpsp.domain.value import Value
from mockpsp.judge.command import Ended, run_command
from mockpsp.judge.model import Ran, Took, Visit, parts
from mockpsp.judge.observed import Observed, Said, Saw, references
from mockpsp.judge.stage import Stage
from mockpsp.judge.visitor import visits
from mockpsp.testing.answers import Entry
from mockpsp.testing.client import Sandbox

Command = Callable[[str, Mapping[str, str], float], Ended]
"""Runs a command line with these variables, for so many seconds at most."""

QUIET_SECONDS = 0.4
FACT_SECONDS = 10.0
SOON_SECONDS = 4.0


class Setup(Value, frozen=True, kw_only=True):
    """What the user wants judged, and how.

    ``run`` is the shell command; ``limit`` and ``settle`` are seconds: for the command, and for the merchant to come to
    rest afterwards. ``base`` are the lines that every scenario is built on. ``facts`` are addresses with
    ``{reference}``, ``{order}`` being the same, and ``{provider}``. ``dotenv`` is a file to write the variables to.
    """

    run: str
    base: Mapping[str, Any] = field(default_factory=lambda: {"extends": "default"})
    seed: int = 1
    manual: bool = False
    limit: float = 120.0
    settle: float = 15.0
    facts: str = ""
    check: str = ""
    dotenv: str = ""
    providers: tuple[str, ...] = ("worldline", "adyen", "lyra")

    def scenario(self, name: str, lines: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A whole scenario: these lines, and the base's after them."""
        whole = parts([lines or {}, self.base])
        return {"mockpsp": 1, "title": f"Judged: {name}", **whole}


def environment_of(sandbox: Sandbox, probe: str, setup: Setup) -> dict[str, str]:
    """The variables that the command finds: what ``mockpsp credentials`` prints, and where it is.

    ``*_PREVIOUS_*`` are webhook keys that were replaced and must not count any more.
    """
    from mockpsp.providers import discover

    found: dict[str, str] = {}
    for name, provider in discover().items():
        found.update(provider.environment(sandbox.credentials[name], sandbox.url))
    return {
        **found,
        **_replaced(sandbox.credentials),
        "MOCKPSP_URL": sandbox.url,
        "MOCKPSP_SANDBOX": sandbox.id,
        "MOCKPSP_CONTROL": f"{sandbox.url}/_mockpsp/sandboxes/{quote(sandbox.id, safe='')}",
        "MOCKPSP_PROBE": probe,
        "MOCKPSP_SEED": str(setup.seed),
    }


def _replaced(credentials: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    from mockpsp.providers.adyen.webhooks import replaced

    worldline, adyen = credentials["worldline"], credentials["adyen"]
    return {
        "WORLDLINE_PREVIOUS_WEBHOOK_KEY_ID": f"{worldline['webhook_key_id']}-replaced",
        "WORLDLINE_PREVIOUS_WEBHOOK_SECRET": f"{worldline['webhook_secret']}-replaced",
        "ADYEN_PREVIOUS_HMAC_KEY": replaced(adyen["hmac_key"]),
    }


class Runner:
    """Makes runs on one stage, one after the other. ``command`` runs what the setup names, in a shell unless told."""

    def __init__(self, setup: Setup, stage: Stage, command: Command = run_command) -> None:
        self.setup, self.stage, self._command = setup, stage, command
        self._runs = 0

    def run(
        self, name: str, lines: Mapping[str, Any] | None = None, *, later: str = "", visit: Visit | None = None
    ) -> tuple[Observed, Ran]:
        """One run of the command under these lines. ``later`` is how far the clock moves afterwards.

        Raises ControlError when the scenario is not one, Unreachable when there is no server, OSError when no shell
        can be started.
        """
        self._runs += 1
        began, ours, used = time.perf_counter(), time.thread_time(), self.stage.processor()
        with self.stage.sandbox(self.setup.scenario(name, lines), self.setup.seed * 1000 + self._runs) as sandbox:
            observed, ended = self._in(sandbox, name, later, visit)
        now = self.stage.processor()
        took = Took(
            wall=time.perf_counter() - began,
            simulator=now - used if now is not None and used is not None else None,
            judge=time.thread_time() - ours,
            command=ended.processor,
        )
        calls = sum(1 for _ in observed.calls())
        sent = sum(1 for each in observed.webhooks if each.attempts)
        return observed, Ran(exit_code=ended.code, output=ended.output, took=took, calls=calls, webhooks=sent)

    def _in(self, sandbox: Sandbox, name: str, later: str, visit: Visit | None) -> tuple[Observed, Ended]:
        setup, before = self.setup, sandbox.accounts()
        variables = environment_of(sandbox, name, setup)
        if setup.dotenv:
            write_dotenv(Path(setup.dotenv), variables)
        ended = self._command(setup.run, {**os.environ, **variables}, setup.limit)
        self._rest(sandbox)
        last = sandbox.journal()
        seen: Sequence[Saw] = visits(last, visit) if visit is not None else ()
        if visit is not None:
            self._rest(sandbox)
        then = self._said(last)
        if later:
            sandbox.advance(later)
            self._rest(sandbox)
        checked = self._command(setup.check, {**os.environ, **variables}, setup.limit) if setup.check else None
        entries, webhooks = sandbox.journal(), sandbox.webhooks()
        observed = Observed(
            entries=entries,
            webhooks=webhooks,
            before=before,
            accounts=sandbox.accounts(),
            said_then=then,
            said=self._said(entries) if later or setup.check else then,
            code=ended.code,
            output=ended.output,
            seconds=ended.seconds,
            ended=last[-1].id if last else 0,
            saw=tuple(seen),
            checked=checked.code if checked is not None else None,
            check_output=checked.output if checked is not None else "",
            manual=setup.manual,
        )
        return observed, ended

    def _said(self, entries: Sequence[Entry]) -> tuple[Said, ...]:
        """What the merchant says of each order in these entries."""
        if not self.setup.facts:
            return ()
        named = [(provider, each) for provider in self.setup.providers for each in references(entries, provider)]
        return tuple(self._fact(provider, reference) for provider, reference in named)

    def _fact(self, provider: str, reference: str) -> Said:
        named = quote(reference, safe="")
        url = self.setup.facts.replace("{reference}", named).replace("{order}", named).replace("{provider}", provider)
        try:
            request = Request(url, headers={"Accept": "application/json"})  # noqa: S310 - the user's own address
            with build_opener(ProxyHandler({})).open(request, timeout=FACT_SECONDS) as answer:
                told = loads(answer.read())
            if not isinstance(told, dict):
                return Said(provider=provider, reference=reference, error=f"{url} answers no JSON object")
            return Said(provider=provider, reference=reference, facts=told)
        except HTTPError as error:
            with error:
                return Said(provider=provider, reference=reference, error=f"{url} answers {error.code}")
        except (OSError, ValueError) as error:
            return Said(provider=provider, reference=reference, error=f"{url}: {error}")

    def _rest(self, sandbox: Sandbox) -> None:
        """Return when nothing is on its way or due soon and the merchant calls nobody, or when that takes too long.

        On a clock that stands still, work that is due within moments is done by moving it.
        """
        end = time.monotonic() + self.setup.settle
        last, since = -1, time.monotonic()
        while time.monotonic() < end:
            sandbox.settle()
            latest = [each for each in sandbox.journal(after=max(last, 0)) if each.kind != "clock"]
            if latest or last < 0:
                last, since = (latest[-1].id if latest else 0), time.monotonic()
            elif self._soon(sandbox):
                since = time.monotonic()
                if self.setup.manual:
                    sandbox.advance(timedelta(seconds=SOON_SECONDS))
            elif time.monotonic() - since >= QUIET_SECONDS:
                return
            time.sleep(0.05)

    def _soon(self, sandbox: Sandbox) -> bool:
        """Whether something is due within moments."""
        clock = sandbox.clock()
        return clock.next_due is not None and (clock.next_due - clock.now).total_seconds() < SOON_SECONDS


def write_dotenv(path: Path, variables: Mapping[str, str]) -> None:
    """Write variables as lines that dotenv readers and shells understand. Raises OSError."""
    from shlex import quote as quoted

    lines = "".join(f"{name}={quoted(value)}\n" for name, value in variables.items())
    path.write_text(lines, encoding="utf-8", newline="\n")
