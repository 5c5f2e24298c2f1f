"""Who is calling: Basic authentication, an OAuth2 access token, or a link of ours.

Sources: docs.lyra.com "Identifying yourself during data exchange", "OAuth2", "Authenticate". The token's form (a signed
JWT) and the errors of its endpoint are Keycloak's, whose address shape the endpoint has (inferred).
"""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from hmac import compare_digest
from typing import Any
from urllib.parse import parse_qsl

from aiohttp.hdrs import AUTHORIZATION
from msgspec import DecodeError
from msgspec.json import decode

from mockpsp.edge.errors import NotAllowed
from mockpsp.edge.exchange import Exchange
from mockpsp.edge.keyed import hmac_sha256
from mockpsp.edge.provider import Access
from mockpsp.edge.respond import to_bytes
from mockpsp.providers.lyra import holdings
from mockpsp.providers.lyra.errors import ExpiredToken, TokenRefused, UnsupportedMedia
from mockpsp.providers.lyra.links import link_key, page_key
from mockpsp.scenario.model import Scenario
from mockpsp.world.sandboxes import DEFAULT, Sandbox, Sandboxes

REALM = "/auth/realms/marketplace"
TOKEN_PATH = f"{REALM}/protocol/openid-connect/token"
_DEFAULTS = {
    "login": "mockpsp",
    "password": "mockpsp-lyra-password-for-local-use-only",
    "client_id": "mockpsp_57595c55-b096-41d8-9287-b98640de3f25",
    "client_secret": "7d0c2f3a-6b1e-4f58-9a27-c4e5b8d19036",
    "marketplace": "57595c55-b096-41d8-9287-b98640de3f25",
}
"""Of the default sandbox; its marketplace has the uuid that Lyra's own pages print for the demonstration one."""
_HEAD = urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")


def keys(sandbox: str) -> dict[str, Any]:
    """What opens the door of a sandbox; constants for the default one, derived from its id for any other."""
    if sandbox == DEFAULT:
        return dict(_DEFAULTS)
    marketplace = holdings.uuid_of(f"marketplace/{sandbox}")
    digits = blake2b(f"lyra/password/{sandbox}".encode(), digest_size=16).hexdigest()
    user = f"mockpsp-{blake2b(f'lyra/login/{sandbox}'.encode(), digest_size=4).hexdigest()}"
    return {
        "login": user,
        "password": digits,
        "client_id": f"{user}_{marketplace}",
        "client_secret": holdings.uuid_of(f"client secret/{sandbox}"),
        "marketplace": marketplace,
    }


def credentials(sandbox: str, scenario: Scenario) -> Mapping[str, Any]:
    """The same, and the scenario's sellers, the marketplace's own one last."""
    own: holdings.Holdings = holdings.setup(scenario).world
    told = [{"uuid": each.uuid, "external_ref": each.external_ref} for each in own.sellers.values()]
    return {**keys(sandbox), "sellers": told}


def identities(given: Mapping[str, Any]) -> tuple[str, ...]:
    """The names by which a request can mean this sandbox."""
    return given["login"], given["client_id"]


# -- access tokens ---------------------------------------------------------------------------------------------------


def issue(sandbox: Sandbox, now: datetime, life_seconds: int) -> str:
    """A new access token."""
    given = sandbox.credentials["lyra"]
    begun = int(now.timestamp())
    claims = {
        "exp": begun + life_seconds,
        "iat": begun,
        "jti": sandbox.world.ids.fixed("access token", begun),
        "typ": "Bearer",
        "azp": given["client_id"],
        "scope": "profile email",
        "clientId": given["client_id"],
    }
    signed = _HEAD + b"." + urlsafe_b64encode(to_bytes(claims)).rstrip(b"=")
    return (signed + b"." + _sign(given, signed)).decode()


def _sign(given: Mapping[str, Any], signed: bytes) -> bytes:
    return urlsafe_b64encode(hmac_sha256(f"{given['client_secret']}/{given['password']}", signed)).rstrip(b"=")


