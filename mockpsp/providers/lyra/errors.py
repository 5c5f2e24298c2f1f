"""Refusals of ours in Lyra's words. There is no catalogue of codes: hand-written errors are an object of strings, those
of a schema an object of lists, nested as the body is, and errors of access have a ``detail``.

Sources: docs.lyra.com "Making a payment", "Canceling an order", "Adding a webhook", "Creating a refund request". Texts
of schema errors are those of Django REST framework, whose habits the API shows (inferred); do not lean on them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from mockpsp.domain.errors import Refusal
from mockpsp.domain.ledger import Overdrawn
from mockpsp.domain.machine import IllegalStep
from mockpsp.domain.money import Money
from mockpsp.edge import errors as edge

NOTHING_TO_PAY = "The sum of item amounts cannot be zero or negative."
BAD_DATE = "Date has wrong format. Use one of these formats instead: YYYY-MM-DD."
BEING_PAID = "This order has been executed and cannot be canceled until the end of the payment process"


class Invalid(Refusal):
    """A 400 with this body; ``setting`` names the inferred behaviour behind it."""

    def __init__(self, body: Mapping[str, Any], setting: str = "") -> None:
        super().__init__("; ".join(_said(body)))
        self.body = body
        self.setting = setting


def _said(value: Any, place: str = "") -> Iterator[str]:
    """Each sentence of a body, after the field that it is about, for people who read the journal."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _said(each, f"{place}.{name}" if place else name)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _said(each, place if isinstance(each, str) else f"{place}[{index}]")
    else:
        yield f"{place}: {value}" if place else str(value)


def wrong(field: str, text: str, setting: str = "") -> Invalid:
    """A business error: one field, one plain text."""
    return Invalid({field: text}, setting)


def wrong_in(name: str, index: int, error: Mapping[str, Any], setting: str = "") -> Invalid:
    """An error in one object of a list: empty objects stand for those before it."""
    return Invalid({name: [*({} for _ in range(index)), error]}, setting)


class NotFound(Refusal):
    """No object of this marketplace has this reference."""


class InvalidPage(Refusal):
    """A list has no such page."""


class Executed(Refusal):
    """The shopper is paying; the order cannot be cancelled now."""


class NotCancellable(Refusal):
    """A refund whose status does not allow a cancellation."""


class ExpiredToken(Refusal):
    """An access token whose five minutes are over."""


class UnsupportedMedia(Refusal):
    """A body that is not what the operation takes."""

    def __init__(self, media: str) -> None:
        super().__init__(f"a body of {media or 'no type'}")
        self.media = media


class TokenRefused(Refusal):
    """The token endpoint's own errors (RFC 6749, section 5.2)."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}")
        self.status = status
        self.error = error
        self.description = description


class ShopperRefused(edge.PageRefusal):
    """What a hosted page does not allow: ``problem`` is the key of its text, ``field`` the form's field."""

    def __init__(self, problem: str, field: str = "", **values: Money) -> None:
        super().__init__(problem.replace("_", " "), problem, field, values)
        self.problem = problem
        self.values = values


class Described(NamedTuple):
    """How a refusal leaves: a body of None is none at all."""

    status: int
    body: Mapping[str, Any] | None
    headers: Mapping[str, str] = {}
    setting: str = ""


def _detail(status: int, text: str, headers: Mapping[str, str] | None = None) -> Described:
    return Described(status, {"detail": text}, headers or {})


def describe(error: Exception, settings: Any, realm: str) -> Described:
    """Status, body and headers of any refusal or fault. ``realm`` is where access tokens come from."""
    match error:
        case Invalid():
            return Described(400, error.body, {}, error.setting)
        case Executed():
            status = settings.cancel_executed_status
            headers = {"Allow": "GET, PUT"} if status == 405 else {}
            return Described(status, {"Order": BEING_PAID}, headers, "cancel_executed_status")
        case edge.BrokenContract():
            return Described(400, schema_errors(error))
        case TokenRefused():
            return Described(error.status, {"error": error.error, "error_description": error.description})
        case IllegalStep():
            return Described(400, {"status": f"This is not possible in status {error.state.value}."})
        case _:
            return _access(error, realm)


def _access(error: Exception, realm: str) -> Described:
    match error:
        case edge.NotAllowed():
            return _detail(401, str(error), {"WWW-Authenticate": 'Basic realm="api"'})
        case ExpiredToken():
            return Described(307, None, {"Location": realm})
        case InvalidPage():
            return _detail(404, "Invalid page.")
        case NotFound() | edge.UnknownPath():
            return _detail(404, "Not found.")
        case NotCancellable():
            return _detail(405, str(error), {"Allow": "GET"})
        case edge.WrongMethod():
            method = str(error).partition(" ")[0]
            return _detail(405, f'Method "{method}" not allowed.', {"Allow": ", ".join(error.allowed)})
        case UnsupportedMedia():
            return _detail(415, f'Unsupported media type "{error.media}" in request.')
        case _:
            return _other(error)


