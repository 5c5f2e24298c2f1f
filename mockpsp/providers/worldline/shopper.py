"""The shopper without a browser: a scripted one, or a call of the control API, takes the same steps as the pages."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from mockpsp.edge.provider import Checkout
from mockpsp.providers.worldline import commands as c
from mockpsp.providers.worldline import decide, links
from mockpsp.providers.worldline.errors import ShopperRefused
from mockpsp.providers.worldline.holdings import CV_CONNECT, Holdings
from mockpsp.providers.worldline.orders import ORDERS
from mockpsp.providers.worldline.states import Code, Order, Stage
from mockpsp.scenario.model import App, ShopperScript, Tender, Trigger
from mockpsp.world.sandboxes import Sandbox

DEFAULT_EXPIRY, DEFAULT_CVV, DEFAULT_CARD = "1230", "123", "4012000033330026"
PRODUCTS = {"visa": 1, "mastercard": 3, "cartes_bancaires": 130}


class WorldlineShopper:
    """Pays tender by tender until the order is paid, refused or given up; after a refused card comes the next one."""

    async def act(self, sandbox: Sandbox, ref: str, script: ShopperScript, cause: int = 0) -> None:
        """See Driver. Raises ShopperRefused when the page would not allow it."""
        if script.abandons:
            return
        if script.cancels:
            await self._run(sandbox, ref, c.GiveUp(), cause)
            return
        if script.refuses:
            await self._open_app(sandbox, ref, script.refused or Tender(kind="cv_connect"), cause)
            await self._run(sandbox, ref, c.Refuse(), cause)
            return
        for tender in script.pays:
            if self._order(sandbox, ref).stage is not Stage.IN_PROGRESS:
                raise ShopperRefused("closed")
            if tender.kind == "cv_connect":
                await self._pay_vouchers(sandbox, ref, tender, cause)
            else:
                await self._run(sandbox, ref, c.PayCard(card=card_of(tender), amount=tender.amount), cause)

    def told(
        self,
        sandbox: Sandbox,
        operation: str,
        path: Mapping[str, str],
        form: Mapping[str, str],
        led_to: Collection[str] = (),
    ) -> tuple[str, ShopperScript | None] | None:
        """See Driver."""
        order = links.find(sandbox.world, path.get("token", ""))
        tender = _typed(order, path, form) if order is not None else None
        if operation == "app_page":
            tender = Tender(kind="cv_connect", fields={"app": App.ABANDONS})
        step = form.get("step", "")
        if order is None or (tender is None and step not in ("cancel", "refuse")):
            return None
        return order.ref, ShopperScript(
            key="page",
            at="",
            trigger=Trigger(),
            pays=(tender,) if tender is not None else (),
            cancels=step == "cancel",
            refuses=step == "refuse",
        )

    async def _pay_vouchers(self, sandbox: Sandbox, ref: str, tender: Tender, cause: int) -> None:
        if await self._open_app(sandbox, ref, tender, cause) and "app" not in tender.fields:
            await self._run(sandbox, ref, c.PayVouchers(amount=tender.amount), cause)

    async def _open_app(self, sandbox: Sandbox, ref: str, tender: Tender, cause: int) -> bool:
        """Go to CV Connect as this beneficiary, and open the app; whether ANCV let the shopper come so far."""
        order = self._order(sandbox, ref)
        beneficiary = tender.fields.get("beneficiary") or order.beneficiary or _own_wallet(sandbox)
        if order.first.code is not Code.REDIRECTED or beneficiary != order.beneficiary:
            await self._run(sandbox, ref, c.GoToConnect(beneficiary=beneficiary), cause)
        order = self._order(sandbox, ref)
        redirected = order.first.code is Code.REDIRECTED
        if redirected and not order.app_opened and tender.fields.get("app") != App.UNOPENED:
            await self._run(sandbox, ref, c.OpenApp(), cause)
        return redirected

    def _order(self, sandbox: Sandbox, ref: str) -> Order:
        order: Order = decide.in_progress(sandbox.world.state(ORDERS.name, ref))
        return order

    async def _run(self, sandbox: Sandbox, ref: str, command: Any, cause: int) -> None:
        await sandbox.world.execute(ORDERS, ref, command, cause=cause)


def _typed(order: Order, path: Mapping[str, str], form: Mapping[str, str]) -> Tender | None:
    """What a form of the page pays with; None for one that pays nothing, as with an amount that nobody can read."""
    from mockpsp.providers.worldline.pages import read_typed_amount

    match form.get("step"):
        case "confirm":
            beneficiary = form.get("beneficiary", "").strip() or order.created.beneficiary
            return Tender(kind="cv_connect", fields={"beneficiary": beneficiary, "app": App.UNOPENED})
        case "voucher":
            typed = form.get("voucher_amount")
            try:
                amount = None if typed is None else read_typed_amount(typed, order.total.currency)
            except ShopperRefused:
                return None
            return Tender(kind="cv_connect", amount=amount)
        case "card":
            brands = {str(product): brand for brand, product in PRODUCTS.items()}
            names = {"number": "card_number", "expiry": "expiry", "cvv": "cvv"}
            told = {name: re.sub(r"[\s-]", "", form.get(key, "")) for name, key in names.items()}
            told["holder"] = form.get("card_holder", "").strip()
            told["brand"] = brands.get(path.get("method", ""), "")
            return Tender(kind="card", fields={name: value for name, value in told.items() if value})
        case _:
            return None


def _own_wallet(sandbox: Sandbox) -> str:
    """The wallet of a shopper of whom nothing is said: the first one that pays."""
    holdings: Holdings = sandbox.world.setups["worldline"].world
    return next((each.beneficiary for each in holdings.wallets.values() if each.answers == "accepts"), "")


def card_of(tender: Tender) -> c.CardData:
    """The card in a shopper's hand; what the script leaves out is a test card's."""
    fields = tender.fields
    return c.CardData(
        number=fields.get("number", DEFAULT_CARD),
        expiry=fields.get("expiry", DEFAULT_EXPIRY).replace("/", ""),
        holder=fields.get("holder", ""),
        cvv=fields.get("cvv", DEFAULT_CVV),
        product=PRODUCTS.get(fields.get("brand", "")),
    )


def tenders_on_offer(order: Order) -> tuple[str, ...]:
    """What the shopper can pay with now."""
    if order.first.accepted:
        return ("card",)
    products = decide.products_on_offer(order)
    vouchers = ("cv_connect",) if CV_CONNECT in products else ()
    return (*vouchers, *(("card",) if set(products) - {CV_CONNECT} else ()))


def checkouts(sandbox: Sandbox, origin: str) -> Iterator[Checkout]:
    """Orders that wait for a shopper, oldest first."""
    for ref in sandbox.world.waiting:
        found = checkout(sandbox, ref, origin)
        if found is not None:
            yield found


def checkout(sandbox: Sandbox, ref: str, origin: str) -> Checkout | None:
    """The order with this reference, if it waits for a shopper."""
    world = sandbox.world
    provider, place = world.waiting.get(ref, ("", ""))
    if provider != "worldline":
        return None
    order: Order = world.state(ORDERS.name, ref)
    hosted = order.created.hosted
    return Checkout(
        ref=ref,
        place=place,
        url=links.page(world, order, origin),
        amount=order.total,
        remaining=order.remaining,
        tenders=tenders_on_offer(order),
        expires=hosted.expires if hosted is not None else None,
        reference=order.created.references.merchant_reference,
    )


DRIVER = WorldlineShopper()
