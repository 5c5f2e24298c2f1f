"""What the hosted pages say, in French and in English, and how they write money.

The texts are written with plain spaces and straight apostrophes so that they stay readable in an editor and
in a diff; ``_typeset`` turns them, once, into what a printed page would show. A text is found by
``say(locale, key)``; every locale that is not French reads English.
"""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from types import MappingProxyType
from typing import Final, Literal

from mockpsp.domain.money import decimals

Language = Literal["fr", "en"]

NO_BREAK: Final = "\u00a0"
NARROW_NO_BREAK: Final = "\u202f"
NO_BREAK_HYPHEN: Final = "\u2011"
APOSTROPHE: Final = "\u2019"

PRODUCTS: Final[Mapping[int, str]] = MappingProxyType(
    {5412: "Chèque-Vacances Connect", 1: "Visa", 3: "Mastercard", 130: "Cartes Bancaires"}
)

_SYMBOLS: Final[Mapping[str, str]] = MappingProxyType({"EUR": "€", "GBP": "£", "USD": "$", "JPY": "¥"})

# What base.html and macros.html of mockpsp.edge ask for; a provider that uses them brings these keys.
_SHELL_EN: Final[Mapping[str, str]] = {
    "band_name": "Simulator",
    "band_promise": "No real money moves here.",
    "band_sandbox": "Sandbox",
    "band_scenario": "Scenario",
    "error_prefix": "Error: ",
    "error_summary_one": "Please check one thing",
    "error_summary_many": "Please check the following",
    "summary_title": "Your order",
    "summary_merchant": "Merchant",
    "summary_reference": "Reference",
    "summary_amount": "Amount to pay",
    "summary_total": "Total",
    "summary_open_until": "This page stays open until {time}.",
    "test_data_title": "Test data that works here",
    "test_data_intro": "Only the simulator knows these values.",
    "test_data_fill": "Fill in",
    "test_data_refused": "is refused: {reason}",
    "checkout": "Payment page",
    "cancel": "Cancel and return to {merchant}",
}

