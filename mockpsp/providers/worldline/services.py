"""Everything beside payments: products, sessions, tokens, card look-ups, webhook trials, and the browser's client API.

Source: ``onlinepayments.sdk.merchant`` of the Python SDK 10.3.0 for the server's calls, ``C2SCommunicator`` of
onlinepayments-sdk-client-js 3.6.2 for the browser's.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import timedelta
from hmac import compare_digest
from typing import Any

from mockpsp.domain.lifecycle import Body
from mockpsp.edge.errors import UnknownPath
from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.edge.keys import COURIER
from mockpsp.edge.provider import Handler
from mockpsp.edge.respond import to_bytes
from mockpsp.providers.worldline import commands as c
from mockpsp.providers.worldline import encryption, iin, pictures, privacy, products, reading, webhooks
from mockpsp.providers.worldline.auth import CLIENT_SCHEME
from mockpsp.providers.worldline.encryption import open_encrypted
from mockpsp.providers.worldline.errors import InvalidValue, UnknownProduct
from mockpsp.providers.worldline.holdings import CV_CONNECT
from mockpsp.providers.worldline.routes import CORS
from mockpsp.providers.worldline.vault import (
    SEALED,
    SESSIONS,
    TOKENS,
    ForgetCard,
    OpenSession,
    StoreCard,
    Token,
    card_of_token,
    find_session,
    find_token,
    token_of_card,
    usable,
)
from mockpsp.world import records
from mockpsp.world.world import Outcome, World

_PREFLIGHT: Mapping[str, str] = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Accept, Authorization, Content-Type, X-GCS-ClientMetaInfo",
    "Access-Control-Max-Age": "86400",
}
_TEST_ID = "9999_9"


def _json(status: int, body: Any) -> Answer:
    return Answer(status, to_bytes(body))


def _merchant(x: Exchange) -> str:
    merchant: str = x.sandbox.credentials["worldline"]["merchant_id"]
    return merchant


def _readable(handler: Handler) -> Handler:
    """The same handler, its answer readable for a page of any origin."""

    async def readable(x: Exchange) -> Answer:
        answer = await handler(x)
        return Answer(answer.status, answer.body, answer.content_type, {**answer.headers, **CORS})

    return readable


# -- products --------------------------------------------------------------------------------------------------------


async def get_products(x: Exchange) -> Answer:
    """GET /products."""
    context = products.read_context(x.query)
    tokens = _session_tokens(x)
    shown = products.on_offer(context, x.settings)
    told = [products.told(each, context, x.settings, x.origin, tokens) for each in shown]
    return _json(200, {"paymentProducts": told})


async def get_product(x: Exchange) -> Answer:
    """GET /products/{paymentProductId}."""
    context = products.read_context(x.query)
    product = products.find(x.path["paymentProductId"], context, x.settings)
    return _json(200, products.told(product, context, x.settings, x.origin, _session_tokens(x)))


async def get_product_networks(x: Exchange) -> Answer:
    """GET /products/{paymentProductId}/networks."""
    return _json(200, products.networks(x.path["paymentProductId"]))


async def get_product_directory(x: Exchange) -> Answer:
    """GET /products/{paymentProductId}/directory."""
    return _json(200, products.directory(x.path["paymentProductId"]))


async def create_product_session(x: Exchange) -> Answer:
    """POST /products/{paymentProductId}/sessions: an Apple Pay merchant session that no device will accept."""
    if x.path["paymentProductId"] != str(products.APPLE_PAY):
        raise InvalidValue("paymentProductId", "only product 302 has a session")
    given = x.json.get("paymentProductSession302SpecificInput", {})
    now = x.world.clock.now()
    session = {
        "displayName": given.get("displayName", ""),
        "domainName": given.get("domainName", ""),
        "epochTimestamp": int(now.timestamp() * 1000),
        "expiresAt": int((now + timedelta(hours=1)).timestamp() * 1000),
        "merchantSessionIdentifier": x.world.ids.fixed("wallet session", x.entry.number),
    }
    body = b64encode(to_bytes(session)).decode()
    return _json(200, {"paymentProductSession302SpecificOutput": {"session": body}})


async def get_product_groups(x: Exchange) -> Answer:
    """GET /productgroups."""
    return _json(200, products.groups(products.read_context(x.query), x.origin))


async def get_product_group(x: Exchange) -> Answer:
    """GET /productgroups/{paymentProductGroupId}."""
    return _json(200, products.group(x.path["paymentProductGroupId"], products.read_context(x.query), x.origin))


async def get_privacy_policy(x: Exchange) -> Answer:
    """GET /services/privacypolicy."""
    locale = x.query.get("locale", "")
    names = {id: products.product_name(id, locale) for id in products.PRODUCTS}
    names[CV_CONNECT] = x.settings.product_label
    chosen = x.query.get("paymentProductId")
    if chosen is not None and chosen not in names:
        raise UnknownProduct("product", "paymentProductId")
    if chosen is not None:
        names = {chosen: names[chosen]}
    return _json(200, {"htmlContent": privacy.policy(names, locale)})


async def picture(x: Exchange) -> Answer:
    """GET /assets/worldline/pm/{name}.svg."""
    drawn = pictures.drawing(x.path["name"])
    if drawn is None:
        raise UnknownPath("no picture is called that")
    headers = {"Cache-Control": "public, max-age=86400", "X-Content-Type-Options": "nosniff", **CORS}
    return Answer(200, drawn, "image/svg+xml", headers)


# -- cards -----------------------------------------------------------------------------------------------------------


async def get_iin_details(x: Exchange) -> Answer:
    """POST /services/getIINdetails."""
    context = products.read_payment_context(x.json.get("paymentContext"))
    return _json(200, iin.details(x.json["bin"], context, x.world.setups["worldline"].world, x.settings))


@_readable
async def get_dcc_rate(x: Exchange) -> Answer:
    """POST /services/dccrate, by the merchant's server, or by a browser at the path without ``/client``."""
    amount = x.json["transaction"]["amount"]
    if amount["amount"] <= 0:
        raise InvalidValue("transaction.amount.amount", "must be positive")
    x.note(iin.NO_CONVERSION)
    return _json(200, iin.conversion(_card_products(x)))


