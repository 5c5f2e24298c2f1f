"""The shopper without a browser: a scripted one, or a call of the control API, takes the same steps as the pages."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from mockpsp.domain.money import Money, decimals
from mockpsp.edge.provider import Checkout
from mockpsp.providers.adyen import commands as c
from mockpsp.providers.adyen import links, stored, stored_wire, tokens
from mockpsp.providers.adyen.ancv import AWAIT, most
from mockpsp.providers.adyen.api import find
from mockpsp.providers.adyen.beneficiaries import ANCV
from mockpsp.providers.adyen.errors import ShopperRefused
from mockpsp.providers.adyen.events import Capturing
from mockpsp.providers.adyen.holdings import Holdings, fingerprint
from mockpsp.providers.adyen.issuers import PASSWORD, USER, spendable
from mockpsp.providers.adyen.purchases import PURCHASES
from mockpsp.providers.adyen.states import CheckoutStage, Payment, Purchase, Status
from mockpsp.providers.adyen.stored import stores, token_of
from mockpsp.scenario.model import Bank, ShopperScript, Tender, Trigger
from mockpsp.world.sandboxes import Sandbox
from mockpsp.world.world import World

DEFAULT_CARD, DEFAULT_EXPIRY, DEFAULT_CODE = "4111111111111111", "03/2030", "737"
AT_BANK = Status.AWAITING_SHOPPER
OUTCOMES = {Bank.PASSES: "Y", Bank.FAILS: "N", Bank.CANCELS: "U"}
"""The transStatus of what a shopper does at the bank's page."""
KINDS = {"meal_voucher": "mealVoucher_FR", "gift_card": "giftcard", "card": "scheme"}


class AdyenShopper:
    """Pays tender by tender until all is paid or the page is closed; at the bank's page the shopper authenticates, in
    ANCV's app he approves all or a part, or refuses."""

    async def act(self, sandbox: Sandbox, ref: str, script: ShopperScript, cause: int = 0) -> None:
        """See Driver. Raises ShopperRefused when the page would not allow it."""
        if script.abandons:
            return
        purchase: Purchase | None = sandbox.world.state(PURCHASES.name, ref)
        if purchase is not None and purchase.is_checkout:
            await self._at_checkout(sandbox, ref, script, cause)
        else:
            await self._at_bank(sandbox.world, ref, script, cause)

    def told(
        self,
        sandbox: Sandbox,
        operation: str,
        path: Mapping[str, str],
        form: Mapping[str, str],
        led_to: Collection[str] = (),
    ) -> tuple[str, ShopperScript | None] | None:
        """See Driver."""
        world = sandbox.world
        if operation == "ancv_form":
            return _told_in_app(world, path.get("MD", ""), form)
        if operation == "bank_form":
            found = links.find_payment(world, path.get("MD", ""))
            if found is None:
                return None
            script = ShopperScript(key="page", at="", trigger=Trigger(), bank=_at_the_banks_page(form))
            return found[0].ref if found[0].is_checkout else found[1].ref, script
        purchase = find(world, path.get("checkout", ""))
        if purchase is None:
            return None
        if not form:
            return (purchase.ref, None) if "redirectResult" in path else None
        tender, step = _typed(purchase, form, world.setups["adyen"].world), form.get("step")
        if tender is None and step not in ("cancel", "remove"):
            return None
        if tender is not None and "purchase.ActionRequired" in led_to:
            tender = replace(tender, fields={**tender.fields, "bank": Bank.ABANDONS})
        return purchase.ref, ShopperScript(
            key="page",
            at="",
            trigger=Trigger(),
            pays=(tender,) if tender is not None else (),
            cancels=step == "cancel",
            gives_back=step == "remove",
        )

    async def _at_bank(self, world: World, ref: str, script: ShopperScript, cause: int) -> None:
        purchase = find(world, ref)
        payment = purchase.payment(ref) if purchase is not None else None
        if purchase is None or payment is None:
            raise ShopperRefused("closed")
        if payment.action is not None and payment.action.kind == AWAIT:
            await world.execute(PURCHASES, purchase.ref, answer_in_app(ref, script), cause=cause)
            return
        tender = next(iter(script.pays), None)
        bank = script.bank or (Bank.CANCELS if script.cancels else Bank.PASSES if tender is None else _bank(tender))
        if bank is Bank.ABANDONS:
            return
        outcome = OUTCOMES[bank]
        await world.execute(PURCHASES, purchase.ref, c.Authenticate(payment=ref, outcome=outcome), cause=cause)

    async def _at_checkout(self, sandbox: Sandbox, ref: str, script: ShopperScript, cause: int) -> None:
        world = sandbox.world
        if script.cancels:
            await world.execute(PURCHASES, ref, c.GiveUp(), cause=cause)
            return
        if script.gives_back:
            await _give_back(world, ref, cause)
            return
        if script.bank is not None:
            waiting = next((each for each in the_purchase(world, ref).round if each.status is AT_BANK), None)
            if waiting is None:
                raise ShopperRefused("closed")
            await authenticate(world, ref, waiting.ref, OUTCOMES[script.bank], cause=cause)
            return
        for tender in script.pays:
            means = means_of(tender, world)
            if "stored" in tender.fields:
                means = _stored(tender, the_purchase(world, ref), world)
            if tender.kind not in KINDS:
                raise ShopperRefused("product_not_on_offer", "method")
            psp = await pay(world, ref, means, tender.amount, keep=tender.fields.get("keep") == "yes", cause=cause)
            payment = the_purchase(world, ref).payment(psp)
            bank = _bank(tender)
            if payment is not None and payment.status is AT_BANK and bank is not Bank.ABANDONS:
                await authenticate(world, ref, psp, OUTCOMES[bank], cause=cause)


