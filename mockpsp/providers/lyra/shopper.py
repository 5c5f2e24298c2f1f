"""The shopper without a browser: a scripted one, or a call of the control API, takes the same steps as the pages."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from mockpsp.domain.lifecycle import Moment
from mockpsp.domain.money import Money
from mockpsp.edge.provider import Checkout
from mockpsp.providers.lyra import commands as c
from mockpsp.providers.lyra import events as e
from mockpsp.providers.lyra import issuers, links
from mockpsp.providers.lyra.errors import ShopperRefused
from mockpsp.providers.lyra.holdings import Holdings, MealCard, Wallet
from mockpsp.providers.lyra.orders import ORDERS
from mockpsp.providers.lyra.settings import LyraSettings
from mockpsp.providers.lyra.states import Order
from mockpsp.providers.lyra.stored import stored_by_alias
from mockpsp.providers.lyra.vault import TOKENS, Enter, Opened, Token
from mockpsp.providers.lyra.vouchers import selected, winners
from mockpsp.scenario.model import Bank, ShopperScript, Tender, Trigger
from mockpsp.world.sandboxes import Sandbox
from mockpsp.world.world import World

DEFAULT_CARD, DEFAULT_EXPIRY, DEFAULT_CVV = "4970100000000000", "12/2030", "123"


class LyraShopper:
    """Pays tender by tender until all is paid or the page has ended; at the bank's page the shopper authenticates."""

    async def act(self, sandbox: Sandbox, ref: str, script: ShopperScript, cause: int = 0) -> None:
        """See Driver. Raises ShopperRefused when the page would not allow it."""
        world = sandbox.world
        lifecycle, ref = _page(world, ref)
        if lifecycle is ORDERS:
            await _follow_link(sandbox, ref, cause)
        if script.abandons:
            return
        if script.cancels:
            await world.execute(lifecycle, ref, c.GiveUp(), cause=cause)
            return
        if script.bank is not None:
            passed = script.bank is Bank.PASSES
            await world.execute(lifecycle, ref, c.Authenticate(passed=passed), cause=cause)
            return
        if script.refuses:
            tender = script.refused or Tender(kind="cv_connect")
            await world.execute(lifecycle, ref, _declined(world, world.state(lifecycle.name, ref), tender), cause=cause)
            return
        for tender in script.pays:
            command = _command(world, world.state(lifecycle.name, ref), tender)
            outcome = await world.execute(lifecycle, ref, command, cause=cause)
            bank = Bank(tender.fields.get("bank", Bank.PASSES))
            if outcome.state.challenge is not None and bank is not Bank.ABANDONS:
                passed = bank is Bank.PASSES and tender.fields.get("code", issuers.CODE) == issuers.CODE
                await world.execute(lifecycle, ref, c.Authenticate(passed=passed), cause=cause)

    def told(
        self,
        sandbox: Sandbox,
        operation: str,
        path: Mapping[str, str],
        form: Mapping[str, str],
        led_to: Collection[str] = (),
    ) -> tuple[str, ShopperScript | None] | None:
        """See Driver."""
        from mockpsp.providers.lyra.drawing import find

        if operation == "link":
            owner = sandbox.world.owner(ORDERS.name, path.get("code", ""))
            return (owner, _ABANDONS) if owner is not None else None
        part = path.get("cacheId") or path.get("formToken") or ""
        subject = find(sandbox.world, part) if part else None
        if subject is None:
            return None
        if form.get("step") == "ask" and _holdings(sandbox.world).wallet(_beneficiary(form)) is None:
            form = {**form, "step": "cv_connect"}  # there is no app to ask: the payment is refused at once
        tender, step = _typed(form, subject), form.get("step")
        refused = _typed({**form, "step": "cv_connect"}, subject) if step == "decline" else None
        kinds = {each.rpartition(".")[2] for each in led_to}
        bank = _at_bank(form) if "authenticate" in kinds else None
        if tender is not None and kinds & {"ChallengeRaised", "Challenged"}:
            tender = replace(tender, fields={**tender.fields, "bank": Bank.ABANDONS})
        if tender is None and refused is None and bank is None and step != "cancel":
            return None
        return subject.ref, ShopperScript(
            key="page",
            at="",
            trigger=Trigger(),
            pays=(tender,) if tender is not None else (),
            cancels=step == "cancel" and bank is None,
            refuses=refused is not None,
            refused=refused,
            bank=bank,
        )


