"""Where Adyen's Drop-in loads what it needs beside payments; ``dropin`` is imported at the first call.

Source: ``core/Environment``, ``core/Services``, ``core/Analytics`` and ``core/Context/Resources`` of adyen-web.
"""

from __future__ import annotations

from mockpsp.edge.late import LateHandler
from mockpsp.edge.provider import Access, Route
from mockpsp.providers.adyen import links
from mockpsp.providers.adyen.web_routes import ANALYTICS, WEB_BASES, preflight

FIELDS = f"{links.ASSETS}/fields"
"""Scripts and styles of the frames."""

_LOADED: tuple[tuple[str, str], ...] = (
    ("securedfields/{clientKey}/{version}/securedFields.html", "secured_fields"),
    ("assets/html/{clientKey}/{file}", "device_page"),
    ("images/{folder}/{file}", "picture"),
    ("images/{folder}/{size}/{file}", "picture"),
    ("sdk/{version}/translations/{file}", "translations"),
    ("datasets/{file}", "dataset"),
    ("datasets/{name}/{file}", "dataset"),
    ("datasets/{name}/{country}/{file}", "dataset"),
)
KEYED = frozenset({"secured_fields", "device_page", "analytics", "analytics_events"})
"""Operations that want a client key."""

_TOLD = (f"{ANALYTICS}/v3/analytics", f"{ANALYTICS}/v3/analytics/{{attempt}}")


def _asset(method: str, path: str, operation: str) -> Route:
    handler = LateHandler("mockpsp.providers.adyen.dropin", operation)
    return Route(method=method, path=path, operation=operation, handler=handler, access=Access.ASSET)


ROUTES: tuple[Route, ...] = (
    *(_asset("GET", f"{base}/{path}", operation) for base in WEB_BASES for path, operation in _LOADED),
    _asset("GET", f"{FIELDS}/{{file}}", "field_file"),
    _asset("POST", _TOLD[0], "analytics"),
    _asset("POST", _TOLD[1], "analytics_events"),
    *map(preflight, _TOLD),
)
