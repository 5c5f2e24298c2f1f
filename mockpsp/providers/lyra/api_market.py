"""The API around orders: marketplaces, sellers, webhooks, stored payment methods, cashouts, access tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from msgspec.structs import replace

from mockpsp.domain.clock import paris_day
from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.edge.keys import COURIER, SANDBOXES
from mockpsp.providers.lyra import auth, reading, wire
from mockpsp.providers.lyra.answers import JSON, answer, base, stamp
from mockpsp.providers.lyra.cashouts import PAYOUTS, Cashout, Payouts
from mockpsp.providers.lyra.errors import Invalid, InvalidPage, NotFound, TokenRefused, wrong
from mockpsp.providers.lyra.finding import (
    all_orders,
    all_transactions,
    check_marketplace_body,
    check_marketplace_path,
    own_marketplace,
    the_seller,
    transfers_of,
)
from mockpsp.providers.lyra.holdings import Seller
from mockpsp.providers.lyra.links import page_url
from mockpsp.providers.lyra.lists import listing, same
from mockpsp.providers.lyra.notices import EVENTS
from mockpsp.providers.lyra.orders import ORDERS
from mockpsp.providers.lyra.sellers import all_sellers, holdings
from mockpsp.providers.lyra.states import Order
from mockpsp.providers.lyra.stored import stored_by_alias
from mockpsp.providers.lyra.transfers import Transfer
from mockpsp.providers.lyra.vault import TOKENS, Register, Token
from mockpsp.world.records import EndpointChanged
from mockpsp.world.world import Outcome, World

PROBE_SECONDS = 10.0
_SELLER_KEYS: Mapping[str, Callable[[Seller], Any]] = {
    "created_at": lambda each: each.created,
    "updated_at": lambda each: each.updated,
    "reference": lambda each: each.reference,
    "external_ref": lambda each: each.external_ref or "",
    "description": lambda each: each.description,
    "status": lambda each: each.status,
    "uuid": lambda each: each.uuid,
}


# -- marketplaces ----------------------------------------------------------------------------------------------------


def _marketplace(x: Exchange) -> Mapping[str, Any]:
    state = holdings(x.world).marketplace
    return wire.marketplace(state, own_marketplace(x), stamp(state.since), base(x))


async def list_marketplaces(x: Exchange) -> Answer:
    """GET /marketplaces: the one that the caller may see."""
    return listing(x, [_marketplace(x)], lambda each: each)


async def get_marketplace(x: Exchange) -> Answer:
    """GET /marketplaces/{marketplace}."""
    check_marketplace_path(x)
    return answer(200, _marketplace(x))


async def list_marketplace_transactions(x: Exchange) -> Answer:
    """GET /marketplaces/{marketplace}/transactions."""
    check_marketplace_path(x)
    start = base(x)
    return listing(x, list(all_transactions(x.world)), lambda each: wire.transaction(each[1], each[0], start))


# -- sellers ---------------------------------------------------------------------------------------------------------


async def list_sellers(x: Exchange) -> Answer:
    """GET /sellers: registered ones, the newest first, then those of the scenario."""
    query, start, own = x.query, base(x), own_marketplace(x)
    wanted = [
        each
        for each in all_sellers(x.world)
        if same(query.get("uuid"), each.uuid) and same(query.get("status"), each.status)
    ]
    return listing(x, wanted, lambda each: wire.seller(each, own, start), sort_keys=_SELLER_KEYS)


async def list_marketplace_sellers(x: Exchange) -> Answer:
    """GET /marketplaces/{marketplace}/sellers."""
    check_marketplace_path(x)
    return await list_sellers(x)


async def get_seller(x: Exchange) -> Answer:
    """GET /sellers/{seller}."""
    return answer(200, wire.seller(the_seller(x.world, x.path["seller"]), own_marketplace(x), base(x)))


# -- webhooks --------------------------------------------------------------------------------------------------------


def _target(world: World, event: str) -> str | None:
    """Where webhooks of an event go: its own target, else the sandbox's endpoint for all of them."""
    urls = world.endpoints.get(f"lyra.{event}", world.endpoints.get("lyra", ()))
    return urls[0] if urls else None


async def list_webhooks(x: Exchange) -> Answer:
    """GET webhooks: a bare array with every event, unset ones too."""
    check_marketplace_path(x)
    return answer(200, [{"event_type": each, "target": _target(x.world, each)} for each in EVENTS])


async def create_webhook(x: Exchange) -> Answer:
    """POST webhooks: 200, not 201."""
    return await _set_webhook(x)


async def update_webhook(x: Exchange) -> Answer:
    """PUT webhooks."""
    return await _set_webhook(x)


