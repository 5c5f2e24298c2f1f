"""One call of a running server's control API, with the standard library alone: what the command line needs."""

from __future__ import annotations

from collections.abc import Mapping
from http.client import HTTPException
from json import dumps, loads
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

PATIENCE_SECONDS = 60.0


class Refused(Exception):
    """The server said no, or nobody answered; the message says what to change."""


class Reply(NamedTuple):
    """An answer: its headers, and its body as text."""

    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        """The body as a JSON value. Raises Refused when it is none."""
        try:
            return loads(self.text)
        except ValueError as error:
            raise Refused("that is not a mockpsp: its answer is not JSON") from error


def call(url: str, method: str, path: str, body: Any = None, token: str = "") -> Reply:
    """``path`` is below ``/_mockpsp``; ``token`` is what steering takes there. Raises Refused."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    data = None if body is None else dumps(body, ensure_ascii=False).encode()
    target = f"{url.rstrip('/')}/_mockpsp{path}"
    try:
        request = Request(target, data, headers, method=method)  # noqa: S310 - checked
        if request.type not in ("http", "https"):
            raise Refused(f"{url} is no address; write it like http://localhost:8080")
        with build_opener(ProxyHandler({})).open(request, timeout=PATIENCE_SECONDS) as answer:
            return Reply(answer.headers, answer.read().decode("utf-8", "replace"))
    except HTTPError as error:
        raise Refused(_problem(error)) from error
    except URLError as error:
        raise Refused(f"nobody answers at {url}: {error.reason}; is 'mockpsp serve' running there?") from error
    except (OSError, HTTPException, ValueError) as error:
        raise Refused(f"{url}: {error or type(error).__name__}") from error


def _problem(error: HTTPError) -> str:
    """What a problem document says, with its hint."""
    with error:
        text = error.read().decode("utf-8", "replace")
    try:
        told = loads(text)
        lines = [f"{told['detail']} ({told['hint']})" if told.get("hint") else str(told["detail"])]
        return "\n".join([*lines, *map(str, told.get("problems", ()))])
    except (ValueError, TypeError, KeyError, AttributeError):
        return f"{error.url} answers {error.code}"
