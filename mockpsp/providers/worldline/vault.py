"""What the platform keeps for a browser and for a later payment: client sessions, and cards under tokens.

Shapes: ``onlinepayments.sdk.merchant.sessions`` and ``.tokens`` of the Python SDK. That a session lasts three hours is
inferred.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from msgspec.structs import replace

from mockpsp.domain.ledger import Entry
from mockpsp.domain.lifecycle import Consequence, Decision, Moment, Verdict
from mockpsp.domain.machine import follow
from mockpsp.domain.portrait import Machine, Portrait, Track
from mockpsp.domain.value import Value
from mockpsp.providers.worldline import commands as c
from mockpsp.providers.worldline import events as e
from mockpsp.providers.worldline.errors import InvalidValue, UnknownToken
from mockpsp.providers.worldline.holdings import (
    CARTES_BANCAIRES,
    Holdings,
    card_account,
    fingerprint,
    products_of,
)
from mockpsp.providers.worldline.issuers import is_expired, known_card, masked, plausible
from mockpsp.world.world import World

SESSION_LIFE = timedelta(hours=3)
SEALED = "encryptedCustomerInput"


# -- client sessions -------------------------------------------------------------------------------------------------


class OpenSession(Value, frozen=True, kw_only=True):
    """CreateSession. ``key`` is the sandbox's (8 hex digits); ``tokens`` are those that exist."""

    key: str
    merchant: str
    tokens: tuple[str, ...] = ()


class SessionOpened(Value, frozen=True, kw_only=True):
    """A browser may call the client API until ``expires``. ``ref`` is the clientSessionId."""

    ref: str
    customer: str
    tokens: tuple[str, ...]
    expires: datetime
    at: datetime


class Session(Value, frozen=True):
    """A client session: the customerId of its paths, and the tokens whose cards it may show."""

    ref: str
    customer: str
    tokens: tuple[str, ...]
    expires: datetime


class Sessions:
    """Implements ``domain.lifecycle.Lifecycle`` for client sessions: they open, and later have expired."""

    name = "worldline.session"

    def question(self, state: Session | None, command: OpenSession, moment: Moment) -> None:
        """See Lifecycle. Nothing is left to a scenario."""

    def decide(self, state: Session | None, command: OpenSession, verdict: Verdict, moment: Moment) -> Decision:
        """See Lifecycle."""
        opened = SessionOpened(
            ref=f"{command.key}{moment.ids.hex(24)}",
            customer=f"{command.merchant}-{moment.ids.hex(32)}",
            tokens=command.tokens,
            expires=moment.now + SESSION_LIFE,
            at=moment.now,
        )
        return Decision((opened,), "a client session opens")

    def evolve(self, state: Session | None, event: SessionOpened) -> Session:
        """See Lifecycle."""
        return Session(event.ref, event.customer, event.tokens, event.expires)

    def entries(self, before: Session | None, event: SessionOpened) -> tuple[Entry, ...]:
        """See Lifecycle. No money moves."""
        return ()

    def notices(
        self, before: Session | None, after: Session, event: SessionOpened, moment: Moment
    ) -> tuple[Consequence, ...]:
        """See Lifecycle. Nobody is told."""
        return ()

    def parts(self, event: SessionOpened) -> tuple[str, ...]:
        """See Lifecycle. A session has none."""
        return ()

    def portrait(self, state: Session, settings: Any) -> Portrait:
        """See Lifecycle. A session has no states."""
        return Portrait(kind="client session", ref=state.ref, tracks=(), also=(state.customer,))


# -- tokens ----------------------------------------------------------------------------------------------------------


class StoreCard(Value, frozen=True, kw_only=True):
    """CreateToken. ``sealed`` says that the card came encrypted, so that refusals name the right property."""

    card: c.CardData
    cobrand: str = ""
    sealed: bool = False


class ForgetCard(Value, frozen=True):
    """DeleteToken."""


class TokenStored(Value, frozen=True, kw_only=True):
    """A card is kept under the token ``ref``, a UUID; its number is not part of it."""

    ref: str
    card: e.Card
    cobrand: str
    at: datetime


class TokenForgotten(Value, frozen=True, kw_only=True):
    """The token is gone. ``masked`` is the number as it was shown."""

    ref: str
    masked: str
    at: datetime


class TokenStage(Enum):
    """Whether a token can still be used."""

    KEPT = "kept"
    FORGOTTEN = "forgotten"


TOKEN: Mapping[TokenStage, Mapping[type[Any], TokenStage]] = {
    TokenStage.KEPT: {TokenForgotten: TokenStage.FORGOTTEN},
    TokenStage.FORGOTTEN: {},
}
"""Steps of a token after it was created."""
_MACHINE = Machine(name="token", steps=TOKEN, good=frozenset({TokenStage.KEPT}))


class Token(Value, frozen=True):
    """A stored card. ``cobrand`` is the cobrandSelectionIndicator that it came with."""

    ref: str
    card: e.Card
    cobrand: str
    stage: TokenStage = TokenStage.KEPT