def claims_of(token: str) -> Mapping[str, Any] | None:
    """What a token says of itself; nothing is verified."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = decode(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, DecodeError):
        return None
    return claims if isinstance(claims, dict) else None


def _bearer(authorization: str) -> str | None:
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


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


# -- who calls -------------------------------------------------------------------------------------------------------


def locate(x: Exchange, sandboxes: Sandboxes) -> Sandbox | None:
    """The sandbox of the login, of the token or the client who asks for one, or of the page."""
    if x.route is not None and x.route.access is Access.PAGE:
        return _located_by_link(x, sandboxes)
    authorization = x.request.headers.get(AUTHORIZATION, "")
    login = basic(authorization)
    if login is not None:
        return sandboxes.identified("lyra", login[0])
    if x.route is not None and x.route.claims:
        return sandboxes.identified("lyra", _claimed_client(x))
    token = _bearer(authorization)
    claims = claims_of(token) if token is not None else None
    return sandboxes.identified("lyra", str(claims.get("azp"))) if claims is not None else None


def _located_by_link(x: Exchange, sandboxes: Sandboxes) -> Sandbox | None:
    code = x.path.get("code")
    if code is not None:
        return sandboxes.by_key(link_key(code))
    query = x.request.query
    if "formToken" in query:
        return sandboxes.by_key(query["formToken"][:8])
    return sandboxes.by_key(page_key(query.get("cacheId", "")))


def authenticate(x: Exchange) -> None:
    """Verify login or token. Raises NotAllowed, ExpiredToken. Unknown paths are refused before anybody asks."""
    if x.route is None or x.route.access is Access.PAGE or x.route.operation == "get_access_token":
        return
    authorization = x.request.headers.get(AUTHORIZATION, "")
    login, token = basic(authorization), _bearer(authorization)
    given = x.sandbox.credentials["lyra"]
    if login is not None:
        right = f"{given['login']}:{given['password']}"
        if not compare_digest(f"{login[0]}:{login[1]}".encode(), right.encode()):
            x.note("the login or its password is wrong")
            raise NotAllowed("Invalid username/password.")
    elif token is not None:
        _check_token(x, token, given)
    else:
        raise NotAllowed("Authentication credentials were not provided.")
    check_media(x)


def _check_token(x: Exchange, token: str, given: Mapping[str, Any]) -> None:
    claims = claims_of(token)
    signed, _, signature = token.rpartition(".")
    if claims is None or not compare_digest(signature.encode(), _sign(given, signed.encode())):
        x.note("the token is none of ours")
        raise NotAllowed("Invalid token.")
    expires = claims.get("exp")
    if not isinstance(expires, int) or expires <= int(x.started.timestamp()):
        x.note("the token has expired; clients that follow the redirect end up at the token realm")
        raise ExpiredToken("the access token has expired")


def check_media(x: Exchange) -> None:
    """Bodies are JSON, a document's upload is a form with files. Raises UnsupportedMedia."""
    if not x.raw or x.route is None or x.route.method == "GET":
        return
    media = x.request.content_type
    wanted = "multipart/form-data" if x.route.operation == "create_document" else "application/json"
    if media != wanted:
        raise UnsupportedMedia(x.request.headers.get("Content-Type", ""))


# -- the token endpoint ----------------------------------------------------------------------------------------------


def client_of(x: Exchange) -> tuple[str, str]:
    """Client id and secret of a token request, from the form or from Basic authentication. Raises TokenRefused."""
    form = _form(x)
    if "grant_type" not in form:
        raise TokenRefused(400, "invalid_request", "Missing form parameter: grant_type")
    if form["grant_type"] != "client_credentials":
        raise TokenRefused(400, "unsupported_grant_type", "Unsupported grant_type")
    login = basic(x.request.headers.get(AUTHORIZATION, ""))
    if login is not None:
        return login
    if "client_id" not in form:
        raise TokenRefused(401, "invalid_client", "Invalid client or Invalid client credentials")
    return form["client_id"], form.get("client_secret", "")


def _form(x: Exchange) -> dict[str, str]:
    if x.request.content_type != "application/x-www-form-urlencoded":
        return {}
    try:
        return dict(parse_qsl(x.raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=50))
    except ValueError as error:
        raise TokenRefused(400, "invalid_request", "The form cannot be read") from error


def _claimed_client(x: Exchange) -> str:
    """The client id of a token request's form, whatever else is wrong with it."""
    try:
        return _form(x).get("client_id", "")
    except TokenRefused:
        return ""


def check_client(given: Mapping[str, Any], client: tuple[str, str]) -> None:
    """Raise TokenRefused unless these are the sandbox's client id and secret."""
    right = f"{given['client_id']}:{given['client_secret']}"
    if not compare_digest(f"{client[0]}:{client[1]}".encode(), right.encode()):
        raise TokenRefused(401, "unauthorized_client", "Invalid client or Invalid client credentials")
