"""What can be wrong with a request before any provider's rule is asked; each provider words it its own way."""

from __future__ import annotations

from mockpsp.domain.errors import Refusal


class BadBody(Refusal):
    """The body is not JSON in UTF-8, is nested too deeply, or holds numbers that JSON does not know."""


class BodyTooLarge(Refusal):
    """The body is larger than the server takes."""


class BrokenContract(Refusal):
    """A body or query that the contract refuses: the dotted path of the first property at fault, and what is wrong."""

    def __init__(self, path: str, why: str, place: str) -> None:
        super().__init__(f"{place} {path or '(whole)'}: {why}")
        self.path = path
        self.why = why
        self.place = place


class UnknownPath(Refusal):
    """Nothing is served at this path."""


class WrongMethod(Refusal):
    """The path exists, the method does not."""


class NotSupported(Refusal):
    """A documented endpoint that this simulator leaves out, with the reason."""


class InProgress(Refusal):
    """The first request with this idempotence key has not been answered yet."""


class Scripted(Refusal):
    """A fault line of the scenario asks for this HTTP status."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(f"scenario fault {line!r}: status {status}")
        self.status = status


class NotAllowed(Refusal):
    """The credentials do not open this door."""
