"""The pytest plugin: a server for the session, and for each test that asks for ``mockpsp`` a fresh sandbox of it.

pytest imports this module before anything is measured or configured, so it imports the rest of us when it is needed.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mockpsp.settings import Settings
    from mockpsp.testing.client import Mockpsp, Sandbox

SECTION = "mockpsp timeline"
_SANDBOX: pytest.StashKey[Sandbox] = pytest.StashKey()
_WORDS = ("scenario", "seed", "clock")
_MARKER = (
    "mockpsp(scenario, *, seed, clock): what the sandbox of the fixture `mockpsp` plays: a scenario's name, its file "
    "(relative to the test's folder), or a mapping; seed and clock go before the scenario's own."
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options that lead to a server elsewhere."""
    group = parser.getgroup("mockpsp")
    group.addoption(
        "--mockpsp-url",
        metavar="URL",
        default=None,
        help="use the mockpsp that runs there instead of starting one (environment: MOCKPSP_URL)",
    )
    group.addoption(
        "--mockpsp-token",
        metavar="TOKEN",
        default=None,
        help="its control token, if it was started with one (environment: MOCKPSP_CONTROL_TOKEN)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """The marker that chooses the scenario."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture(scope="session")
def mockpsp_settings() -> Settings:
    """How the server of this session is run; override it to change that. Not used with a server elsewhere."""
    from mockpsp.settings import Settings

    return Settings()


@pytest.fixture(scope="session")
def mockpsp_server(request: pytest.FixtureRequest) -> Iterator[Mockpsp]:
    """A server on a free port of this process, or the one that ``--mockpsp-url`` or ``MOCKPSP_URL`` names."""
    from mockpsp.settings import remote_token, remote_url
    from mockpsp.testing.client import Mockpsp
    from mockpsp.testing.connection import Unreachable

    url = request.config.getoption("mockpsp_url") or remote_url()
    if url:
        advice = "start one with `mockpsp serve`, or leave --mockpsp-url and MOCKPSP_URL out"
        with _told_plainly(Unreachable, f"{{}}\n{advice}"):
            server = Mockpsp(url, request.config.getoption("mockpsp_token") or remote_token())
            server.health()
        yield server
        for item in request.session.items:  # of a test that was interrupted
            _forget(item)
        return
    from mockpsp.testing.threads import threaded

    with threaded(request.getfixturevalue("mockpsp_settings")) as running:
        yield Mockpsp(running.url)


@pytest.fixture
def mockpsp(request: pytest.FixtureRequest, mockpsp_server: Mockpsp) -> Sandbox:
    """A fresh sandbox with credentials of its own, deleted when the test has ended.

    The marker ``mockpsp`` chooses its scenario. When the test fails, its report has a section with what happened in it.
    """
    from mockpsp.testing.connection import ControlError

    folders = (request.path.parent, request.config.rootpath)
    asked = _asked_for(request.node)
    with _told_plainly((ControlError, FileNotFoundError), "no sandbox for this test: {}"):
        sandbox = mockpsp_server.new_sandbox(**asked, folders=folders)
    request.node.stash[_SANDBOX] = sandbox
    return sandbox


def _asked_for(node: pytest.Item) -> dict[str, Any]:
    """What the markers of a test say; what a nearer one leaves out is taken from the one around it."""
    found: dict[str, Any] = {}
    for marker in reversed(list(node.iter_markers("mockpsp"))):
        strange = [*map(repr, marker.args[1:]), *sorted(set(marker.kwargs) - set(_WORDS))]
        if strange:
            said = (
                f"the marker does not take {', '.join(strange)}; it is @pytest.mark.mockpsp(scenario, *, seed, clock)"
            )
            pytest.fail(said, pytrace=False)
        given = {**dict(zip(_WORDS, marker.args, strict=False)), **marker.kwargs}
        found |= {name: value for name, value in given.items() if value is not None}
    return found


@contextmanager
def _told_plainly(what: type[Exception] | tuple[type[Exception], ...], text: str) -> Iterator[None]:
    """Fail with a text around what the exception says, and nothing of where in our code it came from."""
    try:
        yield
    except what as error:
        raise pytest.fail.Exception(text.format(error), pytrace=False) from None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach to the report of a test that failed what happened in its sandbox; after the last report it is deleted."""
    report = yield
    sandbox = item.stash.get(_SANDBOX, None)
    if report.failed and sandbox is not None:
        report.sections.append((SECTION, _timeline(sandbox)))
    if report.when == "teardown":
        _forget(item)
    return report


def _forget(item: pytest.Item) -> None:
    """Delete the sandbox of a test, if it has one, and if it is still there."""
    sandbox = item.stash.get(_SANDBOX, None)
    if sandbox is None:
        return
    from mockpsp.testing.connection import ControlError, Unreachable

    del item.stash[_SANDBOX]
    with suppress(ControlError, Unreachable):
        sandbox.delete()


def _timeline(sandbox: Sandbox) -> str:
    from mockpsp.testing.connection import ControlError, Unreachable

    try:
        return sandbox.timeline()
    except (ControlError, Unreachable) as error:
        return f"it cannot be read: {error}"