class Tokens:
    """Implements ``domain.lifecycle.Lifecycle`` for tokens. One card number has one token at a time."""

    name = "worldline.token"

    def question(self, state: Token | None, command: StoreCard | ForgetCard, moment: Moment) -> None:
        """See Lifecycle. Nothing is left to a scenario. Raises InvalidValue, UnknownToken."""
        match command:
            case StoreCard():
                _check_card(command, moment)
            case ForgetCard():
                kept(state)

    def decide(
        self, state: Token | None, command: StoreCard | ForgetCard, verdict: Verdict, moment: Moment
    ) -> Decision:
        """See Lifecycle. A number that has a token already leads to no fact: that token stays as it is."""
        if isinstance(command, ForgetCard):
            token = kept(state)
            gone = TokenForgotten(ref=token.ref, masked=token.card.masked, at=moment.now)
            return Decision((gone,), "the token is forgotten")
        if state is not None and state.stage is TokenStage.KEPT:
            return Decision((), "the card has a token already; it stays unchanged")
        card = command.card
        known = known_card(card, moment.world)
        country = known.country if known is not None else "FR"
        product = card.product or card_products(card.number, moment.world)[0]
        held = masked(card, product, card_account(card.number, known), country)
        stored = TokenStored(ref=moment.ids.uuid(), card=held, cobrand=command.cobrand, at=moment.now)
        return Decision((stored,), "the card is kept under a token")

    def evolve(self, state: Token | None, event: TokenStored | TokenForgotten) -> Token:
        """See Lifecycle."""
        if isinstance(event, TokenStored):
            return Token(event.ref, event.card, event.cobrand)
        assert state is not None, "every life starts with TokenStored"
        return replace(state, stage=follow(TOKEN, state.stage, type(event)))

    def entries(self, before: Token | None, event: TokenStored | TokenForgotten) -> tuple[Entry, ...]:
        """See Lifecycle. No money moves."""
        return ()

    def notices(
        self, before: Token | None, after: Token, event: TokenStored | TokenForgotten, moment: Moment
    ) -> tuple[Consequence, ...]:
        """See Lifecycle. Nobody is told."""
        return ()

    def parts(self, event: TokenStored | TokenForgotten) -> tuple[str, ...]:
        """The card leads to its latest token."""
        return (_card_part(event.card.fingerprint),) if isinstance(event, TokenStored) else ()

    def portrait(self, state: Token, settings: Any) -> Portrait:
        """See Lifecycle."""
        track = Track(machine=_MACHINE, ref=state.ref, state=state.stage, note=state.card.masked)
        return Portrait(kind="token", ref=state.ref, tracks=(track,))


SESSIONS = Sessions()
TOKENS = Tokens()


def kept(token: Token | None) -> Token:
    """The token, if it can still be used. Raises UnknownToken."""
    if token is None or token.stage is not TokenStage.KEPT:
        raise UnknownToken("no token is called that")
    return token


def _card_part(digest: str) -> str:
    return f"card/{digest}"


def _check_card(command: StoreCard, moment: Moment) -> None:
    """Refuse a card that no payment could use. Raises InvalidValue."""
    card = command.card

    def at(name: str) -> str:
        return SEALED if command.sealed else f"card.data.card.{name}"

    if not plausible(card.number, moment.world):
        raise InvalidValue(at("cardNumber"), "12 to 19 digits with a right check digit are needed")
    if not (_digits(card.expiry, 4, 4) and 1 <= int(card.expiry[:2]) <= 12):
        raise InvalidValue(at("expiryDate"), "MMYY is needed")
    if is_expired(card.expiry, moment.now):
        raise InvalidValue(at("expiryDate"), f"the card expired at the end of {card.expiry[:2]}/{card.expiry[2:]}")
    if card.cvv and not _digits(card.cvv, 3, 4):
        raise InvalidValue(at("cvv"), "3 or 4 digits are needed")
    possible = card_products(card.number, moment.world)
    if not possible:
        raise InvalidValue(at("cardNumber"), "no product takes this card")
    if card.product is not None and card.product not in (*possible, CARTES_BANCAIRES):
        raise InvalidValue("paymentProductId", f"the card is of product {possible[0]}, not {card.product}")


def card_products(number: str, holdings: Holdings) -> tuple[int, ...]:
    """The products that a whole card number can be paid as; () when none takes it."""
    known = holdings.cards.get(number)
    return known.products if known is not None else products_of(number)


def _digits(text: str, least: int, most: int) -> bool:
    return text.isascii() and text.isdigit() and least <= len(text) <= most


# -- looking ---------------------------------------------------------------------------------------------------------


def find_token(world: World, ref: str) -> Token:
    """The token with this id. Raises UnknownToken."""
    return kept(world.state(TOKENS.name, ref))


def token_of_card(world: World, number: str) -> str | None:
    """The token that a card number has already."""
    ref = world.owner(TOKENS.name, _card_part(fingerprint(number)))
    token: Token | None = world.state(TOKENS.name, ref) if ref is not None else None
    return token.ref if token is not None and token.stage is TokenStage.KEPT else None


def card_of_token(world: World, ref: str) -> c.CardData:
    """The card behind a token, for a payment. Raises UnknownToken."""
    return c.CardData(kept=find_token(world, ref).card)


def usable(world: World, refs: Iterable[str]) -> tuple[Token, ...]:
    """Those of the tokens that exist, in the order given, each once."""
    found = (world.state(TOKENS.name, ref) for ref in dict.fromkeys(refs))
    return tuple(token for token in found if token is not None and token.stage is TokenStage.KEPT)


def find_session(world: World, ref: str) -> Session | None:
    """The client session with this id, expired or not."""
    session: Session | None = world.state(SESSIONS.name, ref)
    return session


__all__ = [
    "SESSIONS", "TOKENS", "ForgetCard", "OpenSession", "Session", "Sessions", "StoreCard", "Token", "Tokens",
    "card_of_token", "card_products", "find_session", "find_token", "token_of_card", "usable",
]  # fmt: skip
