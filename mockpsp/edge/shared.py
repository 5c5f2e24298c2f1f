"""The way of a request where several processes serve its sandbox: in the sandbox's turn, and answered after it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web

from mockpsp.edge.errors import TryAgain
from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.edge.keys import SANDBOXES
from mockpsp.edge.pipeline import Door, turned_away
from mockpsp.edge.provider import Provider, Route
from mockpsp.edge.reply import as_headers
from mockpsp.world.journal import Request, Unwritten, pack
from mockpsp.world.sandboxes import DEFAULT, Sandbox, Sandboxes
from mockpsp.world.sandboxes_shared import SharedSandboxes
from mockpsp.world.store import StoreFailed
from mockpsp.world.turns import SharedTurns
from mockpsp.world.world import Gone

Step = Callable[[web.Request], Awaitable[web.StreamResponse]]


class SharedDoor(Door):
    """See Door. A body is read before the turn, for a slow client must not hold up the others."""

    __slots__ = ()

    def __init__(
        self, provider: Provider, route: Route | None, handler: Callable[[Exchange], Awaitable[Answer]]
    ) -> None:
        super().__init__(provider, route, handler)
        self.shared = self.claims = True

    def open(self, app: web.Application, apps: Iterable[web.Application]) -> Sandboxes:
        """See Door. Nothing may leave before it is written, so all responses go out by aiohttp."""
        found = super().open(app, apps)
        self.observed = True
        return found

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """See Door."""
        return await self._in_turn(super().handle, request)

    async def hand_out(self, request: web.Request) -> web.StreamResponse:
        """See Door."""
        return await self._in_turn(super().hand_out, request)

    async def _in_turn(self, step: Step, request: web.Request) -> web.StreamResponse:
        turns = _shared(request)[1]
        try:
            response = await step(request)
            await turns.leave()
        except StoreFailed as error:
            return self._try_again(request, error)
        except BaseException:  # a cancellation too: nobody else may wait for this turn
            turns.abandon()
            raise
        return response

    async def arrive(self, x: Exchange) -> None:
        """Have the turn of the sandbox that the request claims, be it that another process has just created it."""
        sandboxes, turns = _shared(x.request)
        if self.sandboxes is None:
            self.open(x.request.app, x.request.match_info.apps)
        while True:
            sandbox = self.provider.locate(x, sandboxes)
            if sandbox is None:
                await sandboxes.refresh()
                sandbox = self._located(x, sandboxes)
            try:
                await turns.enter(sandbox)
            except Gone:
                continue
            return

    def _located(self, x: Exchange, sandboxes: Sandboxes) -> Sandbox:
        return self.provider.locate(x, sandboxes) or sandboxes.get(DEFAULT)

    async def under_way(self, x: Exchange, key: str) -> bool:
        """See Door."""
        return not await _shared(x.request)[1].claim(x.sandbox, key)

    def done(self, x: Exchange, key: str) -> None:
        """See Door."""
        _shared(x.request)[1].disclaim(x.sandbox, key)

    def _try_again(self, request: web.Request, error: StoreFailed) -> web.StreamResponse:
        """In the provider's words, without an entry in the journal: there is nothing that it could be written to."""
        x = Exchange(request, self.provider, self.route)
        x.sandbox = self._located(x, request.app[SANDBOXES])
        x.started = x.sandbox.world.clock.now()
        x.record = Request(request.method, request.raw_path, pack(request.raw_headers), request.remote or "")
        x.entry = Unwritten().add(x.started, "request", self.provider.name, "", "", 0, x.record)
        answer = turned_away(x, TryAgain(str(error)))
        headers = {**as_headers(self.provider.finish(x, answer)), **answer.headers}
        if answer.body is not None:
            headers["Content-Type"] = answer.content_type
        return web.Response(body=answer.body, status=answer.status, headers=headers)


def _shared(request: web.Request) -> tuple[SharedSandboxes, SharedTurns]:
    sandboxes = request.app[SANDBOXES]
    assert isinstance(sandboxes, SharedSandboxes), "only a shared store's requests come in by this door"
    return sandboxes, sandboxes.turns


__all__ = ["SharedDoor"]