def _other(error: Exception) -> Described:
    match error:
        case edge.BadBody():
            return _detail(400, f"JSON parse error - {error}")
        case edge.BodyTooLarge():
            return _detail(413, "The request body is too large.")
        case edge.BodyTooSlow():
            return _detail(408, "The request was not received in time.")
        case edge.NotSupported():
            return _detail(501, f"mockpsp does not support {error}")
        case edge.Scripted():
            return _detail(error.status, f"Status {error.status} as the scenario asks.")
        case ShopperRefused() | Overdrawn():
            return Described(400, {"error": str(error)})
        case Refusal():
            return Described(400, {"error": str(error)})
        case _:
            return _detail(500, "A server error occurred.")


# -- schema errors ---------------------------------------------------------------------------------------------------


def schema_errors(error: edge.BrokenContract) -> Mapping[str, Any]:
    """Every error of a body, folded the way the body is: lists of texts at fields, empty objects where all is well."""
    told: dict[str, Any] = {}
    for each in error.found:
        _put(told, list(each.path), sentence(each.keyword, each.limit, each.value), alone=each.value in (None, ""))
    return _listed(told) if told else {"non_field_errors": [str(error.why)]}


def _put(told: dict[Any, Any], path: list[str | int], text: str, *, alone: bool) -> None:
    """Add a text at its place. Where there is no value, nothing more than that is said (``alone``)."""
    for part in path[:-1]:
        below = told.setdefault(part, {})
        if not isinstance(below, dict):
            return  # something further up is wrong already
        told = below
    last = path[-1] if path else "non_field_errors"
    known = told.setdefault(last, [])
    if isinstance(known, list) and not (known and alone):
        known.append(text)


def _listed(told: dict[Any, Any]) -> Any:
    """Objects with numbers for keys become lists, with empty objects for what is not mentioned."""
    if told and all(isinstance(key, int) for key in told):
        return [_entry(told.get(index, {})) for index in range(max(told) + 1)]
    return {str(key): _folded(value) for key, value in told.items()}


def _entry(value: Any) -> Any:
    """What is said of one entry of a list: always an object, also where the entry itself is none."""
    return {"non_field_errors": value} if isinstance(value, list) else _folded(value)


def _folded(value: Any) -> Any:
    return _listed(value) if isinstance(value, dict) and value else value


_LIMITS: Mapping[str, str] = {
    "maxLength": "Ensure this field has no more than {} characters.",
    "minLength": "Ensure this field has at least {} characters.",
    "maximum": "Ensure this value is less than or equal to {}.",
    "minimum": "Ensure this value is greater than or equal to {}.",
    "maxItems": "Ensure this field has no more than {} elements.",
    "minItems": "Ensure this field has at least {} elements.",
}
_EMPTY: Mapping[str, str] = {"minLength": "This field may not be blank.", "minItems": "This list may not be empty."}


def sentence(keyword: str, limit: Any, value: Any) -> str:
    """A schema error in words."""
    if value is None and keyword != "required":
        return "This field may not be null."
    if not value and keyword in _EMPTY:
        return _EMPTY[keyword]
    if keyword in _LIMITS:
        return _LIMITS[keyword].format(limit)
    match keyword:
        case "required":
            return "This field is required."
        case "type":
            return _wrong_type(limit, value)
        case "enum" | "const":
            return f'"{value}" is not a valid choice.'
        case "pattern":
            return _wrong_pattern(str(limit))
        case _:
            return "This value is not valid."


def _wrong_type(limit: Any, value: Any) -> str:
    types: Sequence[str] = limit if isinstance(limit, list | tuple) else (str(limit),)
    kind = type(value).__name__
    if "object" in types:
        return f"Invalid data. Expected a dictionary, but got {kind}."
    if "array" in types:
        return f'Expected a list of items but got type "{kind}".'
    if "integer" in types:
        return "A valid integer is required."
    if "number" in types:
        return "A valid number is required."
    return "Must be a valid boolean." if "boolean" in types else "Not a valid string."


def _wrong_pattern(pattern: str) -> str:
    if "[0-9a-f" in pattern and "{12}" in pattern:
        return "Must be a valid UUID."
    if pattern.startswith("^[0-9]{4}-"):
        return BAD_DATE
    return "This value does not match the required pattern."