_SHELL_FR: Final[Mapping[str, str]] = {
    "band_name": "Simulateur",
    "band_promise": "Aucun paiement réel n'a lieu ici.",
    "band_sandbox": "Bac à sable",
    "band_scenario": "Scénario",
    "error_prefix": "Erreur : ",
    "error_summary_one": "Un point est à vérifier",
    "error_summary_many": "Quelques points sont à vérifier",
    "summary_title": "Votre commande",
    "summary_merchant": "Commerçant",
    "summary_reference": "Référence",
    "summary_amount": "Montant à payer",
    "summary_total": "Total",
    "summary_open_until": "Cette page reste ouverte jusqu'à {time}.",
    "test_data_title": "Données de test utilisables ici",
    "test_data_intro": "Seul le simulateur connaît ces valeurs.",
    "test_data_fill": "Remplir",
    "test_data_refused": "est refusée : {reason}",
    "checkout": "Page de paiement",
    "cancel": "Annuler et revenir chez {merchant}",
}

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
    "portal_brand": "CV Connect",
    "portal_title": "Confirm the payment on your phone",
    "portal_intro": "Scan this code with your phone. The app opens on this payment.",
    "portal_qr": "QR code that opens this payment in the app",
    "portal_open": "Open on this device",
    "portal_steps": "Steps of the payment",
    "portal_step_1": "Open the app",
    "portal_step_1_hint": "With the QR code, or with the button on this page",
    "portal_step_2": "Choose the voucher amount and confirm",
    "portal_step_2_hint": "You see your balance before you confirm",
    "portal_step_3": "Pay what remains by card",
    "portal_step_3_hint": "Only if the vouchers do not cover everything",
    "portal_step_done": "Done",
    "portal_wait_1": "Waiting for the app to be opened…",
    "portal_wait_2": "Waiting for your confirmation in the app…",
    "portal_wait_3": "Waiting for the card payment in the app…",
    "portal_wait_hint": "This page moves on by itself. Please keep it open.",
    "phone_title": "Confirm your payment",
    "phone_greeting": "Account",
    "phone_balance": "Available balance",
    "phone_order_amount": "Order amount",
    "voucher_amount": "Amount to pay with vouchers",
    "voucher_amount_hint": "Between {least} and {most}.",
    "voucher_amount_fixed": "The merchant has fixed this amount.",
    "phone_remaining": "Left to pay by card",
    "phone_remaining_hint": "If {amount} are paid with vouchers. You pay the rest on the next screen.",
    "phone_remaining_none": "Nothing. Your vouchers cover the whole order.",
    "phone_short": "Your balance does not cover this amount.",
    "phone_confirm": "Confirm the payment",
    "phone_refuse": "Refuse",
    "complement_title": "Pay the rest by card",
    "card_title": "Pay by card",
    "complement_paid": "Paid with vouchers",
    "complement_remaining": "Left to pay",
    "brands": "Accepted cards",
    "card_number": "Card number",
    "card_holder": "Name on the card",
    "card_expiry": "Expiry date",
    "card_expiry_hint": "Month and year, MM/YY",
    "card_cvv": "Security code",
    "card_cvv_hint": "3 digits on the back",
    "card_pay": "Pay {amount}",
    "complement_give_up": "Give up the payment",
    "complement_give_up_kept": "If you give up, the vouchers already paid stay paid.",
    "complement_give_up_returned": "If you give up, your vouchers will be returned to your account.",
    "attempts_left_one": "1 attempt left",
    "attempts_left_many": "{count} attempts left",
    "outcome_paid": "Payment successful",
    "outcome_paid_text": "Thank you. {merchant} has been told of your payment of {amount}.",
    "outcome_refused": "Payment refused",
    "outcome_refused_text": "Your payment could not be accepted. Nothing more will be taken.",
    "outcome_cancelled": "Payment cancelled",
    "outcome_cancelled_text": "You have cancelled the payment.",
    "outcome_expired": "The time to pay has run out",
    "outcome_expired_text": "This payment was not finished in time. Please start again from your order.",
    "outcome_pending": "Payment being processed",
    "outcome_pending_text": "We are waiting for the final answer. {merchant} will then be told at once.",
    "tenders_paid": "Paid with",
    "tenders_partly": "Already paid",
    "tenders_returned": "Returned to you",
    "return": "Return to {merchant}",
    "return_soon_one": "You will be taken back in 1 second.",
    "return_soon_many": "You will be taken back in {count} seconds.",
    "return_computer": "You can close this page. If you started on a computer, go back to it.",
    "closed_unknown": "This payment link does not exist",
    "closed_unknown_text": "Please check the address, or start again from your order.",
    "closed_used": "This payment is already finished",
    "closed_used_text": "This link can be used only once. Your order shows the result of the payment.",
    "closed_expired": "This payment link has expired",
    "closed_expired_text": "Nothing more can be paid here. Please start again from your order.",
    "product_unknown": "Payment method {product}",
    "problem_product": "Choose a payment method.",
    "problem_beneficiary": "Enter 11 digits or an e-mail address.",
    "problem_beneficiary_unknown": "This CV Connect account is not known.",
    "problem_voucher_amount": "Enter an amount such as {example}.",
    "problem_voucher_least": "Enter at least {amount}.",
    "problem_voucher_most": "Enter no more than {amount}.",
    "problem_voucher_refused": "The voucher payment was refused. You can try again.",
    "problem_card_number": "Enter a valid card number.",
    "problem_card_brand": "This card is not accepted here.",
    "problem_card_holder": "Enter the name on the card.",
    "problem_expiry": "Enter the month and the year, for example {example}.",
    "problem_expiry_past": "This card has expired.",
    "problem_cvv": "Enter the 3 digits on the back of the card.",
    "problem_card_refused": "The card was refused. Try again or use another card.",
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
    "portal_brand": "CV Connect",
    "portal_title": "Confirmez le paiement sur votre téléphone",
    "portal_intro": "Scannez ce code avec votre téléphone. L'application s'ouvre sur ce paiement.",
    "portal_qr": "Code QR qui ouvre ce paiement dans l'application",
    "portal_open": "Ouvrir sur cet appareil",
    "portal_steps": "Étapes du paiement",
    "portal_step_1": "Ouvrez l'application",
    "portal_step_1_hint": "Avec le code QR, ou avec le bouton de cette page",
    "portal_step_2": "Choisissez le montant en chèques-vacances et confirmez",
    "portal_step_2_hint": "Vous voyez votre solde avant de confirmer",
    "portal_step_3": "Payez le reste par carte",
    "portal_step_3_hint": "Seulement si vos chèques-vacances ne couvrent pas tout",
    "portal_step_done": "Terminé",
    "portal_wait_1": "En attente de l'ouverture de l'application…",
    "portal_wait_2": "En attente de votre confirmation dans l'application…",
    "portal_wait_3": "En attente du paiement par carte dans l'application…",
    "portal_wait_hint": "Cette page avance toute seule. Merci de la laisser ouverte.",
    "phone_title": "Confirmez votre paiement",
    "phone_greeting": "Compte",
    "phone_balance": "Solde disponible",
    "phone_order_amount": "Montant de la commande",
    "voucher_amount": "Montant à payer en chèques-vacances",
    "voucher_amount_hint": "Entre {least} et {most}.",
    "voucher_amount_fixed": "Ce montant a été fixé par le commerçant.",
    "phone_remaining": "Reste à payer par carte",
    "phone_remaining_hint": "Pour {amount} payés en chèques-vacances. Le reste se règle à l'écran suivant.",
    "phone_remaining_none": "Rien. Vos chèques-vacances couvrent toute la commande.",
    "phone_short": "Votre solde ne couvre pas ce montant.",
    "phone_confirm": "Confirmer le paiement",
    "phone_refuse": "Refuser",
    "complement_title": "Payez le reste par carte",
    "card_title": "Payez par carte",
    "complement_paid": "Payé en chèques-vacances",
    "complement_remaining": "Reste à payer",
    "brands": "Cartes acceptées",
    "card_number": "Numéro de carte",
    "card_holder": "Nom inscrit sur la carte",
    "card_expiry": "Date d'expiration",
    "card_expiry_hint": "Mois et année, MM/AA",
    "card_cvv": "Code de sécurité",
    "card_cvv_hint": "3 chiffres au dos",
    "card_pay": "Payer {amount}",
    "complement_give_up": "Abandonner le paiement",
    "complement_give_up_kept": "Si vous abandonnez, la part déjà payée en chèques-vacances reste payée.",
    "complement_give_up_returned": "Si vous abandonnez, vos chèques-vacances vous seront restitués.",
    "attempts_left_one": "Il vous reste 1 essai",
    "attempts_left_many": "Il vous reste {count} essais",
    "outcome_paid": "Paiement accepté",
    "outcome_paid_text": "Merci. {merchant} est informé de votre paiement de {amount}.",
    "outcome_refused": "Paiement refusé",
    "outcome_refused_text": "Votre paiement n'a pas pu être accepté. Aucun autre montant ne sera prélevé.",
    "outcome_cancelled": "Paiement annulé",
    "outcome_cancelled_text": "Vous avez annulé le paiement.",
    "outcome_expired": "Le délai de paiement est dépassé",
    "outcome_expired_text": "Ce paiement n'a pas été terminé à temps. Recommencez depuis votre commande.",
    "outcome_pending": "Paiement en cours de traitement",
    "outcome_pending_text": "Nous attendons la réponse définitive. {merchant} en sera informé aussitôt.",
    "tenders_paid": "Payé avec",
    "tenders_partly": "Déjà payé",
    "tenders_returned": "Restitué",
    "return": "Revenir chez {merchant}",
    "return_soon_one": "Retour automatique dans 1 seconde.",
    "return_soon_many": "Retour automatique dans {count} secondes.",
    "return_computer": "Vous pouvez fermer cette page. Si vous avez commencé sur un ordinateur, retournez-y.",
    "closed_unknown": "Ce lien de paiement n'existe pas",
    "closed_unknown_text": "Vérifiez l'adresse, ou recommencez depuis votre commande.",
    "closed_used": "Ce paiement est déjà terminé",
    "closed_used_text": "Ce lien ne sert qu'une fois. Le résultat du paiement figure dans votre commande.",
    "closed_expired": "Ce lien de paiement a expiré",
    "closed_expired_text": "Plus rien ne peut être payé ici. Recommencez depuis votre commande.",
    "product_unknown": "Moyen de paiement {product}",
    "problem_product": "Choisissez un moyen de paiement.",
    "problem_beneficiary": "Saisissez 11 chiffres ou une adresse e-mail.",
    "problem_beneficiary_unknown": "Ce compte CV Connect n'est pas connu.",
    "problem_voucher_amount": "Saisissez un montant, par exemple {example}.",
    "problem_voucher_least": "Saisissez au moins {amount}.",
    "problem_voucher_most": "Saisissez {amount} au plus.",
    "problem_voucher_refused": "Le paiement en chèques-vacances a été refusé. Vous pouvez réessayer.",
    "problem_card_number": "Saisissez un numéro de carte valide.",
    "problem_card_brand": "Cette carte n'est pas acceptée ici.",
    "problem_card_holder": "Saisissez le nom inscrit sur la carte.",
    "problem_expiry": "Saisissez le mois et l'année, par exemple {example}.",
    "problem_expiry_past": "Cette carte a expiré.",
    "problem_cvv": "Saisissez les 3 chiffres au dos de la carte.",
    "problem_card_refused": "La carte a été refusée. Réessayez ou utilisez une autre carte.",
}


