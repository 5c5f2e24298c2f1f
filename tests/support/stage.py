"""A server on which shipped stories were played, and stay as they ended: what the dashboard has to show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from urllib.parse import quote

from mockpsp.edge.keys import LIBRARY, PROVIDERS
from mockpsp.testing.endpoint import Endpoint, Nowhere
from mockpsp.testing.player import START, Player
from mockpsp.testing.server import listening
from mockpsp.testing.threads import Threaded, threaded
from mockpsp.world import records
from mockpsp.world.sandboxes import Sandbox
from tests.support.connection import session


class Stage:
    """Plays stories; each stays in a sandbox of its own, and is played once."""

    def __init__(self, live: Threaded, endpoint: Endpoint) -> None:
        self.live = live
        self.url = live.url
        self._endpoint = endpoint
        self._played: dict[str, Sandbox] = {}

    def play(self, name: str, *, again: bool = False) -> Sandbox:
        """The sandbox in which a shipped story was played to its end; ``again`` a fresh one that may be changed."""
        if again or name not in self._played:
            found = self.live.run(self._play(name))
            if again:
                return found
            self._played[name] = found
        return self._played[name]

    async def _play(self, name: str) -> Sandbox:
        server = self.live.server
        scenario = server.app[LIBRARY].load(name)
        self._endpoint.answers.clear()
        self._endpoint.inbox.clear()
        sandbox = await server.sandboxes.create(scenario, clock=scenario.clock or START)
        for provider in server.app[PROVIDERS]:
            await sandbox.world.commit([records.EndpointChanged(provider, (self._endpoint.url(provider),))])
        played = await Player(server, sandbox, self._endpoint).run()
        assert len(played.exchanges) == len(scenario.story)  # what it expects is for its own test to tell
        return sandbox

    def page(self, sandbox: Sandbox | None, path: str = "", status: int = 200) -> str:
        """A page of the dashboard."""
        where = "/" if sandbox is None else f"/sandbox/{sandbox.id}"
        response = session().get(f"{self.url}/_mockpsp{where}{path}", timeout=60)
        assert response.status_code == status, f"{path}: {response.status_code}"
        return response.text

    def story(self, sandbox: Sandbox, lifecycle: str) -> str:
        """The path of the first object of a kind, below its sandbox's."""
        ref = next(iter(sandbox.world.objects[lifecycle]))
        return f"/payments/{lifecycle}/{quote(ref, safe='')}"


@contextmanager
def staged() -> Iterator[Stage]:
    """A server with a stage; its webhooks go nowhere but to the story's endpoint."""
    endpoint = Endpoint()
    with threaded() as live:
        stack = AsyncExitStack()
        port = live.run(stack.enter_async_context(listening(endpoint.app())))
        live.server.courier.connector = partial(Nowhere.connector, port)
        try:
            yield Stage(live, endpoint)
        finally:
            live.run(stack.aclose())
