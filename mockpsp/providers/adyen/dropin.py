"""What Adyen's Drop-in loads and tells beside the payments themselves: frames, pictures, texts, data sets, analytics.

The secured fields are a page of ours that speaks with adyen-web as Adyen's own does, which is not public: what it has
to say and to understand was read in adyen-web (``components/internal/SecuredFields``).
"""

from __future__ import annotations

from base64 import b64decode
from functools import cache
from hashlib import blake2b
from html import escape
from json import dumps, loads
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

from mockpsp.domain.clock import paris_day
from mockpsp.edge.errors import NotSupported, UnknownPath
from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.edge.pipeline import parse
from mockpsp.edge.respond import to_bytes
from mockpsp.edge.sealed import key_pair
from mockpsp.providers.adyen import auth, datasets, pictures
from mockpsp.providers.adyen.dropin_routes import FIELDS
from mockpsp.providers.adyen.errors import InvalidField, WrongType
from mockpsp.providers.adyen.web_routes import CORS

_FILES = Path(__file__).parent / "static" / "fields"
_DEVICE_PAGE = "dfp.1.0.0.html"
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
_HTML = "text/html; charset=utf-8"
_A_MINUTE = {**CORS, "Cache-Control": "max-age=60", "X-Content-Type-Options": "nosniff"}
_A_DAY = {**CORS, "Cache-Control": "public, max-age=86400", "X-Content-Type-Options": "nosniff"}
_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'"
_LONGEST_ID = 100


def _frame(html: str, x: Exchange) -> Answer:
    """A page for a shop's frame: it loads nothing but its own files, and any shop may frame it that may use the key."""
    allowed = " ".join(x.settings.allowed_origins)
    headers = {
        "Content-Security-Policy": f"{_POLICY}; frame-ancestors {allowed}" if allowed else _POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    return Answer(200, html.encode(), _HTML, headers)


@cache
def _template(name: str) -> Template:
    return Template((_FILES / name).read_text(encoding="utf-8"))


# -- frames ----------------------------------------------------------------------------------------------------------


async def secured_fields(x: Exchange) -> Answer:
    """GET securedFields.html: the same page for every field, version and type; ``d`` is the shop's origin in base64."""
    auth.check_origin(x, _framing_origin(x.request.query.get("d", "")))
    now = x.world.clock.now()
    today, opened = f"{paris_day(now):%Y-%m}", f"{now:%Y-%m-%dT%H:%M:%SZ}"
    page = _template("securedFields.html")
    return _frame(page.substitute(assets=FIELDS, key=escape(_key()), today=today, opened=opened), x)


def _framing_origin(text: str) -> str:
    try:
        origin = b64decode(text, validate=True).decode()
        parts = urlsplit(origin)
    except ValueError as error:
        raise InvalidField("d", "must be the shop's origin in base64") from error
    if parts.scheme not in ("http", "https") or not parts.netloc or origin != f"{parts.scheme}://{parts.netloc}":
        raise InvalidField("d", "must be the shop's origin in base64")
    return origin


def _key() -> str:
    """The public key as JSON; empty where the server can open nothing that is encrypted: the fields send test_ then."""
    try:
        pair = key_pair()
    except NotSupported:
        return ""
    return dumps({**loads(pair.jwk), "kid": pair.id})


async def device_page(x: Exchange) -> Answer:
    """GET dfp.1.0.0.html: tells the shop's page a name for this browser."""
    if x.path["file"] != _DEVICE_PAGE:
        raise UnknownPath("there is no such page")
    return _frame(_template("dfp.html").substitute(assets=FIELDS), x)


async def field_file(x: Exchange) -> Answer:
    """The frames' scripts and styles."""
    path = _FILES / x.path["file"]
    if path.suffix not in _TYPES or path.parent != _FILES or not path.is_file():
        raise UnknownPath("there is no such file")
    return Answer(200, path.read_bytes(), _TYPES[path.suffix], _A_MINUTE)


# -- pictures, texts, data sets --------------------------------------------------------------------------------------


async def picture(x: Exchange) -> Answer:
    """GET images/…: drawings of our own; every payment method has one, even those that we have never heard of."""
    drawn = pictures.drawing(x.path["folder"], x.path["file"])
    if drawn is None:
        raise UnknownPath("no picture is called that")
    return Answer(200, drawn, "image/svg+xml", _A_DAY)


async def translations(x: Exchange) -> Answer:
    """GET translations: texts that differ from those in the package; none for most languages."""
    found = datasets.translations(x.path["file"])
    if found is None:
        raise UnknownPath("no language is called that")
    return Answer(200, to_bytes(found), headers=_A_DAY)


async def dataset(x: Exchange) -> Answer:
    """GET datasets/…: countries, states, telephone prefixes."""
    found = datasets.dataset(x.path.get("name", ""), x.path.get("country", ""), x.path["file"])
    if found is None:
        raise UnknownPath("no data set is called that")
    return Answer(200, to_bytes(found), headers=_A_DAY)


# -- analytics -------------------------------------------------------------------------------------------------------


def _told(x: Exchange) -> dict[str, object]:
    body = parse(x.raw)
    if not isinstance(body, dict):
        raise WrongType("body", "must be an object")
    return body


async def analytics(x: Exchange) -> Answer:
    """POST v3/analytics: an id for this attempt to pay, or the one that the browser has already."""
    given = _told(x).get("checkoutAttemptId", "")
    if not isinstance(given, str):
        raise WrongType("checkoutAttemptId", "must be a text")
    if len(given) > _LONGEST_ID:
        raise InvalidField("checkoutAttemptId", f"at most {_LONGEST_ID} characters")
    if not given:
        asked = int.from_bytes(blake2b(x.raw, digest_size=6).digest())
        given = x.world.ids.fixed("checkout attempt", asked + x.world.journal.count)
    return Answer(200, to_bytes({"checkoutAttemptId": given}), headers=CORS)


async def analytics_events(x: Exchange) -> Answer:
    """POST v3/analytics/{attempt}: what happened in the browser. Nobody here wants to know."""
    for name in ("info", "logs", "errors"):
        if not isinstance(_told(x).get(name, []), list):
            raise WrongType(name, "must be a list")
    return Answer(204, headers=CORS)
