"""Who is let in: by which names the server may be called, and what it takes to steer it.

A page on the web can make its visitor's browser call a server on the visitor's machine. By DNS rebinding it does so
under a name of its own, and then may read the answers; the ``Host`` header gives it away. Forms and scripts of other
sites are told by ``Sec-Fetch-Site`` and ``Origin``. docs/adr/0013-safe-by-default.md has the whole model.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable
from hmac import compare_digest
from hmac import digest as hmac
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

SAFE = ("GET", "HEAD")
ANY = "*"
_HOST = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[A-Za-z0-9._-]{1,253}))(?::[0-9]{1,5})?")
_INNER = (".internal", ".local", ".svc", ".test")
"""Endings that no public domain has: private networks, Docker, Kubernetes, RFC 2606."""
_SHARED = ip_network("100.64.0.0/10")
_REMEMBERED = 1_000
_TOLD = 100
log = logging.getLogger("mockpsp.gate")


class Gate:
    """One per server. ``names`` are what it is called beside loopback names; ``*.example.com`` and ``*`` mean many.

    ``exposed``: other machines reach it, so names and addresses of private networks lead to it as well. Steering takes
    ``token``; without one nobody is asked. ``known`` are ``Host`` headers that were let in, for a quick look.
    """

    __slots__ = ("_exposed", "_names", "_seal", "_strange", "_token", "closing", "cookie", "known", "turned_away")

    def __init__(self, names: Iterable[str] = (), *, exposed: bool = False, token: str = "") -> None:
        self._names = frozenset(each.lower().rstrip(".") for each in names if each)
        self._exposed = exposed
        self._token = token.encode()
        self._seal = hmac(self._token, b"mockpsp dashboard", "sha256").hex() if token else ""
        self._strange: set[str] = set()
        self.cookie = f"mockpsp-{hmac(self._token, b'mockpsp cookie', 'sha256').hex()[:8]}" if token else ""
        self.known: set[str | None] = {None}  # HTTP/1.0 has none; a browser always sends one
        self.turned_away = {"host": 0, "site": 0, "token": 0}
        self.closing = False
        """The server takes its leave: load balancers shall send nobody here any more."""

    # -- names -------------------------------------------------------------------------------------------------------

    def admits(self, request: web.BaseRequest) -> bool:
        """Whether the request came by a name of ours. Ask only for headers that are not ``known``."""
        raw = request.headers.get("Host")
        if not self.goes_by(raw or ""):
            return False
        if len(self.known) < _REMEMBERED:
            self.known.add(raw)
        return True

    def goes_by(self, host: str) -> bool:
        """Whether a ``Host`` header names this server."""
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = (match["six"] or match["name"]).lower().rstrip(".")
        if ANY in self._names or name in self._names:
            return True
        try:
            address = ip_address(name)
        except ValueError:
            return self._has_name(name)
        return address.is_loopback or (self._exposed and _is_private(address))

    def _has_name(self, name: str) -> bool:
        if name == "localhost" or name.endswith(".localhost"):
            return True
        if self._exposed and ("." not in name or name.endswith(_INNER)):
            return bool(name)
        return any(f"*.{name.partition('.')[2]}" == each for each in self._names if each.startswith("*."))

    def refuse(self, request: web.BaseRequest) -> web.Response:
        """421: the answer to a request by a strange name. Told in the log once for each name."""
        self.turned_away["host"] += 1
        host = request.headers.get("Host", "")[:260]
        level = logging.DEBUG if host in self._strange else logging.WARNING
        if len(self._strange) < _TOLD:
            self._strange.add(host)
        else:
            level = logging.DEBUG
        match = _HOST.fullmatch(host)  # what is no name is not said again
        name = (match["six"] or match["name"]) if match is not None else "NAME"
        log.log(level, "refused: called by the name %r; if it is one of yours, serve --allow-host NAME", host)
        return _problem(
            421,
            "unknown-host",
            "This server does not go by that name",
            f"the request is for {host!r}"
            if match is not None
            else "the request's Host header is none that a name could be",
            f"call it by its own name, or start it with --allow-host {name}",
        )

    # -- steering ----------------------------------------------------------------------------------------------------

    @property
    def guarded(self) -> bool:
        """Whether steering takes a token."""
        return bool(self._token)

    def may_steer(self, request: web.BaseRequest) -> bool:
        """Whether the request shows the token, or a browser that was signed in sends it."""
        if not self._token:
            return True
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.fits(given.strip()):
            return True
        shown = request.cookies.get(self.cookie, "")
        if compare_digest(shown.encode(), self._seal.encode()):
            return True
        self.turned_away["token"] += 1
        return False

    def fits(self, token: str) -> bool:
        """Whether this is the token; takes as long for any other."""
        return self.guarded and compare_digest(token.encode("utf-8", "surrogateescape"), self._token)

    def sign_in(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """Let this browser steer until it is closed. The cookie follows from the token and does not show it."""
        response.set_cookie(
            self.cookie, self._seal, path="/_mockpsp", httponly=True, samesite="Strict", secure=request.secure
        )

    def sign_out(self, response: web.StreamResponse) -> None:
        """Let it steer no more."""
        response.del_cookie(self.cookie, path="/_mockpsp", httponly=True, samesite="Strict")

    def is_from_elsewhere(self, request: web.BaseRequest) -> bool:
        """Whether a browser says that a page of another site sent this; following a link is nobody's harm.

        It says so with Sec-Fetch-Site, and where it keeps that for secure origins (a server that is reached by a plain
        http name other than localhost), with Origin. What says neither is no browser.
        """
        site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
        if site is not None:
            linked = request.method in SAFE and request.headers.get("Sec-Fetch-Mode") == "navigate"
            strange = site not in ("same-origin", "none") and not linked
        else:
            strange = origin is not None and _netloc(origin) != request.host
        self.turned_away["site"] += strange
        return strange


GATE: web.AppKey[Gate] = web.AppKey("GATE", Gate)


def _is_private(address: IPv4Address | IPv6Address) -> bool:
    """An address of somebody's own network, Docker's and Kubernetes' included."""
    return address.is_private or address in _SHARED


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _problem(status: int, kind: str, title: str, detail: str, hint: str) -> web.Response:
    told: dict[str, Any] = {
        "type": f"urn:mockpsp:problem:{kind}", "title": title, "status": status, "detail": detail, "hint": hint,
    }  # fmt: skip
    return web.Response(body=json.dumps(told).encode(), status=status, content_type="application/problem+json")


__all__ = ["ANY", "GATE", "SAFE", "Gate", "is_loopback"]
