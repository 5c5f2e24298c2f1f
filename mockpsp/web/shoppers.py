"""What waits for a shopper, and forms that act in the shopper's place with test data that works there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from aiohttp import web

from mockpsp.domain.errors import Refusal
from mockpsp.domain.money import Money, decimals
from mockpsp.domain.value import Value
from mockpsp.edge.keys import COURIER, PROVIDERS
from mockpsp.edge.pages import page_headers
from mockpsp.edge.provider import Checkout, Hand
from mockpsp.scenario.catalogue import Place
from mockpsp.scenario.model import ShopperScript, Tender, Trigger
from mockpsp.web.due import object_page, shopper_act
from mockpsp.web.frame import Problem, form_of, home, html, sandbox_of, see_other
from mockpsp.web.refusals import Told, told
from mockpsp.web.words import span, spoken
from mockpsp.world.journal import Reasoning

if TYPE_CHECKING:
    from mockpsp.edge.provider import Provider
    from mockpsp.world.sandboxes import Sandbox

SHOWN = 10
ROWS = 4
"""So many tenders can pay together in the form."""

_LOOKED_AT = 500
_DIGITS = 18
_NUMBER = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,6})?", re.ASCII)
_TENDERS = {
    "cv_connect": "CV Connect",
    "conecs": "CONECS meal card",
    "meal_voucher": "Meal voucher",
    "gift_card": "Gift card",
    "card": "Card",
}
_OWN_FIELDS = {
    "cvv": "security code",
    "cvc": "security code",
    "password": "password at the bank",
    "code": "bank's code",
    "stored": "stored card (yes, or its token)",
    "keep": "store the card (yes)",
}


class Choice(Value, frozen=True, kw_only=True):
    """A hand as an option of a form: ``value`` leads back to it."""

    value: str
    label: str
    hand: Hand


class Row(Value, frozen=True):
    """One tender of several: the choice that is suggested or was made, and the amount as it is typed."""

    value: str = ""
    amount: str = ""


class Own(Value, frozen=True):
    """A tender with data that somebody types: its fields by name, with what each is called."""

    tender: str
    title: str
    fields: Mapping[str, str]


class App(Value, frozen=True, kw_only=True):
    """An app in which the shopper can refuse: whose it may be, and whether it asks for an amount that can be said."""

    tender: str
    title: str
    choices: Sequence[Choice]
    amount: bool


class Card(Value, frozen=True, kw_only=True):
    """One checkout with what can be done at it."""

    checkout: Checkout
    provider: str
    place: str
    link: str
    since: datetime | None
    age: str
    expires_in: str
    groups: Sequence[tuple[str, Sequence[Choice]]]
    later: Sequence[tuple[str, Sequence[Choice]]]
    refusing: Sequence[tuple[str, Sequence[Choice]]]
    rows: Sequence[Row]
    own: Sequence[Own]
    apps: Sequence[App]

    @property
    def ref(self) -> str:
        """The provider's own id."""
        return self.checkout.ref


class Acted(Value, frozen=True, kw_only=True):
    """What somebody did in the shopper's place, and what came of it: a line for each decision."""

    what: str
    ref: str
    link: str
    waits: bool
    lines: Sequence[tuple[str, str]]


# -- looking -----------------------------------------------------------------------------------------------------------


async def show(request: web.Request) -> web.Response:
    """GET …/checkouts: what waits for a shopper, newest first; after an act, what came of it."""
    sandbox = sandbox_of(request)
    return _page(request, sandbox, acted=_acted(sandbox, _number(request.query.get("act", ""))))


