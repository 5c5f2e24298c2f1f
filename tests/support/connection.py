"""Connections of tests to servers on this machine, kept open: making one costs more than most answers."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from http.cookiejar import DefaultCookiePolicy
from select import select
from threading import local
from typing import Any, NamedTuple
from urllib.parse import urlencode, urljoin

import requests

from mockpsp.edge.contract import Contract

_OWN = local()
_COMPILED: dict[int, tuple[Any, Any]] = {}


def session() -> requests.Session:
    """The thread's own, which forgets cookies and asks neither the environment nor a netrc file."""
    found: requests.Session | None = getattr(_OWN, "session", None)
    if found is None:
        found = _OWN.session = _Quick()
        found.trust_env = False
        found.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return found


class Steered(NamedTuple):
    """An answer of the control API."""

    status: int
    body: bytes

    @property
    def text(self) -> str:
        """As it is shown where a test fails."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


def steer(method: str, url: str, body: Any = None, params: Mapping[str, Any] | None = None) -> Steered:
    """A call of the control API, which most of a test suite's calls are."""
    sent = None if body is None else json.dumps(body).encode()
    headers = {} if sent is None else {"Content-Type": "application/json"}
    answer, told = _exchange(method, f"{url}?{urlencode(params)}" if params else url, sent, headers)
    return Steered(answer.status, told)


class _Line(HTTPConnection):
    """A connection that goes with its thread."""

    def __del__(self) -> None:
        self.close()


def _exchange(method: str, url: str, sent: bytes | None, headers: Mapping[str, str]) -> tuple[HTTPResponse, bytes]:
    """A request over the thread's own connection, or a fresh one if the server has closed that; made once only."""
    _, _, rest = url.partition("://")
    place, _, target = rest.partition("/")
    kept: dict[str, _Line] = _OWN.__dict__.setdefault("kept", {})
    line = kept.pop(place, None)
    if line is None or line.sock is None or select([line.sock], (), (), 0)[0]:
        line = _Line(place, timeout=60)
    line.request(method, f"/{target}", sent, dict(headers))
    response = line.getresponse()
    told = response.read()
    if not response.will_close:
        kept[place] = line
    return response, told


_PLAIN = re.compile(
    r"http://[A-Za-z0-9.:\[\]-]+/[A-Za-z0-9_~!$&'()*+,;=:@%/?-]*(?:\.[A-Za-z0-9_~!$&'()*+,;=:@%?-]+)*", re.ASCII
)
"""Addresses that ``requests`` sends as they are: nothing to quote, no dots to walk up by, no fragment."""


_LONG = 20
"""Seconds: who waits no longer wants to see what a time-out leads to."""


class _Quick(requests.Session):
    """A session whose simple calls take a quarter of the time; what they answer is what ``requests`` makes of it."""

    def request(self, method: str, url: str, **how: Any) -> requests.Response:
        """See requests.Session."""
        params, data, body = how.pop("params", None), how.pop("data", None), how.pop("json", None)
        sent = _payload(data, body)
        target = f"{url}{'&' if '?' in url else '?'}{urlencode(params, doseq=True)}" if params else url
        known = how.keys() <= {"headers", "auth", "timeout", "allow_redirects"} and isinstance(sent, tuple)
        if (
            not known
            or not isinstance(how.get("auth"), tuple | None)
            or (how.get("timeout") or 0) < _LONG
            or _PLAIN.fullmatch(target) is None
        ):
            answer: requests.Response = super().request(method, url, params=params, data=data, json=body, **how)
            return answer
        payload, kind = sent
        headers = {"Accept": "*/*", **kind, **(how.get("headers") or {})}
        if how.get("auth") is not None:
            headers["Authorization"] = "Basic " + b64encode(":".join(how["auth"]).encode()).decode()
        try:
            response = _as_requests_tells(target, *_exchange(method, target, payload, headers))
        except IncompleteRead as error:
            raise requests.exceptions.ChunkedEncodingError(error) from error
        except (ConnectionError, HTTPException) as error:
            raise requests.ConnectionError(error) from error
        if how.get("allow_redirects", True) and response.is_redirect:
            there = urljoin(target, response.headers["Location"])
            again = method if response.status_code in (307, 308) else "GET"
            return self.request(again, there, headers=how.get("headers"), timeout=how.get("timeout", 60))
        return response


def _payload(data: Any, body: Any) -> tuple[bytes | None, dict[str, str]] | None:
    """What is sent, and its type; None for what only ``requests`` knows how to send."""
    if body is not None:
        return json.dumps(body).encode(), {"Content-Type": "application/json"}
    if data is None:
        return None, {}
    if isinstance(data, str | bytes):
        return (data.encode() if isinstance(data, str) else data), {}
    if isinstance(data, dict) and all(isinstance(each, str | int) for each in data.values()):
        return urlencode(data).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    return None


def _as_requests_tells(url: str, answer: HTTPResponse, told: bytes) -> requests.Response:
    response = requests.Response()
    response.status_code, response.reason, response.url = answer.status, answer.reason, url
    for name, value in answer.getheaders():
        before = response.headers.get(name)
        response.headers[name] = value if before is None else f"{before}, {value}"
    response.encoding = requests.utils.get_encoding_from_headers(response.headers)
    response._content, response._content_consumed = told, True
    return response


def compiled(contract: Contract, schema: Mapping[str, Any]) -> Any:
    """The validator of a schema that lies in the contract's document, compiled once."""
    kept = _COMPILED.get(id(schema))
    if kept is None:
        kept = _COMPILED[id(schema)] = schema, contract.validator(schema)
    return kept[1]
