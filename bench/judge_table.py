"""The judge judged: every mistake of the example shop under every probe, and the shop without one under all of them.

``python -m bench.judge_table`` prints the table of docs/judge.md; exit code 1 when a mistake is not found by one of the
probes that are meant for it, or something is found in the shop that makes none. ``--seeds 1,2,3`` does it for each.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, time
from typing import Any, NamedTuple

from mockpsp.judge.judging import judge
from mockpsp.judge.model import Finding, Judgement, Outcome
from mockpsp.judge.probes import NOTHING_TO_BEND, chosen
from mockpsp.judge.runner import Setup
from mockpsp.judge.stage import OneSandbox
from mockpsp.testing.client import Mockpsp
from mockpsp.testing.threads import Threaded, threaded

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "examples" / "shop"))  # the shop is imported when one is started

PROVIDERS = ("worldline", "adyen", "lyra")
OF = {"holiday": "worldline", "lunch": "adyen", "basket": "lyra"}


@dataclass(frozen=True)
class Meant:
    """By which command and which probe a mistake has to be found; one of the findings (words) is enough."""

    kind: str
    probe: str
    finding: str
    arguments: str = " --refund"


MEANT: Mapping[str, Meant] = {
    "accepts-forged-webhook": Meant("lunch", "webhook-forged", "accepted-forged-webhook"),
    "accepts-stale-key": Meant("lunch", "webhook-stale-key", "accepted-replaced-key"),
    "header-case": Meant("holiday", "webhook-header-case", "refused-genuine-webhook"),
    "ignores-merchant-account": Meant("lunch", "webhook-other-account", "accepted-foreign-webhook"),
    "accepts-live-flag": Meant("lunch", "webhook-live", "accepted-foreign-webhook"),
    "takes-false-for-true": Meant("lunch", "success-false", "shipped-without-payment"),
    "crashes-on-unknown-event": Meant("lunch", "webhook-unknown-event", "refused-genuine-webhook"),
    "rejects-extra-fields": Meant("lunch", "webhook-extra-fields", "refused-genuine-webhook"),
    "forgets-early-webhook": Meant("holiday", "webhook-before-answer", "refused-genuine-webhook"),
    "slow-webhook-answer": Meant("lunch", "plain", "answered-too-late"),
    "no-dedupe": Meant("holiday", "webhook-twice", "shipped-twice"),
    "out-of-order-overwrites": Meant("holiday", "webhook-out-of-order", "shipped-twice undone-by-old-event"),
    "never-polls": Meant("holiday", "webhook-lost", "never-read-the-order"),
    "trusts-return-url": Meant("basket", "return-unpaid", "trusted-return"),
    "ignores-returnmac": Meant("holiday", "return-tampered", "ignored-return-proof"),
    "trusts-lyra-webhook-body": Meant("basket", "webhook-id-only", "trusted-unsigned-webhook", ""),
    "partial-capture-is-paid": Meant("holiday", "partial-captured", "partial-payment-is-paid"),
    "ignores-amount": Meant("lunch", "amount-changed", "ignored-amount"),
    "no-give-back": Meant("holiday", "complement-abandoned", "kept-voucher"),
    "no-idempotency-key": Meant("lunch", "create-cut-off", "charged-again"),
    "charges-again-after-timeout": Meant("holiday", "create-cut-off", "charged-again"),
    "refunds-twice": Meant("holiday", "plain", "refunded-more-than-captured", " --refund --impatient"),
    "believes-refund-request": Meant("lunch", "refund-refused", "believed-refund-request"),
    "ignores-retry-after": Meant("lunch", "create-throttled", "ignored-retry-after"),
}
"""What is missing: the mistakes in two steps, which no probe finds (bench/explored.py)."""


class Shop(NamedTuple):
    """A shop that is up."""

    server: Threaded
    url: str
    cashier: Any

    def rest(self, rounds: int = 3) -> None:
        """Let it make the calls that had no answer now: made later, they would be part of the next run."""
        self.server.run(self._rest(rounds))

    async def _rest(self, rounds: int) -> None:
        await self.cashier.idle()
        for _ in range(rounds):
            if not self.cashier.store.todo():
                break
            await self.cashier.round(time())
            await self.cashier.idle()


@contextmanager
def shop(server: Threaded, sandbox: Any, bugs: Sequence[str], poll: float = 0.5) -> Iterator[Shop]:
    """The shop beside the server, in its loop. It stays up from run to run, as a merchant's does.

    Every ``poll`` seconds it takes up again what had no answer.
    """
    import socket

    from aiohttp import web
    from shop.bugs import care_with
    from shop.settings import Settings
    from shop.web import CASHIER, build

    from mockpsp.judge.runner import environment_of

    variables = environment_of(sandbox, "", Setup(run=""))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        settings = Settings.read({**variables, "SHOP_POLL": str(poll), "SHOP_TIMEOUT": "15"}, url)
        app = server.call(lambda: build(settings, care_with(bugs)))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        server.run(_start(runner, listening))
        try:
            yield Shop(server, url, app[CASHIER])
        finally:
            server.run(runner.cleanup())


async def _start(runner: Any, listening: Any) -> None:
    from aiohttp import web

    await runner.setup()
    await web.SockSite(runner, listening).start()


def judged(
    server: Threaded, bugs: Sequence[str], kind: str, probes: Sequence[str], seed: int, arguments: str = " --refund"
) -> Judgement:
    """One judgement of the shop with these mistakes."""
    names = tuple(f"{OF[kind]}/{each}" for each in probes if each != "plain")
    with Mockpsp(server.url).new_sandbox() as sandbox, shop(server, sandbox, bugs) as up:
        setup = Setup(
            run=f'"{sys.executable}" -m shop.buy {kind}{arguments} --shop {up.url} --wait 5',
            seed=seed,
            settle=8.0,
            facts=f"{up.url}/merchant/{{reference}}/facts",
        )
        stage = OneSandbox(server.url, sandbox.id, False, {each: f"{up.url}/webhooks/{each}" for each in PROVIDERS})
        return judge(setup, stage, chosen(names) if names else ())


def listed(provider: str) -> str:
    """A provider's probes as a table, and why it has none of others'."""
    rows = [f"### {provider}", "", "| probe | what is bent | why | severity | source |", "|---|---|---|---|---|"]
    rows += [
        f"| `{each.name}` | {each.title} | {each.reason} | {each.severity} | [page]({each.page}) |"
        for each in chosen((f"{provider}/*",))
    ]
    rows += [
        "",
        f"No probe of {provider}: " + "; ".join(f"`{n}` ({w})" for n, w in NOTHING_TO_BEND[provider].items()) + ".",
    ]
    return "\n".join(rows)


def table(workers: int, bugs: Sequence[str]) -> int:
    """Print by which probes each mistake is found, all of them tried."""
    with threaded() as server, ThreadPoolExecutor(workers) as pool:
        jobs = {}
        for bug in bugs:
            meant = MEANT[bug]
            probes = [each.name for each in chosen((f"{OF[meant.kind]}/*",))]
            jobs[bug] = pool.submit(judged, server, [bug], meant.kind, probes, 1, meant.arguments)
        print("| mistake | command | found by |\n|---|---|---|", flush=True)
        for bug, job in jobs.items():
            judgement, meant = job.result(), MEANT[bug]
            by: dict[str, list[str]] = {}
            for each in judgement.counted:
                by.setdefault(each.probe.rpartition("/")[2], []).append(each.name)
            found = "; ".join(f"{probe} ({', '.join(names)})" for probe, names in by.items()) or "nothing"
            broken = " BROKEN" if judgement.plain.outcome is Outcome.BROKEN else ""
            print(f"| {bug} | {meant.kind}{meant.arguments} | {found}{broken} |", flush=True)
    return 0


def told(findings: Iterable[Finding]) -> str:
    return ", ".join(f"{each.probe}: {each.name}" for each in findings)


def main() -> int:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--seeds", default="1")
    reader.add_argument("--bug", action="append", default=[])
    reader.add_argument("--correct", action="store_true", help="only the shop that makes no mistake, all probes")
    reader.add_argument("--probe", action="append", default=[], help="with --correct: only these")
    reader.add_argument("--kind", action="append", default=[], choices=list(OF))
    reader.add_argument("--probes", action="store_true", help="print the tables of probes of docs/judge.md")
    reader.add_argument("--table", action="store_true", help="every mistake under every probe, as docs/judge.md has it")
    reader.add_argument("--workers", type=int, default=4)
    reader.add_argument("--verbose", action="store_true")
    options = reader.parse_args()
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(ROOT / "examples" / "shop"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    )
    wrong, began = 0, perf_counter()
    if options.probes:
        print("\n\n".join(map(listed, OF.values())))
        return 0
    if options.table:
        return table(options.workers, options.bug or list(MEANT))
    with threaded() as server, ThreadPoolExecutor(options.workers) as pool:
        jobs = []
        for seed in map(int, options.seeds.split(",")):
            if not options.correct:
                for bug in options.bug or MEANT:
                    meant = MEANT[bug]
                    jobs.append(
                        (
                            seed,
                            bug,
                            meant,
                            pool.submit(judged, server, [bug], meant.kind, [meant.probe], seed, meant.arguments),
                        )
                    )
            if not options.bug:
                for kind in options.kind or OF:
                    probes = options.probe or [each.name for each in chosen((f"{OF[kind]}/*",))]
                    jobs.append((seed, "", kind, pool.submit(judged, server, [], kind, probes, seed)))
        for seed, bug, meant, job in jobs:
            wrong += not _row(seed, bug, meant, job.result(), verbose=options.verbose)
    print(f"{len(jobs)} judgements in {perf_counter() - began:.0f} s, {wrong} not as they should be")
    return 1 if wrong else 0


def _row(seed: int, bug: str, meant: Any, judgement: Judgement, *, verbose: bool) -> bool:
    counted = judgement.counted
    if bug:
        good = any(each.name in meant.finding.split() and each.probe.endswith(meant.probe) for each in counted)
        print(
            f"{'ok ' if good else 'NO '} seed {seed}  {bug} × {meant.kind} {meant.probe}: {told(counted) or 'nothing'}",
            flush=True,
        )
    else:
        broken = [each for each in (judgement.plain, *judgement.probes) if each.outcome is Outcome.BROKEN]
        good = not counted and not broken
        skipped = [each.probe for each in judgement.probes if each.outcome is Outcome.NOT_APPLICABLE]
        print(
            f"{'ok ' if good else 'NO '} seed {seed}  correct × {meant}: {len(judgement.probes)} probes, "
            f"{len(skipped)} not applicable, found {told(judgement.findings) or 'nothing'}"
            f"{'; broken: ' + str([each.told for each in broken]) if broken else ''}",
            flush=True,
        )
    if verbose or not good:
        from mockpsp.judge.telling import table

        print(table(judgement), flush=True)
    return good


if __name__ == "__main__":
    sys.exit(main())
