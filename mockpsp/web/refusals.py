"""Why a hosted page does not let a shopper do something, in words for whoever acts in the shopper's place."""

from __future__ import annotations

from collections.abc import Mapping

from mockpsp.domain.errors import Refusal
from mockpsp.domain.value import Value
from mockpsp.edge.errors import PageRefusal

SENTENCES: Mapping[str, str] = {
    "amount_above_balance": "It can pay {amount} at most.",
    "amount_above_order": "No more than {amount} is left to pay.",
    "amount_below_minimum": "Vouchers must pay {amount} at least.",
    "amount_is_fixed": "The amount cannot be chosen here; it is {amount}.",
    "answer_awaited": "An answer is awaited first: the bank's, or ANCV's.",
    "bad_amount": "This amount is not possible here.",
    "bad_card_number": "This is not the number of a card.",
    "bad_cvv": "The security code has three or four digits.",
    "bad_expiry": "The expiry date is written month and year, such as 12/30.",
    "beneficiary_missing": "CV Connect needs a beneficiary: 11 digits or an e-mail address.",
    "brand_not_accepted": "Cards of this brand are not accepted here.",
    "card_pays_the_rest": "A card pays all that is left; leave its amount empty.",
    "closed": "Nothing can be done at this page any more.",
    "not_at_cv_connect": "The shopper is not at CV Connect.",
    "problem_amount": "This amount is not possible here.",
    "problem_amount_least": "It must pay {amount} at least.",
    "problem_amount_most": "It can pay {amount} at most.",
    "problem_amount_rest": "A card pays all that is left: {amount}. Leave its amount empty.",
    "problem_beneficiary": "CV Connect needs a beneficiary: 11 digits or an e-mail address.",
    "problem_code_missing": "The bank wants to hear its code.",
    "problem_cvv": "The security code has three or four digits.",
    "problem_expiry": "The expiry date is written month and year, such as 12/30.",
    "problem_method": "This tender is not on offer here now.",
    "problem_nothing_left": "There is no money left on it, or none for today.",
    "problem_number": "This is not the number of a card.",
    "product_not_on_offer": "This tender is not on offer here now.",
    "replaced": "The merchant has opened a newer page for this order.",
    "unknown_beneficiary": "ANCV does not know this beneficiary.",
    "unknown_step": "The page does not know this step.",
}
"""By the key of a refusal; tests look at what providers raise."""

FIELDS: Mapping[str, str] = {
    "voucher_amount": "amount",
    "card_number": "number",
    "product": "tender",
    "method": "tender",
    "cvv": "security code",
    "cvc": "security code",
}
"""What a field of a hosted page is called here, where it is not its name."""


class Told(Value, frozen=True):
    """A refusal in words: the field at fault, or nothing, and a sentence."""

    field: str
    sentence: str


def told(refusal: Refusal) -> Told:
    """A refusal in words."""
    if not isinstance(refusal, PageRefusal):
        text = str(refusal) or type(refusal).__name__
        return Told("", f"{text[0].upper()}{text[1:]}{'' if text.endswith('.') else '.'}")
    sentence = SENTENCES.get(refusal.key)
    if sentence is None:
        return Told(FIELDS.get(refusal.field, refusal.field), f"The page does not allow it: {refusal}.")
    return Told(FIELDS.get(refusal.field, refusal.field), sentence.format_map(_Amounts(refusal.details)))


class _Amounts(dict[str, object]):
    """Amounts that a refusal names; one that it does not name is told as such."""

    def __missing__(self, key: str) -> str:
        return f"another {key}"