async def calculate_surcharge(x: Exchange) -> Answer:
    """POST /services/surchargecalculation."""
    amount = reading.read_amount(x.json["amountOfMoney"])
    if amount.minor <= 0:
        raise InvalidValue("amountOfMoney.amount", "must be positive")
    found = _card_products(x)
    if not found:
        raise InvalidValue("cardSource.card.cardNumber", "no product takes this card")
    x.note("no surcharge is configured for this merchant")
    return _json(200, iin.surcharges(found, amount))


def _card_products(x: Exchange) -> tuple[int, ...]:
    """The products that a cardSource can be paid as. Raises InvalidValue."""
    source = x.json["cardSource"]
    if "token" in source:
        known = usable(x.world, [source["token"]])
        if not known:
            raise InvalidValue("cardSource.token", "no token is called that")
        return (known[0].card.product,)
    if SEALED in source:
        card = read_encrypted_card(source[SEALED], x.world)
        if card.kept is not None:
            return (card.kept.product,)
        digits, chosen, at = card.number, card.product, f"cardSource.{SEALED}"
    elif "card" in source:
        digits, chosen = source["card"]["cardNumber"], source["card"].get("paymentProductId")
        at = "cardSource.card.paymentProductId"
    else:
        raise InvalidValue("cardSource.hostedTokenizationId", "hosted tokenization is not emulated")
    possible = iin.possible_products(digits, x.world.setups["worldline"].world) if digits else ()
    if chosen is None or not possible:
        return possible
    if chosen not in possible:
        raise InvalidValue(at, f"the card is not of product {chosen}")
    return (chosen,)


