"""The control API for tests: a server, its sandboxes, and everything that a test does with one.

All methods block, and are safe to use from any thread. In an asyncio test whose own loop must keep running (because the
application that receives the webhooks lives in it), use the same methods of ``Sandbox.aio`` and await them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from mockpsp.domain.clock import format_duration
from mockpsp.testing import answers, checks, timeline
from mockpsp.testing.answers import Account, Checkout, Clock, Entry, Webhook, read
from mockpsp.testing.checks import Count, Kind, Matcher
from mockpsp.testing.connection import Connection, ControlError, quoted
from mockpsp.testing.inbox import Inbox

if TYPE_CHECKING:
    from mockpsp.testing.aio import AsyncSandbox

Scenario = str | os.PathLike[str] | Mapping[str, Any]
"""A scenario's name, a YAML or JSON file, or what such a file holds as a mapping."""
Tender = str | Mapping[str, Any]
"""A means of payment by its name, or with fields: ``{"with": "card", "number": "4111…", "amount": "12.00 EUR"}``."""
AtBank = Literal["passes", "fails", "cancels"]
WebhookStatus = Literal["waiting", "retrying", "held", "delivered", "given_up", "dropped", "no_endpoint"]
__tracebackhide__ = True  # in a test's failure, what matters is the line of the test
_FILES = (".yaml", ".yml", ".json")
_PAGE = 10_000


class Health(TypedDict):
    """What a server says of itself."""

    status: str
    version: str
    providers: list[str]
    default_scenario: str


class Mockpsp:
    """A running server, in this process or anywhere. ``url`` is its origin, ``token`` what steering takes there."""

    def __init__(self, url: str, token: str = "") -> None:
        self._connection = Connection(url, token)
        self.url = self._connection.url

    def health(self) -> Health:
        """That it runs, and its version. Raises Unreachable."""
        told: Health = self._connection.ask("GET", "/health")
        return told

    def scenarios(self) -> tuple[str, ...]:
        """The names of all scenarios that a sandbox can play."""
        return tuple(each["name"] for each in self._connection.ask("GET", "/scenarios")["scenarios"])

    def new_sandbox(
        self,
        scenario: Scenario | None = None,
        *,
        seed: int | None = None,
        clock: str | datetime | None = None,
        folders: Sequence[Path] = (),
    ) -> Sandbox:
        """A fresh sandbox; delete it, or use it in a ``with`` statement.

        ``seed`` and ``clock`` (a moment with its offset) go before the scenario's; with ``clock`` time stands still.
        A relative file is looked for in ``folders``, then in the working directory. Raises ControlError, Unreachable.
        """
        file = _file(scenario, folders)
        given: dict[str, Any] = {"seed": seed, "clock": _moment(clock)}
        if file is None:
            given["scenario"] = scenario
        body = {name: value for name, value in given.items() if value is not None}
        sandbox = Sandbox(self._connection, self._connection.ask("POST", "/sandboxes", body), folders)
        if file is not None:
            try:
                sandbox.load(file)
                sandbox.reset()
            except BaseException:  # Ctrl-C too: nobody would delete it later
                sandbox.delete()
                raise
        return sandbox

    def sandbox(self, id: str = "default") -> Sandbox:
        """A sandbox that exists. Raises ControlError when there is none with this id."""
        return Sandbox(self._connection, self._connection.ask("GET", f"/sandboxes{quoted([id])}"))


