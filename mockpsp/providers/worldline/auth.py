"""GCS v1HMAC: who is calling, whether the signature is right, and if it is not, what each side signed.

Source: ``onlinepayments.sdk.authentication.v1hmac_authenticator`` and Worldline Direct documentation, "Authentication".
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest
from typing import Any

from aiohttp.hdrs import AUTHORIZATION, CONTENT_TYPE, DATE

from mockpsp.domain.clock import format_duration
from mockpsp.edge.errors import NotAllowed
from mockpsp.edge.exchange import Exchange
from mockpsp.edge.keyed import hmac_sha256
from mockpsp.world.clock import real_now
from mockpsp.world.sandboxes import DEFAULT, Sandbox, Sandboxes

_X, _SMALL_X = b"Xx"
SCHEME = "GCS v1HMAC:"
CLIENT_SCHEME = "GCS v1Client:"
_BREAK = re.compile(r"\r?\n[ \t\r\n]*")
_DEFAULTS = {
    "merchant_id": "CVSANDBOX",
    "api_key_id": "MOCKPSPKEY0001",
    "secret_api_key": "mockpsp-secret-api-key-for-local-use-only",
    "webhook_key_id": "mockpsp-webhook-key",
    "webhook_secret": "mockpsp-webhook-secret-for-local-use-only",
}


def credentials(sandbox: str) -> Mapping[str, str]:
    """The credentials of a sandbox; constants for the default one, derived from its id for any other."""
    if sandbox == DEFAULT:
        return _DEFAULTS

    def derived(purpose: str) -> str:
        return blake2b(f"worldline/{purpose}/{sandbox}".encode(), digest_size=10).hexdigest()

    return {
        "merchant_id": f"CV{derived('merchant')[:8].upper()}",
        "api_key_id": derived("key").upper(),
        "secret_api_key": f"secret-{derived('secret')}",
        "webhook_key_id": f"whk-{derived('webhook key')}",
        "webhook_secret": f"whs-{derived('webhook secret')}",
    }


def canonical(value: str) -> str:
    """A header value as it is signed: each line break with the white space after it is one space; trimmed."""
    return _BREAK.sub(" ", value).strip()


def data_to_sign(method: str, content_type: str, date: str, gcs: Iterable[tuple[str, str]], target: str) -> str:
    """The text that both sides sign; every line ends with a line feed, the last one too."""
    lines = sorted((name.lower(), canonical(value)) for name, value in gcs)
    block = "".join(f"{name}:{value}\n" for name, value in lines)
    return f"{method}\n{content_type}\n{date}\n{block}{target}\n"


def _fast_text(method: str, content_type: str, date: str, gcs: list[tuple[str, str]], target: str) -> str:
    """The same where one header of one line is signed, as SDKs do."""
    if len(gcs) != 1 or "\n" in gcs[0][1]:
        return data_to_sign(method, content_type, date, gcs, target)
    name, value = gcs[0]
    return f"{method}\n{content_type}\n{date}\n{name.lower()}:{value.strip()}\n{target}\n"


def sign(secret: str, data: str) -> str:
    """base64 of HMAC-SHA256; the secret is UTF-8 text."""
    return _signed(secret, data).decode()


def _signed_headers(raw: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """The headers that are signed: those that begin with X-GCS."""
    found = []
    for name, value in raw:
        if (name[0] == _X or name[0] == _SMALL_X) and name[:5].lower() == b"x-gcs":
            found.append((name.decode(), value.decode("utf-8", "surrogateescape")))
    return found


def _signed(secret: str, data: str) -> bytes:
    return b2a_base64(hmac_sha256(secret, data.encode("utf-8", "surrogateescape")), newline=False)


def claimed_key(authorization: str) -> str | None:
    """The key id of an Authorization header, if it has the right form."""
    if not authorization.startswith(SCHEME):
        return None
    return authorization.split(":", 2)[1].strip() or None


def locate(x: Exchange, sandboxes: Sandboxes) -> Sandbox | None:
    """The sandbox of the key id, of the client session, or of the link."""
    authorization = x.request.headers.get(AUTHORIZATION, "")
    key = claimed_key(authorization)
    if key is not None:
        return sandboxes.identified("worldline", key)
    if authorization.startswith(CLIENT_SCHEME):
        return sandboxes.by_key(authorization[len(CLIENT_SCHEME) :][:8])
    return sandboxes.by_key(x.path["token"][:8]) if "token" in x.path else None


def authenticate_server(x: Exchange) -> None:
    """Verify key, merchant, date and signature of a server call. Raises NotAllowed, with both signed texts noted."""
    authorization = x.request.headers.get(AUTHORIZATION, "")
    given = x.sandbox.credentials["worldline"]
    claim, _, signature = authorization.rpartition(":")
    if claim != f"{SCHEME}{given['api_key_id']}":
        _check_key(authorization, given)
    if x.path.get("merchantId") != given["merchant_id"]:
        _check_merchant(x, given)
    _check_signature(x, given, signature.strip())
    _check_date(x)


def _check_key(authorization: str, given: Mapping[str, Any]) -> None:
    key = claimed_key(authorization)
    if key is None:
        raise NotAllowed("the Authorization header must read 'GCS v1HMAC:{api key id}:{signature}'")
    if key != given["api_key_id"]:
        raise NotAllowed(f"no sandbox knows the API key id {key!r}")


def _check_merchant(x: Exchange, given: Mapping[str, Any]) -> None:
    """Case does not matter, and not every path names the merchant."""
    merchant = x.path.get("merchantId", given["merchant_id"])
    if merchant.lower() != given["merchant_id"].lower():
        raise NotAllowed(f"the key belongs to merchant {given['merchant_id']!r}, the path names {merchant!r}")


def _check_signature(x: Exchange, given: Mapping[str, Any], signature: str) -> None:
    request = x.request
    headers = request.headers
    gcs = _signed_headers(request.raw_headers)
    date = headers.get(DATE, "")
    sent_type = headers.get(CONTENT_TYPE, "")
    # Without a body clients disagree: the JavaScript SDK sends a content type on GET and signs none.
    types = ("",) if request.method == "GET" else (sent_type,) if x.raw else (sent_type, "")
    for content_type in types:
        data = _fast_text(request.method, content_type, date, gcs, request.raw_path)
        if compare_digest(_signed(given["secret_api_key"], data), signature.encode()):
            return
    expected = data_to_sign(request.method, types[0], date, gcs, request.raw_path)
    x.note(f"the signature sent is {signature!r}; over the text that mockpsp signed it would be "
           f"{sign(given['secret_api_key'], expected)!r}")  # fmt: skip
    x.note(f"the text that mockpsp signed (\\n shown as ⏎): {expected.replace(chr(10), '⏎')}")
    raise NotAllowed("the signature is wrong: another secret, or another text was signed")


@lru_cache(maxsize=128)  # all calls of one second carry the same date
def http_date(text: str) -> datetime | None:
    """An RFC 1123 date in UTC, or None if it is none."""
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(text)
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (TypeError, ValueError, OverflowError):  # years and offsets that no clock shows overflow
        return None


def _check_date(x: Exchange) -> None:
    headers = x.request.headers
    text = headers.get(DATE) or headers.get("X-GCS-Date", "")
    moment = http_date(text) if text else None
    if moment is None:
        raise NotAllowed(f"a Date (or X-GCS-Date) header in RFC 1123 form is needed, not {text!r}")
    tolerance: timedelta = x.settings.date_tolerance
    here = x.started
    if abs(moment - here) > tolerance and abs(moment - real_now()) > tolerance:
        raise NotAllowed(f"Date {text!r} is more than {format_duration(tolerance)} from {here.isoformat()}")


def authenticate_client(x: Exchange) -> None:
    """Verify the client session of a browser call. Raises NotAllowed."""
    session = x.request.headers.get(AUTHORIZATION, "").removeprefix(CLIENT_SCHEME)
    state = x.world.state("worldline.session", session)
    if state is None:
        raise NotAllowed("no client session is called that")
    if x.path.get("customerId", state.customer) != state.customer:
        raise NotAllowed("the client session belongs to another customer")
    if x.world.clock.now() > state.expires:
        raise NotAllowed("the client session has expired")
