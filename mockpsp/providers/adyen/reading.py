"""JSON to commands, after the contract check. What is checked here has an error code of Adyen's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from json import loads
from sys import intern
from typing import Any
from urllib.parse import urlsplit

from mockpsp.domain.money import Money
from mockpsp.providers.adyen import commands as c
from mockpsp.providers.adyen import tokens
from mockpsp.providers.adyen.beneficiaries import ANCV
from mockpsp.providers.adyen.encryption import open_field
from mockpsp.providers.adyen.errors import (
    BadBillingAddress,
    BadPaRes,
    BadPhoneNumber,
    InvalidField,
    InvalidPaymentData,
    MetadataTooLarge,
    MissingField,
    PaymentDataMissing,
    Undecryptable,
)
from mockpsp.providers.adyen.events import Capturing, LinkHead, SessionHead
from mockpsp.providers.adyen.holdings import GIFT_CARD_BRANDS, MEAL_VOUCHER, Holdings
from mockpsp.providers.adyen.issuers import voucher_brand
from mockpsp.providers.adyen.settings import AdyenSettings

Json = Mapping[str, Any]
_COUNTRY = re.compile(r"[A-Za-z]{2}")
_PHONE = re.compile(r"[^A-Za-z]*[0-9][^A-Za-z]*(?:(?:ext|x)[. ]*[0-9]+)?")
_NO_ADDRESS = re.compile(r"[\x00-\x1f\x7f\\]")
_NO_HOST = re.compile(r"[\s;,'\"<>]")
_NO_PLACES = ("javascript", "data", "vbscript", "file", "blob", "filesystem", "about", "view-source")
_V72: Mapping[str, int] = {
    "returnUrl": 1024,
    "reference": 80,
    "shopperEmail": 256,
    "shopperIP": 50,
    "telephoneNumber": 64,
}
"""Limits that v72 introduced (CheckoutService-v72.json)."""
_ADDRESS_V72 = {"postalCode": 10, "stateOrProvince": 3}
_CARDS = ("scheme", "card", "bcmc", "networkToken", "clicktopay", "")
_FOREIGN_CARD = ("4111111111111111", "03", "2030", "737")
_MAX_PAIRS, _MAX_KEY, _MAX_VALUE = 20, 20, 80
_LONGEST_SESSION, _LONGEST_LINK = timedelta(hours=24), timedelta(days=70)


# -- small parts -----------------------------------------------------------------------------------------------------


def read_amount(given: Json) -> Money:
    """An Amount; what is no currency or no sum is refused later, with a code of its own."""
    return Money(int(given["value"]), intern(given["currency"]))  # a whole number beyond 2**53 is read as a float


def read_optional_amount(body: Json) -> Money | None:
    """``amount``, if there is one."""
    return read_amount(body["amount"]) if "amount" in body else None


def check_reference(body: Json, version: str) -> None:
    """The length of ``reference``, all that a modification has beside its amount. Raises InvalidField."""
    if version == "v72":
        _check_lengths(body, {"reference": _V72["reference"]}, "")


def check_country(body: Json) -> None:
    """Raise InvalidField for a ``countryCode`` that cannot be one."""
    country = body.get("countryCode")
    if country is not None and not _COUNTRY.fullmatch(country):
        raise InvalidField("countryCode", "two letters are needed")


@lru_cache(maxsize=256)  # a merchant has few addresses
def _check_return_url(address: str) -> None:
    """Refuse what no browser can or should be sent to.

    Text that is no address is accepted, as Adyen accepts ``ReturnUrl_example``, but no page leads there: see
    ``links.followed``.
    """
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise InvalidField("returnUrl", str(error)) from error
    if _NO_ADDRESS.search(address) or _NO_HOST.search(parts.netloc) or parts.scheme in _NO_PLACES:
        raise InvalidField("returnUrl", "nobody can be sent there")


def _check_shopper(body: Json) -> None:
    """What shows at a glance; whether such a street or number exists is nobody's business here."""
    country = body.get("billingAddress", {}).get("country")
    if country is not None and not _COUNTRY.fullmatch(country):
        raise BadBillingAddress(f"billingAddress.country is {country!r}; two letters are needed")
    phone = body.get("telephoneNumber")
    if phone is not None and not _PHONE.fullmatch(phone):
        raise BadPhoneNumber("telephoneNumber has letters, or no digits")