class Sandbox:
    """One isolated universe. Its ``credentials`` lead to it, whoever uses them.

    ``credentials`` are by provider what its client needs, such as ``credentials["adyen"]["api_key"]``; ``base_urls``
    are where that client must connect to.
    """

    def __init__(self, connection: Connection, created: Mapping[str, Any], folders: Sequence[Path] = ()) -> None:
        self._connection = connection
        self._folders = folders
        self._inboxes: list[Inbox] = []
        self.url = connection.url
        self.id: str = created["id"]
        self._path = f"/sandboxes{quoted([self.id])}"
        self._learn(created)

    def _learn(self, told: Mapping[str, Any]) -> None:
        self.credentials: Mapping[str, Mapping[str, Any]] = told["credentials"]
        self.base_urls: Mapping[str, str] = told["base_urls"]
        self.scenario: str = told["scenario"]
        self.seed: int = told["seed"]

    def __repr__(self) -> str:
        return f"<sandbox {self.id} of {self.url} playing {self.scenario}>"

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.delete()

    def _ask(self, method: str, path: str = "", body: Any = None, query: Mapping[str, Any] | None = None) -> Any:
        return self._connection.ask(method, self._path + path, body, query)

    @property
    def aio(self) -> AsyncSandbox:
        """The same sandbox for asyncio: methods of the same names, to be awaited."""
        from mockpsp.testing.aio import AsyncSandbox

        return AsyncSandbox(self)

    # -- the universe ------------------------------------------------------------------------------------------------

    def load(self, scenario: Scenario) -> tuple[str, ...]:
        """Put another scenario in force and return what is different now; payments under way stay.

        Raises ControlError with every mistake of the scenario, or with the nearest name.
        """
        file = _file(scenario, self._folders)
        path = f"{self._path}/scenario"
        try:
            if file is not None:
                told = self._connection.put_yaml(path, file.read_bytes())
            else:
                told = self._connection.ask("PUT", path, scenario)
        except ControlError as error:
            raise (error if file is None else _about(file, error)) from None
        self._learn(self._ask("GET"))
        return tuple(told["changes"])

    def reset(self) -> None:
        """Back to the start of the scenario; credentials and webhook addresses stay, the journal starts again."""
        self._learn(self._ask("POST", "/reset"))

    def delete(self) -> None:
        """Forget the sandbox, and close its inboxes. Its credentials are unknown from now on."""
        try:
            self._ask("DELETE")
        finally:
            while self._inboxes:
                self._inboxes.pop().close()

    # -- the clock ---------------------------------------------------------------------------------------------------

    def clock(self) -> Clock:
        """The sandbox's time, and when something is due next."""
        return read(Clock, self._ask("GET", "/clock"))

    def advance(self, span: str | timedelta) -> Clock:
        """Move the clock on (``PT4H1M``, ``2s``, ``1d``, a timedelta). What became due has been done on return."""
        text = format_duration(span) if isinstance(span, timedelta) else span
        return self._move(advance=text)

    def set_clock(self, moment: str | datetime) -> Clock:
        """Move the clock to a moment, ahead as ``advance`` does, or back without undoing anything."""
        return self._move(set=_moment(moment))

    def stop_clock(self) -> Clock:
        """Let time stand still from now on, until it is moved."""
        return self._move(mode="manual")

    def run_clock(self) -> Clock:
        """Let time pass by itself from now on."""
        return self._move(mode="real")

    def _move(self, **how: Any) -> Clock:
        return read(Clock, self._ask("POST", "/clock", how))

    # -- the customer and the provider's staff -----------------------------------------------------------------------

    def checkouts(self) -> tuple[Checkout, ...]:
        """What waits for a shopper, newest last."""
        return read(tuple[Checkout, ...], self._ask("GET", "/checkouts")["checkouts"])

    def shopper(
        self,
        ref: str | None = None,
        *,
        pay: Iterable[Tender] = (),
        cancel: bool = False,
        abandon: bool = False,
        refuse: bool | Tender = False,
        give_back: bool = False,
        bank: AtBank | None = None,
    ) -> dict[str, Any]:
        """Do what a customer would do at a checkout, and return the object's state.

        ``ref`` is the provider's own id; left out, it is the only checkout that waits. ``pay`` are tenders that pay one
        after the other, each all that it can unless it names an ``amount``. ``refuse`` is for the issuer's app (a
        tender says what it asks for), ``give_back`` takes back what vouchers have paid, ``bank`` is what to do at the
        bank's page that a card led to.
        Raises ControlError, LookupError.
        """
        body: dict[str, Any] = {}
        tenders = [{"with": each} if isinstance(each, str) else dict(each) for each in pay]
        if tenders:
            body["pay"] = tenders
        acts = {"cancel": cancel, "abandon": abandon, "refuse": refuse is True, "give_back": give_back}
        body |= {name: True for name, wanted in acts.items() if wanted}
        if not isinstance(refuse, bool):
            body["refuse"] = {"with": refuse} if isinstance(refuse, str) else dict(refuse)
        if bank is not None:
            body["bank"] = bank
        path = quoted(["checkouts", self._waiting() if ref is None else ref, "shopper"])
        state: dict[str, Any] | None = self._ask("POST", path, body)["state"]
        return state or {}

    def _waiting(self) -> str:
        waiting = self.checkouts()
        if len(waiting) != 1:
            found = ", ".join(f"{each.ref} ({each.provider}, {each.amount})" for each in waiting) or "none"
            raise LookupError(f"name the checkout: exactly one must wait for a shopper, and there is {found}")
        return waiting[0].ref

    def accounts(self, provider: str | None = None) -> tuple[Account, ...]:
        """All accounts, or those of one provider."""
        found = read(tuple[Account, ...], self._ask("GET", "/accounts")["accounts"])
        return tuple(each for each in found if provider in (None, each.provider))

    def account(self, ref: str) -> Account:
        """One account by its reference. Raises LookupError."""
        known = self.accounts()
        for each in known:
            if ref in (each.ref, f"{each.provider}/{each.ref}"):
                return each
        raise LookupError(f"there is no account {ref!r}, but {', '.join(each.ref for each in known)}")

    def set_balance(self, ref: str, balance: str) -> Account:
        """Make an account hold this much (``12.00 EUR``) from now on."""
        return read(Account, self._ask("PUT", quoted(["accounts", ref]), {"balance": balance}))

    def back_office(self, provider: str, ref: str, /, **act: Any) -> dict[str, Any]:
        """Do what the provider's own staff would do at an object, and return what the provider tells of it."""
        told: dict[str, Any] = self._ask("POST", quoted(["back-office", provider, ref]), act)
        return told

    # -- webhooks ----------------------------------------------------------------------------------------------------

    def settle(self) -> int:
        """Return when no webhook is due or on its way; tells how many wait for a later moment."""
        return int(self._ask("POST", "/webhooks/settle")["waiting"])

    def webhooks(
        self,
        *,
        provider: str | None = None,
        type: str | None = None,  # noqa: A002 - the control API calls it type
        reference: str | None = None,
        status: WebhookStatus | None = None,
    ) -> tuple[Webhook, ...]:
        """Webhooks, oldest first, once nothing is due any more. ``type`` may contain ``*``.

        ``reference`` is the id in the body or that of the object that it is about. Without an address of the merchant's
        they are here as well, with the status ``no_endpoint``.
        """
        self.settle()
        query = {"provider": provider, "type": type, "reference": reference, "status": status}
        return read(tuple[Webhook, ...], self._ask("GET", "/webhooks", query=query)["webhooks"])

    def send_webhooks(self, provider: str, *urls: str) -> None:
        """Send this provider's webhooks there from now on; to nobody when there is no address.

        Raises ValueError for addresses that the server does not send to, since they are not on its machine or network.
        """
        told = self._ask("PUT", quoted(["webhook-endpoints", provider]), {"urls": list(urls)})
        if told["blocked"]:
            blocked = ", ".join(told["blocked"])
            raise ValueError(f"the server sends nothing to {blocked} (serve --allow-webhooks-to HOST)")

    def inbox(self, *providers: str) -> Inbox:
        """A webhook endpoint on this machine that these providers (all when none is named) send to from now on.

        It closes with the sandbox. A server on another machine cannot reach it.
        """
        inbox = Inbox(self.settle)
        self._inboxes.append(inbox)
        for provider in providers or tuple(self.credentials):
            self.send_webhooks(provider, f"{inbox.url}/{provider}")
        return inbox

    def resend(self, n: int, url: str | None = None) -> Webhook:
        """Send a webhook once more, rightly signed, where it went or to ``url``."""
        return read(Webhook, self._ask("POST", f"/webhooks/{n}/resend", {"url": url} if url else {}))

    # -- what happened -----------------------------------------------------------------------------------------------

    def verify(
        self,
        operation: str | None = None,
        *,
        count: Count | None = None,
        order: Iterable[str | Matcher] | None = None,
        kind: Kind = "request",
        provider: str | None = None,
        reference: str | None = None,
        status: int | str | None = None,
        body: Any = None,
    ) -> tuple[int, ...]:
        """Check what happened, and return the journal entries that matched.

        Entries of ``kind`` match that fit everything given; ``operation`` may contain ``*`` (for webhooks and
        deliveries it is their type), ``body`` is what the body must contain. ``count`` is a number or
        ``{"at_least": 1, "at_most": 2}``, at least one when left out. ``order`` are operations or matchers, each of
        which must find an entry after the one before; what else is given holds for each of them.
        Raises AssertionError that names the nearest misses, ControlError.
        """
        check = checks.written(operation, count, order, kind, provider, reference, status, body)
        if checks.about_webhooks(check):
            self.settle()
        result = self._ask("POST", "/journal/verify", check)["checks"][0]
        if not result["ok"]:
            raise AssertionError(checks.told(check, result, self._entry))
        return tuple(result["matched"])

    def _entry(self, number: int) -> Entry | None:
        try:
            return answers.read_entry(self._ask("GET", f"/journal/{number}"))
        except ControlError:
            return None

    def journal(
        self,
        *kinds: Kind,
        provider: str | None = None,
        operation: str | None = None,
        reference: str | None = None,
        after: int = 0,
    ) -> tuple[Entry, ...]:
        """Journal entries, oldest first, of these kinds or of all. ``operation`` may contain ``*``."""
        query = {"kind": kinds, "provider": provider, "operation": operation, "reference": reference, "limit": _PAGE}
        found: list[Entry] = []
        while True:
            page = self._ask("GET", "/journal", query={**query, "after": after})
            found += map(answers.read_entry, page["entries"])
            if len(page["entries"]) < _PAGE:
                return tuple(found)
            after = page["next_after"]

    def explain(self, trace: int | str) -> str:
        """Why an answer was given, by its header ``Mockpsp-Trace`` or a journal entry's number."""
        return str(self._ask("GET", f"/journal/{int(trace)}")["explanation"])

    def timeline(self, lines: int = timeline.LINES) -> str:
        """What happened in order, one line each, the latest ``lines`` of them. Card numbers and secrets are masked."""
        return timeline.told(repr(self), self.journal(), lines)


