"""What hosted pages of all providers share: where their assets lie, and the headers that keep them safe."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import parse_qsl, quote, urlsplit

from mockpsp.edge.exchange import Answer, Exchange

STATIC = "/_mockpsp/static"
_KEPT = "".join(map(chr, range(0x21, 0x7F)))
"""Every visible ASCII character: what is escaped already, or is not, stays so."""


def page_headers(form_targets: str = "'self'", *, framed: bool = False) -> Mapping[str, str]:
    """Headers of an HTML page of ours: nothing from elsewhere, nothing cached, framed by nobody unless ``framed``."""
    ancestors = "" if framed else "frame-ancestors 'none'; "
    policy = (
        "default-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'; connect-src 'self'; "
        f"base-uri 'none'; {ancestors}form-action {form_targets}"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


def page(html: str, status: int = 200, form_targets: str = "'self'", *, framed: bool = False) -> Answer:
    """An HTML answer."""
    return Answer(status, html.encode(), "text/html; charset=utf-8", page_headers(form_targets, framed=framed))


def in_ascii(address: str) -> str:
    """An address as a header can carry it: its host in Punycode, anything else beyond ASCII as its UTF-8 in ``%XX``."""
    parts = urlsplit(address)
    user, at, host = parts.netloc.rpartition("@")
    if not host.isascii():
        with suppress(UnicodeError):  # what is no name of a host stays what it is, and leads nowhere
            address = parts._replace(netloc=f"{user}{at}{host.encode('idna').decode()}").geturl()
    return quote(address, safe=_KEPT, errors="replace")


def form_targets(address: str) -> str:
    """Where a page's forms may lead: to us, and over a redirect to this address of the merchant's."""
    parts = urlsplit(in_ascii(address))
    if parts.scheme in ("http", "https"):
        return f"'self' {parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    return f"'self' {parts.scheme}:" if parts.scheme else "'self'"


def read_form(x: Exchange) -> dict[str, str]:
    """The fields of a form; none of them when there are more than any page of ours has."""
    try:
        return dict(parse_qsl(x.raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=50))
    except ValueError as error:
        x.note(f"the form was not read: {error}")
        return {}


def see_other(location: str) -> Answer:
    """Send the browser elsewhere with GET."""
    headers = {"Location": in_ascii(location), "Cache-Control": "no-store"}
    return Answer(303, b"", "text/plain; charset=utf-8", headers)


def found(location: str) -> Answer:
    """Send the caller of an API elsewhere: nothing but an address, and no type of it."""
    return Answer(302, headers={"Location": location})
