"""Where the hosted pages are; ``pages`` itself is imported when somebody looks at one."""

from __future__ import annotations

from mockpsp.edge.late import PageRoute
from mockpsp.edge.provider import Route
from mockpsp.providers.worldline import links

_LINK = "{token}"
_DESKTOP = (f"{links.CHECKOUT}/{_LINK}", f"{links.CONNECT}/{_LINK}")
_route = PageRoute("mockpsp.providers.worldline.pages")

ROUTES: tuple[Route, ...] = (
    *(_route("GET", path, "page", "show_desktop") for path in _DESKTOP),
    *(_route("POST", path, "page_form", "post_desktop") for path in _DESKTOP),
    _route("GET", f"{links.CONNECT}/{_LINK}/app", "app_page", "show_phone"),
    _route("POST", f"{links.CONNECT}/{_LINK}/app", "app_form", "post_phone"),
    _route("GET", f"{links.CONNECT}/{_LINK}/state", "poll_state", "poll_state"),
    _route("GET", f"{links.CONNECT}/{_LINK}/pending", "poll_pending", "poll_pending"),
    _route("GET", f"{links.CONNECT}/{_LINK}/progress", "poll_progress", "poll_progress"),
)