def read_encrypted_card(text: str, world: World | None = None) -> c.CardData:
    """The card in ``encryptedCustomerInput``. Raises InvalidValue, UnknownToken, NotSupported.

    With ``world`` the client session must still be open, and a card on file (a token) is found.
    """
    opened = open_encrypted(text)
    if world is not None:
        session = find_session(world, str(opened.get("clientSessionId", "")))
        if session is None or world.clock.now() > session.expires:
            raise InvalidValue(SEALED, "its client session does not exist, or has expired")
        if opened.get("accountOnFileId"):
            return card_of_token(world, str(opened["accountOnFileId"]))
    return encryption.read_card(opened)


# -- tokens ----------------------------------------------------------------------------------------------------------


async def create_token(x: Exchange) -> Answer:
    """POST /tokens. A number that has a token already gets that one, unchanged."""
    command = _read_store_card(x)

    def render(outcome: Outcome) -> Answer:
        token: Token = outcome.state
        fresh = bool(outcome.events)
        body = {
            "token": token.ref,
            "isNewToken": fresh,
            "tokenStatus": "CREATED" if fresh else "UNCHANGED",
            "card": _card_without_cvv(token),
        }
        return _json(201, body)

    return await x.run(TOKENS, token_of_card(x.world, command.card.number), command, render)


def _read_store_card(x: Exchange) -> StoreCard:
    product = x.json["paymentProductId"]
    if SEALED in x.json:
        card = read_encrypted_card(x.json[SEALED], x.world)
        if card.product not in (None, product):
            raise InvalidValue("paymentProductId", f"the browser encrypted it for product {card.product}")
        sealed = c.CardData(number=card.number, expiry=card.expiry, holder=card.holder, cvv=card.cvv, product=product)
        return StoreCard(card=sealed, sealed=True)
    data = x.json["card"]["data"]
    return StoreCard(card=reading.read_card(data["card"], product), cobrand=data.get("cobrandSelectionIndicator", ""))


def _card_without_cvv(token: Token) -> dict[str, str]:
    card = token.card
    holder = {"cardholderName": card.holder} if card.holder else {}
    return {"cardNumber": card.masked, **holder, "expiryDate": card.expiry}


async def get_token(x: Exchange) -> Answer:
    """GET /tokens/{tokenId}."""
    token = find_token(x.world, x.path["tokenId"])
    cobrand = {"cobrandSelectionIndicator": token.cobrand} if token.cobrand else {}
    body = {
        "card": {"alias": token.card.masked, "data": {"cardWithoutCvv": _card_without_cvv(token), **cobrand}},
        "isTemporary": False,
        "paymentProductId": token.card.product,
        "id": token.ref,
    }
    return _json(200, body)


async def delete_token(x: Exchange) -> Answer:
    """DELETE /tokens/{tokenId}."""
    return await x.run(TOKENS, x.path["tokenId"], ForgetCard(), lambda _: Answer(204))


# -- sessions --------------------------------------------------------------------------------------------------------


async def create_session(x: Exchange) -> Answer:
    """POST /sessions. Tokens that do not exist are reported back, not refused."""
    asked: list[str] = (x.json or {}).get("tokens", [])
    known = tuple(token.ref for token in usable(x.world, asked))
    unknown = [ref for ref in asked if ref not in known]
    command = OpenSession(key=x.world.key, merchant=_merchant(x), tokens=known)

    def render(outcome: Outcome) -> Answer:
        body = {
            "assetUrl": f"{x.origin}{pictures.ASSETS}",
            "clientApiUrl": f"{x.origin}/client",
            "clientSessionId": outcome.ref,
            "customerId": outcome.state.customer,
            **({"invalidTokens": unknown} if unknown else {}),
        }
        return _json(x.settings.create_session_status, body)

    return await x.run(SESSIONS, None, command, render)


