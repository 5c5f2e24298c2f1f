"""What a browser sends, to commands: the rest of it stands in the session that the merchant's server made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockpsp.providers.adyen import commands as c
from mockpsp.providers.adyen.events import SessionHead
from mockpsp.providers.adyen.reading import native_wanted, three_ds_wanted
from mockpsp.providers.adyen.states import Purchase
from mockpsp.providers.adyen.stored import stores

Json = Mapping[str, Any]


def read_session_payment(
    body: Json, purchase: Purchase, head: SessionHead, means: c.MeansInput, *, known: bool
) -> c.Pay:
    """``payments`` of a session: all of it, or what the means can pay of the order that it names.

    3-D Secure is native where the merchant asked for it when making the session, and the page tells what that needs.
    """
    echo = head.echo
    order = body.get("order", {})
    return c.Pay(  # three by position: of so many keywords Python would make a dictionary
        purchase.merchant,
        None,
        purchase.reference,
        means=means,
        order=order.get("pspReference", ""),
        order_data=order.get("orderData"),
        fits="order" in body,
        capturing=head.capturing,
        return_url=head.return_url,
        three_ds=three_ds_wanted(echo),
        native=native_wanted({**echo, "origin": body.get("origin"), "browserInfo": body.get("browserInfo")}),
        shopper_reference=head.shopper_reference,
        store=stores(echo, bool(body.get("storePaymentMethod"))),
        known=known,
        channel="Web",
        metadata={name: str(value) for name, value in echo.get("metadata", {}).items()},
    )
