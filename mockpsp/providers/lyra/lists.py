"""Lists and pages: an envelope of count, next, previous and results.

Source: docs.lyra.com "List of cashouts", and the parameters of the Swagger file of API version 3.10.8. The order of
lists without an ``ordering`` is inferred: newest first, but the parts of one object as they were made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.providers.lyra.answers import answer
from mockpsp.providers.lyra.errors import InvalidPage

T = TypeVar("T")
_UUID = 36


def listing(
    x: Exchange,
    found: Iterable[T],
    render: Callable[[T], Mapping[str, Any]],
    *,
    count: int | None = None,
    size: int | None = None,
    sort_keys: Mapping[str, Callable[[T], Any]] | None = None,
) -> Answer:
    """One page of what was found, as ``render`` shows it. Raises InvalidPage.

    ``count`` is how many there are if the caller knows; then ``found`` is read as far as the page goes. ``sort_keys``
    are the fields that ``ordering`` may name, with a minus for the other way round; any other field is ignored.
    """
    ordering = x.query.get("ordering", "")
    key = (sort_keys or {}).get(ordering.removeprefix("-"))
    if key is not None:
        found = sorted(found, key=key, reverse=ordering.startswith("-"))
    if count is None:
        found = found if isinstance(found, Sequence) else list(found)
        count = len(found)
    size = size or x.settings.page_size
    number = _page_number(x, last=max(1, -(-count // size)))
    rows = islice(found, (number - 1) * size, number * size)
    return answer(
        200,
        {
            "count": count,
            "next": _page_url(x, number + 1) if number * size < count else None,
            "previous": _page_url(x, number - 1) if number > 1 else None,
            "results": [render(each) for each in rows],
        },
    )


def _page_number(x: Exchange, last: int) -> int:
    text = x.query.get("page", "1")
    if text == "last":
        return last
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:9]) <= last:
        raise InvalidPage(f"page {text[:20]!r} of {last}")
    return int(text)


def _page_url(x: Exchange, number: int) -> str:
    parts = urlsplit(str(x.request.rel_url))
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != "page"]
    if number > 1:
        query.append(("page", str(number)))
    told = f"?{urlencode(query)}" if query else ""
    return f"{x.origin}{parts.path}{told}"


def same(wanted: str | None, value: Any) -> bool:
    """Whether a filter, if it is given and not empty, is met by this value; of uuids either case will do."""
    if not wanted:
        return True
    text = str(value) if value is not None else ""
    return wanted == text or (len(text) == _UUID and wanted.lower() == text)
