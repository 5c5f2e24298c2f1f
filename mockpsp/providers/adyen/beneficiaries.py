"""Holiday vouchers of ANCV as a means of payment: who the beneficiary is. Pure.

Source: ``components/ANCV`` of adyen-web (a number of 11 digits or an e-mail address), AncvDetails of
CheckoutService-v72.json.
"""

from __future__ import annotations

import re

from mockpsp.providers.adyen import commands as c
from mockpsp.providers.adyen import events as e
from mockpsp.providers.adyen.errors import InvalidField, MethodNotConfigured, MissingField
from mockpsp.providers.adyen.holdings import AncvWallet, Holdings
from mockpsp.providers.adyen.settings import AdyenSettings

ANCV = "ancv"
ANCV_NAME = "Chèque-Vacances Connect"
_NUMBER = re.compile(r"[0-9]{11}", re.ASCII)
_ADDRESS = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")


def check_beneficiary(text: str, settings: AdyenSettings) -> None:
    """Refuse what is neither a number nor an address. Raises MethodNotConfigured, MissingField, InvalidField."""
    if not settings.ancv:
        raise MethodNotConfigured("the merchant account does not take holiday vouchers (setting ancv)")
    if not text:
        raise MissingField("paymentMethod.beneficiaryId")
    if not (_NUMBER.fullmatch(text) or _ADDRESS.fullmatch(text)):
        raise InvalidField("paymentMethod.beneficiaryId", "11 digits or an e-mail address are needed")


def wallet_of(text: str, holdings: Holdings) -> AncvWallet | None:
    """The wallet of a beneficiary's number or e-mail address."""
    return holdings.wallets.get(text) or holdings.wallets.get(text.lower())


def wallet_paying(instrument: e.Instrument, holdings: Holdings) -> AncvWallet | None:
    """The wallet that an earlier payment named; None when the scenario has it no more."""
    return next((each for each in holdings.wallets.values() if each.account == instrument.account), None)


def last_digits(means: c.MeansInput, holdings: Holdings) -> str:
    """The last four digits of a card, a voucher or a beneficiary's number; none of a stranger's e-mail address."""
    if means.kind != ANCV:
        return means.number[-4:]
    wallet = wallet_of(means.number, holdings)
    number = wallet.beneficiary if wallet is not None else means.number
    return number[-4:] if "@" not in number else ""


def ancv_instrument(means: c.MeansInput, holdings: Holdings) -> e.Instrument:
    """The wallet as it may be kept; of a stranger's address nothing is."""
    wallet = wallet_of(means.number, holdings)
    return e.Instrument(
        kind=ANCV,
        type=means.type,
        brand=ANCV,
        last_four=last_digits(means, holdings),
        account=wallet.account if wallet is not None else "world/issuers",
    )
