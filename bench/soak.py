"""``python -m bench.soak``: a million payments; what grows, and whether a request costs the same at the end.

Three sandboxes with running clocks. Of twenty payments sixteen are cards at Worldline (created under an idempotence
key, and read), two hosted checkouts that a shopper pays by vouchers (created, paid, read), one an order at Adyen with a
payment by voucher inside it, one an order at Lyra that is executed, paid by a shopper, and read. Every day of the
sandboxes' clocks has so many payments; then the clocks go on to the next day, so that keys and sessions expire as they
would. Webhooks go to this process: one endpoint of twenty never answers, another one takes its time, the others answer
at once. In the end every webhook that had a living endpoint must have arrived.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import re
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import formatdate
from itertools import count
from time import monotonic, perf_counter
from typing import Any, NamedTuple

from bench.__main__ import answered, cpu_seconds, free_port, resident_kilobytes
from bench.works import BODY, LYRA, META, ORDER, PAYMENT, PURCHASE, TENDERS, UUID, between
from mockpsp.providers.worldline.auth import SCHEME, data_to_sign, sign

CARD = json.dumps(
    {
        "cardPaymentMethodSpecificInput": {
            "paymentProductId": 1,
            "authorizationMode": "SALE",
            "card": {
                "cardNumber": "4012000033330026",
                "expiryDate": "1230",
                "cvv": "123",
                "cardholderName": "C. MARTIN",
            },
        },
        "order": {"amountOfMoney": {"amount": 1250, "currencyCode": "EUR"}},
    }
).encode()
VOUCHERS = re.sub(rb'"amount": 140000', b'"amount": 100', BODY)
PAYS = b'{"pay":[{"with":"cv_connect"}]}'
SCENARIO = {
    "mockpsp": 1,
    "title": "A soak",
    "extends": "default",
    "world": {
        "worldline": {"wallets": [{"beneficiary": "11111111111", "balance": "90000000.00 EUR"}]},
    },
}
SLOW_SECONDS = 2.0
TURN = 20
Send = Callable[[bytes], Any]


class Connection(asyncio.Protocol):
    """One request after the other on one connection."""

    def __init__(self) -> None:
        self._buffer = b""
        self._waiting: asyncio.Future[bytes] | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever waits is told."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(exc or ConnectionError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        """Wait for a whole answer."""
        self._buffer += data
        head, mark, rest = self._buffer.partition(b"\r\n\r\n")
        if not mark:
            return
        start = head.lower().find(b"content-length: ") + 16
        end = head.find(b"\r\n", start)
        if len(rest) < int(head[start : None if end < 0 else end]):
            return
        self._buffer = b""
        assert self._waiting is not None
        if head.startswith(b"HTTP/1.1 20"):
            self._waiting.set_result(rest)
        else:
            self._waiting.set_exception(RuntimeError((head + rest)[:900].decode("utf-8", "replace")))

    def send(self, request: bytes) -> asyncio.Future[bytes]:
        """The body of the answer. Raises RuntimeError unless it is a good one."""
        self._waiting = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._waiting


class Receiver(asyncio.Protocol):
    """Takes webhooks; says yes at once, late, or never, as the path has it."""

    taken: Mapping[str, set[int]] = {"worldline": set(), "adyen": set(), "lyra": set()}
    count = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        """Answer whole requests."""
        self._buffer += data
        while True:
            head, mark, rest = self._buffer.partition(b"\r\n\r\n")
            if not mark:
                return
            start = head.lower().find(b"content-length: ") + 16
            end = head.find(b"\r\n", start)
            length = int(head[start : None if end < 0 else end])
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            self._take(head.split(b" ", 2)[1].decode(), rest[:length])

    def _take(self, path: str, body: bytes) -> None:
        _, provider, kind = path.split("/")
        if kind == "never":
            return
        Receiver.count += 1
        Receiver.taken[provider].add(hash(body))
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[accepted]"
        if kind == "late":
            asyncio.get_running_loop().call_later(SLOW_SECONDS, self._transport.write, answer)
        else:
            self._transport.write(answer)


def plain(method: str, target: str, body: bytes = b"", *headers: str) -> bytes:
    """One HTTP/1.1 request; a body is JSON."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *headers]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Merchant:
    """One sandbox, and how its merchant calls the three providers."""

    def __init__(self, created: Mapping[str, Any]) -> None:
        self.id: str = created["id"]
        self.given: Mapping[str, Mapping[str, Any]] = created["credentials"]
        self.base = f"/v2/{self.given['worldline']['merchant_id']}"
        self.control = f"/_mockpsp/sandboxes/{self.id}"
        self.now = 0.0
        adyen, lyra = self.given["adyen"], self.given["lyra"]
        account = adyen["merchant_account"].encode()
        self._key = f"X-API-Key: {adyen['api_key']}"
        self._order, self._payment = (re.sub(rb'("merchantAccount": ")[^"]*', rb"\g<1>" + account, each)
                                      for each in (ORDER, PAYMENT))  # fmt: skip
        login = b64encode(f"{lyra['login']}:{lyra['password']}".encode()).decode()
        self._login = (f"Authorization: Basic {login}", "Accept: application/json")
        self._purchase = PURCHASE.replace(LYRA["marketplace"].encode(), lyra["marketplace"].encode())

    def signed(self, method: str, path: str, body: bytes = b"", key: str = "") -> bytes:
        """A call of Worldline's."""
        target, kind = self.base + path, "application/json" if body else ""
        date = formatdate(self.now, usegmt=True)
        gcs = [("X-GCS-ServerMetaInfo", META), *([("X-GCS-Idempotence-Key", key)] if key else [])]
        given = self.given["worldline"]
        proof = sign(given["secret_api_key"], data_to_sign(method, kind, date, gcs, target))
        named = [f"{name}: {value}" for name, value in gcs]
        return plain(
            method, target, body, f"Date: {date}", *named, f"Authorization: {SCHEME}{given['api_key_id']}:{proof}"
        )

    async def card(self, send: Send, number: int) -> int:
        """A payment by card, and a look at it."""
        made = await send(self.signed("POST", "/payments", CARD, f"{self.id}-{number}"))
        id = re.search(rb'"id":"([0-9_]+)"', made)
        assert id is not None, made
        found = await send(self.signed("GET", f"/payments/{id[1].decode()}"))
        assert b'"CAPTURED"' in found, found
        return 2

    async def vouchers(self, send: Send, number: int) -> int:
        """A hosted checkout that a shopper pays, and a look at it."""
        made = await send(self.signed("POST", "/hostedcheckouts", VOUCHERS, f"{self.id}-{number}"))
        ref = between(made, b'"hostedCheckoutId":"')
        await send(plain("POST", f"{self.control}/checkouts/{ref}/shopper", PAYS))
        found = await send(self.signed("GET", f"/hostedcheckouts/{ref}"))
        assert b'"PAYMENT_CREATED"' in found, found
        return 3

    async def meal(self, send: Send, number: int) -> int:
        """An order at Adyen, and a payment inside it."""
        key = f"Idempotency-Key: {self.id}-{number}"
        order = await send(plain("POST", "/v72/orders", self._order, self._key, key))
        psp, data = between(order, b'"pspReference":"'), between(order, b'"orderData":"')
        body = self._payment.replace(b"@order", psp.encode()).replace(b"@data", data.encode())
        paid = await send(plain("POST", "/v72/payments", body, self._key, f"{key}p"))
        assert b'"resultCode":"Authorised"' in paid, paid
        return 2

    async def basket(self, send: Send, number: int) -> int:
        """An order at Lyra, executed, paid by a shopper, and read."""
        order = await send(plain("POST", "/marketplace-test/orders?expand=items", self._purchase, *self._login))
        uuid = between(order, UUID)
        await send(plain("GET", f"/marketplace-test/orders/{uuid}/execute", b"", *self._login))
        await send(plain("POST", f"{self.control}/checkouts/{uuid}/shopper", TENDERS))
        found = await send(plain("GET", f"/marketplace-test/orders/{uuid}", b"", *self._login))
        assert b'"status":"PENDING"' in found or b'"status":"SUCCEEDED"' in found, found
        return 4

    def pay(self, send: Send, number: int) -> Any:
        """The payment with this number."""
        turn = number % TURN
        work = (
            self.vouchers if turn in (3, 11) else self.meal if turn == 7 else self.basket if turn == 17 else self.card
        )
        return work(send, number)