async def _set_webhook(x: Exchange) -> Answer:
    check_marketplace_path(x)
    event, target = x.json["event_type"], x.json.get("target")
    if target is not None:
        await _probe(x, target)
    urls = (target,) if target is not None else ()
    await x.world.book(lambda: [EndpointChanged("lyra", urls, event)], x.entry.number)
    return answer(200, {"event_type": event, "target": target})


async def _probe(x: Exchange, target: str) -> None:
    """Ask a target with an empty request. Raises Invalid unless it answers 200."""
    try:
        parts = urlsplit(target)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        valid = False
    if not valid:
        raise Invalid({"target": ["Enter a valid URL."]})
    if not x.settings.webhook_probe:
        x.note("the target was not asked (setting webhook_probe)")
        return
    probed = await x.request.app[COURIER].probe(x.world, "lyra", target, PROBE_SECONDS, cause=x.entry.number)
    x.note(f"the target was asked with an empty request: {probed.status if probed.error is None else probed.error}")
    if probed.error is not None:
        raise wrong("error", f"Url {target} could not be reached: {probed.error}")
    if probed.status != 200:
        raise wrong("error", f"Url {target} returned a status {probed.status} instead of 200")


async def delete_webhook(x: Exchange) -> Answer:
    """DELETE webhooks/{event}."""
    check_marketplace_path(x)
    event = x.path["event"]
    if event not in EVENTS:
        raise NotFound("no such event")
    await x.world.book(lambda: [EndpointChanged("lyra", (), event)], x.entry.number)
    return Answer(204)


# -- stored payment methods ------------------------------------------------------------------------------------------


async def get_alias(x: Exchange) -> Answer:
    """GET /marketplaces/{marketplace}/alias/{alias}."""
    check_marketplace_path(x)
    stored = stored_by_alias(x.world, x.path["alias"])
    if stored is None:
        raise NotFound("nothing is registered under this alias")
    return answer(200, wire.alias(stored))


def _register(x: Exchange, *, embedded: bool) -> Register:
    body = x.json
    marketplace = check_marketplace_body(x)
    buyer = body["buyer"]
    currency = body.get("currency")
    if currency is not None and holdings(x.world).marketplace.currency(currency) is None:
        raise wrong("currency", f"The marketplace does not support {currency}.")
    update = body.get("alias_to_update")
    if update is not None and stored_by_alias(x.world, update) is None:
        raise wrong("alias_to_update", "No payment method is registered under this alias.")
    return Register(
        marketplace=marketplace,
        buyer=reading.read_buyer(buyer),
        names=(buyer.get("email") or "", buyer.get("first_name") or "", buyer.get("last_name") or ""),
        language=body.get("language"),
        url_return=body.get("url_return"),
        currency=currency,
        alias_to_update=update,
        embedded=embedded,
        key=x.sandbox.key,
    )


async def create_token(x: Exchange) -> Answer:
    """POST /tokens: where the buyer enters a payment method."""

    def render(outcome: Outcome) -> Answer:
        opened = outcome.state.opened
        return answer(201, {"token": opened.ref, "payment_url": page_url(x.origin, opened.page, opened.secret)})

    return await x.run(TOKENS, None, _register(x, embedded=False), render)


async def create_embedded_token(x: Exchange) -> Answer:
    """POST /tokens/embedded: the same for the form inside the shop's own page."""

    def render(outcome: Outcome) -> Answer:
        opened = outcome.state.opened
        return answer(201, {"token": opened.ref, "form_token": opened.form_token})

    return await x.run(TOKENS, None, _register(x, embedded=True), render)


def _tokens(x: Exchange) -> Iterator[Mapping[str, Any]]:
    """Registrations of their own; those that belong to an order's payment are not listed."""
    tokens: Iterator[Token] = reversed(x.world.objects[TOKENS.name].values())
    return (wire.token(each, x.origin) for each in tokens)


async def list_tokens(x: Exchange) -> Answer:
    """GET /tokens."""
    return listing(x, _tokens(x), lambda each: each, count=len(x.world.objects[TOKENS.name]))


async def get_token(x: Exchange) -> Answer:
    """GET /tokens/{token}: by its own uuid, or by that of the order whose payment registers it."""
    ref = x.path["token"].lower()
    token: Token | None = x.world.state(TOKENS.name, ref)
    if token is not None:
        return answer(200, wire.token(token, x.origin))
    order: Order | None = x.world.state(ORDERS.name, ref)
    if order is not None and order.execution is not None and order.execution.registers:
        return answer(200, wire.token_of_order(order, x.origin))
    raise NotFound("no token has this uuid")


# -- cashouts --------------------------------------------------------------------------------------------------------


