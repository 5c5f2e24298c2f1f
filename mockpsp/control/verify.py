"""Checks what happened: counts, orders, and for what did not happen the entries that come nearest.

Pure: entries come in as ``Seen``, results go out as plain values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from msgspec import Struct, field

from mockpsp.world.masking import mask

NEAREST = 3
_MISSING: Any = object()
_FIELDS = ("provider", "operation", "reference", "status")
DEFAULT_KIND = "request"
Aliases = Callable[[str], set[str]]


def _itself(reference: str) -> set[str]:
    return {reference}


class Seen(Struct):
    """A journal entry as matchers see it. The body is read when a matcher asks for it."""

    id: int
    kind: str
    provider: str
    operation: str
    references: frozenset[str]
    status: int | str | None
    read: Callable[[], Any]
    _body: Any = field(default=_MISSING)

    @property
    def body(self) -> Any:
        """The body as a JSON value, not masked."""
        if self._body is _MISSING:
            self._body = self.read()
        return self._body


class Difference(Struct, frozen=True):
    """One field that is not as expected. ``actual`` is ``_MISSING`` when there is nothing."""

    path: str
    expected: Any
    actual: Any
    key: str = ""

    def told(self) -> dict[str, Any]:
        """As JSON, masked; without ``actual`` when there is nothing."""
        told = {"path": self.path, "expected": mask(self.expected, self.key)}
        return told if self.actual is _MISSING else {**told, "actual": mask(self.actual, self.key)}


def same_name(pattern: str, provider: str, operation: str) -> bool:
    """Whether a pattern (exact or with ``*``, with or without the provider) means an operation.

    Letter case, ``_`` and ``-`` do not count: ``CreatePayment`` is ``create_payment``.
    """
    wanted, bare = _plain_name(pattern), _plain_name(operation.removeprefix(f"{provider}."))
    return any(fnmatchcase(name, wanted) for name in (bare, f"{_plain_name(provider)}.{bare}"))


def _plain_name(text: str) -> str:
    return text.lower().replace("_", "").replace("-", "")


def differences(matcher: Mapping[str, Any], seen: Seen, aliases: Aliases) -> list[Difference]:
    """All fields of an entry of the right kind that a matcher wants otherwise."""
    found = []
    for name in _FIELDS:
        if name in matcher:
            difference = _field(name, matcher[name], seen, aliases)
            if difference is not None:
                found.append(difference)
    if "body" in matcher:
        _compare(matcher["body"], seen.body, "body", "", found)
    return found


def _field(name: str, wanted: Any, seen: Seen, aliases: Aliases) -> Difference | None:
    match name:
        case "operation":
            actual: Any = seen.operation
            fits = same_name(wanted, seen.provider, seen.operation)
        case "reference":
            actual = sorted(seen.references)
            fits = not seen.references.isdisjoint(aliases(wanted))
            actual = actual[0] if len(actual) == 1 else actual
        case "provider":
            actual, fits = seen.provider, wanted == seen.provider
        case _:
            actual, fits = seen.status, wanted == seen.status
    if fits:
        return None
    return Difference(name, wanted, _MISSING if actual in (None, "", []) else actual)


def _compare(expected: Any, actual: Any, path: str, key: str, found: list[Difference]) -> None:
    """Objects may hold more than expected; lists have the same length; all else is equal, and of the same type."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for name, each in expected.items():
            _compare(each, actual.get(name, _MISSING), f"{path}.{name}", name, found)
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        for index, each in enumerate(expected):
            _compare(each, actual[index], f"{path}[{index}]", key, found)
    elif actual is _MISSING or isinstance(expected, bool) != isinstance(actual, bool) or expected != actual:
        found.append(Difference(path, expected, actual, key))


class _Found(Struct):
    """What one matcher found, and what it nearly found."""

    hits: list[int]
    misses: list[tuple[int, list[Difference]]]

    def nearest(self) -> list[dict[str, Any]]:
        """The misses with the fewest differences, of equal ones the latest."""
        self.misses.sort(key=lambda miss: (len(miss[1]), -miss[0]))
        return [{"id": id, "differs": [each.told() for each in differs]} for id, differs in self.misses[:NEAREST]]


