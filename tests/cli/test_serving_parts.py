"""Sockets and file watching, without a whole server around them."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from threading import get_ident
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from aiohttp import web

from mockpsp.app import catalogues
from mockpsp.serving import ready, sockets, warm, watch
from mockpsp.serving import run as serving
from mockpsp.serving.sockets import CannotListen, listen
from mockpsp.serving.watch import Watched
from mockpsp.settings import Settings
from mockpsp.world.clock import SandboxClock

if TYPE_CHECKING:
    from mockpsp.world.world import World


def has_second_loopback() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("without", [True, False], ids=["polling", "watchfiles if installed"])
async def test_a_changed_file_is_noticed_once_and_a_missing_one_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without: bool
) -> None:
    if without:
        monkeypatch.setitem(sys.modules, "watchfiles", None)
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.01)
    file, stop = tmp_path / "story.yaml", asyncio.Event()
    file.write_text("one", encoding="utf-8")
    changes = Watched([str(file)], dict).changes(stop)

    file.write_text("another", encoding="utf-8")
    await asyncio.wait_for(anext(changes), 10)
    second = asyncio.ensure_future(asyncio.wait_for(anext(changes), 10))
    file.unlink()
    done, _ = await asyncio.wait([second], timeout=0.1)
    assert not done
    file.write_text("and another", encoding="utf-8")
    await second
    stop.set()
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(anext(changes), 10)


async def test_files_of_a_family_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parent's change is put in force; a new parent is looked at from then on, one that is gone no longer."""
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.01)
    head = "mockpsp: 1\ntitle: t\n"

    def put(path: Path, text: str) -> None:
        new = tmp_path / "new"
        new.write_text(text, encoding="utf-8")
        new.replace(path)  # or somebody may read half of it

    child, first, second = (tmp_path / f"{name}.yaml" for name in ("child", "first", "second"))
    put(child, f"{head}extends: first.yaml\n")
    put(first, head)
    put(second, head)
    stop, said, changed = asyncio.Event(), list[str](), asyncio.Queue[Any]()

    class Changing:
        async def change_scenario(self, scenario: Any) -> tuple[str, ...]:
            changed.put_nowait(scenario)
            return ()

    def say(line: str) -> None:
        said.append(line)
        if line.startswith("the scenario was changed and has mistakes"):
            changed.put_nowait(None)

    watched = Watched([str(child)], catalogues)
    assert watched.paths == [child, first]
    following = asyncio.ensure_future(watched.follow(lambda: cast("World", Changing()), say, stop))
    put(first, f"{head}settings: {{adyen: {{capture: manual}}}}\n")
    scenario = await asyncio.wait_for(changed.get(), 10)
    assert scenario.settings["adyen"]["capture"] == "manual"

    put(child, f"{head}extends: second.yaml\n")
    await asyncio.wait_for(changed.get(), 10)
    assert watched.paths == [child, second]
    first.unlink()
    put(second, f"{head}seed: none\n")
    assert await asyncio.wait_for(changed.get(), 10) is None
    put(second, f"{head}seed: 7\n")
    assert (await asyncio.wait_for(changed.get(), 10)).seed == 7
    stop.set()
    await asyncio.wait_for(following, 10)


def test_early_clients_are_queued_before_anybody_accepts() -> None:
    listening = listen("localhost", 0)
    try:
        assert listening.origin() == f"http://localhost:{listening.port}"
        socket.create_connection(("127.0.0.1", listening.port), timeout=5).close()
    finally:
        listening.close()


@pytest.mark.skipif(not has_second_loopback(), reason="this machine has no ::1")
def test_a_port_that_somebody_has_on_the_other_loopback_address_is_taken() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as other:
        port = other.getsockname()[1]
        with pytest.raises(CannotListen, match=f"port {port} on ::1 is taken"):
            listen("localhost", port)