class Mark(NamedTuple):
    """What the server had taken by then."""

    payments: int
    requests: int
    processor: float
    kilobytes: int
    seconds: float
    alive: Mapping[str, int]
    """What the server says that it keeps: objects, timers, webhooks on their way."""


class Soak:
    """The whole run."""

    def __init__(self, port: int, pid: int, payments: int, a_day: int, connections: int, seconds: float) -> None:
        self.port = port
        self.pid = pid
        self.payments = payments
        self.a_day = a_day
        self.connections = connections
        self.until = monotonic() + seconds
        self.requests = 0
        self.done = 0
        self.merchants: list[Merchant] = []

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the control API."""
        _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", self.port)
        told = json.dumps(body).encode() if body is not None else b""
        answer = await connection.send(plain(method, f"/_mockpsp{path}", told))
        connection.transport.close()
        return json.loads(answer)

    async def open(self, hooks: int, sandboxes: int) -> None:
        """Sandboxes whose webhooks come here: one of them has an endpoint that never answers, one a late one."""
        for index in range(sandboxes):
            merchant = Merchant(await self.ask("POST", "/sandboxes", {"scenario": SCENARIO}))
            self.merchants.append(merchant)
            for provider in ("worldline", "adyen", "lyra"):
                kind = {1: "late", 2: "never"}.get(index, "well")
                url = f"http://127.0.0.1:{hooks}/{provider}/{kind}"
                await self.ask("PUT", f"/sandboxes/{merchant.id}/webhook-endpoints/{provider}", {"url": url})
        await self._look()

    async def _look(self) -> None:
        from datetime import datetime

        for merchant in self.merchants:
            now = (await self.ask("GET", f"/sandboxes/{merchant.id}/clock"))["now"]
            merchant.now = datetime.fromisoformat(now).timestamp()

    async def next_day(self) -> None:
        """Let the first sandbox's clock go on by a day; what is due by then happens.

        Who moves a clock waits for all attempts on the way: the clocks of late and silent endpoints just run.
        """
        await self.ask("POST", f"/sandboxes/{self.merchants[0].id}/clock", {"advance": "P1D"})
        await self._look()

    async def mark(self) -> Mark:
        """What it has taken by now."""
        processor, kilobytes = cpu_seconds(self.pid), resident_kilobytes(self.pid)
        assert processor is not None, "this needs /proc"
        assert kilobytes is not None, "this needs /proc"
        return Mark(self.done, self.requests, processor, kilobytes, perf_counter(), await self._alive())

    async def _alive(self) -> Mapping[str, int]:
        _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", self.port)
        told = (await connection.send(plain("GET", "/_mockpsp/metrics"))).decode()
        connection.transport.close()
        return {
            name: sum(
                int(float(each)) for each in re.findall(rf"^mockpsp_{name}(?:{{.*}})? (\S+)$", told, re.MULTILINE)
            )
            for name in ("objects", "timers", "webhooks")
        }

    async def run(self, tell: Callable[[Mark, Mark], None]) -> list[Mark]:
        """Tenths, or as many of them as there was time for."""
        marks = [await self.mark()]
        numbers = count()
        for _ in range(10):
            end = marks[-1].payments + self.payments // 10
            while self.done < end and monotonic() < self.until:
                await self._some(numbers, min(self.a_day, end - self.done))
                await self.next_day()
            if self.done < end:
                break
            marks.append(await self.mark())
            tell(marks[-2], marks[-1])
        return marks

    async def _some(self, numbers: Iterator[int], payments: int) -> None:
        left = payments

        async def one() -> None:
            nonlocal left
            _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", self.port)
            while left > 0:
                left -= 1
                number = next(numbers)
                needed = await self._who(number).pay(connection.send, number)
                self.requests += needed
                self.done += 1
            connection.transport.close()

        async with asyncio.TaskGroup() as group:
            for _ in range(self.connections):
                group.create_task(one())

    def _who(self, number: int) -> Merchant:
        """Of two hundred payments one has webhooks that are taken late, and one such that nobody answers."""
        return self.merchants[{100: 1, 150: 2}.get(number % 200, 0)]


@contextmanager
def serving(options: list[str]) -> Iterator[tuple[int, int]]:
    """A server: port and process id."""
    port = free_port()
    command = [sys.executable, "-m", "mockpsp", "serve", "--host", "127.0.0.1", "--port", str(port), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        answered(port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(30)


def tell(before: Mark, after: Mark) -> None:
    """One tenth as a line."""
    payments, requests = after.payments - before.payments, after.requests - before.requests
    print(
        f"{after.payments:>9} payments  {(after.processor - before.processor) / requests * 1e6:>5.0f} µs a request  "
        f"{after.kilobytes // 1024:>5} MB  "
        f"{(after.kilobytes - before.kilobytes) * 1024 / payments:>6.0f} bytes a payment  "
        f"{requests / (after.seconds - before.seconds):>6.0f} requests/s  "
        + ", ".join(f"{number} {name}" for name, number in after.alive.items()),
        flush=True,
    )


async def soak(given: argparse.Namespace, port: int, pid: int) -> None:
    """Run, and say what came of it."""
    loop = asyncio.get_running_loop()
    hooks = await loop.create_server(Receiver, "127.0.0.1", 0, backlog=512)
    run = Soak(port, pid, given.payments, given.day, given.connections, given.minutes * 60)
    await run.open(hooks.sockets[0].getsockname()[1], 3)
    marks = await run.run(tell)
    if len(marks) > 1:
        tell(marks[0], marks[-1])
    rows = dict.fromkeys(("waiting", "delivered", "given_up", "retrying", "held"), 0)
    for merchant in run.merchants[:1]:  # the others have work for hours
        await run.ask("POST", f"/sandboxes/{merchant.id}/webhooks/settle")
        for each in (await run.ask("GET", f"/sandboxes/{merchant.id}/webhooks"))["webhooks"]:
            rows[each["status"]] += 1
    told = {name: len(each) for name, each in Receiver.taken.items()}
    print(f"webhooks taken: {Receiver.count}, each once: {told}; last rows of the endpoint that is well: {rows}")
    assert rows["given_up"] == rows["waiting"] == 0, rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="bench.soak")
    parser.add_argument("--payments", type=int, default=1_000_000)
    parser.add_argument("--day", type=int, default=20_000, help="payments between two midnights")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--minutes", type=float, default=60.0, help="no longer than that")
    parser.add_argument("options", nargs="*", help="of the server, after --")
    given = parser.parse_args()
    print(f"python {platform.python_version()}, {given.payments} payments, {given.day} a day", flush=True)
    with serving(given.options) as (port, pid):
        asyncio.run(soak(given, port, pid))


if __name__ == "__main__":
    main()
