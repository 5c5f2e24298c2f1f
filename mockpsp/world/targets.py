"""Where webhooks may go: this machine and private networks, and what the user named.

A name is judged twice: by its looks when an endpoint is given, and by its addresses whenever a connection is made, so
that a private name which leads to a public address, now or at the next look-up, gets nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from errno import EACCES
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

Reach = Callable[[str, str], bool]
ANY = "*"
_LOCAL_ENDINGS = (".localhost", ".local", ".internal", ".test.local")
_METADATA = frozenset({ip_address("fd00:ec2::254"), ip_address("192.0.0.192")})
"""Where clouds tell a machine its secrets, beside the link-local 169.254.169.254: AWS by IPv6, Oracle."""


def is_local(url: str) -> bool:
    """Whether a webhook target looks like this machine, a private address, or a name without a public domain."""
    return _is_http(url) and _looks_local(_host(url))


def leads_here(host: str, address: str) -> bool:
    """Whether the address that a name was found at is this machine's or a private one."""
    try:
        return _is_inner(ip_address(address.partition("%")[0]))
    except ValueError:
        return False


class Targets:
    """What ``--allow-webhooks-to`` names, beside what is local. ``*`` is any host, metadata services included."""

    def __init__(self, named: Collection[str] = ()) -> None:
        self._named = frozenset(each.lower() for each in named)

    def allow(self, url: str) -> bool:
        """Whether webhooks may be sent to this address, as far as its text tells. Raises ValueError for none."""
        return _is_http(url) and (self._is_named(_host(url)) or is_local(url))

    def reach(self, host: str, address: str) -> bool:
        """Whether a connection may be made to the address that ``host`` was found at."""
        return self._is_named(host.lower()) or leads_here(host, address)

    def _is_named(self, host: str) -> bool:
        return ANY in self._named or host in self._named


class NotLocal(OSError):
    """A name leads to an address that webhooks may not go to."""


def guarded(reach: Reach) -> AbstractResolver:
    """A resolver that hands out such addresses only; its error says which one was refused."""
    from aiohttp.abc import AbstractResolver, ResolveResult
    from aiohttp.resolver import ThreadedResolver

    class Guarded(AbstractResolver):
        def __init__(self) -> None:
            self._found = ThreadedResolver()

        async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
            found = await self._found.resolve(host, port, family)  # type: ignore[arg-type]
            kept = [each for each in found if reach(host, each["host"])]
            if not kept:
                first = found[0]["host"] if found else "no address"
                raise NotLocal(EACCES, f"{host} leads to {first}, which is not on this machine or network")
            return kept

        async def close(self) -> None:
            await self._found.close()

    return Guarded()


def _is_http(url: str) -> bool:
    return urlsplit(url).scheme in ("http", "https")


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").lower()


def _looks_local(host: str) -> bool:
    try:
        return _is_inner(ip_address(host))
    except ValueError:
        return host == "localhost" or "." not in host.strip(".") or host.endswith(_LOCAL_ENDINGS)


def _is_inner(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_link_local or address.is_multicast or address in _METADATA:
        return False
    return address.is_loopback or address.is_private