def _typeset(texts: Mapping[str, str], language: Language) -> Mapping[str, str]:
    """Freeze the texts, typographic: apostrophes, ``e-mail`` in one piece, French signs that stay with their word."""
    typeset: dict[str, str] = {}
    for key, text in texts.items():
        shown = text.replace("'", APOSTROPHE).replace("e-mail", f"e{NO_BREAK_HYPHEN}mail")
        if language == "fr":
            shown = shown.replace(" :", f"{NO_BREAK}:")
            for sign in ";?!":
                shown = shown.replace(f" {sign}", f"{NARROW_NO_BREAK}{sign}")
        typeset[key] = shown
    return MappingProxyType(typeset)


TEXTS: Final[Mapping[Language, Mapping[str, str]]] = MappingProxyType(
    {"en": _typeset({**_SHELL_EN, **_PAGES_EN}, "en"), "fr": _typeset({**_SHELL_FR, **_PAGES_FR}, "fr")}
)


def language_of(locale: str) -> Language:
    """``fr_FR``, ``fr-BE`` and ``fr`` read French; everything else reads English."""
    return "fr" if locale.replace("-", "_").partition("_")[0].lower() == "fr" else "en"


def say(locale: str, key: str, **values: object) -> str:
    """The text for the locale with its values put in. Raises KeyError for a missing key or value."""
    return TEXTS[language_of(locale)][key].format(**values)