def _session_tokens(x: Exchange) -> tuple[Token, ...]:
    """Cards on file that a client session may show; none for a call by the merchant's server."""
    scheme, _, id = x.request.headers.get("Authorization", "").partition(CLIENT_SCHEME)
    session = find_session(x.world, id) if not scheme and id else None
    return usable(x.world, session.tokens) if session is not None else ()


# -- trials ----------------------------------------------------------------------------------------------------------


async def test_connection(x: Exchange) -> Answer:
    """GET /services/testconnection; the signature was verified on the way here."""
    return _json(200, {"result": "OK"})


async def validate_webhook_credentials(x: Exchange) -> Answer:
    """POST /webhooks/validateCredentials: ``secret`` is the signature of an empty body, not the secret itself."""
    given = x.sandbox.credentials["worldline"]
    expected = webhooks.signature(given["webhook_secret"], b"")
    same_secret = compare_digest(expected.encode(), x.json["secret"].encode("utf-8", "replace"))
    valid = x.json["key"] == given["webhook_key_id"] and same_secret
    if not valid:
        x.note(f"the webhook key id of this sandbox is {given['webhook_key_id']!r}")
        x.note(f"an empty body signed with its webhook secret is {expected!r}")
    return _json(200, {"result": "Valid" if valid else "Invalid"})


async def send_test_webhook(x: Exchange) -> Answer:
    """POST /webhooks/sendtest: one ``payment.test`` to the given address, which must be one that we may call."""
    url: str = x.json["url"]
    if not x.request.app[COURIER].allows(url):
        raise InvalidValue("url", "the target is not on this machine or network (see --allow-webhooks-to)")
    world = x.world

    def test_webhook() -> list[Any]:
        draw = world.ids.draw()
        queued = _test_webhook(world, _merchant(x), url, draw.uuid())
        return [queued, records.IdsDrawn(draw.cursor, tuple(draw.series.items()))]

    await world.book(test_webhook, x.entry.number)
    return Answer(204)


def _test_webhook(world: World, merchant: str, url: str, id: str) -> records.Queued:
    now = world.clock.now()
    payment = {
        "paymentOutput": {"amountOfMoney": {"amount": 1234, "currencyCode": "EUR"}},
        "status": "AUTHORIZATION_REQUESTED",
        "statusOutput": {"statusCategory": "PENDING_CONNECT_OR_3RD_PARTY", "statusCode": 0},
        "id": _TEST_ID,
    }
    number = world.outbox.numbers + 1
    return records.Queued(
        number=number,
        provider="worldline",
        kind="payment.test",
        owner=_TEST_ID,
        ref=_TEST_ID,
        content=Body(webhooks.envelope("payment.test", merchant, "payment", payment, id, now)),
        url=url,
        at=now,
        due=now,
        rank=number,
    )


# -- the browser -----------------------------------------------------------------------------------------------------


@_readable
async def client_get_public_key(x: Exchange) -> Answer:
    """GET /crypto/publickey. Raises NotSupported where ``jwcrypto`` is not installed."""
    pair = encryption.key_pair()
    return _json(200, {"keyId": pair.id, "publicKey": pair.public})


async def preflight(x: Exchange) -> Answer:
    """OPTIONS of a client path: any page may call it, with the headers that the client SDK sends."""
    private = "Access-Control-Request-Private-Network" in x.request.headers
    return Answer(204, headers={**_PREFLIGHT, **({"Access-Control-Allow-Private-Network": "true"} if private else {})})


client_get_products = _readable(get_products)
client_get_product = _readable(get_product)
client_get_product_networks = _readable(get_product_networks)
client_get_product_groups = _readable(get_product_groups)
client_get_iin_details = _readable(get_iin_details)
client_calculate_surcharge = _readable(calculate_surcharge)
client_get_dcc_rate = get_dcc_rate

__all__ = ["open_encrypted", "read_encrypted_card"]
