"""The customer's side: accounts with balances, what waits for a shopper, and acting in the shopper's place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import web

from mockpsp.control.calls import Call, reply, steady
from mockpsp.control.errors import ControlError, bad, nearest, unknown
from mockpsp.domain.money import BadMoney, Money
from mockpsp.scenario.catalogue import Place
from mockpsp.scenario.model import App, Bank, ShopperScript, Tender, Trigger
from mockpsp.world.masking import mask
from mockpsp.world.plain import instant, plain

if TYPE_CHECKING:
    from mockpsp.edge.provider import Account, Checkout, Provider

# -- accounts --------------------------------------------------------------------------------------------------------


def _account(provider: str, account: Account) -> dict[str, Any]:
    return {
        "ref": account.ref,
        "provider": provider,
        "kind": account.kind,
        "title": account.title,
        "balance": str(account.balance) if account.balance is not None else None,
        "held": str(account.held) if account.held is not None else None,
    }


async def accounts(call: Call) -> web.Response:
    """Every account of every provider."""
    return reply(
        {
            "accounts": [
                _account(name, each)
                for name, provider in call.providers.items()
                for each in provider.accounts(call.world)
            ]
        }
    )


async def set_balance(call: Call) -> web.Response:
    """Make an account hold this much from now on, by a booking against the outside world."""
    world = call.world
    name, account = _find_account(call, call.path("ref"))
    balance = _money(call.body["balance"], "balance")
    if account.balance is None:
        raise ControlError(409, "conflict", f"{account.ref} pays whatever is asked; it has no balance")
    if balance.minor < 0:
        raise bad("balance: an account holds nothing at least")
    if balance.currency != account.balance.currency:
        raise bad(f"balance: {account.ref} is in {account.balance.currency}, not in {balance.currency}")
    await steady(world, lambda: world.set_balance(account.ledger, balance))
    after = next(each for each in call.providers[name].accounts(world) if each.ref == account.ref)
    return reply(_account(name, after))


def _find_account(call: Call, ref: str) -> tuple[str, Account]:
    """An account by its reference, or by ``provider/reference`` where two providers use the same."""
    rows = [(name, each) for name, provider in call.providers.items() for each in provider.accounts(call.world)]
    found = [row for row in rows if row[1].ref == ref] or [row for row in rows if f"{row[0]}/{row[1].ref}" == ref]
    if not found:
        raise unknown("unknown-account", "account", ref, (account.ref for _, account in rows))
    if len(found) > 1:
        raise ControlError(
            409, "conflict", f"{ref!r} is an account of {' and of '.join(name for name, _ in found)}",
            hint=f"write {found[0][0]}/{ref}",
        )  # fmt: skip
    return found[0]


def _money(text: str, key: str) -> Money:
    try:
        return Money.parse(text)
    except BadMoney as error:
        raise bad(f"{key}: {error}") from error


# -- checkouts -------------------------------------------------------------------------------------------------------


async def checkouts(call: Call) -> web.Response:
    """What waits for a shopper, newest last."""
    order = {ref: index for index, ref in enumerate(call.world.waiting)}
    rows = [
        (name, each)
        for name, provider in call.providers.items()
        for each in provider.checkouts(call.sandbox, call.origin)
    ]
    rows.sort(key=lambda row: order.get(row[1].ref, len(order)))
    return reply({"checkouts": [_checkout(name, each) for name, each in rows]})


def _checkout(provider: str, checkout: Checkout) -> dict[str, Any]:
    return {
        "ref": checkout.ref,
        "provider": provider,
        "place": checkout.place,
        "url": checkout.url,
        "amount": str(checkout.amount),
        "remaining": str(checkout.remaining),
        "tenders": list(checkout.tenders),
        "expires": instant(checkout.expires) if checkout.expires is not None else None,
        "reference": checkout.reference,
    }


async def act(call: Call) -> web.Response:
    """Do at a checkout what a customer would do there."""
    ref = call.path("ref")
    provider, place = _find_checkout(call, ref)
    script = _script(call.body, place, provider)
    await call.courier.shop(call.sandbox, provider.name, ref, script)
    state = provider.summary(call.world, ref)
    return reply({"ref": ref, "state": mask(plain(dict(state))) if state is not None else None})


def _find_checkout(call: Call, ref: str) -> tuple[Provider, str]:
    """The provider and the place of something that waits for a shopper. Raises ControlError 404 or 409."""
    waiting = call.world.waiting.get(ref)
    if waiting is not None:
        return call.providers[waiting[0]], waiting[1]
    known = []
    for provider in call.providers.values():
        for each in provider.checkouts(call.sandbox, call.origin):
            if each.ref == ref:
                return provider, each.place
            known.append(each.ref)
    if any(provider.summary(call.world, ref) is not None for provider in call.providers.values()):
        raise ControlError(409, "refused", f"{ref} does not wait for a shopper any more")
    raise unknown("unknown-checkout", "checkout", ref, known)


def _script(body: dict[str, Any], place: str, provider: Provider) -> ShopperScript:
    words = provider.catalogue().places.get(place.removeprefix(f"{provider.name}."))
    for act, name in _SOMETIMES.items():
        if act in body and words is not None and name not in words.acts:
            raise bad(f"{act}: a shopper cannot do that at {place}")
    refused = body.get("refuse")
    return ShopperScript(
        key="control",
        at=place,
        trigger=Trigger(),
        pays=tuple(
            _tender(each, f"pay[{index}]", place, words.tenders if words is not None else None)
            for index, each in enumerate(body.get("pay", ()))
        ),
        cancels="cancel" in body,
        abandons="abandon" in body,
        refuses="refuse" in body,
        gives_back="give_back" in body,
        bank=Bank(body["bank"]) if "bank" in body else None,
        refused=_refused(refused, place, words) if isinstance(refused, dict) else None,
    )


_SOMETIMES = {"refuse": "refuses", "give_back": "gives_back", "bank": "bank"}
"""Acts that only some places know, and what a catalogue calls them."""


def _refused(value: dict[str, Any], place: str, words: Place | None) -> Tender:
    tender = _tender(value, "refuse", place, words.refusable if words is not None else None)
    if tender.amount is not None and words is not None and "amount" not in words.refusable[tender.kind]:
        raise bad(f"refuse.amount: a shopper cannot say that at {place}")
    return tender


def _tender(value: dict[str, Any], path: str, place: str, known_here: Mapping[str, tuple[str, ...]] | None) -> Tender:
    kind = value["with"]
    fields = {name: each for name, each in value.items() if name not in ("with", "amount")}
    if known_here is not None:
        if kind not in known_here:
            raise bad(f"{path}.with: {kind[:80]!r} is not a tender of {place}", nearest(kind, known_here))
        for name in fields:
            if name not in known_here[kind]:
                known = ("amount", *known_here[kind])
                raise bad(f"{path}.{name[:80]}: {kind} has no such field", nearest(name, known))
    if fields.get("bank", Bank.PASSES) not in list(Bank):
        raise bad(f"{path}.bank: {str(fields['bank'])[:80]!r} is nothing to do there", f"one of {', '.join(Bank)}")
    if fields.get("app", App.ABANDONS) not in list(App):
        raise bad(f"{path}.app: {str(fields['app'])[:80]!r} is nothing to do there", f"one of {', '.join(App)}")
    amount = _money(value["amount"], f"{path}.amount") if value.get("amount") is not None else None
    if amount is not None and amount.minor <= 0:
        raise bad(f"{path}.amount: a shopper pays more than nothing", "leave it out to pay all that the tender can")
    return Tender(kind=kind, amount=amount, fields={name: str(each) for name, each in fields.items()})
