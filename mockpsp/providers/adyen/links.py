"""Addresses of our pages: payment links, hosted sessions, the bank's page. A link leads to its sandbox by itself."""

from __future__ import annotations

from hashlib import blake2b
from hmac import compare_digest
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit, urlunsplit

from mockpsp.providers.adyen import tokens

if TYPE_CHECKING:
    from mockpsp.providers.adyen.states import Payment, Purchase
    from mockpsp.world.world import World

PAY = "/checkoutshopper/payByLink"
SESSION = "/checkoutshopper/hostedCheckout"
REDIRECT = "/checkoutshopper/threeDS/redirect"
METHOD = "/checkoutshopper/threeDS/method"
ACS = "/checkoutshopper/threeDS/challenge"
APP = "/checkoutshopper/ancv/app"
ASSETS = "/checkoutshopper/assets"


def checkout_page(purchase: Purchase, origin: str) -> str:
    """Where the shopper of a payment link or hosted session pays."""
    return f"{origin}{PAY if purchase.link is not None else SESSION}/{purchase.ref}"


def md(world: World, payment: Payment) -> str:
    """What identifies a redirect: the sandbox's key, the payment, and a proof."""
    assert payment.action is not None, "only a payment with an action has an address"
    key = payment.action.secret.encode()
    proof = blake2b(payment.ref.encode(), digest_size=8, key=key[:64]).hexdigest().upper()
    return f"{world.key}{payment.ref}{proof}"


def find_payment(world: World, text: str) -> tuple[Purchase, Payment] | None:
    """The payment of an MD, if it is a right one."""
    psp = text[8:24]
    owner = world.owner("adyen.purchase", psp)
    purchase: Purchase | None = world.state("adyen.purchase", owner) if owner is not None else None
    payment = purchase.payment(psp) if purchase is not None else None
    if purchase is None or payment is None or payment.action is None:
        return None
    return (purchase, payment) if compare_digest(md(world, payment).encode(), text.encode()) else None


def redirect(world: World, payment: Payment, origin: str) -> str:
    """The bank's page."""
    return f"{origin}{REDIRECT}?{urlencode({'MD': md(world, payment)})}"


def followed(address: str) -> str:
    """The merchant's return address, where it leads somewhere by itself; else empty.

    What is relative, or has no host, would lead to a page of ours or, like ``//shop.example``, wherever a browser
    guesses; the API takes it because a payment that redirects nobody may have any text there.
    """
    scheme, host, *_ = urlsplit(address)
    return address if scheme and (host or scheme not in ("http", "https")) else ""


def app(world: World, payment: Payment, origin: str) -> str:
    """Our stand-in for ANCV's app."""
    return f"{origin}{APP}?{urlencode({'MD': md(world, payment)})}"


def back(address: str, ours: dict[str, str]) -> str:
    """The merchant's return address with our parameters, its own query and fragment kept; empty if it leads nowhere."""
    if not followed(address):
        return ""
    scheme, host, path, query, fragment = urlsplit(address)
    return urlunsplit((scheme, host, path, "&".join(part for part in (query, urlencode(ours)) if part), fragment))


def after_redirect(purchase: Purchase, payment: Payment, origin: str) -> str:
    """Where the shopper goes after the bank's page: back to our own page, or to the merchant with the result.

    Empty when the merchant gave no address that leads anywhere.
    """
    assert payment.action is not None, "only a payment with an action has an address"
    result = tokens.redirect_result(payment.ref, payment.action.secret)
    if purchase.is_checkout and not payment.started.return_url:
        return f"{checkout_page(purchase, origin)}?{urlencode({'redirectResult': result})}"
    session = {"sessionId": purchase.ref} if purchase.session is not None else {}
    return back(payment.started.return_url, {**session, "redirectResult": result})


def after_checkout(purchase: Purchase, *, paid: bool) -> str:
    """Where the shopper of a paid or left page returns to; empty when the merchant gave no address for it."""
    if purchase.session is not None:
        result = tokens.session_result(purchase.ref, purchase.secret)
        return back(purchase.session.return_url, {"sessionId": purchase.ref, "sessionResult": result})
    assert purchase.link is not None, "only sessions and links have a page"
    address = followed(purchase.link.return_url)
    return back(address, {"resultCode": "authorised"}) if paid else address