def _bank(tender: Tender) -> Bank:
    """What the script does at the bank's page; a wrong password there fails as well."""
    told = Bank(tender.fields.get("bank", Bank.PASSES))
    wrong = tender.fields.get("password", PASSWORD) != PASSWORD
    return Bank.FAILS if wrong and told is Bank.PASSES else told


def _at_the_banks_page(form: Mapping[str, str]) -> Bank:
    """What was done there."""
    if form.get("step") == "cancel":
        return Bank.CANCELS
    right = form.get("password") == PASSWORD and form.get("user", "").strip() == USER
    return Bank.PASSES if right else Bank.FAILS


async def _give_back(world: World, ref: str, cause: int) -> None:
    """Cancel the order, whose vouchers get back what they paid; the page stays. Raises ShopperRefused without one."""
    order = the_purchase(world, ref).open_order
    if order is None:
        raise ShopperRefused("closed")
    await world.execute(PURCHASES, ref, c.CancelOrder(order=order.ref, data=None), cause=cause)


def _told_in_app(world: World, mark: str, form: Mapping[str, str]) -> tuple[str, ShopperScript] | None:
    """The script that does what a form of ANCV's app did."""
    found, step = links.find_payment(world, mark), form.get("step", "")
    if found is None or step not in ("approve", "refuse", "cancel"):
        return None
    _, payment = found
    script = ShopperScript(key="page", at="", trigger=Trigger(), cancels=step == "cancel", refuses=step == "refuse")
    if step == "approve":
        try:
            amount = read_typed(form.get("amount", ""), payment.amount.currency)
        except ValueError:
            return None
        script = replace(script, pays=(Tender(kind=ANCV, amount=amount),))
    return payment.ref, script


_TYPED = re.compile(r"([0-9]{1,9})(?:[.,]([0-9]*))?")


def read_typed(text: str, currency: str) -> Money:
    """An amount as a person types it (``300,00``, ``300.5``, ``1 300``). Raises ValueError."""
    match = _TYPED.fullmatch(re.sub(r"[\s\u00a0\u202f€]", "", text))
    places = decimals(currency)
    if match is None or len(match[2] or "") > places:
        raise ValueError(f"{text[:20]!r} is no amount")
    return Money(int(match[1]) * 10**places + int((match[2] or "").ljust(places, "0") or 0), currency)


def answer_in_app(ref: str, script: ShopperScript) -> c.AnswerInApp:
    """What the shopper answers in ANCV's app. Raises ShopperRefused for more than one answer, or none."""
    if script.cancels:
        return c.AnswerInApp(payment=ref, outcome="cancelled")
    if script.refuses:
        return c.AnswerInApp(payment=ref, outcome="refused")
    if len(script.pays) != 1 or script.pays[0].kind != ANCV:
        raise ShopperRefused("product_not_on_offer", "method")
    return c.AnswerInApp(payment=ref, outcome="approved", amount=script.pays[0].amount)


