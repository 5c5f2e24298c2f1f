"""Whom to trust for TLS is read when a webhook first goes to an https address, not at every start.

aiohttp's client makes a context with the system's authorities as it is imported, a tenth of a start, for requests that
a simulator hardly ever sends. Webhooks have a context of their own (``mockpsp.world.posting``).
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def read_later() -> Iterator[None]:
    """While the block lasts, contexts are made without them: they trust nobody.

    Only for a process of ours, before there is a second thread.
    """
    contexts: Any = ssl.SSLContext
    usual = contexts.load_default_certs
    contexts.load_default_certs = _nothing
    try:
        yield
    finally:
        contexts.load_default_certs = usual


def _nothing(context: ssl.SSLContext, purpose: ssl.Purpose = ssl.Purpose.SERVER_AUTH) -> None:
    """In place of reading them."""


__all__ = ["read_later"]