def _page(
    request: web.Request, sandbox: Sandbox, status: int = 200, *, acted: Acted | None = None, again: Again | None = None
) -> web.Response:
    references = list(reversed(sandbox.world.waiting))
    last = max(0, (len(references) - 1) // SHOWN)
    page = min(_number(request.query.get("page", "")), last)
    shown = references[page * SHOWN : (page + 1) * SHOWN]
    cards = [card for ref in shown if (card := _card(request, sandbox, ref)) is not None]
    return html(
        "shoppers.html",
        status,
        here=sandbox,
        tab="shoppers",
        cards=cards,
        count=len(references),
        page=page,
        last=last,
        acted=acted,
        again=again,
        tenders=_TENDERS,
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else 0


def _waiting(request: web.Request, sandbox: Sandbox, ref: str) -> tuple[Provider, Checkout] | None:
    known = sandbox.world.waiting.get(ref)
    if known is None:
        return None
    provider = request.app[PROVIDERS][known[0]]
    checkout = provider.checkout(sandbox, ref, f"{request.scheme}://{request.host}")
    return (provider, checkout) if checkout is not None else None


def _card(request: web.Request, sandbox: Sandbox, ref: str) -> Card | None:
    found = _waiting(request, sandbox, ref)
    if found is None:
        return None
    provider, checkout = found
    world, now = sandbox.world, sandbox.world.clock.now()
    since = world.waiting_since.get(ref)
    choices = [_choice(each) for each in provider.hands(sandbox, ref)]
    place = provider.catalogue().places.get(checkout.place.removeprefix(f"{provider.name}."))
    willing = [each for each in choices if not each.hand.refused]
    return Card(
        checkout=checkout,
        provider=provider.title,
        place=place.title if place is not None else checkout.place,
        link=object_page(sandbox, provider.name, ref),
        since=since,
        age=span(now - since) if since is not None and now > since else "",
        expires_in=span(checkout.expires - now) if checkout.expires is not None and checkout.expires > now else "",
        groups=_grouped(each for each in willing if not each.hand.after),
        later=_grouped(each for each in willing if each.hand.after),
        refusing=_grouped(each for each in choices if each.hand.refused and not each.hand.after),
        rows=[*split(choices, checkout.remaining)],
        own=[
            Own(kind, _title(kind), {name: _OWN_FIELDS.get(name, name) for name in place.tenders[kind]})
            for kind in checkout.tenders
            if place is not None and kind in place.tenders
        ],
        apps=[*_apps(checkout, place, choices)],
    )


def _apps(checkout: Checkout, place: Place | None, choices: Sequence[Choice]) -> Iterator[App]:
    """The apps in which the shopper can refuse now."""
    for kind, said in place.refusable.items() if place is not None else ():
        if kind in checkout.tenders:
            theirs = [each for each in choices if each.hand.tender == kind and set(each.hand.fields) & set(said)]
            yield App(tender=kind, title=_title(kind), choices=theirs, amount="amount" in said)


def _title(tender: str) -> str:
    return _TENDERS.get(tender, tender.replace("_", " "))


def _choice(hand: Hand) -> Choice:
    fields = " ".join(value for name, value in hand.fields.items() if name not in ("password", "code", "holder"))
    about = hand.refused or (f"pays {hand.pays}" if hand.pays else "")
    parts = [hand.title, fields, ", ".join(each for each in (about, hand.told) if each)]
    return Choice(value=_value(hand.tender, hand.fields), label=" · ".join(each for each in parts if each), hand=hand)


def _value(tender: str, fields: Mapping[str, str]) -> str:
    return f"{tender}?{urlencode(sorted(fields.items()))}"


def _grouped(choices: Iterable[Choice]) -> list[tuple[str, list[Choice]]]:
    groups: dict[str, list[Choice]] = {}
    for each in choices:
        groups.setdefault(_title(each.hand.tender), []).append(each)
    return list(groups.items())


def split(choices: Sequence[Choice], left: Money) -> Iterator[Row]:
    """A way to pay with several tenders that works: of each kind of voucher the one that pays most of its part."""
    rows: list[Row] = []
    willing = [each for each in choices if each.hand.pays]
    for kind in dict.fromkeys(each.hand.tender for each in willing if each.hand.tender != "card"):
        part = _part([each for each in willing if each.hand.tender == kind], left)
        if part is not None:
            chosen, amount = part
            rows.append(
                Row(chosen.value, "" if chosen.hand.fixed else str(amount).removesuffix(amount.currency).strip())
            )
            left -= amount
    rest = next((each for each in willing if each.hand.tender == "card" and not each.hand.told), None)
    if rest is not None:
        rows.append(Row(rest.value))
    return iter(rows if len(rows) > 1 else [])


def _part(choices: Sequence[Choice], left: Money) -> tuple[Choice, Money] | None:
    """One that cannot pay all, with all that it can; else one that pays half."""
    partly = [each for each in choices if each.hand.pays < left]
    if partly:
        chosen = max(partly, key=lambda each: each.hand.pays.minor)
        return chosen, chosen.hand.pays
    free = next((each for each in choices if not each.hand.fixed), None)
    half = Money(left.minor // 2, left.currency)
    return (free, half) if free is not None and half else None


def _acted(sandbox: Sandbox, number: int) -> Acted | None:
    """What the journal tells of an act: what was done, and the decisions that it led to."""
    journal = sandbox.world.journal
    entry = journal.get(number)
    if entry is None or not isinstance(entry.data, ShopperScript):
        return None
    followed = (each for each in islice(journal.since(number), _LOOKED_AT) if each.cause == number)
    lines = [
        (spoken(each.operation.partition(".")[2]).replace("_", " "), each.data.law)
        for each in followed
        if isinstance(each.data, Reasoning)
    ]
    return Acted(
        what=shopper_act(entry.data),
        ref=entry.reference,
        link=object_page(sandbox, entry.provider, entry.reference),
        waits=entry.reference in sandbox.world.waiting,
        lines=lines,
    )


async def picture(request: web.Request) -> web.Response:
    """GET …/checkouts/qr?ref=: the address of a hosted page for a phone."""
    import segno  # late: most never look

    found = _waiting(request, sandbox_of(request), request.query.get("ref", ""))
    if found is None:
        raise Problem(404, "Nothing waits there", "This checkout does not wait for a shopper any more.")
    drawn = BytesIO()
    segno.make(found[1].url, error="m", micro=False).save(drawn, kind="svg", scale=5, border=3, light="#fff")
    return web.Response(body=drawn.getvalue(), content_type="image/svg+xml", headers=dict(page_headers()))


# -- acting ------------------------------------------------------------------------------------------------------------


class Again(Value, frozen=True, kw_only=True):
    """A form that was refused: at which checkout, why, and what was typed, so that it can be put right."""

    card: Card | None
    what: str
    problem: Told
    typed: Mapping[str, str]
    rows: Sequence[Row]
    acted: Acted | None


class BadForm(Exception):
    """What somebody typed is no tender: the field and why."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.told = Told(field, sentence)


async def act(request: web.Request) -> web.Response:
    """POST …/checkouts: do at a checkout what a customer would do there."""
    sandbox, form = sandbox_of(request), await form_of(request)
    ref = form.get("ref", "")
    found = _waiting(request, sandbox, ref)
    if found is None:
        gone = Told("", "It does not wait for a shopper any more.")
        return _page(request, sandbox, 409, again=_again(request, sandbox, form, gone, 0))
    provider, checkout = found
    journal = sandbox.world.journal
    before = journal.count
    try:
        script = _script(form, checkout, list(provider.hands(sandbox, ref)))
        await request.app[COURIER].shop(sandbox, provider.name, ref, script)
    except BadForm as bad:
        return _page(request, sandbox, 422, again=_again(request, sandbox, form, bad.told, 0))
    except Refusal as refusal:
        number = _act_since(sandbox, before, ref)
        return _page(request, sandbox, 422, again=_again(request, sandbox, form, told(refusal), number))
    return see_other(home(sandbox, f"/checkouts?act={_act_since(sandbox, before, ref)}"))


def _act_since(sandbox: Sandbox, before: int, ref: str) -> int:
    """The number of the journal's entry for the act that was made just now."""
    entries = islice(sandbox.world.journal.since(before), _LOOKED_AT)
    return next((each.number for each in entries if each.kind == "shopper" and each.reference == ref), 0)


def _again(request: web.Request, sandbox: Sandbox, form: Mapping[str, str], problem: Told, number: int) -> Again:
    rows = [Row(form.get(f"with{each}", ""), form.get(f"amount{each}", "")) for each in range(1, ROWS + 1)]
    return Again(
        card=_card(request, sandbox, form.get("ref", "")),
        what=form.get("do", ""),
        problem=problem,
        typed=form,
        rows=rows,
        acted=_acted(sandbox, number),
    )


def _script(form: Mapping[str, str], checkout: Checkout, hands: Sequence[Hand]) -> ShopperScript:
    """What the form says, as a shopper of a scenario would do it. Raises BadForm."""
    pays: tuple[Tender, ...] = ()
    refused: Tender | None = None
    wanted = form.get("do", "")
    match wanted:
        case "pay" | "refuse":
            pays = (_tender(form.get("with", ""), "", hands, checkout),)
        case "split":
            filled = [each for each in range(1, ROWS + 1) if form.get(f"with{each}")]
            pays = tuple(
                _tender(form[f"with{each}"], form.get(f"amount{each}", ""), hands, checkout) for each in filled
            )
            if not pays:
                raise BadForm("tender", "Choose at least one tender.")
        case "own":
            pays = (_own(form, checkout),)
        case "decline":
            refused = _refused(form, checkout, hands)
        case "cancel" | "abandon":
            pass
        case _:
            raise BadForm("", "The form does not say what the shopper does.")
    return ShopperScript(
        key="control",
        at=checkout.place,
        trigger=Trigger(),
        pays=pays,
        cancels=wanted == "cancel",
        abandons=wanted == "abandon",
        refuses=wanted == "decline",
        refused=refused,
    )


def _refused(form: Mapping[str, str], checkout: Checkout, hands: Sequence[Hand]) -> Tender | None:
    """What the app asked for, as far as the form says it. Raises BadForm."""
    kind, whose, amount = form.get("tender", ""), form.get("with", ""), form.get("amount", "")
    if kind not in checkout.tenders:
        raise BadForm("tender", "There is no app to refuse in here now.")
    if whose:
        return _tender(whose, amount, hands, checkout)
    typed = _amount(amount, checkout)
    return Tender(kind=kind, amount=typed) if typed is not None else None


def _tender(value: str, amount: str, hands: Sequence[Hand], checkout: Checkout) -> Tender:
    hand = next((each for each in hands if _value(each.tender, each.fields) == value), None)
    if hand is None:
        raise BadForm("tender", "This is not among the test data here any more; choose again.")
    return Tender(kind=hand.tender, amount=_amount(amount, checkout), fields=dict(hand.fields))


def _own(form: Mapping[str, str], checkout: Checkout) -> Tender:
    kind = form.get("tender", "")
    if kind not in checkout.tenders:
        raise BadForm("tender", "This tender is not on offer here now.")
    fields = {name.removeprefix("own-"): text.strip() for name, text in form.items() if name.startswith("own-")}
    given = {name: text for name, text in fields.items() if text}
    return Tender(kind=kind, amount=_amount(form.get("amount", ""), checkout), fields=given)


def _amount(text: str, checkout: Checkout) -> Money | None:
    """An amount as it is typed, with a point or a comma, with or without its currency; None for all that it can pay."""
    currency = checkout.remaining.currency
    text = text.strip()
    if not text:
        return None
    number = text.removesuffix(currency).strip().replace(",", ".")
    minor = Decimal(number).scaleb(decimals(currency)) if _NUMBER.fullmatch(number) else None
    if minor is None or minor != int(minor):
        raise BadForm("amount", f"“{text[:40]}” is not an amount; write it like 12.50, or leave it empty.")
    amount = Money(int(minor), currency)
    if amount.minor <= 0:
        raise BadForm("amount", "A shopper pays more than nothing; leave it empty to pay all that the tender can.")
    return amount