def _typed(purchase: Purchase, form: Mapping[str, str], holdings: Holdings) -> Tender | None:
    """What a form of a session or link pays with; None for one that pays nothing."""
    match form.get("step"):
        case "redeem":
            typed = tokens.unseal(purchase.secret, form.get("check", ""))
            if typed is None:
                return None
            take, number, expiry, code = typed.split("|")
            kind = "gift_card" if number in holdings.gift_cards else "meal_voucher"
            told = {"number": number, "expiry": "" if kind == "gift_card" else expiry, "cvc": code}
            share = Money(int(take), purchase.total.currency)
            return Tender(kind=kind, amount=share, fields={name: value for name, value in told.items() if value})
        case "card":
            told = {name: form.get(name, "").strip() for name in ("number", "expiry", "cvc", "holder", "keep")}
            if form.get("method", "scheme") != "scheme":
                told = {"stored": form["method"], "cvc": told["cvc"], "number": ""}
            told["number"] = re.sub(r"[\s-]", "", told["number"])
            return Tender(kind="card", fields={name: value for name, value in told.items() if value})
        case _:
            return None


def the_purchase(world: World, ref: str) -> Purchase:
    """A session or link. Raises ShopperRefused for one that is gone."""
    found: Purchase | None = world.state(PURCHASES.name, ref)
    if found is None:
        raise ShopperRefused("closed")
    return found


async def pay(
    world: World, ref: str, means: c.MeansInput, amount: Money | None, *, keep: bool = False, cause: int = 0
) -> str:
    """Pay at a session or link: what the means can, or ``amount``. Less than all opens an order first.

    A card is stored where the merchant wants it, or the shopper (``keep``) if he is asked.
    The new payment's pspReference. Raises ShopperRefused, and what ``decide`` refuses.
    """
    purchase = the_purchase(world, ref)
    if purchase.stage is not CheckoutStage.ACTIVE:
        raise ShopperRefused("closed")
    if any(each.pending for each in purchase.round):
        raise ShopperRefused("answer_awaited")
    order = purchase.open_order
    remaining = purchase.remaining(order) if order is not None else purchase.total
    share = amount if amount is not None else spendable(means, remaining, world.moment("adyen"))
    if share.currency != remaining.currency or share > remaining:
        raise ShopperRefused("amount_above_order", "amount", amount=remaining)
    if order is None and share < purchase.total:
        opening = c.OpenOrder(merchant=purchase.merchant, amount=None, reference=purchase.reference)
        opened = await world.execute(PURCHASES, ref, opening, cause=cause)
        order = opened.state.open_order
    head = purchase.session or purchase.link
    shopper = head.shopper_reference if head is not None else ""
    command = c.Pay(
        merchant=purchase.merchant,
        amount=share,
        reference=purchase.reference,
        means=means,
        order=order.ref if order is not None else "",
        capturing=head.capturing if head is not None else Capturing(),
        return_url="",
        shopper_reference=shopper,
        store=stores(head.echo, keep) if head is not None else False,
        known=_knows(world, shopper, means),
    )
    outcome = await world.execute(PURCHASES, ref, command, cause=cause)
    payment: Payment = outcome.state.payments[-1]
    return payment.ref


def _knows(world: World, shopper: str, means: c.MeansInput) -> bool:
    """Whether the shopper has stored this card before."""
    token = token_of(shopper, fingerprint(means.number))
    return means.kind == "card" and stored_wire.find(world, token, shopper) is not None


async def authenticate(world: World, ref: str, psp: str, outcome: str, *, cause: int = 0) -> None:
    """Pass, fail or leave the bank's page of a payment of our own page, and complete it."""
    await world.execute(PURCHASES, ref, c.Authenticate(payment=psp, outcome=outcome), cause=cause)
    await world.execute(PURCHASES, ref, c.Complete(payment=psp, step="redirect"), cause=cause)


def means_of(tender: Tender, world: World) -> c.MeansInput:
    """What is in a shopper's hand; what the script leaves out is a test card's."""
    fields = tender.fields
    usual = _usual(tender.kind, fields, world.setups["adyen"].world)
    month, _, year = fields.get("expiry", usual["expiry"]).partition("/")
    return c.MeansInput(
        kind=tender.kind,
        type=KINDS.get(tender.kind, tender.kind),
        brand=fields.get("brand", usual["brand"]),
        number=fields.get("number", usual["number"]),
        month=month,
        year=year,
        code=fields.get("cvc", usual["code"]),
        holder=fields.get("holder", ""),
    )


