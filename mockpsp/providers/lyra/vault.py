"""Registrations of a payment method without a payment, and the aliases that come of them.

Source: docs.lyra.com "Creating a token", "Token object", "Updating an alias".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from msgspec.structs import replace

from mockpsp.domain.ledger import Entry
from mockpsp.domain.lifecycle import Consequence, Decision, Fact, Moment, Question, Served, Timer, Verdict, Waiting
from mockpsp.domain.machine import follow
from mockpsp.domain.money import Money
from mockpsp.domain.portrait import Machine, Portrait, Track
from mockpsp.domain.value import Value
from mockpsp.providers.lyra import commands as c
from mockpsp.providers.lyra import events as e
from mockpsp.providers.lyra.errors import NotFound, ShopperRefused
from mockpsp.providers.lyra.issuers import CODE, Ruling, check_form, instrument_of, ruling
from mockpsp.providers.lyra.links import form_token, page_ids
from mockpsp.providers.lyra.notices import notice
from mockpsp.providers.lyra.orders import alias_key
from mockpsp.providers.lyra.settings import LyraSettings

PLACE = "lyra.token_page"


# -- commands and facts ----------------------------------------------------------------------------------------------


class Register(Value, frozen=True, kw_only=True):
    """POST /tokens or /tokens/embedded. ``buyer`` is JSON as it is answered."""

    marketplace: str
    buyer: bytes
    names: tuple[str, str, str]
    language: str | None
    url_return: str | None
    currency: str | None
    alias_to_update: str | None
    embedded: bool
    key: str


class Enter(Value, frozen=True):
    """The buyer enters a card. ``secret`` is the page's."""

    means: c.Means
    secret: str | None = None


class Opened(Value, frozen=True, kw_only=True):
    """A registration with the address of its page."""

    ref: str
    register: Register
    page: str
    secret: str
    form_token: str
    expires: datetime
    at: datetime


class Challenged(Value, frozen=True):
    """The bank asks the buyer to authenticate."""

    instrument: e.Instrument
    at: datetime


class Registered(Value, frozen=True):
    """The payment method has an alias."""

    stored: e.Stored
    at: datetime


class Refused(Value, frozen=True):
    """The card was refused; ``again``: the buyer may try another one."""

    reason: str
    again: bool
    at: datetime


class Ended(Value, frozen=True):
    """The buyer left, or the page's time was over."""

    outcome: str
    at: datetime


# -- states ----------------------------------------------------------------------------------------------------------


class TokenStatus(Enum):
    """Where a registration stands (at most ten characters)."""

    CREATED = "CREATED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    ABANDONED = "ABANDONED"


_T = TokenStatus
TOKEN: Mapping[TokenStatus, Mapping[type[Any], TokenStatus]] = {
    _T.CREATED: {
        Challenged: _T.CREATED,
        Registered: _T.SUCCEEDED,
        Refused: _T.CREATED,
        Ended: _T.ABANDONED,
    },
    _T.SUCCEEDED: {},
    _T.FAILED: {},
    _T.ABANDONED: {},
}
"""Steps of a registration; a refusal after which nothing more can be tried makes it FAILED."""
_MACHINE = Machine(name="token", steps=TOKEN, good=frozenset({_T.SUCCEEDED}), bad=frozenset({_T.FAILED, _T.ABANDONED}))


class Token(Value, frozen=True):
    """A registration as it stands. ``ended`` is how the buyer's part ended: paid means registered."""

    opened: Opened
    updated: datetime
    status: TokenStatus = TokenStatus.CREATED
    stored: e.Stored | None = None
    challenge: Challenged | None = None
    refused: Refused | None = None
    refusals: int = 0
    ended: str = ""

    @property
    def ref(self) -> str:
        """Its uuid."""
        return self.opened.ref

    @property
    def is_open(self) -> bool:
        """Whether the buyer can act."""
        return self.status is TokenStatus.CREATED


