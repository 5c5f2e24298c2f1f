"""The listening sockets. Bound before aiohttp is imported: a client who comes early waits and is not refused."""

from __future__ import annotations

import errno
import socket
from typing import NamedTuple

BACKLOG = 512
_ATTEMPTS = 20
_NAME_ERRORS = ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY", "EAI_AGAIN")  # each system has some of them
_NOT_OURS = {errno.EADDRNOTAVAIL, *(getattr(socket, name, errno.EADDRNOTAVAIL) for name in _NAME_ERRORS)}
_EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - compared with, not bound to


class CannotListen(OSError):
    """The address cannot be used; the message says what to do about it."""


class Listening(NamedTuple):
    """Bound sockets that already accept connections, all on one port. ``name`` is how a client calls this host."""

    sockets: tuple[socket.socket, ...]
    name: str
    port: int

    def origin(self, scheme: str = "http") -> str:
        """What clients put in front of paths."""
        return f"{scheme}://{f'[{self.name}]' if ':' in self.name else self.name}:{self.port}"

    @property
    def exposed(self) -> bool:
        """Whether other machines can connect."""
        from ipaddress import ip_address

        return not all(ip_address(each.getsockname()[0]).is_loopback for each in self.sockets)

    def close(self) -> None:
        """Give the port back."""
        for each in self.sockets:
            each.close()


def listen(host: str, port: int) -> Listening:
    """Listen on a port, 0 for a free one. Raises CannotListen.

    ``localhost`` means both loopback addresses where the machine has both: some clients try one, some the other.
    """
    if host != "localhost":
        bound = _bind(host, port)
        name = "localhost" if host in _EVERYWHERE else host
        return Listening((bound,), name, _port(bound))
    for _ in range(_ATTEMPTS):
        first = _bind("127.0.0.1", port)
        try:
            second = _second(first)
        except CannotListen:
            first.close()
            if port:
                raise
            continue
        return Listening((first, second) if second is not None else (first,), "localhost", _port(first))
    raise CannotListen("no port is free on both 127.0.0.1 and ::1; choose one with --port")


def _second(first: socket.socket) -> socket.socket | None:
    """The same port on ::1, None where there is no such address. Raises CannotListen when somebody else has it."""
    if not socket.has_ipv6:
        return None
    try:
        return _bind("::1", _port(first))
    except CannotListen as error:
        if error.errno == errno.EADDRINUSE:
            raise
        return None


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        bound = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise CannotListen(error.errno, _advice(error, host, port)) from error
    # Or each copy of it would make all of them block for a moment, those of other processes as well: of two that accept
    # the same connection then, one waits for the next one, and does nothing else.
    bound.setblocking(False)
    return bound


def _advice(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is taken, perhaps by another mockpsp; "
            "choose another with --port, or let --port 0 find a free one"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} is not open to you; choose one above 1023 with --port"
    if error.errno in _NOT_OURS:
        return f"{host!r} is no address of this machine; --host localhost is reachable from here only"
    return f"cannot listen on {host}:{port}: {error.strerror or error}"


def _port(bound: socket.socket) -> int:
    port: int = bound.getsockname()[1]
    return port


__all__ = ["CannotListen", "Listening", "listen"]
