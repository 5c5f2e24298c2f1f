"""Cards that are kept for a shopper: when one is stored, what a token stands for, which tokens a shopper has.

A token belongs to the purchase that stored it: a payment and its token are one commit. The tokens of a shopper are
numbered, so that they are found without a list that would have to be kept beside them. Sources: StoredPaymentMethod
and StoredPaymentMethodResource of CheckoutService-v72.json, ``components/Card`` of adyen-web. That the same card of the
same shopper has the same token is inferred.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from msgspec.structs import replace

from mockpsp.domain.lifecycle import Decision, Moment
from mockpsp.providers.adyen import commands as c
from mockpsp.providers.adyen import events as e
from mockpsp.providers.adyen.errors import UnknownStoredMethod
from mockpsp.providers.adyen.holdings import Holdings, fingerprint
from mockpsp.providers.adyen.ids import spell
from mockpsp.providers.adyen.states import Payment, Purchase, listing_part


def token_of(shopper: str, digest: str) -> str:
    """The token of a card for a shopper."""
    made = blake2b(f"{digest}/{shopper}".encode(), digest_size=12, person=b"mockpsp token").hexdigest()
    return spell(int(made, 16))


def by_token(token: str) -> str:
    """The part under which the purchase is found that stored the card last."""
    return f"token/{token}"


def stores(echo: Mapping[str, Any], consents: bool) -> bool:
    """Whether a card is to be stored at a session or link: by the merchant's wish, or the shopper's if he is asked."""
    match echo.get("storePaymentMethodMode", "disabled"):
        case "enabled":
            return True
        case "askForConsent":
            return consents
        case _:
            return bool(echo.get("storePaymentMethod"))


def keeping(command: c.Pay) -> e.Keeping | None:
    """What a payment will keep, if it is to store a card of a shopper that is not stored already."""
    means = command.means
    if not (command.store and command.shopper_reference and means.kind == "card") or means.kept is not None:
        return None
    digest = fingerprint(means.number)
    token = token_of(command.shopper_reference, digest)
    return e.Keeping(token=token, fingerprint=digest, holder=means.holder, known=command.known)


def kept_by(payment: Payment, moment: Moment) -> tuple[e.DetailsStored, ...]:
    """The fact that follows when a payment that is to store its card is authorised."""
    started, keeps = payment.started, payment.started.keeps
    if keeps is None:
        return ()
    shopper = started.shopper_reference
    stored = e.DetailsStored(
        ref=started.ref,
        payment=payment.ref,
        token=keeps.token,
        shopper=shopper,
        number=0 if keeps.known else moment.ids.next(f"adyen.stored/{shopper}"),
        fingerprint=keeps.fingerprint,
        holder=keeps.holder,
        instrument=payment.instrument,
        at=moment.now,
    )
    return (stored,)


def decide_forgetting(state: Purchase | None, command: c.Forget, moment: Moment) -> Decision:
    """The token is gone. Raises UnknownStoredMethod."""
    found = in_purchase(state, command.token)
    if state is None or found is None:
        raise UnknownStoredMethod("no card is stored under this id")
    gone = e.DetailsForgotten(ref=state.ref, token=found.token, shopper=found.shopper, at=moment.now)
    return Decision((gone,), "the stored card is forgotten")


def in_purchase(state: Purchase | None, token: str) -> e.DetailsStored | None:
    """The card that a purchase keeps under a token."""
    kept = state.kept if state is not None else ()
    return next((each for each in kept if each.token == token), None)


def parts_of(event: e.DetailsStored) -> tuple[str, ...]:
    """What leads to the purchase from now on."""
    named = by_token(event.token)
    return (named, listing_part(event.shopper, event.number)) if event.number else (named,)


def filled(means: c.MeansInput, kept: e.DetailsStored, holdings: Holdings) -> c.MeansInput:
    """The means of payment that a token stands for; its number only where the scenario has the card."""
    known = next((each for each in holdings.cards.values() if fingerprint(each.number) == kept.fingerprint), None)
    month, _, year = kept.instrument.expiry.partition("/")
    number = known.number if known is not None else kept.instrument.last_four
    holder = means.holder or kept.holder
    return replace(means, kind="card", kept=kept, number=number, month=month, year=year, holder=holder)
