"""Who is calling: API key, Basic authentication, client key, or a link of ours.

Source: the security schemes of CheckoutService-v72.json. With Basic authentication the user is ``ws@Company.`` and the
merchant account, the password is the API key.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from hashlib import blake2b
from hmac import compare_digest
from typing import Any

from aiohttp.hdrs import AUTHORIZATION
from multidict import istr

from mockpsp.edge.errors import NotAllowed
from mockpsp.edge.exchange import Exchange
from mockpsp.edge.provider import Access
from mockpsp.providers.adyen.dropin_routes import KEYED
from mockpsp.providers.adyen.errors import MissingMerchant, NoRole, UnknownMerchant
from mockpsp.providers.adyen.ids import key_of
from mockpsp.providers.adyen.web_routes import WEB_OPERATIONS
from mockpsp.world.sandboxes import DEFAULT, Sandbox, Sandboxes

USER = "ws@Company."
API_KEY = istr("X-API-Key")
_PAGE, _ASSET = Access.PAGE, Access.ASSET  # asked for at every request, and members of an enumeration are slow to reach
_DEFAULTS = {
    "api_key": "AQE-mockpsp-adyen-api-key-for-local-use-only",
    "merchant_account": "MockpspFR",
    "client_key": "test_MOCKPSPLOCALUSEONLYCLIENTKEY0001",
    "hmac_key": "6D6F636B70737020686D6163206B657920666F72206C6F63616C20757365206F",
}


def credentials(sandbox: str) -> Mapping[str, str]:
    """The credentials of a sandbox; constants for the default one, derived from its id for any other."""
    if sandbox == DEFAULT:
        return _DEFAULTS

    def derived(purpose: str, size: int) -> str:
        return blake2b(f"adyen/{purpose}/{sandbox}".encode(), digest_size=size).hexdigest()

    return {
        "api_key": f"AQE-{derived('key', 16)}",
        "merchant_account": f"Mockpsp{derived('merchant', 4).upper()}",
        "client_key": f"test_{derived('client', 16).upper()}",
        "hmac_key": derived("hmac", 32).upper(),
    }


def identities(given: Mapping[str, Any]) -> tuple[str, ...]:
    """The names by which a request can mean this sandbox."""
    return given["api_key"], given["client_key"], f"{USER}{given['merchant_account']}"


def basic(authorization: str) -> tuple[str, str] | None:
    """User and password of Basic authentication."""
    scheme, _, proof = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = b64decode(proof.strip(), validate=True).decode().partition(":")
    except ValueError:
        return None
    return (user, password) if colon else None


def locate(x: Exchange, sandboxes: Sandboxes) -> Sandbox | None:
    """The sandbox of the key, of the user, of the client key, or of the link."""
    if x.route is not None and x.route.operation in WEB_OPERATIONS:
        client = client_key(x)
        return sandboxes.identified("adyen", client) if client is not None else None
    headers = x.request.headers
    key = headers.get(API_KEY)
    if key is not None:
        return sandboxes.identified("adyen", key)
    login = basic(headers.get(AUTHORIZATION, ""))
    if login is not None:
        return sandboxes.identified("adyen", login[0])
    return _located_by_link(x, sandboxes)


def _located_by_link(x: Exchange, sandboxes: Sandboxes) -> Sandbox | None:
    checkout = x.path.get("checkout")
    if checkout is not None:
        return sandboxes.by_key(key_of(checkout))
    query = x.request.query
    if "MD" in query:
        return sandboxes.by_key(query["MD"][:8])
    client = client_key(x)
    return sandboxes.identified("adyen", client) if client is not None else None


def client_key(x: Exchange) -> str | None:
    """The client key that a browser calls with; two calls of adyen-web say ``token``, frames have it in their path."""
    query = x.request.query
    return x.path.get("clientKey", query.get("clientKey", query.get("token")))


def _check_client_key(x: Exchange) -> None:
    key = client_key(x)
    if key is None or not compare_digest(
        key.encode(errors="surrogateescape"), x.sandbox.credentials["adyen"]["client_key"].encode()
    ):
        raise NotAllowed("no sandbox has this client key")
    if x.settings.allowed_origins:
        headers = x.request.headers
        check_origin(x, headers.get("Origin") or headers.get("Referer", "").removesuffix("/"))


def check_origin(x: Exchange, origin: str) -> None:
    """Refuse a page that may not use the client key. Raises NotAllowed."""
    if x.settings.allowed_origins and origin not in x.settings.allowed_origins:
        raise NotAllowed(f"the setting `allowed_origins` does not have {origin[:100]!r}")


def authenticate(x: Exchange) -> None:
    """Verify the key of a server call. Raises NotAllowed, NoRole. Unknown paths are refused before anybody asks."""
    if x.route is None or x.route.access is _PAGE:
        return
    if x.route.operation in WEB_OPERATIONS or x.route.operation in KEYED:
        _check_client_key(x)
        return
    if x.route.access is _ASSET:
        return
    given = x.sandbox.credentials["adyen"]
    headers = x.request.headers
    key = headers.get(API_KEY)
    if key is not None:
        right, proof = given["api_key"], key
    elif (login := basic(headers.get(AUTHORIZATION, ""))) is not None:
        right, proof = f"{USER}{given['merchant_account']}:{given['api_key']}", f"{login[0]}:{login[1]}"
    else:
        raise NotAllowed("an X-API-Key header, or Basic authentication, is needed")
    if not compare_digest(right.encode(), proof.encode(errors="surrogateescape")):
        raise NotAllowed("no sandbox knows this API key, or the password is wrong")
    if x.route.operation in x.settings.forbidden:
        raise NoRole(f"the setting `forbidden` keeps the credential from {x.route.operation}")


def merchant(x: Exchange) -> str:
    """The merchant account that a request names. Raises MissingMerchant, UnknownMerchant."""
    return check_merchant(x, x.json.get("merchantAccount") if isinstance(x.json, dict) else None)


def check_merchant(x: Exchange, named: Any) -> str:
    """The merchant account, if this is it. Raises MissingMerchant, UnknownMerchant."""
    if not isinstance(named, str) or not named:
        raise MissingMerchant("merchantAccount is missing")
    own: str = x.sandbox.credentials["adyen"]["merchant_account"]
    if named != own:
        raise UnknownMerchant(f"the API key belongs to {own}, the request names {named[:80]}")
    return own


def stranger(x: Exchange) -> UnknownMerchant | None:
    """Whether a request that is wrong in other ways names a merchant account that is not the credential's."""
    named = x.json.get("merchantAccount") if isinstance(x.json, dict) else None
    own = x.sandbox.credentials["adyen"]["merchant_account"]
    if isinstance(named, str) and named and named != own:
        return UnknownMerchant(f"the API key belongs to {own}, the request names {named[:80]}")
    return None
