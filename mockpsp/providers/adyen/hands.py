"""What a shopper can try at a session, a link or a bank's page, and what becomes of it there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mockpsp.domain.money import Money
from mockpsp.edge.provider import Hand
from mockpsp.providers.adyen import texts
from mockpsp.providers.adyen.api import find
from mockpsp.providers.adyen.holdings import Holdings
from mockpsp.providers.adyen.issuers import YES, ruling, spendable
from mockpsp.providers.adyen.shopper import DEFAULT_CARD, checkout, means_of
from mockpsp.scenario.model import Tender
from mockpsp.world.sandboxes import Sandbox
from mockpsp.world.world import World

_WRONG = "wrong"


def of(sandbox: Sandbox, ref: str) -> Iterator[Hand]:
    """See Provider."""
    purchase, waiting = find(sandbox.world, ref), checkout(sandbox, ref, "")
    if purchase is None or waiting is None:
        return
    left = waiting.remaining
    if purchase.payment(ref) is not None:
        yield from _at_the_bank(left)
        return
    for kind, title, fields, told in _known(sandbox.world.setups["adyen"].world):
        if kind in waiting.tenders:
            yield _hand(sandbox.world, Tender(kind=kind, fields=fields), title, left, told)
    declined = Tender(kind="card", fields={"number": DEFAULT_CARD, "holder": "DECLINED"})
    refused = "Adyen's test platform refuses a card whose holder is called DECLINED"
    yield Hand(tender="card", fields=declined.fields, title="Visa of DECLINED", pays=left.zero, refused=refused)


def _at_the_bank(left: Money) -> Iterator[Hand]:
    yield Hand(tender="card", fields={}, title="The right password", pays=left)
    refused = "the bank does not confirm the payment"
    yield Hand(tender="card", fields={"password": _WRONG}, title="A wrong password", pays=left.zero, refused=refused)


def _known(holdings: Holdings) -> Iterator[tuple[str, str, Mapping[str, str], str]]:
    """Tender, title, fields, and what is to be told of everything that the scenario names."""
    for voucher in holdings.vouchers.values():
        title = voucher.title or texts.method_name("mealVoucher_FR", voucher.brand, "en")
        yield "meal_voucher", title, {"number": voucher.number}, ""
    for gift in holdings.gift_cards.values():
        yield "gift_card", gift.title or texts.method_name("giftcard", gift.brand, "en"), {"number": gift.number}, ""
    for card in holdings.cards.values():
        told = "the bank asks for a password" if card.three_ds == "challenge" else ""
        yield "card", card.title or texts.method_name("scheme", card.brand, "en"), {"number": card.number}, told
        if told:
            fields = {"number": card.number, "password": _WRONG}
            yield "card", f"{card.title or 'Card'}, wrong password", fields, ""


def _hand(world: World, tender: Tender, title: str, left: Money, told: str) -> Hand:
    moment, means = world.moment("adyen"), means_of(tender, world)
    share = spendable(means, left, moment)
    found = ruling(means, share, moment)
    refused = "" if found.name == YES else found.law
    if "password" in tender.fields:
        refused = refused or "the bank does not confirm the payment"
    return Hand(
        tender=tender.kind,
        fields=tender.fields,
        title=title,
        pays=left.zero if refused else share,
        refused=refused,
        told=told,
    )
