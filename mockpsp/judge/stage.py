"""Where runs take place: a server of our own with a fresh sandbox for each, or one sandbox of a server that runs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from mockpsp.judge.model import parts
from mockpsp.settings import Settings
from mockpsp.testing.client import Mockpsp, Sandbox


class BadBase(ValueError):
    """The scenario that runs are built on cannot be used; the message names file, line and mistake."""


def base_of(name: str) -> dict[str, Any]:
    """A scenario as lines that others can be put before: a shipped one by its name, or what a file says.

    Raises BadBase for a file that is no scenario, or that extends other files: the server could not find them.
    """
    path = Path(name)
    if path.suffix not in (".yaml", ".yml", ".json") or not path.is_file():
        return {"extends": name}
    from mockpsp.scenario.problems import Problems
    from mockpsp.scenario.yaml_nodes import plain, read_text

    problems = Problems(str(path))
    root = read_text(path.read_bytes(), problems)
    if root is None or problems.found:
        raise BadBase("\n".join(map(str, problems.found)))
    value = plain(root)
    if not isinstance(value, dict):
        raise BadBase(f"{name}: a scenario is a mapping")
    return {key: each for key, each in value.items() if key not in ("mockpsp", "title", "story", "expect", "tags")}


class Stage(Protocol):
    """Gives out sandboxes, one after the other."""

    url: str

    def sandbox(self, scenario: Mapping[str, Any], seed: int) -> Any:
        """A context manager with a sandbox at its beginning, in which this scenario is in force."""

    def processor(self) -> float | None:
        """Seconds that the simulator has had of the processor; None where that cannot be known."""


@dataclass
class OwnServer:
    """A server in a thread of this process."""

    url: str
    manual: bool
    webhooks: Mapping[str, str]
    clock: Any
    _psp: Mockpsp = field(init=False)

    def __post_init__(self) -> None:
        self._psp = Mockpsp(self.url)

    @contextmanager
    def sandbox(self, scenario: Mapping[str, Any], seed: int) -> Iterator[Sandbox]:
        """See Stage. It is deleted at the end."""
        with self._psp.new_sandbox(scenario, seed=seed) as made:
            if self.manual:  # at the present moment, which the merchant's own clock shows
                made.stop_clock()
            for provider, url in self.webhooks.items():
                made.send_webhooks(provider, url)
            yield made

    def processor(self) -> float | None:
        """See Stage."""
        used: float = self.clock()
        return used


@contextmanager
def own_server(webhooks: Mapping[str, str], *, manual: bool, port: int = 0) -> Iterator[OwnServer]:
    """Start one, and stop it at the end."""
    from mockpsp.testing.threads import threaded

    with threaded(Settings()) as server:
        yield OwnServer(server.url, manual, webhooks, lambda: server.call(time.thread_time))


def _apart(scenario: dict[str, Any], seed: int) -> dict[str, Any]:
    """The same with ids that no earlier run had: most follow from the seed, Worldline's count up."""
    before = {"settings": {"worldline": {"payments_before": seed * _PAYMENTS % _MOST_PAYMENTS}}}
    return parts([before, scenario])


_PAYMENTS, _MOST_PAYMENTS = 1_000, 5_000_000_000


@dataclass
class OneSandbox:
    """A sandbox of a server that runs already. Its credentials never change; it is reset before each run."""

    url: str
    name: str
    manual: bool
    webhooks: Mapping[str, str]

    @contextmanager
    def sandbox(self, scenario: Mapping[str, Any], seed: int) -> Iterator[Sandbox]:
        """See Stage. Ids differ from run to run, since the merchant's server may remember those of the run before."""
        found = Mockpsp(self.url).sandbox(self.name)
        found.load(_apart({**scenario, "seed": seed}, seed))
        found.reset()
        for provider, url in self.webhooks.items():
            found.send_webhooks(provider, url)
        _ = found.stop_clock() if self.manual else found.run_clock()
        yield found

    def processor(self) -> float | None:
        """See Stage. Another process has it."""
        return None


@contextmanager
def one_sandbox(url: str, name: str, webhooks: Mapping[str, str], *, manual: bool) -> Iterator[OneSandbox]:
    """Use this sandbox; at the end its scenario is what it was, or the default one where that has no name.

    Raises ControlError when there is none with this name, Unreachable.
    """
    psp = Mockpsp(url)
    before = psp.sandbox(name).scenario
    try:
        yield OneSandbox(url, name, manual, webhooks)
    finally:
        left = psp.sandbox(name)
        left.load(before if before in psp.scenarios() else "default")
        left.reset()
        left.run_clock()