_ABANDONS = ShopperScript(key="page", at="", trigger=Trigger(), abandons=True)


def _at_bank(form: Mapping[str, str]) -> Bank:
    """What was done at the bank's page."""
    if form.get("step") == "cancel":
        return Bank.CANCELS
    return Bank.PASSES if re.sub(r"\s", "", form.get("code", "")) == issuers.CODE else Bank.FAILS


def _holdings(world: World) -> Holdings:
    own: Holdings = world.setups["lyra"].world
    return own


def _beneficiary(form: Mapping[str, str]) -> str:
    return re.sub(r"\s", "", form.get("beneficiary", ""))


def _typed(form: Mapping[str, str], subject: Order | Token) -> Tender | None:
    """What a form of the page pays with; None for one that pays nothing, as with an amount that nobody can read."""
    from mockpsp.providers.lyra.pages import read_amount

    kind = form.get("step", "")
    if kind not in ("conecs", "cv_connect", "card", "stored"):
        return None
    names = ("beneficiary",) if kind == "cv_connect" else ("number", "expiry", "cvv")
    told = {name: re.sub(r"[\s-]", "", form.get(name, "")) for name in names}
    if kind == "card":
        told["holder"] = form.get("holder", "").strip()
    try:
        minor = read_amount(form.get("amount", ""), subject.currency) if isinstance(subject, Order) else None
    except ShopperRefused:
        return None
    return Tender(
        kind="card" if kind == "stored" else kind,
        amount=Money(minor, subject.currency) if minor is not None and isinstance(subject, Order) else None,
        fields={"stored": "yes"} if kind == "stored" else {name: value for name, value in told.items() if value},
    )


def _page(world: World, ref: str) -> tuple[Any, str]:
    """Whose page a reference means: an order's or a registration's."""
    for lifecycle in (ORDERS, TOKENS):
        owner = world.owner(lifecycle.name, ref)
        if owner is not None:
            return lifecycle, owner
    raise ShopperRefused("closed")


async def _follow_link(sandbox: Sandbox, ref: str, cause: int) -> None:
    """Open the page of a persistent link that nobody has opened yet."""
    order: Order = sandbox.world.state(ORDERS.name, ref)
    link = order.persisted
    if link is not None and not order.is_open and ref in sandbox.world.waiting:
        await sandbox.world.execute(ORDERS, ref, c.Execute(way="persist", key=sandbox.key, code=link.code), cause=cause)


def _command(world: World, subject: Order | Token, tender: Tender) -> Any:
    if isinstance(subject, Token):
        if tender.kind != "card":
            raise ShopperRefused("problem_method", "method")
        return Enter(card_means(tender, world.setups["lyra"].world))
    if tender.kind not in issuers.KINDS:
        raise ShopperRefused("problem_method", "method")
    if tender.amount is not None and tender.amount.currency != subject.currency:
        raise ShopperRefused("problem_amount", "amount")
    amount = tender.amount.minor if tender.amount is not None else None
    return c.Pay(means=means_of(tender, subject, world), amount=amount)


def _declined(world: World, subject: Order | Token, tender: Tender) -> Any:
    """A no in the app; whom ANCV does not know has no app, and is refused by it."""
    command = _command(world, subject, tender)
    known = isinstance(command, c.Pay) and _holdings(world).wallet(command.means.number) is not None
    return replace(command, declined=True) if known else command


# -- what is in the shopper's hand -----------------------------------------------------------------------------------


def means_of(tender: Tender, order: Order, world: World) -> c.Means:
    """A tender at an order's page. What the script leaves out is the sandbox's first willing card or wallet.

    Raises ShopperRefused for a stored card that is not there.
    """
    moment = world.moment("lyra")
    match tender.kind:
        case "conecs":
            return _meal_card(tender, order, moment)
        case "cv_connect":
            return _wallet(tender, order, moment)
        case _ if tender.fields.get("stored", "").lower() in ("yes", "true"):
            alias = order.head.alias
            stored = stored_by_alias(world, alias) if alias is not None else None
            if stored is None:
                raise ShopperRefused("problem_method", "method")
            return issuers.stored_means(stored, moment.world)
        case _:
            return card_means(tender, moment.world)


def card_means(tender: Tender, holdings: Holdings) -> c.Means:
    """The card that a tender names, completed by what the world knows of its number, or by the usual test card."""
    fields = tender.fields
    number = fields.get("number", DEFAULT_CARD)
    known = holdings.cards.get(number)
    return c.Means(
        kind="card",
        number=number,
        expiry=fields.get("expiry", (known.expiry if known is not None else "") or DEFAULT_EXPIRY),
        cvv=fields.get("cvv", (known.cvv if known is not None else "") or DEFAULT_CVV),
        holder=fields.get("holder", ""),
    )


