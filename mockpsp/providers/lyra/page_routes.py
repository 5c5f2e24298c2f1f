"""Where the hosted pages are; ``pages`` itself is imported when somebody looks at one."""

from __future__ import annotations

from mockpsp.edge.late import PageRoute
from mockpsp.edge.provider import Route
from mockpsp.providers.lyra import links

_route = PageRoute("mockpsp.providers.lyra.pages")

ROUTES: tuple[Route, ...] = (
    _route("GET", links.EMBEDDED, "embedded_page", "show_embedded"),
    _route("POST", links.EMBEDDED, "embedded_form", "post_embedded"),
    _route("GET", links.PROGRESS, "poll", "poll"),
    _route("GET", links.RETURN, "return_page", "show_return"),
    _route("GET", links.PAGE, "page", "show"),
    _route("POST", links.PAGE, "page_form", "post"),
    _route("GET", links.LINK, "link", "follow_link"),
)
