"""Webhooks: one uuid under the name of the event, and nothing else. Source: docs.lyra.com "Using webhooks"."""

from __future__ import annotations

from collections.abc import Mapping

from mockpsp.domain.lifecycle import Body, Fact, Notice
from mockpsp.edge.respond import to_bytes

EVENTS = ("order", "token", "registration", "refund", "kyc")


def notice(kind: str, uuid: str, facts: Mapping[str, Fact]) -> Notice:
    """A webhook of this kind about this object."""
    return Notice(kind, uuid, Body(to_bytes({kind: uuid})), facts=facts)
