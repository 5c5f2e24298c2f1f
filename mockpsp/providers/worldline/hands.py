"""What a shopper can try at a checkout: the sandbox's wallets and cards, and what becomes of each there."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from mockpsp.domain.lifecycle import NATURAL, Moment
from mockpsp.edge.provider import Hand
from mockpsp.providers.worldline import decide, texts
from mockpsp.providers.worldline.holdings import CV_CONNECT, Holdings, Wallet, WorldCard
from mockpsp.providers.worldline.issuers import beneficiary_answer, card_answer
from mockpsp.providers.worldline.orders import ORDERS
from mockpsp.providers.worldline.shopper import card_of, tenders_on_offer
from mockpsp.providers.worldline.states import Order
from mockpsp.scenario.model import Tender
from mockpsp.world.sandboxes import Sandbox


def of(sandbox: Sandbox, ref: str) -> Iterator[Hand]:
    """See Provider."""
    world = sandbox.world
    order: Order | None = world.state(ORDERS.name, ref)
    if order is None:
        return
    moment, on_offer = world.moment("worldline"), tenders_on_offer(order)
    holdings: Holdings = moment.world
    if "cv_connect" in on_offer:
        for wallet in holdings.wallets.values():
            yield _wallet(order, wallet, moment)
    after = "card" not in on_offer
    first = decide.products_on_offer(order) if not order.first.accepted and not after else ()
    allowed = set(first or decide.complement_products(order)) - {CV_CONNECT}
    for card in holdings.cards.values():
        if allowed & set(card.products):
            yield _card(order, card, moment, after=after)


def _wallet(order: Order, wallet: Wallet, moment: Moment) -> Hand:
    theirs = replace(order, beneficiary=wallet.beneficiary)
    able = decide.offer(theirs, moment)
    refused, told = "", ""
    error, law = beneficiary_answer(wallet.beneficiary, NATURAL, moment)
    if error is not None:
        refused = law
    elif wallet.answers == "cancels":
        refused = "the beneficiary declines in the app, which ends the payment"
    elif wallet.answers == "never_answers":
        refused = "the beneficiary never answers"
    elif decide.fixed_amount(order) and able < order.total:
        lenient = moment.settings.insufficient_fixed_vouchers == "card_complement" and decide.complement_products(order)
        refused = "" if lenient else f"vouchers must pay all of it, and this wallet pays {able}"
    elif not able:
        refused = "the wallet is empty"
    elif wallet.covers < 100:
        told = f"pays {wallet.covers} % of any order"
    return Hand(
        tender="cv_connect",
        fields={"beneficiary": wallet.beneficiary},
        title=wallet.holder or wallet.email or texts.product_name(CV_CONNECT, "en"),
        pays=able.zero if refused else able,
        refused=refused,
        told=told,
        fixed=decide.fixed_amount(order),
    )


def _card(order: Order, card: WorldCard, moment: Moment, *, after: bool) -> Hand:
    tender = Tender(kind="card", fields={"number": card.number})
    answer = card_answer(card_of(tender), order.remaining, NATURAL, moment)
    return Hand(
        tender="card",
        fields=tender.fields,
        title=card.title or texts.product_name(card.products[0], "en"),
        pays=order.remaining if answer.error is None else order.remaining.zero,
        refused=answer.law if answer.error is not None else "",
        after=after,
    )