class Tokens:
    """Implements ``domain.lifecycle.Lifecycle`` for registrations of payment methods."""

    name = "lyra.token"

    def question(self, state: Token | None, command: Any, moment: Moment) -> Question | None:
        """See Lifecycle: whether the bank knows the card."""
        if not isinstance(command, Enter):
            return None
        _the_open(state, command.secret)
        check_form(command.means, moment.world)
        facts: dict[str, Fact] = {"number": command.means.number}
        return Question("lyra.registered_card", facts)

    def decide(self, state: Token | None, command: Any, verdict: Verdict, moment: Moment) -> Decision:
        """See Lifecycle."""
        match command:
            case Register():
                return _decide_registration(command, moment)
            case Enter():
                return _decide_entry(_the_open(state, command.secret), command.means, verdict, moment)
            case c.Authenticate():
                return _decide_authentication(_the_open(state, command.secret), command, moment)
            case c.GiveUp():
                _the_open(state, command.secret)
                return Decision((Ended("cancelled", moment.now),), "the buyer cancelled on the page")
            case c.Expire():
                _the_open(state, command.secret)
                return Decision((Ended("expired", moment.now),), "the page's time is over", ("page_life",))
            case other:
                raise TypeError(f"{other!r} is no command of a registration")

    def evolve(self, state: Token | None, event: Any) -> Token:
        """See Lifecycle."""
        if isinstance(event, Opened):
            return Token(event, event.at)
        assert state is not None, "a registration begins with its page"
        status = follow(TOKEN, state.status, type(event))
        state = replace(state, status=status, updated=event.at)
        match event:
            case Challenged():
                return replace(state, challenge=event)
            case Registered():
                return replace(state, stored=event.stored, challenge=None, ended="paid")
            case Refused():
                over = {} if event.again else {"status": TokenStatus.FAILED, "ended": "refused"}
                return replace(state, refused=event, refusals=state.refusals + 1, challenge=None, **over)
            case _:
                return replace(state, challenge=None, ended=event.outcome)

    def entries(self, before: Token | None, event: Any) -> tuple[Entry, ...]:
        """See Lifecycle: nothing is paid."""
        return ()

    def notices(self, before: Token | None, after: Token, event: Any, moment: Moment) -> tuple[Consequence, ...]:
        """See Lifecycle."""
        if isinstance(event, Opened):
            return (Waiting(PLACE, {}), Timer(event.expires, c.Expire(event.secret)))
        if after.is_open:
            return ()
        return (notice("token", after.ref, {"status": after.status.value}), Served())

    def parts(self, event: Any) -> tuple[str, ...]:
        """Its page, its form token and its alias lead to a registration."""
        match event:
            case Opened():
                return (event.page, event.form_token) if event.form_token else (event.page,)
            case Registered():
                return (alias_key(event.stored.alias),)
            case _:
                return ()

    def portrait(self, state: Token, settings: Any) -> Portrait:
        """See Lifecycle."""
        note = state.stored.instrument.masked if state.stored is not None else ""
        track = Track(machine=_MACHINE, ref=state.ref, state=state.status, note=note)
        return Portrait(kind="token", ref=state.ref, tracks=(track,), began=state.opened.at, also=(state.opened.page,))


def _the_open(state: Token | None, secret: str | None) -> Token:
    if state is None:
        raise NotFound("no such token")
    if not state.is_open:
        raise ShopperRefused("closed")
    if secret is not None and state.opened.secret != secret:
        raise ShopperRefused("replaced")
    return state


def _decide_registration(command: Register, moment: Moment) -> Decision:
    settings: LyraSettings = moment.settings
    page, secret = page_ids(command.key, moment.ids)
    life = settings.form_token_life if command.embedded else settings.page_life
    opened = Opened(
        ref=moment.ids.uuid(),
        register=command,
        page=page,
        secret=secret,
        form_token=form_token(command.key, moment.ids) if command.embedded else "",
        expires=moment.now + life,
        at=moment.now,
    )
    return Decision((opened,), "the buyer is to enter a payment method")


def _decide_entry(token: Token, means: c.Means, verdict: Verdict, moment: Moment) -> Decision:
    check_form(means, moment.world)
    nothing = Money(0, token.opened.register.currency or "EUR")
    found = ruling(means, nothing, moment)
    if verdict.outcome == "refused":
        found = Ruling(verdict.reason or "refused", f"rule {verdict.rule!r} refuses")
    elif verdict.outcome is not None:
        asks = verdict.outcome == "challenge"
        found = Ruling("", f"rule {verdict.rule!r}: {verdict.outcome}", challenge=asks)
    if found.reason:
        again = token.refusals < moment.settings.extra_attempts
        return Decision((Refused(found.reason, again, moment.now),), found.law)
    instrument = instrument_of(means, moment.world)
    if found.challenge:
        return Decision((Challenged(instrument, moment.now),), f"{found.law}; the bank asks the buyer ({CODE})")
    return Decision((_registered(token, instrument, moment),), found.law)


def _registered(token: Token, instrument: e.Instrument, moment: Moment) -> Registered:
    register = token.opened.register
    email, first_name, last_name = register.names
    stored = e.Stored(
        alias=register.alias_to_update or moment.ids.hex(32),
        instrument=instrument,
        email=email,
        first_name=first_name,
        last_name=last_name,
        at=moment.now,
    )
    return Registered(stored, moment.now)


def _decide_authentication(token: Token, command: c.Authenticate, moment: Moment) -> Decision:
    if token.challenge is None:
        raise ShopperRefused("closed")
    if not command.passed:
        again = token.refusals < moment.settings.extra_attempts
        return Decision((Refused("three_ds_failed", again, moment.now),), "the buyer did not authenticate")
    return Decision((_registered(token, token.challenge.instrument, moment),), "the buyer authenticated")


TOKENS = Tokens()