def check_limits(body: Json, version: str) -> None:
    """Lengths and values that the contract leaves to us.

    Raises InvalidField, MetadataTooLarge, BadBillingAddress, BadPhoneNumber.
    """
    check_country(body)
    _check_return_url(body.get("returnUrl", ""))
    if version == "v72":
        _check_lengths(body, _V72, "")
        for name in ("billingAddress", "deliveryAddress"):
            if name in body:
                _check_lengths(body[name], _ADDRESS_V72, f"{name}.")
    _check_shopper(body)
    _check_metadata(body.get("metadata", {}))


def _check_lengths(values: Json, limits: Mapping[str, int], prefix: str) -> None:
    for name, most in limits.items():
        text = values.get(name)
        if isinstance(text, str) and len(text) > most:
            raise InvalidField(f"{prefix}{name}", f"at most {most} characters since v72")


def _check_metadata(pairs: Json) -> None:
    if len(pairs) > _MAX_PAIRS:
        raise MetadataTooLarge(f"at most {_MAX_PAIRS} pairs", key=False)
    for name, value in pairs.items():
        if len(name) > _MAX_KEY or len(str(value)) > _MAX_VALUE:
            raise MetadataTooLarge(f"keys have {_MAX_KEY} and values {_MAX_VALUE} characters at most", key=True)


def read_reference(body: Json) -> str:
    """``reference``; an empty one counts as absent."""
    text: str = body.get("reference", "")
    if not text:
        raise MissingField("reference")
    return text


