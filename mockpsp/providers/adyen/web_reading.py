"""What a browser sends, to commands: the rest of it stands in the session that the merchant's server made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockpsp.providers.adyen import commands as c
from mockpsp.providers.adyen.events import SessionHead
from mockpsp.providers.adyen.reading import native_wanted, three_ds_wanted
from mockpsp.providers.adyen.states import Purchase

Json = Mapping[str, Any]


def read_session_payment(
    body: Json, purchase: Purchase, head: SessionHead, means: c.MeansInput, *, known: bool
) -> c.Pay:
    """``payments`` of a session: all of it, or what the means can pay of the order that it names.

    3-D Secure is native where the merchant asked for it when making the session, and the page tells what that needs.
    """
    echo = head.echo
    order = body.get("order", {})
    return c.Pay(
        merchant=purchase.merchant,
        amount=None,
        reference=purchase.reference,
        means=means,
        order=order.get("pspReference", ""),
        order_data=order.get("orderData"),
        fits="order" in body,
        capturing=head.capturing,
        return_url=head.return_url,
        three_ds=three_ds_wanted(echo),
        native=native_wanted({**echo, "origin": body.get("origin"), "browserInfo": body.get("browserInfo")}),
        shopper_reference=head.shopper_reference,
        store=_stores(body, echo),
        known=known,
        channel="Web",
        metadata={name: str(value) for name, value in echo.get("metadata", {}).items()},
    )


def _stores(body: Json, echo: Json) -> bool:
    """Whether the card is to be stored: by the merchant's wish, or by the shopper's where he is asked."""
    match echo.get("storePaymentMethodMode", "disabled"):
        case "enabled":
            return True
        case "askForConsent":
            return bool(body.get("storePaymentMethod"))
        case _:
            return bool(echo.get("storePaymentMethod"))