def _meal_card(tender: Tender, order: Order, moment: Moment) -> c.Means:
    holdings: Holdings = moment.world

    def means(card: MealCard | None, number: str) -> c.Means:
        return c.Means(
            kind="conecs",
            number=number,
            expiry=tender.fields.get("expiry", (card.expiry if card is not None else "") or DEFAULT_EXPIRY),
            cvv=tender.fields.get("cvv", (card.cvv if card is not None else "") or DEFAULT_CVV),
        )

    number = tender.fields.get("number", "")
    if number:
        return means(holdings.meal_cards.get(number), number)
    willing = [means(each, each.number) for each in holdings.meal_cards.values() if each.answers == "accepts"]
    return _first_able(willing, tender, order, moment) or means(None, "")


def _wallet(tender: Tender, order: Order, moment: Moment) -> c.Means:
    def means(wallet: Wallet) -> c.Means:
        return c.Means(kind="cv_connect", number=wallet.beneficiary)

    beneficiary = tender.fields.get("beneficiary", "")
    if beneficiary:
        return c.Means(kind="cv_connect", number=beneficiary)
    holdings: Holdings = moment.world
    willing = [means(each) for each in holdings.wallets.values() if each.answers == "accepts"]
    return _first_able(willing, tender, order, moment) or c.Means(kind="cv_connect")


def _first_able(willing: list[c.Means], tender: Tender, order: Order, moment: Moment) -> c.Means | None:
    """The first that can pay what is asked for, or most of it; else the first, for its issuer to refuse."""

    def pays(means: c.Means) -> int:
        minor = tender.amount.minor if tender.amount is not None else issuers.spendable(order, means, moment)
        refused = minor <= 0 or issuers.ruling(means, Money(minor, order.currency), moment).reason
        return 0 if refused else minor

    return max(willing, key=pays, default=None)


# -- what waits for a shopper ----------------------------------------------------------------------------------------


def checkouts(sandbox: Sandbox, origin: str) -> Iterator[Checkout]:
    """Payment pages and registrations that wait for a shopper, oldest first."""
    for ref in sandbox.world.waiting:
        found = checkout(sandbox, ref, origin)
        if found is not None:
            yield found


def checkout(sandbox: Sandbox, ref: str, origin: str) -> Checkout | None:
    """The payment page or registration with this reference, if it waits for a shopper."""
    world = sandbox.world
    provider, place = world.waiting.get(ref, ("", ""))
    if provider != "lyra":
        return None
    order: Order | None = world.state(ORDERS.name, ref)
    token: Token | None = world.state(TOKENS.name, ref)
    settings: LyraSettings = world.setups["lyra"].settings
    if order is not None and order.execution is not None:
        at = order.execution
        return _payment(order, place, _url(at, origin), at.expires, issuers.offered(order, settings))
    if order is not None and order.persisted is not None:
        link = order.persisted
        url = links.link_url(origin, link.code)
        return _payment(order, place, url, link.expires, issuers.offered(opened(order, settings), settings))
    return _registration(token, place, origin) if token is not None else None


def opened(order: Order, settings: LyraSettings) -> Order:
    """An order as it will be when its persistent link is opened: with the contracts that take part."""
    return replace(order, items=selected(order.items, winners(order.items, settings.tie_break)))


def _url(at: e.Executed | Opened, origin: str) -> str:
    if at.form_token:
        return links.embedded_url(origin, at.form_token)
    return links.page_url(origin, at.page, at.secret)


def _payment(order: Order, place: str, url: str, expires: datetime | None, tenders: Iterable[str]) -> Checkout:
    return Checkout(
        ref=order.ref,
        place=place,
        url=url,
        amount=order.money,
        remaining=Money(order.remaining, order.currency),
        tenders=tuple(tenders),
        expires=expires,
        reference=order.head.reference,
    )


def _registration(token: Token, place: str, origin: str) -> Checkout:
    nothing = Money(0, token.opened.register.currency or "EUR")
    return Checkout(
        ref=token.ref,
        place=place,
        url=_url(token.opened, origin),
        amount=nothing,
        remaining=nothing,
        tenders=("card",),
        expires=token.opened.expires,
    )


DRIVER = LyraShopper()
