"""The example shop as a test has it: beside the session's server, in its event loop, with its webhooks wired.

Its watch does not run by itself: ``watch`` makes one round, so that nothing depends on how quick a machine is.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import requests
from Adyen.util import generate_notification_sig
from aiohttp import web
from shop.bugs import care_with
from shop.buy import Wish, purchase
from shop.cashier import Cashier
from shop.orders import Order, Work
from shop.pages import facts
from shop.settings import Settings
from shop.web import CASHIER, build

from mockpsp.providers import discover
from tests.support.control import ControlledSandbox
from tests.support.server import Threaded

NEVER = 1e9
VOUCHER, CARD = "5075990000006120", "4111111111111111"


def settings(live: Threaded, sandbox: ControlledSandbox, *, previous_key: str = "", **changes: Any) -> Settings:
    """The shop's settings for a sandbox, by the variables that clients get."""
    environment: dict[str, str] = {}
    for name, provider in discover().items():
        environment.update(provider.environment(sandbox.credentials[name], live.url))
    read = Settings.read(environment, "http://127.0.0.1:1")
    adyen = replace(read.adyen, previous=previous_key or None)
    return replace(read, **{"poll": NEVER, "adyen": adyen, **changes})


class Merchant:
    """One running shop."""

    def __init__(self, live: Threaded, sandbox: ControlledSandbox, url: str, app: web.Application) -> None:
        self.live, self.sandbox, self.url = live, sandbox, url
        self.cashier: Cashier = app[CASHIER]
        self.http = requests.Session()

    # -- what people do ----------------------------------------------------------------------------------------------

    def buy(self, kind: str, **wish: Any) -> Mapping[str, Any]:
        """A whole purchase through all pages."""
        found = self.live.run(purchase(self.url, Wish(kind=kind, wait=60.0, settle=60.0, linger=0.0, **wish)))
        self.settle()
        return found

    def order(self, kind: str) -> Order:
        """Somebody orders, and is on the way to the provider's page."""
        answer = self.http.post(f"{self.url}/orders", data={"kind": kind}, allow_redirects=False, timeout=60)
        assert answer.status_code == 303, answer.text
        return self.orders()[0]

    def pays(self, order: Order, *tenders: Mapping[str, Any]) -> None:
        """The shopper pays at the provider, and does not come back."""
        self.sandbox.shopper(order.ref, {"pay": list(tenders)})
        self.settle()

    def press(self, order: Order, amount: str, times: int = 1) -> list[int]:
        """The merchant sends the form for refunds, so often as it was shown this once."""
        page = self.http.get(f"{self.url}/merchant/{order.id}", timeout=60).text
        stamp = page.partition('name="stamp" value="')[2].partition('"')[0]
        answers = [
            self.http.post(
                f"{self.url}/merchant/{order.id}/refund", data={"amount": amount, "stamp": stamp}, timeout=60,
                allow_redirects=False,
            ).status_code
            for _ in range(times)
        ]  # fmt: skip
        self.settle()
        return answers

    def get(self, path: str, **given: Any) -> requests.Response:
        """A page, without following where it leads."""
        return self.http.get(f"{self.url}{path}", timeout=60, allow_redirects=False, **given)

    # -- what the shop knows -----------------------------------------------------------------------------------------

    def orders(self) -> list[Order]:
        """All orders, newest first."""
        return self.live.call(self.cashier.store.orders)

    def now(self, order: Order) -> dict[str, Any]:
        """What the shop says of an order."""

        def look() -> dict[str, Any]:
            return facts(self.cashier.store.order(order.id), self.cashier.store)

        return self.live.call(look)

    def history(self, order: Order) -> list[str]:
        """The kinds of lines of its history."""
        return [what for _, what, _ in self.live.call(lambda: self.cashier.store.history(order.id))]

    def works(self, order: Order) -> list[Work]:
        """Its calls."""
        return self.live.call(lambda: self.cashier.store.works(order.id))

    def balance(self, number: str) -> str:
        """What is left on a meal voucher of Adyen's."""
        found = [each for each in self.sandbox.accounts().values() if each["provider"] == "adyen"]
        return next(str(each["balance"]) for each in found if each["title"] == number[-4:])

    # -- what happens by itself --------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Until no webhook is on its way and none is being digested."""
        for _ in range(3):  # what the shop does about a webhook can lead to another one
            self.sandbox.settle()
            self.live.run(self.cashier.idle())

    def watch(self) -> None:
        """One round of the watch, when everything is long overdue."""
        self.live.run(self.cashier.round(time.time() + 2 * NEVER))
        self.settle()

    # -- webhooks that somebody else sends ---------------------------------------------------------------------------

    def item(self, order: Order, **changes: Any) -> dict[str, Any]:
        """An item of Adyen's about an order: it is authorised with its whole amount, unless something is changed."""
        item = {
            "amount": {"currency": "EUR", "value": order.total},
            "eventCode": "AUTHORISATION",
            "eventDate": "2026-09-01T12:00:05+02:00",
            "merchantAccountCode": self.sandbox.credentials["adyen"]["merchant_account"],
            "merchantReference": order.id,
            "paymentMethod": "visa",
            "pspReference": "KHQC5N7G84BLNK43",
            "reason": "",
            "success": "true",
        }
        return {**item, **changes}

    def adyen(self, item: dict[str, Any], *, key: str | None = None, live: str = "false", times: int = 1) -> int:
        """Deliver an item, signed with the account's key or another; the last answer's status."""
        proof = generate_notification_sig(item, key or self.sandbox.credentials["adyen"]["hmac_key"]).decode()
        signed = {**item, "additionalData": {**item.get("additionalData", {}), "hmacSignature": proof}}
        return self.deliver(
            "adyen", {"live": live, "notificationItems": [{"NotificationRequestItem": signed}]}, times=times
        )

    def deliver(
        self, provider: str, body: Any, headers: Mapping[str, str] | None = None, *, raw: bytes = b"", times: int = 1
    ) -> int:
        """Post something to an address for webhooks."""
        for _ in range(times):
            answer = requests.post(
                f"{self.url}/webhooks/{provider}", timeout=60, headers=headers,
                **({"data": raw} if raw else {"json": body}),
            )  # fmt: skip
            self.settle()
        return answer.status_code


@contextmanager
def merchant(
    live: Threaded, sandbox: ControlledSandbox, *bugs: str, database: str = ":memory:", **changes: Any
) -> Iterator[Merchant]:
    """A shop on a free port that makes these mistakes. Its webhooks are the sandbox's."""

    async def start() -> tuple[web.AppRunner, str, web.Application]:
        listening = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        app = build(replace(settings(live, sandbox, **changes), url=url, database=database), care_with(bugs))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        return runner, url, app

    runner, url, app = live.run(start())
    for provider in ("worldline", "adyen", "lyra"):
        sandbox.endpoint(provider, f"{url}/webhooks/{provider}")
    shop = Merchant(live, sandbox, url, app)
    try:
        yield shop
    finally:
        shop.http.close()
        live.run(runner.cleanup())
