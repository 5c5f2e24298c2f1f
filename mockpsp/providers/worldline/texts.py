"""What Worldline's hosted pages say beyond what all pages say, in French and in English."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mockpsp.edge.texts import Texts

PRODUCTS: Final[Mapping[int, str]] = MappingProxyType(
    {5412: "Chèque-Vacances Connect", 1: "Visa", 3: "Mastercard", 130: "Cartes Bancaires"}
)

_PAGES_EN: Final[Mapping[str, str]] = {
    "selection_title": "How would you like to pay?",
    "selection_legend": "Payment method",
    "selection_hint_5412": "Pay with your holiday vouchers in the app. A card can complete the amount.",
    "selection_hint_card": "Credit or debit card",
    "selection_pay": "Continue to pay {amount}",
    "confirm_title": "Pay with Chèque-Vacances Connect",
    "confirm_intro": "Tell us which voucher account to use, then confirm in the app on your phone.",
    "beneficiary": "CV Connect identifier or e-mail address",
    "beneficiary_hint": "11 digits, or the e-mail address of your voucher account.",
    "confirm_continue": "Continue to CV Connect",
    "portal_step_2": "Choose the voucher amount and confirm",
    "portal_step_3": "Pay what remains by card",
    "portal_wait_1": "Waiting for the app to be opened…",
    "portal_wait_3": "Waiting for the card payment in the app…",
    "voucher_amount_hint": "Between {least} and {most}.",
    "voucher_amount_fixed": "The merchant has fixed this amount.",
    "phone_remaining": "Left to pay by card",
    "phone_remaining_hint": "If {amount} are paid with vouchers. You pay the rest on the next screen.",
    "phone_remaining_none": "Nothing. Your vouchers cover the whole order.",
    "phone_empty": "No vouchers are left on this account. Refuse the payment to go back to the shop.",
    "complement_title": "Pay the rest by card",
    "card_title": "Pay by card",
    "complement_paid": "Paid with vouchers",
    "complement_remaining": "Left to pay",
    "complement_give_up": "Give up the payment",
    "complement_give_up_kept": "If you give up, the vouchers already paid stay paid.",
    "complement_give_up_returned": "If you give up, your vouchers will be returned to your account.",
    "attempts_left_one": "1 attempt left",
    "attempts_left_many": "{count} attempts left",
    "return_computer": "You can close this page. If you started on a computer, go back to it.",
    "closed_used": "This payment is already finished",
    "closed_used_text": "This link can be used only once. Your order shows the result of the payment.",
    "product_unknown": "Payment method {product}",
    "problem_product": "Choose a payment method.",
    "problem_beneficiary": "Enter 11 digits or an e-mail address.",
    "problem_beneficiary_unknown": "This CV Connect account is not known.",
    "problem_voucher_amount": "Enter an amount such as {example}.",
    "problem_voucher_least": "Enter at least {amount}.",
    "problem_voucher_most": "Enter no more than {amount}.",
    "problem_voucher_refused": "The voucher payment was refused. You can try again.",
}

_PAGES_FR: Final[Mapping[str, str]] = {
    "selection_title": "Comment souhaitez-vous payer ?",
    "selection_legend": "Moyen de paiement",
    "selection_hint_5412": "Payez en chèques-vacances dans l'application. Une carte peut compléter.",
    "selection_hint_card": "Carte de crédit ou de débit",
    "selection_pay": "Continuer pour payer {amount}",
    "confirm_title": "Payer avec Chèque-Vacances Connect",
    "confirm_intro": "Indiquez le compte à utiliser, puis confirmez dans l'application, sur votre téléphone.",
    "beneficiary": "Identifiant CV Connect ou adresse e-mail",
    "beneficiary_hint": "11 chiffres, ou l'adresse e-mail de votre compte chèques-vacances.",
    "confirm_continue": "Continuer vers CV Connect",
    "portal_step_2": "Choisissez le montant en chèques-vacances et confirmez",
    "portal_step_3": "Payez le reste par carte",
    "portal_wait_1": "En attente de l'ouverture de l'application…",
    "portal_wait_3": "En attente du paiement par carte dans l'application…",
    "voucher_amount_hint": "Entre {least} et {most}.",
    "voucher_amount_fixed": "Ce montant a été fixé par le commerçant.",
    "phone_remaining": "Reste à payer par carte",
    "phone_remaining_hint": "Pour {amount} payés en chèques-vacances. Le reste se règle à l'écran suivant.",
    "phone_remaining_none": "Rien. Vos chèques-vacances couvrent toute la commande.",
    "phone_empty": "Ce compte n'a plus de chèques-vacances. Refusez le paiement pour revenir à la boutique.",
    "complement_title": "Payez le reste par carte",
    "card_title": "Payez par carte",
    "complement_paid": "Payé en chèques-vacances",
    "complement_remaining": "Reste à payer",
    "complement_give_up": "Abandonner le paiement",
    "complement_give_up_kept": "Si vous abandonnez, la part déjà payée en chèques-vacances reste payée.",
    "complement_give_up_returned": "Si vous abandonnez, vos chèques-vacances vous seront restitués.",
    "attempts_left_one": "Il vous reste 1 essai",
    "attempts_left_many": "Il vous reste {count} essais",
    "return_computer": "Vous pouvez fermer cette page. Si vous avez commencé sur un ordinateur, retournez-y.",
    "closed_used": "Ce paiement est déjà terminé",
    "closed_used_text": "Ce lien ne sert qu'une fois. Le résultat du paiement figure dans votre commande.",
    "product_unknown": "Moyen de paiement {product}",
    "problem_product": "Choisissez un moyen de paiement.",
    "problem_beneficiary": "Saisissez 11 chiffres ou une adresse e-mail.",
    "problem_beneficiary_unknown": "Ce compte CV Connect n'est pas connu.",
    "problem_voucher_amount": "Saisissez un montant, par exemple {example}.",
    "problem_voucher_least": "Saisissez au moins {amount}.",
    "problem_voucher_most": "Saisissez {amount} au plus.",
    "problem_voucher_refused": "Le paiement en chèques-vacances a été refusé. Vous pouvez réessayer.",
}

TEXTS: Final = Texts(en=_PAGES_EN, fr=_PAGES_FR)


def product_name(product: int, locale: str) -> str:
    """The customer's name for a payment product; the names are brands and read the same in every language."""
    return PRODUCTS.get(product) or TEXTS.say(locale, "product_unknown", product=product)
