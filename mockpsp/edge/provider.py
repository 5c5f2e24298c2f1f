"""What a provider must offer. A sub-package of ``mockpsp.providers`` with a ``PROVIDER`` that does is a provider."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from mockpsp.domain.lifecycle import Fact
from mockpsp.domain.money import Money
from mockpsp.domain.value import Value
from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.scenario.catalogue import Catalogue
from mockpsp.world.delivery import Driver, Policy
from mockpsp.world.sandboxes import Sandbox, Sandboxes, Tenant
from mockpsp.world.world import World


class Access(StrEnum):
    """Who calls a route: a merchant's server or browser with credentials, or a shopper with a link.

    An asset is what a page loads, or says, beside its business: a picture, a script, a preflight. It changes nothing,
    and leaves an entry in the journal only when it is refused.
    """

    API = "api"
    PAGE = "page"
    ASSET = "asset"


Handler = Callable[[Exchange], Awaitable[Answer]]


class Leniency(StrEnum):
    """What a provider reads in a body although the contract has it otherwise; the value is what the journal notes."""

    NONE = ""
    TEXTS = "texts of the body were read as the numbers and booleans that the contract has there"
    LOOSE = "values of the body were read as what the contract has there, and null as nothing"
    """Texts, and in maps of texts numbers and booleans; a null for what may be left out counts as left out."""


class Route(Value, frozen=True, kw_only=True):
    """One method and path (in aiohttp's pattern language), the operation of the contract behind it, and its handler.

    ``idempotent`` routes keep their answer under the caller's idempotence key. With ``slash`` the path with a slash at
    its end is the same route. ``claims``: the body may tell whose request it is, so it is read before the sandbox is
    looked for.
    """

    method: str
    path: str
    operation: str
    handler: Handler
    access: Access = Access.API
    idempotent: bool = False
    slash: bool = False
    claims: bool = False


class Account(Value, frozen=True, kw_only=True):
    """An account with a balance, as the control API shows it; ``ledger`` is where its money lies."""

    ref: str
    kind: str
    title: str
    ledger: str
    balance: Money | None
    held: Money | None = None


class Checkout(Value, frozen=True, kw_only=True):
    """Something that waits for a shopper. ``tenders`` are the means of payment on offer now."""

    ref: str
    place: str
    url: str
    amount: Money
    remaining: Money
    tenders: tuple[str, ...]
    expires: datetime | None = None
    reference: str = ""


class Hand(Value, frozen=True, kw_only=True):
    """A means of payment of a sandbox's test data, in the hand of a shopper at a checkout.

    ``fields`` are those of a tender in a scenario; ``title`` says what it is, ``pays`` what it can pay now of what is
    left. ``refused`` says why it would be refused, if it would; ``told`` what else will happen. ``fixed``: it pays
    exactly that or nothing. ``after``: it is on offer once another tender has paid its part.
    """

    tender: str
    fields: Mapping[str, str]
    title: str
    pays: Money
    refused: str = ""
    told: str = ""
    fixed: bool = False
    after: bool = False


class Unsupported(Value, frozen=True):
    """An endpoint that is known and not emulated: method, path pattern, operation, and the reason in a few words."""

    method: str
    path: str
    operation: str
    reason: str


class MerchantCalls(Protocol):
    """The merchant's side of the API: how a story, or a test, calls it as an application would."""

    def request(
        self,
        sandbox: Sandbox,
        operation: str,
        *,
        path: Mapping[str, str],
        query: Mapping[str, Any],
        body: Any,
        key: str | None,
        headers: Mapping[str, str],
        now: datetime,
    ) -> tuple[str, str, dict[str, str], bytes | None]:
        """Method, target (path and query), signed headers and body of one call. Raises KeyError for an unknown one."""

    def usual(
        self, sandbox: Sandbox, operation: str, *, amount: Money | None, of: Any
    ) -> tuple[Mapping[str, str], Any]:
        """Path and body of a usual call: for this amount, about what ``of``, an earlier answer, opened.

        None for ``amount`` means the operation's own default, such as everything that is left; None for ``of`` means
        nothing earlier. A body of None is no body. Raises KeyError for an unknown operation.
        """

    def opened(self, body: Any) -> Any:
        """A body as another process can read it: what a browser encrypted for the key of this one, as plain test data.

        What cannot be told otherwise, or was encrypted for somebody else, stays as it is.
        """

    def webhook_kind(self, sandbox: Sandbox, headers: Mapping[str, str], body: bytes) -> tuple[str, str]:
        """Type and reference of a received webhook whose signature is right. Raises ValueError if it is not."""


class BackOffice(Protocol):
    """What the provider's own staff does, and no call of its API can: the control API acts in their place."""

    schema: Mapping[str, Any]
    """A JSON Schema (2020-12) of what one act takes, an object."""

    async def act(self, sandbox: Sandbox, ref: str, body: Mapping[str, Any], cause: int) -> Mapping[str, Any]:
        """Do at ``ref`` what the body says, because of the journal entry ``cause``; what there is to tell afterwards.

        The body has passed ``schema``. Raises LookupError when nothing is called ``ref``, Refusal when its state
        forbids the act.
        """


class Provider(Tenant, Protocol):
    """One payment provider. The conformance tests say what each member promises."""

    name: str
    title: str
    prefixes: Sequence[str]
    routes: Sequence[Route]
    unsupported: Sequence[Unsupported]
    policy: Policy
    driver: Driver
    back_office: BackOffice | None
    """None for a provider whose staff has no say in what is emulated."""

    keep_answers: timedelta
    """How long an idempotence key repeats its first answer."""

    leniency: Leniency
    """What is read although the contract has it otherwise."""

    def catalogue(self) -> Catalogue:
        """The words that scenarios may use of this provider."""

    def locate(self, exchange: Exchange, sandboxes: Sandboxes) -> Sandbox | None:
        """The sandbox that the request claims to belong to, by credentials or by link; nothing is verified yet."""

    def authenticate(self, exchange: Exchange) -> None:
        """Verify the claim. Raises Refusal, with an explanation noted on the exchange."""

    def idempotence_key(self, exchange: Exchange) -> str | None:
        """The scope under which this request's answer is kept, or None."""

    def replay(self, exchange: Exchange, kept: Any) -> Answer:
        """The answer to a repetition; ``kept`` is the ``records.Answered`` of the first request."""

    def keeps(self, refusal: Answer) -> bool:
        """Whether an idempotence key repeats this refusal too; an answer that is none it always repeats."""

    def refuse(self, exchange: Exchange, error: Exception) -> Answer:
        """A refusal in the provider's own words. Every exception that reaches the edge gets one, faults included."""

    def finish(self, exchange: Exchange, answer: Answer) -> str:
        """Headers that the provider puts on every answer, as lines of HTTP, each with its end.

        They are printable ASCII, and none of those that HTTP has rules for; an answer's own of the same name win.
        """

    def call_facts(self, exchange: Exchange) -> Mapping[str, Fact]:
        """What fault lines of a scenario may match on."""

    def accounts(self, world: World) -> Iterable[Account]:
        """Accounts with a balance."""

    def checkouts(self, sandbox: Sandbox, origin: str) -> Iterable[Checkout]:
        """What waits for a shopper, oldest first."""

    def checkout(self, sandbox: Sandbox, ref: str, origin: str) -> Checkout | None:
        """The one of them with this reference; None when it does not wait for a shopper."""

    def hands(self, sandbox: Sandbox, ref: str) -> Iterable[Hand]:
        """The test data that a shopper can try at such a checkout, the means of one tender together.

        What rules of the scenario will make of it is not looked at.
        """

    def summary(self, world: World, ref: str) -> Mapping[str, Any] | None:
        """An object's present state for ``expect`` lines and views, by any of its references."""

    def base_urls(self, origin: str) -> Mapping[str, str]:
        """What the application puts into its settings as this provider's addresses."""

    def environment(self, credentials: Mapping[str, Any], origin: str) -> Mapping[str, str]:
        """The same, and the credentials, as environment variables."""

    def merchant(self) -> MerchantCalls:
        """The merchant's side, for stories and tests."""