def say_count(locale: str, key: str, count: int) -> str:
    """The text ``key_one`` or ``key_many``; French counts nought as one, English as many."""
    one = count < 2 if language_of(locale) == "fr" else count == 1
    return say(locale, f"{key}_one" if one else f"{key}_many", count=count)


def product_name(product: int, locale: str) -> str:
    """The customer's name for a payment product; the names are brands and read the same in every language."""
    return PRODUCTS.get(product) or say(locale, "product_unknown", product=product)


def differences() -> tuple[str, ...]:
    """What one language has and the other lacks, keys and placeholders. Empty when both say the same."""
    french, english = TEXTS["fr"], TEXTS["en"]
    lonely = [f"{key}: only in French" for key in french.keys() - english.keys()]
    lonely += [f"{key}: only in English" for key in english.keys() - french.keys()]
    shared = french.keys() & english.keys()
    uneven = [f"{key}: placeholders differ" for key in shared if _holes(french[key]) != _holes(english[key])]
    return tuple(sorted(lonely + uneven))


def _holes(text: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in Formatter().parse(text) if name)


def format_money(minor: int, currency: str, language: str) -> str:
    """As a shop of that language prints it: ``1 400,00 €`` with unbreakable spaces, or ``€1,400.00``."""
    sign = "-" if minor < 0 else ""
    symbol = _SYMBOLS.get(currency, currency)
    if language_of(language) == "fr":
        return f"{sign}{_digits(minor, currency, NARROW_NO_BREAK, ',')}{NO_BREAK}{symbol}"
    gap = "" if currency in _SYMBOLS else NO_BREAK
    return f"{sign}{symbol}{gap}{_digits(minor, currency, ',', '.')}"


def plain_amount(minor: int, currency: str, language: str) -> str:
    """As a customer types it into a field: ``1400,00`` in French, ``1400.00`` in English."""
    return _digits(minor, currency, "", "," if language_of(language) == "fr" else ".")


def _digits(minor: int, currency: str, group: str, point: str) -> str:
    places = decimals(currency)
    whole, rest = divmod(abs(minor), 10**places)
    grouped = f"{whole:,}".replace(",", group)
    return f"{grouped}{point}{rest:0{places}d}" if places else grouped
