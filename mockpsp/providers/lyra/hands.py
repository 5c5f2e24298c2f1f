"""What a shopper can try at a payment page or a registration, and what becomes of it there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mockpsp.domain.lifecycle import Moment
from mockpsp.domain.money import Money
from mockpsp.edge.provider import Hand
from mockpsp.providers.lyra import commands as c
from mockpsp.providers.lyra import issuers, texts
from mockpsp.providers.lyra.holdings import Holdings, scheme_of
from mockpsp.providers.lyra.orders import ORDERS
from mockpsp.providers.lyra.shopper import card_means, checkout, means_of, opened
from mockpsp.providers.lyra.states import Order
from mockpsp.scenario.model import Tender
from mockpsp.world.sandboxes import Sandbox
from mockpsp.world.world import World

_WRONG = "000000"
_REFUSED_BY_BANK = "the bank does not confirm that it is the shopper"


def of(sandbox: Sandbox, ref: str) -> Iterator[Hand]:
    """See Provider."""
    world, waiting = sandbox.world, checkout(sandbox, ref, "")
    if waiting is None:
        return
    order: Order | None = world.state(ORDERS.name, ref)
    moment = world.moment("lyra")
    if order is not None and order.execution is None:
        order = opened(order, moment.settings)
    if order is not None and order.challenge is not None:
        return
    for kind, title, fields in _known(moment.world):
        if kind in waiting.tenders:
            yield _hand(world, order, Tender(kind=kind, fields=fields), title, moment)


def _known(holdings: Holdings) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """Tender, title and fields of everything that the scenario names."""
    for meal in holdings.meal_cards.values():
        yield "conecs", meal.title or texts.method_name("conecs", "en"), {"number": meal.number}
    for wallet in holdings.wallets.values():
        yield "cv_connect", wallet.title or texts.method_name("cv_connect", "en"), {"beneficiary": wallet.beneficiary}
    for card in holdings.cards.values():
        title = card.title or texts.brand_name(scheme_of(card.number, holdings))
        yield "card", title, {"number": card.number}
        if card.three_ds == "challenge" and card.answers == "accepts":
            yield "card", f"{title}, wrong code", {"number": card.number, "code": _WRONG}


def _hand(world: World, order: Order | None, tender: Tender, title: str, moment: Moment) -> Hand:
    means: c.Means
    if order is None:
        means, amount = card_means(tender, moment.world), Money(0, "EUR")
    else:
        means = means_of(tender, order, world)
        amount = Money(issuers.spendable(order, means, moment), order.currency)
    ruling = issuers.ruling(means, amount, moment)
    refused = (
        ruling.law if ruling.reason else "" if amount or order is None else "no money is left on it for this order"
    )
    if "code" in tender.fields:
        refused = refused or _REFUSED_BY_BANK
    return Hand(
        tender=tender.kind,
        fields=tender.fields,
        title=title,
        pays=amount.zero if refused else amount,
        refused=refused,
        told="the bank asks for a code" if ruling.challenge and not refused else "",
    )