def read_instant(text: str, field: str) -> datetime:
    """An ISO 8601 date-time with an offset, with Z, or without (then UTC); milliseconds may be there."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidField(field, str(error)) from error


def read_expiry(body: Json, now: datetime, usual: timedelta, most: timedelta | None = None) -> datetime:
    """``expiresAt``, or the usual life; the past, and what is too far away, is refused."""
    text = body.get("expiresAt")
    if text is None:
        return now + usual
    moment = read_instant(text, "expiresAt")
    if moment <= now:
        raise InvalidField("expiresAt", "it is in the past")
    if most is not None and moment > now + most:
        raise InvalidField("expiresAt", f"it is more than {most} ahead")
    return moment


def read_capturing(body: Json, settings: AdyenSettings) -> Capturing:
    """When the payment is captured: what the request says, else what the account is set to."""
    manual = body.get("additionalData", {}).get("manualCapture", body.get("manualCapture"))
    if str(manual).lower() == "true":
        return Capturing("manual")
    hours = body.get("captureDelayHours")
    if hours is not None:
        return Capturing("delayed", timedelta(hours=hours)) if hours else Capturing()
    if settings.capture == "delayed":
        return Capturing("delayed", settings.capture_delay)
    return Capturing(settings.capture)


# -- means of payment ------------------------------------------------------------------------------------------------


_FIELDS = (
    ("number", "encryptedCardNumber"),
    ("expiryMonth", "encryptedExpiryMonth"),
    ("expiryYear", "encryptedExpiryYear"),
    ("cvc", "encryptedSecurityCode"),
)
"""Number, month, year and security code: as they are, and as client code hides them."""


def read_means(given: Json, settings: AdyenSettings, holdings: Holdings) -> c.MeansInput:
    """``paymentMethod`` in any of its forms: raw, ``test_``, encrypted; generic or branded type. Raises Undecryptable.

    What Adyen's own client code encrypted cannot be opened here; the setting ``foreign_encryption`` says what then.
    """
    try:
        means, foreign = _read_means(tuple(given.items()))
    except TypeError:  # a field that is an object or a list, none of which says how to pay
        means, foreign = _read_means(tuple((name, value) for name, value in given.items() if isinstance(value, str)))
    if not foreign or means.stored:
        return means
    if settings.foreign_encryption == "refused":
        raise Undecryptable("it was encrypted for a key that only Adyen has (setting foreign_encryption)")
    return _replaced(means, holdings)


@lru_cache(maxsize=256)  # a test suite pays with few cards, again and again
def _read_means(given: tuple[tuple[str, Any], ...]) -> tuple[c.MeansInput, bool]:
    """The means of payment, and whether one of its fields was sealed for somebody else."""
    values = {name: value for name, value in given if isinstance(value, str)}
    kind, type_, brand = _kind(values)
    found: list[str] = []
    foreign, generated = False, None
    for raw, sealed in _FIELDS:
        if sealed in values:
            value, made = open_field(values[sealed])
            foreign = foreign or value is None
            generated = made if generated is None or (made is not None and made < generated) else generated
            found.append(value or "")
        else:
            found.append(values.get(raw, ""))
    number, month, year, code = found
    means = c.MeansInput(
        kind=kind,
        type=type_,
        brand=brand,
        holder=values.get("holderName", ""),
        stored=values.get("storedPaymentMethodId", values.get("recurringDetailReference", "")),
        number="".join(number.split()) if kind != "ancv" else values.get("beneficiaryId", "").strip(),
        month=month.strip(),
        year=year.strip(),
        code=code.strip(),
        generated=generated,
    )
    return means, foreign


def _kind(values: Mapping[str, str]) -> tuple[str, str, str]:
    type_, brand = values.get("type", "scheme"), values.get("brand", "")
    if type_.startswith(MEAL_VOUCHER) or (type_ == "giftcard" and brand.startswith(MEAL_VOUCHER)):
        return "meal_voucher", type_, brand
    if type_ == "giftcard" or type_ in GIFT_CARD_BRANDS:
        return "gift_card", type_, brand or (type_ if type_ in GIFT_CARD_BRANDS else "")
    if type_ == ANCV:
        return "ancv", type_, ""
    return ("card" if type_ in _CARDS else "other"), type_, brand


def _replaced(means: c.MeansInput, holdings: Holdings) -> c.MeansInput:
    """What stands in for fields that nobody here can open: a Visa, or the first voucher or gift card of the brand."""
    number, month, year, code = _FOREIGN_CARD
    if means.kind == "meal_voucher":
        wanted = voucher_brand(means)
        voucher = next((each for each in holdings.vouchers.values() if each.brand == wanted), None)
        if voucher is not None:
            number, code = voucher.number, voucher.code
            month, _, year = (voucher.expiry or "03/2030").partition("/")
    elif means.kind == "gift_card":
        card = next((each for each in holdings.gift_cards.values() if means.brand in ("", each.brand)), None)
        if card is not None:
            number, code = card.number, card.code
    return c.MeansInput(
        kind=means.kind,
        type=means.type,
        brand=means.brand,
        number=number,
        month=month,
        year=year,
        code=code,
        holder=means.holder,
        foreign=True,
    )


# -- requests --------------------------------------------------------------------------------------------------------


def read_order(body: Json, merchant: str, now: datetime, settings: AdyenSettings) -> c.OpenOrder:
    """``POST /orders``."""
    return c.OpenOrder(
        merchant=merchant,
        amount=read_amount(body["amount"]),
        reference=read_reference(body),
        expires=read_expiry(body, now, settings.order_life),
    )


def read_payment(
    body: Json, merchant: str, means: c.MeansInput, settings: AdyenSettings, *, known: bool = False
) -> c.Pay:
    """``POST /payments``; ``known``: the card that is to be stored is."""
    order = body.get("order", {})
    return c.Pay(  # four by position: of so many keywords Python would make a dictionary
        merchant,
        read_optional_amount(body),
        read_reference(body),
        means,
        order=order.get("pspReference", ""),
        order_data=order.get("orderData"),
        capturing=read_capturing(body, settings),
        return_url=body.get("returnUrl") or None,
        three_ds=three_ds_wanted(body),
        native=native_wanted(body),
        test_code=str(body.get("additionalData", {}).get("RequestedTestAcquirerResponseCode", "")),
        order_reference=body.get("merchantOrderReference", ""),
        shopper_reference=body.get("shopperReference", ""),
        channel=body.get("channel", ""),
        store=bool(body.get("storePaymentMethod", False)),
        known=known,
        metadata={name: str(value) for name, value in body.get("metadata", {}).items()},
    )


def three_ds_wanted(body: Json) -> str:
    """Whether 3-D Secure is asked for: always, never, or empty for what the card says; never of an absent shopper."""
    if body.get("shopperInteraction", "Ecommerce") != "Ecommerce":
        return "never"
    wish: str = body.get("authenticationData", {}).get("attemptAuthentication", "")
    if not wish and str(body.get("additionalData", {}).get("executeThreeD", "")).lower() == "true":
        return "always"
    return wish


def native_wanted(body: Json) -> bool:
    """Whether the page handles 3-D Secure by itself: it says so, and tells what the bank must know of the browser."""
    wish = body.get("authenticationData", {}).get("threeDSRequestData", {}).get("nativeThreeDS")
    asked = wish == "preferred" or str(body.get("additionalData", {}).get("allow3DS2", "")).lower() == "true"
    told = body.get("channel", "Web") != "Web" or ("browserInfo" in body and bool(body.get("origin")))
    return asked and told


_NOT_ECHOED = ("applicationInfo", "riskData", "threeDS2RequestData")


def _echo(body: Json) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in _NOT_ECHOED}


def read_session(body: Json, merchant: str, key: str, now: datetime, settings: AdyenSettings) -> c.OpenCheckout:
    """``POST /sessions``."""
    if not body.get("returnUrl"):
        raise MissingField("returnUrl")
    head = SessionHead(
        return_url=body["returnUrl"],
        mode=body.get("mode", "embedded"),
        expires=read_expiry(body, now, settings.session_life, _LONGEST_SESSION),
        locale=body.get("shopperLocale", "en-US"),
        country=body.get("countryCode", "").upper(),
        echo=_echo(body),
        capturing=read_capturing(body, settings),
        shopper_reference=body.get("shopperReference", ""),
    )
    return c.OpenCheckout(
        key=key, merchant=merchant, total=read_amount(body["amount"]), reference=read_reference(body), session=head
    )


def read_link(body: Json, merchant: str, key: str, now: datetime, settings: AdyenSettings) -> c.OpenCheckout:
    """``POST /paymentLinks``."""
    head = LinkHead(
        return_url=body.get("returnUrl", ""),
        reusable=bool(body.get("reusable", False)),
        expires=read_expiry(body, now, settings.link_life, _LONGEST_LINK),
        locale=body.get("shopperLocale", "en-US"),
        country=body.get("countryCode", "").upper(),
        description=body.get("description", ""),
        echo=_echo(body),
        capturing=read_capturing(body, settings),
        shopper_reference=body.get("shopperReference", ""),
    )
    return c.OpenCheckout(
        key=key, merchant=merchant, total=read_amount(body["amount"]), reference=read_reference(body), link=head
    )


# -- details ---------------------------------------------------------------------------------------------------------


class Details:
    """What a merchant hands in after an action: the step, the text that names the payment, the outcome in it."""

    __slots__ = ("outcome", "proof", "step")

    def __init__(self, step: str, proof: str, outcome: str = "") -> None:
        self.step = step
        self.proof = proof
        self.outcome = outcome


def read_details(body: Json) -> Details:
    """``POST /payments/details``. Raises PaymentDataMissing, InvalidPaymentData, BadPaRes."""
    details, data = body["details"], body.get("paymentData", "")
    if "redirectResult" in details:
        return Details("redirect", details["redirectResult"])
    if "payload" in details:
        if data and tokens.payment_named(data) != tokens.payment_named(details["payload"]):
            raise InvalidPaymentData("paymentData and payload are of two payments")
        return Details("await", details["payload"])
    for name in ("threeDSResult", "threeds2.challengeResult", "threeds2.fingerprint"):
        if name in details:
            return _native_details(_opened(details[name]), data)
    if not data:
        raise PaymentDataMissing("details of no kind that we know, and no paymentData")
    if "PaRes" in details:
        raise BadPaRes("no payment here is authenticated by 3-D Secure 1")
    raise InvalidPaymentData("details of no kind that we know")


def _opened(text: str) -> Json:
    from base64 import b64decode, urlsafe_b64decode

    for read in (b64decode, urlsafe_b64decode):
        try:
            value = loads(read(text.encode() + b"=" * (-len(text) % 4)))
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            return value
    raise InvalidPaymentData("the result is not base64 of JSON")


def read_fingerprint(result: str, data: str) -> Details:
    """``fingerprintResult`` of submitThreeDS2Fingerprint. Raises InvalidPaymentData, PaymentDataMissing."""
    step = _native_details(_opened(result), data)
    if step.step != "fingerprint":
        raise InvalidPaymentData("the result has no threeDSCompInd")
    return step


_TRANS_STATUS = {"Y": "Y", "A": "Y", "N": "N", "R": "N"}


def _native_details(result: Json, data: str) -> Details:
    """A fingerprint has threeDSCompInd, a challenge transStatus; either may carry the payment's own token."""
    proof = str(result.get("authorisationToken", "") or data)
    if not proof:
        raise PaymentDataMissing("neither paymentData nor an authorisationToken")
    if "transStatus" in result:
        return Details("challenge", proof, _TRANS_STATUS.get(str(result["transStatus"]), "U"))
    if "threeDSCompInd" in result:
        return Details("fingerprint", proof, str(result["threeDSCompInd"]))
    raise InvalidPaymentData("the result says neither transStatus nor threeDSCompInd")
