"""One HTTP exchange with the control API: what went wrong comes as an exception that says what to change.

Only the standard library: a test suite need not use the HTTP client that we would choose.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from msgspec import DecodeError
from msgspec.json import decode, encode

__tracebackhide__ = True  # in a test's failure, what matters is the line of the test
JSON = "application/json"
YAML = "application/yaml"
PATIENCE_SECONDS = 100.0
_MOST_PROBLEMS = 20


class ControlError(Exception):
    """The control API refused. ``kind`` is the last part of its ``type``; ``str()`` holds everything that it said."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.kind = str(problem.get("type", "")).rpartition(":")[2]
        self.detail = str(problem.get("detail", f"status {status}"))
        self.hint = str(problem.get("hint", ""))
        self.problems = tuple(map(str, problem.get("problems", ())))
        said = [f"{self.detail} ({self.hint})" if self.hint else self.detail]
        said += [f"  {each}" for each in self.problems[:_MOST_PROBLEMS]]
        if len(self.problems) > _MOST_PROBLEMS:
            said.append(f"  … and {len(self.problems) - _MOST_PROBLEMS} more")
        super().__init__("\n".join(said))


class Unreachable(Exception):
    """Nobody answers there, or somebody who is not mockpsp."""


class _Answer(NamedTuple):
    status: int
    media: str
    body: bytes


class Connection:
    """A server's control API at ``url``, which may have a path of its own. Every exchange has its own connection.

    ``token`` is what steering takes at a server that other machines can reach.
    """

    def __init__(self, url: str, token: str = "") -> None:
        self._proof = {"Authorization": f"Bearer {token}"} if token else {}
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Unreachable(f"{url!r} is no address; write it like http://localhost:8080")
        self.url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._host, self._port, self._prefix = parts.hostname, parts.port, f"{parts.path.rstrip('/')}/_mockpsp"

    def ask(self, method: str, path: str, body: Any = None, query: Mapping[str, Any] | None = None) -> Any:
        """The JSON of an answer, None without one; ``body`` goes as JSON. Raises ControlError, Unreachable."""
        content = encode(body) if body is not None else None
        return self._read(self._exchange(method, _target(path, query), content, JSON))

    def put_yaml(self, path: str, content: bytes) -> Any:
        """PUT a YAML document as it is. Raises ControlError, Unreachable."""
        return self._read(self._exchange("PUT", path, content, YAML))

    def _exchange(self, method: str, target: str, content: bytes | None, media: str) -> _Answer:
        headers = {"Accept": JSON, **self._proof, **({"Content-Type": media} if content is not None else {})}
        try:
            with closing(self._kind(self._host, self._port, timeout=PATIENCE_SECONDS)) as connection:
                connection.request(method, f"{self._prefix}{target}", content, headers)
                answer = connection.getresponse()
                return _Answer(answer.status, answer.headers.get_content_type(), answer.read())
        except (OSError, HTTPException) as error:
            raise Unreachable(f"no mockpsp answers at {self.url}: {error or type(error).__name__}") from error

    def _read(self, answer: _Answer) -> Any:
        if answer.status == 204:
            return None
        try:
            value = decode(answer.body)
        except DecodeError:
            value = None
        if answer.status >= 400 and answer.media == "application/problem+json" and isinstance(value, dict):
            raise ControlError(answer.status, value)
        if answer.status >= 300 or value is None:
            raise Unreachable(f"what answers at {self.url} is not mockpsp: status {answer.status}, {answer.media}")
        return value


def _target(path: str, query: Mapping[str, Any] | None) -> str:
    given = {name: value for name, value in (query or {}).items() if value is not None}
    return f"{path}?{urlencode(given, doseq=True)}" if given else path


def quoted(parts: Iterable[str]) -> str:
    """Parts of a path, joined, with what else would change the path's meaning escaped; slashes stay."""
    return "/" + "/".join(quote(each) for each in parts)
