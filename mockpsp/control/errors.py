"""What can go wrong with a control request, as ``application/problem+json`` (RFC 9457) that says what to change."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from aiohttp import web

from mockpsp.domain.errors import Refusal
from mockpsp.edge.errors import BadBody, BodyTooLarge, BodyTooSlow, BrokenContract
from mockpsp.scenario.library import UnknownScenario
from mockpsp.world.masking import mask_text
from mockpsp.world.store import StoreFailed
from mockpsp.world.world import Gone

log = logging.getLogger("mockpsp.control")

TITLES: Mapping[str, str] = {
    "bad-body": "The body is not what this operation takes",
    "bad-query": "The query is not what this operation takes",
    "bad-scenario": "The scenario has mistakes",
    "body-too-large": "The body is too large",
    "body-too-slow": "The body took too long",
    "conflict": "That is not possible now",
    "cross-site": "A page of another site may not do this",
    "fault": "mockpsp made a mistake",
    "method-not-allowed": "The path exists, the method does not",
    "no-back-office": "This provider has no back office",
    "not-found": "Nothing is served at this path",
    "refused": "The simulated page would not allow this",
    "token": "This takes the control token",
    "unknown-account": "No such account",
    "unknown-checkout": "No such checkout",
    "unknown-entry": "No such journal entry",
    "unknown-object": "No such object",
    "unknown-provider": "No such provider",
    "unknown-sandbox": "No such sandbox",
    "unknown-scenario": "No such scenario",
    "unknown-webhook": "No such webhook",
    "unsupported-media-type": "The body has the wrong media type",
}
_LONGEST = 2_000
_ASKING: Mapping[str, str] = {"WWW-Authenticate": 'Bearer realm="mockpsp"'}


class ControlError(Exception):
    """A problem with its HTTP status; ``kind`` is one of TITLES and names it for programs."""

    def __init__(
        self, status: int, kind: str, detail: str, *, hint: str | None = None, problems: Iterable[str] = ()
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.hint = hint
        self.problems = tuple(problems)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """A hint that proposes the known word which looks most like this one; else, if they are few, all of them."""
    words = sorted(known)
    lowered = {each.lower(): each for each in words}
    near = get_close_matches(word.lower()[:80], lowered, n=1, cutoff=0.55)
    if near:
        return f"did you mean {lowered[near[0]]!r}?"
    return f"known: {', '.join(words)}" if 0 < len(words) <= 12 else None


def unknown(kind: str, what: str, word: str, known: Iterable[str]) -> ControlError:
    """404 for a name that does not exist, with the nearest one that does."""
    return ControlError(404, kind, f"there is no {what} {word[:200]!r}", hint=nearest(word, known))


def bad(detail: str, hint: str | None = None, problems: Iterable[str] = ()) -> ControlError:
    """400 for a body that the contract allows and the world does not."""
    return ControlError(400, "bad-body", detail, hint=hint, problems=problems)


def translate(error: Exception) -> ControlError | None:
    """The problem that an expected exception is; None for one that nobody expected."""
    match error:
        case ControlError():
            return error
        case UnknownScenario():
            return ControlError(
                404,
                "unknown-scenario",
                str(error).partition("; did you mean")[0],
                hint=f"did you mean {error.nearest!r}?" if error.nearest else "GET /_mockpsp/scenarios lists them",
            )
        case BodyTooLarge():
            return ControlError(413, "body-too-large", str(error))
        case BodyTooSlow():
            return ControlError(408, "body-too-slow", str(error))
        case BrokenContract():
            kind = "bad-query" if error.place.startswith("query") else "bad-body"
            return ControlError(400, kind, str(error))
        case BadBody():
            return ControlError(400, "bad-body", str(error))
        case Gone():
            return ControlError(409, "conflict", str(error))
        case Refusal():
            return ControlError(409, "refused", str(error) or type(error).__name__)
    return None


def respond(error: Exception) -> web.Response:
    """The answer to whatever went wrong; what nobody expected is logged and says so."""
    problem = translate(error)
    if problem is None:
        known = isinstance(error, StoreFailed)  # a full disk is nobody's mistake in the code
        log.error("a control request failed: %s", error, exc_info=None if known else error)
        problem = ControlError(
            500,
            "fault",
            f"{type(error).__name__}: {error}",
            hint="this is a fault of mockpsp; its log has the details",
        )
    return answer(problem, _ASKING if problem.status == 401 else None)


def answer(problem: ControlError, headers: Mapping[str, str] | None = None) -> web.Response:
    """The problem as a response. Texts may quote the request, so card numbers are masked here as well."""
    document: dict[str, Any] = {
        "type": f"urn:mockpsp:problem:{problem.kind}",
        "title": TITLES[problem.kind],
        "status": problem.status,
        "detail": mask_text(problem.detail[:_LONGEST]),
    }
    if problem.hint:
        document["hint"] = problem.hint
    if problem.problems:
        document["problems"] = [mask_text(each[:_LONGEST]) for each in problem.problems]
    return web.Response(
        body=to_json(document), status=problem.status, content_type="application/problem+json", headers=headers
    )


def to_json(value: Any) -> bytes:
    """JSON in UTF-8, keys in the order in which they were written; lone surrogates leave as escapes."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def unserved(request: web.Request, unrouted: web.HTTPException) -> web.StreamResponse:
    """The answer where aiohttp knows no route below ``/_mockpsp``."""
    if isinstance(unrouted, web.HTTPMethodNotAllowed):
        allowed = sorted(unrouted.allowed_methods)
        problem = ControlError(
            405,
            "method-not-allowed",
            f"{request.method[:20]} is not possible at {request.path[:200]}",
            hint=f"possible: {', '.join(allowed)}",
        )
        return answer(problem, {"Allow": ",".join(allowed)})
    paths = [
        resource.canonical for resource in request.app.router.resources() if resource.canonical.startswith("/_mockpsp/")
    ]
    return answer(
        ControlError(
            404, "not-found", f"nothing is served at {request.path[:200]}", hint=nearest(request.path, set(paths))
        )
    )