def _stored(tender: Tender, purchase: Purchase, world: World) -> c.MeansInput:
    """The card that the shopper has stored under this token, or with ``yes`` last. Raises ShopperRefused."""
    head = purchase.session or purchase.link
    cards = tuple(stored_wire.cards_of(world, head.shopper_reference if head is not None else ""))
    wanted = tender.fields["stored"]
    found = next((each for each in reversed(cards) if wanted in ("yes", each.token)), None)
    if found is None or tender.kind != "card":
        raise ShopperRefused("product_not_on_offer", "method")
    code = tender.fields.get("cvc", "7373" if found.instrument.brand == "amex" else DEFAULT_CODE)
    given = c.MeansInput(kind="card", type="scheme", stored=found.token, code=code)
    return stored.filled(given, found, world.setups["adyen"].world)


def _usual(kind: str, fields: Mapping[str, str], holdings: Holdings) -> dict[str, str]:
    number, brand = fields.get("number", ""), fields.get("brand", "")
    found: Any = None
    if kind == "meal_voucher":
        found = holdings.vouchers.get(number)
        if not number:
            willing = [each for each in holdings.vouchers.values() if each.answers == "accepts"]
            found = next((each for each in willing if brand in ("", each.brand)), None)
    elif kind == "gift_card":
        found = holdings.gift_cards.get(number)
        if not number:
            found = next((each for each in holdings.gift_cards.values() if brand in ("", each.brand)), None)
    else:
        found = holdings.cards.get(number)
    if found is None:
        return {
            "number": DEFAULT_CARD if kind == "card" else "",
            "expiry": DEFAULT_EXPIRY,
            "code": DEFAULT_CODE,
            "brand": "",
        }
    return {
        "number": found.number,
        "expiry": getattr(found, "expiry", "") or DEFAULT_EXPIRY,
        "code": found.code or (DEFAULT_CODE if getattr(found, "brand", "") != "amex" else "7373"),
        "brand": "" if kind == "card" else found.brand,
    }


# -- what waits for a shopper ----------------------------------------------------------------------------------------


def checkouts(sandbox: Sandbox, origin: str) -> Iterator[Checkout]:
    """Sessions, links and bank's pages that wait for a shopper, oldest first."""
    for ref in sandbox.world.waiting:
        found = checkout(sandbox, ref, origin)
        if found is not None:
            yield found


def checkout(sandbox: Sandbox, ref: str, origin: str) -> Checkout | None:
    """The session, link or bank's page with this reference, if it waits for a shopper."""
    world = sandbox.world
    provider, place = world.waiting.get(ref, ("", ""))
    purchase = find(world, ref) if provider == "adyen" else None
    if purchase is None:
        return None
    payment = purchase.payment(ref)
    if payment is None:
        return _open(purchase, place, origin)
    if payment.action is not None and payment.action.kind == AWAIT:
        return _in_app(world, payment, place, origin)
    return _at_the_bank(world, payment, place, origin)


def _at_the_bank(world: World, payment: Payment, place: str, origin: str) -> Checkout:
    return Checkout(
        ref=payment.ref,
        place=place,
        url=links.redirect(world, payment, origin),
        amount=payment.amount,
        remaining=payment.amount,
        tenders=("card",),
        expires=payment.action.expires if payment.action is not None else None,
        reference=payment.started.reference,
    )


def _in_app(world: World, payment: Payment, place: str, origin: str) -> Checkout:
    return Checkout(
        ref=payment.ref,
        place=place,
        url=links.app(world, payment, origin),
        amount=payment.amount,
        remaining=most(payment, world.moment("adyen")),
        tenders=(ANCV,),
        expires=payment.action.expires if payment.action is not None else None,
        reference=payment.started.reference,
    )


def _open(purchase: Purchase, place: str, origin: str) -> Checkout:
    head = purchase.session or purchase.link
    order = purchase.open_order
    return Checkout(
        ref=purchase.ref,
        place=place,
        url=links.checkout_page(purchase, origin),
        amount=purchase.total,
        remaining=purchase.remaining(order) if order is not None else purchase.total,
        tenders=("meal_voucher", "gift_card", "card") if purchase.total.currency == "EUR" else ("gift_card", "card"),
        expires=head.expires if head is not None else None,
        reference=purchase.reference,
    )


DRIVER = AdyenShopper()
