"""Where the hosted pages are; ``pages`` itself is imported when somebody looks at one."""

from __future__ import annotations

from mockpsp.edge.late import PageRoute
from mockpsp.edge.provider import Route
from mockpsp.providers.adyen import links

_CHECKOUT = "{checkout}"
_BASES = (links.PAY, links.SESSION)
_route = PageRoute("mockpsp.providers.adyen.pages")
_app = PageRoute("mockpsp.providers.adyen.ancv_pages")

ROUTES: tuple[Route, ...] = (
    *(_route("GET", f"{base}/{_CHECKOUT}", "page", "show") for base in _BASES),
    *(_route("POST", f"{base}/{_CHECKOUT}", "page_form", "post") for base in _BASES),
    *(_route("GET", f"{base}/{_CHECKOUT}/progress", "poll", "poll") for base in _BASES),
    _route("GET", links.REDIRECT, "bank_page", "show_bank"),
    _route("POST", links.REDIRECT, "bank_form", "post_bank"),
    _app("GET", links.APP, "ancv_page", "show_app"),
    _app("POST", links.APP, "ancv_form", "post_app"),
    _route("GET", links.METHOD, "three_ds_method", "show_method"),
    _route("POST", links.METHOD, "three_ds_method_form", "show_method"),
    _route("GET", links.ACS, "challenge", "challenge"),
    _route("POST", links.ACS, "challenge_form", "challenge"),
    _route("GET", f"{links.ASSETS}/tell.js", "asset", "asset"),
)