def _file(scenario: Scenario | None, folders: Sequence[Path]) -> Path | None:
    """The file that a scenario means, if it means one. Raises FileNotFoundError for a path that leads nowhere."""
    if scenario is None or isinstance(scenario, Mapping):
        return None
    given = Path(scenario)
    if isinstance(scenario, str) and given.suffix not in _FILES:
        return None
    for folder in (*folders, Path()):
        if (folder / given).is_file():
            return folder / given
    if isinstance(scenario, str) and len(given.parts) == 1 and not given.is_absolute():
        return None  # a server can be started with files of its own
    places = ", ".join(str(each.resolve()) for each in (*folders, Path()))
    raise FileNotFoundError(f"there is no scenario file {os.fspath(scenario)!r} in {places}")


def _about(file: Path, error: ControlError) -> ControlError:
    """The same refusal with the file's name in its problems, as a compiler would write it."""
    problems = [each.replace("<body>", str(file), 1) for each in error.problems]
    detail = error.detail if problems else f"{file}: {error.detail}"
    problem = {"type": error.kind, "detail": detail, "problems": problems}
    return ControlError(error.status, {**problem, **({"hint": error.hint} if error.hint else {})})


def _moment(moment: str | datetime | None) -> str | None:
    return moment.isoformat() if isinstance(moment, datetime) else moment
