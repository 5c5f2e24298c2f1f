"""What hosted pages of all providers share: where their assets lie, and the headers that keep them safe."""

from __future__ import annotations

from collections.abc import Mapping

from mockpsp.edge.exchange import Answer

STATIC = "/_mockpsp/static"


def page_headers(form_targets: str = "'self'") -> Mapping[str, str]:
    """Headers of an HTML page of ours: nothing from elsewhere, no framing, nothing cached."""
    policy = (
        "default-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'; connect-src 'self'; "
        f"base-uri 'none'; frame-ancestors 'none'; form-action {form_targets}"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


def page(html: str, status: int = 200, form_targets: str = "'self'") -> Answer:
    """An HTML answer."""
    return Answer(status, html.encode(), "text/html; charset=utf-8", page_headers(form_targets))


def see_other(location: str) -> Answer:
    """Send the browser elsewhere with GET."""
    return Answer(303, b"", "text/plain; charset=utf-8", {"Location": location, "Cache-Control": "no-store"})
