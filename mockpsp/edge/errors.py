"""What can be wrong with a request before any provider's rule is asked; each provider words it its own way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockpsp.domain.errors import Refusal
from mockpsp.domain.value import Value


class BadBody(Refusal):
    """The body is not JSON in UTF-8, is nested too deeply, or holds numbers that JSON does not know."""


class BodyTooLarge(Refusal):
    """The body is larger than the server takes."""


class BodyTooSlow(Refusal):
    """The client takes longer for its body than the server waits."""


class Broken(Value, frozen=True):
    """One thing that a schema refuses: where, the keyword that does, the keyword's value, and what came.

    Of ``required`` the path ends with the missing property, ``limit`` is its name, and ``value`` is None. ``limit`` of
    ``type`` and ``enum`` is a tuple of all that is allowed.
    """

    path: tuple[str | int, ...]
    keyword: str
    limit: Any
    value: Any


class BrokenContract(Refusal):
    """A body or query that the contract refuses: the dotted path of the first property at fault, and what is wrong.

    ``found`` is everything that a schema refuses, in the order of the check; empty when it was no schema that did.
    """

    def __init__(self, path: str, why: str, place: str, found: tuple[Broken, ...] = ()) -> None:
        super().__init__(f"{place} {path or '(whole)'}: {why}")
        self.path = path
        self.why = why
        self.place = place
        self.found = found


class UnknownPath(Refusal):
    """Nothing is served at this path."""


class WrongMethod(Refusal):
    """The path exists, the method does not; ``allowed`` are the methods that it has, in alphabetical order."""

    def __init__(self, why: str, allowed: tuple[str, ...] = ()) -> None:
        super().__init__(why)
        self.allowed = allowed


class NotSupported(Refusal):
    """A documented endpoint that this simulator leaves out, with the reason."""


class InProgress(Refusal):
    """The first request with this idempotence key has not been answered yet."""


class Scripted(Refusal):
    """A fault line of the scenario asks for this HTTP status; a throttled caller may try again in ``retry`` seconds."""

    def __init__(self, status: int, line: str, retry: int | None = None) -> None:
        super().__init__(f"scenario fault {line!r}: status {status}")
        self.status = status
        self.retry = retry


class TryAgain(Scripted):
    """What keeps the sandboxes is busy or cannot be reached: nothing has changed, the same call may come again."""

    def __init__(self, why: str) -> None:
        Refusal.__init__(self, why)
        self.status = 503
        self.retry = 1


class NotAllowed(Refusal):
    """The credentials do not open this door."""


class PageRefusal(Refusal):
    """What a shopper does is not possible on a hosted page as it stands.

    ``key`` names the problem, ``field`` the form's field at fault, ``details`` hold the amounts that would be right.
    """

    def __init__(self, told: str, key: str, field: str, details: Mapping[str, Any]) -> None:
        super().__init__(told)
        self.key = key
        self.field = field
        self.details = details
