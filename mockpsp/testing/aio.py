"""A sandbox for asyncio tests: the methods of ``Sandbox``, run in a thread, so that the test's loop keeps running."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from mockpsp.testing.client import Sandbox

P = ParamSpec("P")
T = TypeVar("T")


class _Awaited(Generic[P, T]):
    """A method of ``Sandbox`` as one that is awaited, with the same parameters."""

    def __init__(self, method: Callable[Concatenate[Sandbox, P], T]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    def __get__(self, owner: AsyncSandbox, kind: type[Any]) -> Callable[P, Awaitable[T]]:
        def call(*args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
            return asyncio.to_thread(self._method, owner.sandbox, *args, **kwargs)

        return call


class AsyncSandbox:
    """One sandbox, steered without blocking the running event loop. ``sandbox`` is the blocking one."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    load = _Awaited(Sandbox.load)
    reset = _Awaited(Sandbox.reset)
    clock = _Awaited(Sandbox.clock)
    advance = _Awaited(Sandbox.advance)
    set_clock = _Awaited(Sandbox.set_clock)
    stop_clock = _Awaited(Sandbox.stop_clock)
    run_clock = _Awaited(Sandbox.run_clock)
    checkouts = _Awaited(Sandbox.checkouts)
    shopper = _Awaited(Sandbox.shopper)
    accounts = _Awaited(Sandbox.accounts)
    account = _Awaited(Sandbox.account)
    set_balance = _Awaited(Sandbox.set_balance)
    back_office = _Awaited(Sandbox.back_office)
    settle = _Awaited(Sandbox.settle)
    webhooks = _Awaited(Sandbox.webhooks)
    send_webhooks = _Awaited(Sandbox.send_webhooks)
    inbox = _Awaited(Sandbox.inbox)
    resend = _Awaited(Sandbox.resend)
    verify = _Awaited(Sandbox.verify)
    journal = _Awaited(Sandbox.journal)
    explain = _Awaited(Sandbox.explain)
    timeline = _Awaited(Sandbox.timeline)