def _all_cashouts(world: World) -> list[Cashout]:
    payouts: Mapping[str, Payouts] = world.objects[PAYOUTS]
    found = [each for every in payouts.values() for each in every.cashouts]
    return sorted(found, key=lambda each: (each.opened.day, each.opened.number), reverse=True)


def _day(x: Exchange, name: str, otherwise: date) -> date:
    text = str(x.query.get(name) or "")
    if not text:
        return otherwise
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid({name: ["Enter a valid date."]}) from None


def _cashout_listing(x: Exchange, cashouts: list[Cashout]) -> Answer:
    begin, end = _day(x, "capture_start_date", date.min), _day(x, "capture_end_date", date.max)
    size = str(x.query.get("page_size") or x.settings.cashout_page_size)
    if not (size.isascii() and size.isdigit() and 0 < int(size[:6]) <= 1000):
        raise InvalidPage(f"page_size {size[:20]!r}")
    wanted = [
        each
        for each in cashouts
        if begin <= date.fromisoformat(each.opened.day) <= end and same(x.query.get("seller"), each.seller)
    ]
    keys: Mapping[str, Callable[[Cashout], Any]] = {
        "captured_at": lambda each: each.opened.day,
        "amount": lambda each: each.amount,
        "status": lambda each: each.status.value,
    }
    return listing(x, wanted, wire.cashout, size=int(size), sort_keys=keys)


async def list_cashouts(x: Exchange) -> Answer:
    """GET /cashouts: the latest day first."""
    return _cashout_listing(x, _all_cashouts(x.world))


async def list_seller_cashouts(x: Exchange) -> Answer:
    """GET /sellers/{seller}/cashouts."""
    uuid = the_seller(x.world, x.path["seller"]).uuid
    return _cashout_listing(x, [each for each in _all_cashouts(x.world) if each.seller == uuid])


async def get_cashout(x: Exchange) -> Answer:
    """GET /cashouts/{cashout}, with its transfers and refunds."""
    ref = x.path["cashout"].lower()
    owner = x.world.owner(PAYOUTS, ref)
    payouts: Payouts | None = x.world.state(PAYOUTS, owner) if owner is not None else None
    found = payouts.cashout(ref) if payouts is not None else None
    if found is None:
        raise NotFound("no cashout has this uuid")
    refunded = (x.world.state(ORDERS.name, each.order) for each in found.charges)
    return answer(200, wire.cashout_details(found, list(_transfers_in(x.world, found)), list(refunded)))


def _transfers_in(world: World, cashout: Cashout) -> Iterator[tuple[Order, Transfer]]:
    """The transfers that a cashout pays: what its seller earned on its day, less Lyra's fees of the operator."""
    for order in all_orders(world):
        if order.currency != cashout.opened.currency or not order.captures:
            continue
        fees = {each.trans_uuid: each.fee for each in order.captures if each.operator == cashout.seller}
        for each in transfers_of(world, order):
            if each.seller != cashout.seller or str(_earned_on(order, each)) != cashout.opened.day:
                continue
            fee = min(fees.get(each.transaction.trans_uuid, 0), each.amount)
            if fee:
                fees[each.transaction.trans_uuid] -= fee
            yield order, replace(each, amount=each.amount - fee)


def _earned_on(order: Order, found: Transfer) -> date | None:
    """The day on which a transfer became the seller's: its capture, or the later release of its item."""
    captured = order.captured(found.transaction.trans_uuid)
    share = next((each for each in captured.shares if each.transfer == found.uuid), None) if captured else None
    if captured is None or share is None:
        return None
    if not share.retained:
        return paris_day(captured.at)
    return None if found.item.hold_payment else paris_day(max(captured.at, found.item.updated))


# -- access tokens ---------------------------------------------------------------------------------------------------


async def get_access_token(x: Exchange) -> Answer:
    """POST of the token endpoint: client credentials for an access token of five minutes; there is no refresh token."""
    client = auth.client_of(x)
    sandbox = x.request.app[SANDBOXES].identified("lyra", client[0])
    if sandbox is None:
        raise TokenRefused(401, "invalid_client", "Invalid client or Invalid client credentials")
    auth.check_client(sandbox.credentials["lyra"], client)
    settings = sandbox.world.setups["lyra"].settings
    life = wire.seconds(settings.token_life)
    body = {
        "access_token": auth.issue(sandbox, sandbox.world.clock.now(), life),
        "expires_in": life,
        "refresh_expires_in": 0,
        "token_type": "Bearer",
        "not-before-policy": 0,
        "scope": "profile email",
    }
    told = answer(200, body)
    return Answer(200, told.body, JSON, {"Cache-Control": "no-store", "Pragma": "no-cache"})
