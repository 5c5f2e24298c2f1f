"""Small pieces that all of Lyra's answers share: JSON, addresses with the caller's own prefix, moments."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.edge.respond import to_bytes

JSON = "application/json"
BASES = ("/marketplace", "/marketplace/v1", "/marketplace-test", "/marketplace-test/v1")


def answer(status: int, body: Any) -> Answer:
    """A JSON answer."""
    return Answer(status, to_bytes(body), JSON)


def base(x: Exchange) -> str:
    """Origin and prefix by which the caller came: ``http://localhost:8080/marketplace-test/v1``."""
    first, _, rest = x.request.path[1:].partition("/")
    version = "/v1" if rest == "v1" or rest.startswith("v1/") else ""
    return f"{x.origin}/{first}{version}"


def href(address: str) -> Mapping[str, str]:
    """A link."""
    return {"href": address}


def stamp(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds: ``2021-05-17T14:07:49.610694Z``."""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"


def compact(moment: datetime) -> str:
    """Fourteen digits in UTC: ``20210517140749``."""
    return f"{moment:%Y%m%d%H%M%S}"