@pytest.mark.skipif(not has_second_loopback(), reason="this machine has no ::1")
def test_a_free_port_is_free_on_both_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as other:
        taken = [other.getsockname()[1], 0]
        bind = sockets._bind
        monkeypatch.setattr(
            sockets, "_bind", lambda host, port: bind(host, taken.pop(0) if host == "127.0.0.1" else port)
        )
        listening = listen("localhost", 0)
        try:
            assert listening.port != other.getsockname()[1]
        finally:
            listening.close()


@pytest.mark.parametrize(
    ("host", "told"), [("203.0.113.7", "is no address of this machine"), ("::1::", "is no address of this machine")]
)
def test_an_address_that_is_not_ours_is_told(host: str, told: str) -> None:
    with pytest.raises(CannotListen, match=told):
        listen(host, 0)


@pytest.mark.parametrize(("host", "origin"), [("0.0.0.0", "http://localhost:"), ("127.0.0.1", "http://127.0.0.1:")])
def test_the_origin_is_one_that_clients_can_use(host: str, origin: str) -> None:
    listening = listen(host, 0)
    listening.close()

    assert listening.origin() == f"{origin}{listening.port}"


def test_credentials_may_hold_lists() -> None:
    class Hotels:
        title = "Hotels"

        def base_urls(self, origin: str) -> dict[str, str]:
            return {"hotels": origin}

        def environment(self, credentials: dict[str, Any], origin: str) -> dict[str, str]:
            return {"HOTELS_ROOMS": ",".join(credentials["rooms"])}

    providers: Any = {"hotels": Hotels()}
    sandbox: Any = SimpleNamespace(
        credentials={"hotels": {"key": "k", "rooms": ["101", "102"], "floors": [{"number": 1}]}},
        world=SimpleNamespace(scenario=SimpleNamespace(name="default", title="All is well"), clock=SandboxClock(None)),
    )
    told = ready.document(sandbox, providers, "http://localhost:1", None)
    assert json.loads(json.dumps(told))["credentials"] == sandbox.credentials
    block = ready.block(sandbox, providers, Settings(), "http://localhost:1", None, ())
    assert "    HOTELS_ROOMS=101,102\n" in block


# -- listening ---------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "get_blocking"), reason="this system does not tell")
def test_listening_sockets_never_block_not_even_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies share it, those of other processes too: who lost the race for a connection would wait for another one."""
    uvloop = pytest.importorskip("uvloop", reason="only on uvloop sockets are copied")
    listening = listen("127.0.0.1", 0)
    [bound] = listening.sockets
    blocking: list[bool] = []

    class Site(web.SockSite):
        def __init__(self, *given: Any, **more: Any) -> None:
            blocking.append(os.get_blocking(bound.fileno()))
            super().__init__(*given, **more)

    async def serve() -> None:
        runner = web.AppRunner(web.Application())
        await runner.setup()
        await serving._open(runner, bound)
        await runner.cleanup()

    monkeypatch.setattr(serving.web, "SockSite", Site)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
    assert blocking == [False] * 8


# -- warming up --------------------------------------------------------------------------------------------------------


def test_what_first_requests_need_is_fetched() -> None:
    code = (
        "import sys\nfrom mockpsp.app import Contracts\nfrom mockpsp.providers import discover\n"
        "from mockpsp.serving.warm import fetch\n"
        "providers = discover()\nfetch(providers, Contracts(tuple(providers)))\n"
        "print(*(each in sys.modules for each in ('mockpsp.providers.adyen.api', 'jsonschema_rs', 'jinja2')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "False"]


async def test_a_server_that_ends_at_once_does_not_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[object] = []
    monkeypatch.setattr(warm, "fetch", lambda *given: fetched.append(given))
    task = asyncio.create_task(warm.warm_up({}, {}))
    await asyncio.sleep(0)  # one turn of the loop: it has begun
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert fetched == []


async def test_it_happens_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    monkeypatch.setattr(warm, "fetch", lambda *_: threads.append(get_ident()))
    monkeypatch.setattr(warm, "_AFTER_SECONDS", 0)
    monkeypatch.setattr(warm.gc, "freeze", lambda: threads.append(get_ident()))
    await warm.warm_up({}, {})
    assert threads[0] != get_ident() == threads[1]
