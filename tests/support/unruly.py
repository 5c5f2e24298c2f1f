"""An unruly Worldline merchant: knows how to sign, and sends what it should not."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from email.utils import format_datetime
from json import dumps
from typing import Any

from mockpsp.providers.worldline.auth import SCHEME, data_to_sign, sign
from mockpsp.world.sandboxes import Sandbox
from tests.support.control import ControlledSandbox
from tests.support.plainhttp import Answer, exchange, message
from tests.support.server import Threaded
from tests.support.worldline import checkout_body

CARD = "4012000033330026"
META = b64encode(b"{}").decode()


class Unruly:
    """One sandbox of the running server, seen by a client that writes its own bytes.

    ``{m}`` in a target is the merchant. What is set up before a bad request goes through the same door.
    """

    def __init__(self, live: Threaded, controlled: ControlledSandbox) -> None:
        self.live = live
        self.controlled = controlled
        self.given = controlled.credentials["worldline"]
        self.sandbox: Sandbox = live.call(lambda: live.server.sandboxes.get(controlled.id))

    # -- requests ----------------------------------------------------------------------------------------------------

    def signed(
        self,
        method: str,
        target: str,
        headers: Sequence[tuple[str, str]] = (),
        *,
        date: str | None = "now",
        secret: str | None = None,
        key: str | None = None,
        signed_target: str | None = None,
        content_type: str | None = None,
    ) -> list[tuple[str, str]]:
        """Signed headers. ``date`` None sends none; ``signed_target`` is signed in place of the one that is sent."""
        now = self.live.call(self.sandbox.world.clock.now)
        sent = [("Host", f"localhost:{self.live.port}")]
        if date is not None:
            sent.append(("Date", format_datetime(now, usegmt=True) if date == "now" else date))
        if content_type is not None:
            sent.append(("Content-Type", content_type))
        sent += [("X-GCS-ServerMetaInfo", META), *headers]
        named = {name.lower(): value for name, value in sent}
        gcs = [(name, value) for name, value in sent if name.lower().startswith("x-gcs")]
        data = data_to_sign(method, content_type or "", named.get("date", ""), gcs, signed_target or target)
        proof = sign(secret or self.given["secret_api_key"], data)
        return [*sent, ("Authorization", f"{SCHEME}{key or self.given['api_key_id']}:{proof}")]

    def send(
        self,
        method: str,
        target: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: Sequence[tuple[str, str]] = (),
        content_type: str | None = "application/json",
        length: int | None = None,
        after: Sequence[tuple[str, str]] = (),
        **signing: Any,
    ) -> Answer:
        """One request. ``raw`` is sent as it is; ``after`` are headers added after signing; ``length`` is claimed."""
        target = target.replace("{m}", self.given["merchant_id"])
        payload = raw if raw is not None else None if body is None else dumps(body).encode()
        kind = content_type if payload is not None else None
        sent = self.signed(method, target, headers, content_type=kind, **signing)
        if payload is not None:
            sent.append(("Content-Length", str(len(payload) if length is None else length)))
        request = message(method, target, [*sent, *after, ("Connection", "close")], payload or b"")
        return exchange(self.live.port, request, method)

    def plain(
        self, method: str, target: str, headers: Sequence[tuple[str, str]] = (), body: bytes | None = None
    ) -> Answer:
        """One request without anything that nobody asked for."""
        target = target.replace("{m}", self.given["merchant_id"])
        sent = [("Host", f"localhost:{self.live.port}"), *headers, ("Connection", "close")]
        if body is not None:
            sent.append(("Content-Length", str(len(body))))
        return exchange(self.live.port, message(method, target, sent, body or b""), method)

    def form(self, target: str, body: str) -> Answer:
        """A form of a hosted page."""
        return self.plain("POST", target, [("Content-Type", "application/x-www-form-urlencoded")], body.encode())

    def post(self, where: str, body: Any = None, **how: Any) -> Answer:
        """POST below the merchant."""
        return self.send("POST", f"/v2/{{m}}/{where}", body, **how)

    def get(self, where: str, **how: Any) -> Answer:
        """GET below the merchant."""
        return self.send("GET", f"/v2/{{m}}/{where}", **how)

    # -- what is there before ----------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Let everything happen that is due."""
        self.controlled.settle()

    def _made(self, answer: Answer, status: int) -> Any:
        assert answer.status == status, answer.text
        self.settle()
        return answer.json()

    def card_payment(self, mode: str, amount: int = 10_000, number: str = CARD) -> str:
        """A payment by card: ``SALE`` is captured, ``FINAL_AUTHORIZATION`` waits for its capture."""
        return str(self._made(self.post("payments", card_body(amount, mode, number)), 201)["payment"]["id"])

    def captured(self) -> str:
        """A sale by card over 100.00 EUR."""
        return self.card_payment("SALE")

    def authorised(self) -> str:
        """An authorisation over 100.00 EUR that waits for its capture."""
        return self.card_payment("FINAL_AUTHORIZATION")

    def captured_later(self) -> str:
        """An authorisation that was captured in full."""
        id = self.authorised()
        self._made(self.post(f"payments/{id}/capture", {}), 201)
        return id

    def cancelled(self) -> str:
        """An authorisation that was cancelled."""
        id = self.authorised()
        self._made(self.post(f"payments/{id}/cancel"), 200)
        return id

    def refunded(self) -> str:
        """A sale that was refunded in full."""
        id = self.captured()
        self._made(self.post(f"payments/{id}/refund", {}), 201)
        return id

    def rejected(self) -> str:
        """A payment that the issuer refused."""
        refused = self._made(self.post("payments", card_body(5000, "SALE", "4321456998744563")), 402)
        return str(refused["paymentResult"]["payment"]["id"])

    def checkout(self, **changes: Any) -> Any:
        """An open hosted checkout over 1400.00 EUR: the answer."""
        return self._made(self.post("hostedcheckouts", checkout_body(**changes)), 200)

    def page(self, **changes: Any) -> str:
        """The path of an open checkout's page."""
        return "/" + str(self.checkout(**changes)["redirectUrl"]).split("/", 3)[3]

    def phone(self, beneficiary: str = "11111111111", **changes: Any) -> str:
        """The path of the app's page; the shopper has gone on to CV Connect and opened the app."""
        page = self.page(**changes)
        assert self.form(page, f"step=confirm&beneficiary={beneficiary}").status == 303
        app = f"/cvconnect/{page.rpartition('/')[2]}/app"
        assert self.plain("GET", app).status == 200
        self.settle()
        return app

    def closed_page(self) -> str:
        """The page of a checkout that the shopper has cancelled."""
        page = self.page()
        assert self.form(page, "step=cancel").status == 303
        self.settle()
        return page


def card_body(amount: Any = 10_000, mode: str = "SALE", number: str = CARD, **card: Any) -> dict[str, Any]:
    """CreatePayment by card."""
    data = {"cardNumber": number, "expiryDate": "1230", "cvv": "123", "cardholderName": "CAMILLE MARTIN", **card}
    return {
        "cardPaymentMethodSpecificInput": {"paymentProductId": 1, "authorizationMode": mode, "card": data},
        "order": {"amountOfMoney": {"amount": amount, "currencyCode": "EUR"}},
    }


def voucher_body(amount: Any = 30_000, **redirect: Any) -> dict[str, Any]:
    """CreatePayment for product 5412."""
    return {
        "redirectPaymentMethodSpecificInput": {
            "paymentProductId": 5412,
            "requiresApproval": False,
            "paymentProduct5412SpecificInput": {"beneficiaryId": "11111111111"},
            **redirect,
        },
        "order": {"amountOfMoney": {"amount": amount, "currencyCode": "EUR"}},
    }