def _search(matcher: Mapping[str, Any], entries: Iterable[Seen], aliases: Aliases) -> _Found:
    kind = matcher.get("kind", DEFAULT_KIND)
    found = _Found([], [])
    for seen in entries:
        if seen.kind != kind:
            continue
        differs = differences(matcher, seen, aliases)
        if differs:
            found.misses.append((seen.id, differs))
        else:
            found.hits.append(seen.id)
    return found


def verify(check: Mapping[str, Any], entries: Sequence[Seen], aliases: Aliases = _itself) -> dict[str, Any]:
    """One check: its count (at least one if it names none), or the order of its matchers.

    ``aliases`` leads from a reference to all that its object goes by.
    """
    if "order" in check:
        return _in_order(check, entries, aliases)
    found = _search(check, entries, aliases)
    count = check.get("count", {"at_least": 1})
    ok, wanted = _enough(count, len(found.hits))
    too_few = not ok and len(found.hits) < _least(count)
    return {
        "ok": ok,
        "expected": f"{wanted} × {describe(check)}",
        "found": len(found.hits),
        "matched": found.hits,
        "nearest": found.nearest() if too_few else [],
    }


def _least(count: Any) -> int:
    return count if isinstance(count, int) else int(count.get("at_least", 0))


def _enough(count: Any, found: int) -> tuple[bool, str]:
    if isinstance(count, int):
        return found == count, str(count)
    least, most = count.get("at_least"), count.get("at_most")
    words = [f"at least {least}" if least is not None else "", f"at most {most}" if most is not None else ""]
    fits = (least is None or found >= least) and (most is None or found <= most)
    return fits, " and ".join(each for each in words if each)


def _in_order(check: Mapping[str, Any], entries: Sequence[Seen], aliases: Aliases) -> dict[str, Any]:
    """Each matcher finds an entry after the one before; what the check itself says holds for all of them."""
    common = {name: value for name, value in check.items() if name not in ("order", "count")}
    matchers = [{**common, **each} for each in check["order"]]
    matched: list[int] = []
    nearest: list[dict[str, Any]] = []
    after = 0
    for matcher in matchers:
        found = _search(matcher, (seen for seen in entries if seen.id > after), aliases)
        if not found.hits:
            nearest = [*_too_early(matcher, entries, aliases, matched), *found.nearest()][:NEAREST]
            break
        after = found.hits[0]
        matched.append(after)
    return {
        "ok": len(matched) == len(matchers),
        "expected": "in this order: " + ", then ".join(describe(each) for each in matchers),
        "found": len(matched),
        "matched": matched,
        "nearest": nearest,
    }


def _too_early(
    matcher: Mapping[str, Any], entries: Iterable[Seen], aliases: Aliases, matched: Sequence[int]
) -> list[dict[str, Any]]:
    """What would have matched, had it not come before the entry that the matcher before this one found."""
    if not matched:
        return []
    last = matched[-1]
    early = _search(matcher, (seen for seen in entries if seen.id < last and seen.id not in matched), aliases).hits
    return [
        {"id": id, "differs": [Difference("order", f"after entry {last}", f"entry {id}").told()]}
        for id in reversed(early)
    ]


def describe(matcher: Mapping[str, Any]) -> str:
    """A matcher in words."""
    words = [str(matcher.get("kind", DEFAULT_KIND))]
    if "operation" in matcher:
        words.append(str(matcher["operation"]))
    if "provider" in matcher:
        words.append(f"of {matcher['provider']}")
    if "reference" in matcher:
        words.append(f"about {matcher['reference']}")
    if "status" in matcher:
        words.append(f"with status {matcher['status']}")
    if "body" in matcher:
        words.append(f"with a body like {_short(mask(matcher['body']))}")
    return " ".join(words)


def _short(value: Any) -> str:
    import json

    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:199]}…"
