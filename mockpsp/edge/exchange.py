"""One request on its way through the pipeline, and the answer it gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from aiohttp import web
from msgspec import field

from mockpsp.domain.value import Value
from mockpsp.edge.cohort import ALONE, Pace, next_step
from mockpsp.world import records
from mockpsp.world.journal import Entry, Request
from mockpsp.world.sandboxes import Sandbox
from mockpsp.world.world import World

if TYPE_CHECKING:
    from mockpsp.domain.lifecycle import Lifecycle
    from mockpsp.edge.provider import Provider, Route
    from mockpsp.world.world import Outcome

LONGEST_HOST = 260
"""A domain name of 253 characters and a port."""


class Answer(Value, frozen=True):
    """What leaves: status, exact bytes, and headers. ``body`` None sends none and no content type.

    ``cut``: the connection ends in the middle of the body. ``slow`` is how long the body takes. ``plain``: whoever made
    it vouches that its headers are printable ASCII, that HTTP has no rules for them, and that the provider gives none
    of these names besides.
    """

    status: int
    body: bytes | None = None
    content_type: str = "application/json; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    slow: timedelta = timedelta(0)
    plain: bool = False


class Exchange:
    """A request with what the pipeline has found out so far. Handlers take one and return an Answer."""

    __slots__ = (
        "entry", "json", "key", "pace", "path", "provider", "query", "raw", "record", "request", "route", "sandbox",
        "started",
    )  # fmt: skip

    def __init__(
        self, request: web.Request, provider: Provider, route: Route | None, path: Mapping[str, str] | None = None
    ) -> None:
        self.request = request
        self.pace: Pace = getattr(request, "pace", ALONE)
        self.provider = provider
        self.route = route
        self.path: Mapping[str, str] = request.match_info if path is None else path
        self.raw = b""
        self.json: Any = None
        self.query: dict[str, Any] = {}
        self.key: str | None = None
        self.sandbox: Sandbox
        self.record: Request
        self.entry: Entry
        self.started: datetime

    @property
    def world(self) -> World:
        """The universe this request belongs to."""
        return self.sandbox.world

    @property
    def settings(self) -> Any:
        """The provider's settings in that universe."""
        return self.sandbox.world.setups[self.provider.name].settings

    @property
    def may_step(self) -> bool:
        """Whether others may come in between (``cohort.next_step``): not under an idempotence key, which is taken."""
        return self.pace.together and self.key is None

    def note(self, text: str) -> None:
        """Write into the journal entry why something went as it did."""
        self.record.notes += (text,)

    async def run(
        self,
        lifecycle: Lifecycle[Any, Any],
        ref: str | None,
        command: Any,
        render: Callable[[Outcome], Answer],
        *,
        only_tells: bool = False,
    ) -> Answer:
        """Run a command because of this request, and answer with what ``render`` makes of its outcome.

        Under an idempotence key the answer is committed together with the effect. Raises Refusal, which ``render`` may
        as well; then nothing has changed. One that ``only_tells`` raises none and looks at nothing but its outcome, so
        that it can do so later where no key needs it.
        """
        if only_tells and self.may_step:
            outcome = await self.world.execute(lifecycle, ref, command, cause=self.entry.number)
            self.entry.reference = self.entry.reference or outcome.ref
            await next_step()
            return render(outcome)
        answers: list[Answer] = []

        def keep(outcome: Outcome) -> records.Answered | None:
            answer = render(outcome)
            answers[:] = [answer]
            return None if self.key is None else self.kept(answer, outcome.at)

        outcome = await self.world.execute(lifecycle, ref, command, cause=self.entry.number, answer=keep)
        self.entry.reference = self.entry.reference or outcome.ref
        return answers[0]

    def kept(self, answer: Answer, at: datetime) -> records.Answered:
        """The record under which this request's answer is repeated for its idempotence key."""
        assert self.key is not None, "only a request with a key is repeated"
        return records.Answered(
            scope=self.key,
            started=self.started,
            at=at,
            status=answer.status,
            body=answer.body or b"",
            fingerprint=sha256(self.raw).digest(),
            until=at + self.provider.keep_answers,
            headers=tuple(answer.headers.items()),
        )

    @property
    def origin(self) -> str:
        """Scheme and host by which the caller reached us, for links; longer than a name can be, it is none."""
        host = self.request.host
        return f"{self.request.scheme}://{host if len(host) <= LONGEST_HOST else 'localhost'}"
