"""Calling a provider over a network that may fail: what an answer means for us, and when to ask again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from shop.care import Care

T = TypeVar("T")
ATTEMPTS = 4
FIRST_PAUSE = 0.2
LONGEST_PAUSE, PATIENCE = 8.0, 20.0
"""Seconds. Somebody waits for the page meanwhile, so a longer wait is left to the next try."""


class CallFailed(Exception):
    """No success. The three kinds below differ in what we know, and that decides what to do."""


class Refused(CallFailed):
    """The provider understood and said no. Asking again cannot help."""


class Later(CallFailed):
    """Nothing was done; ``seconds`` is when to come back (429 or 503 with Retry-After, a key still in use)."""

    def __init__(self, why: str, seconds: float | None = None) -> None:
        super().__init__(why)
        self.seconds = seconds


class Unsure(CallFailed):
    """No usable answer: a time-out, a cut connection, half a body, a 500. It may have been done, and money moved."""


async def insist(care: Care, key: str, call: Callable[[str | None], Awaitable[T]], attempts: int | None = None) -> T:
    """Call until there is an answer, always with the same idempotency key, so that it has effect once at most.

    Raises Refused; Later or Unsure when it is still so after so many attempts, ``ATTEMPTS`` where nothing is said.
    """
    attempts = ATTEMPTS if attempts is None else attempts
    pause, loop = FIRST_PAUSE, asyncio.get_running_loop()
    end = loop.time() + PATIENCE
    for attempt in range(1, attempts + 1):
        try:
            return await call(care.idempotency_key(key, attempt))
        except Later as error:
            wait = care.pause(error.seconds, pause)
            if attempt == attempts or wait > LONGEST_PAUSE or loop.time() + wait > end:
                raise
        except Unsure:
            wait = pause
            if attempt == attempts or loop.time() + wait > end:
                raise
        await asyncio.sleep(wait)
        pause *= 2
    raise AssertionError("the last attempt returns or raises")
