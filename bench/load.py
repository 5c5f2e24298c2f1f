"""A load client that costs little itself: raw sockets, prepared requests, bounded in count."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable
from email.utils import formatdate
from time import perf_counter

from mockpsp.providers.worldline.auth import SCHEME, credentials, data_to_sign, sign

GIVEN = credentials("default")
META = b64encode(b'{"sdkCreator":"OnlinePayments","sdkIdentifier":"bench"}').decode()
PATH = f"/v2/{GIVEN['merchant_id']}/hostedcheckouts"
BODY = json.dumps(
    {
        "hostedCheckoutSpecificInput": {
            "locale": "fr_FR",
            "returnUrl": "https://shop.example/return",
            "showResultPage": False,
            "sessionTimeout": 60,
            "allowedNumberOfPaymentAttempts": 3,
            "autoRefundSplitPayments": True,
            "splitPaymentProductFilters": {"restrictTo": {"products": [1, 3, 130]}},
        },
        "redirectPaymentMethodSpecificInput": {
            "paymentProductId": 5412,
            "requiresApproval": False,
            "paymentProduct5412SpecificInput": {"adjustableAmount": True, "beneficiaryId": "11111111111"},
        },
        "order": {
            "amountOfMoney": {"amount": 140000, "currencyCode": "EUR"},
            "customer": {
                "merchantCustomerId": "C-42",
                "locale": "fr_FR",
                "billingAddress": {
                    "countryCode": "FR",
                    "city": "Lyon",
                    "street": "Rue de la Part-Dieu",
                    "zip": "69003",
                },
                "contactDetails": {"emailAddress": "alice@example.test"},
                "personalInformation": {"name": {"firstName": "Alice", "surname": "Martin"}},
            },
            "references": {"merchantReference": "ORD-2026-0002", "merchantParameters": "cart=77"},
        },
    },
    indent=1,
).encode()


def request(method: str, target: str, body: bytes = b"") -> bytes:
    """One signed HTTP/1.1 request."""
    date = formatdate(usegmt=True)
    kind = "application/json" if body else ""
    data = data_to_sign(method, kind, date, [("X-GCS-ServerMetaInfo", META)], target)
    lines = [
        f"{method} {target} HTTP/1.1",
        "Host: localhost",
        f"Date: {date}",
        f"X-GCS-ServerMetaInfo: {META}",
        f"Authorization: {SCHEME}{GIVEN['api_key_id']}:{sign(GIVEN['secret_api_key'], data)}",
    ]
    if body:
        lines += [f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Connection(asyncio.Protocol):
    """Creates a checkout, reads it, and so on, until nothing is left to do; notes each answer's time."""

    def __init__(self, left: Callable[[], bool], create: bytes, done: asyncio.Future[None], times: list[float]) -> None:
        self.left = left
        self.create = create
        self.done = done
        self.times = times
        self.buffer = b""
        self.reading = False
        self.began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.next()

    def next(self) -> None:
        """Create the next checkout, or end."""
        if not self.left():
            self.transport.close()
            self.done.set_result(None)
            return
        self.began = perf_counter()
        self.transport.write(self.create)

    def data_received(self, data: bytes) -> None:
        """Wait for a whole answer, then go on."""
        self.buffer += data
        head, mark, rest = self.buffer.partition(b"\r\n\r\n")
        if not mark:
            return
        start = head.lower().find(b"content-length: ") + 16
        length = int(head[start : head.find(b"\r\n", start) if head.find(b"\r\n", start) > 0 else None])
        if len(rest) < length:
            return
        if not head.startswith(b"HTTP/1.1 20"):
            self.done.set_exception(RuntimeError(self.buffer[:400].decode("latin-1")))
            self.transport.close()
            return
        self.times.append(perf_counter() - self.began)
        self.buffer = b""
        if self.reading:
            self.reading = False
            self.next()
            return
        self.reading = True
        at = rest.find(b'"hostedCheckoutId":"') + 20
        identifier = rest[at : at + 10].decode()
        self.began = perf_counter()
        self.transport.write(request("GET", f"{PATH}/{identifier}"))


async def run(port: int, connections: int, payments: int) -> tuple[float, list[float]]:
    """Create and read so many checkouts; requests per second, and the seconds of each answer."""
    left = payments
    times: list[float] = []

    def more() -> bool:
        nonlocal left
        left -= 1
        return left >= 0

    loop = asyncio.get_running_loop()
    create = request("POST", PATH, BODY)
    ends = []
    began = perf_counter()
    for _ in range(connections):
        done: asyncio.Future[None] = loop.create_future()
        await loop.create_connection(lambda done=done: Connection(more, create, done, times), "127.0.0.1", port)
        ends.append(done)
    await asyncio.gather(*ends)
    return len(times) / (perf_counter() - began), times
