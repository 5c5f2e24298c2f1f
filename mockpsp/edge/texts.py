"""What hosted pages say, in French and in English, and how they write money.

The texts are written with plain spaces and straight apostrophes so that they stay readable in an editor and
in a diff; typesetting turns them, once, into what a printed page would show. A text is found by
``texts.say(locale, key)``; every locale that is not French reads English.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from string import Formatter
from types import MappingProxyType
from typing import Final, Literal

from mockpsp.domain.money import Money, decimals

Language = Literal["fr", "en"]

NO_BREAK: Final = "\u00a0"
NARROW_NO_BREAK: Final = "\u202f"
NO_BREAK_HYPHEN: Final = "\u2011"
APOSTROPHE: Final = "\u2019"

_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_ENDS = re.compile("\u2069")

_SYMBOLS: Final[Mapping[str, str]] = MappingProxyType({"EUR": "€", "GBP": "£", "USD": "$", "JPY": "¥"})

# What base.html and macros.html of mockpsp.edge ask for, and what pages of several providers say alike.
_SHARED_EN: Final[Mapping[str, str]] = {
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
    "test_data_refused": "refused: {reason}",
    "test_data_accepted": "pays at once",
    "test_data_balance": "balance {balance}",
    "test_data_all": "Pays everything",
    "test_data_some": "Pays up to {most}",
    "test_data_empty": "Has nothing left",
    "test_data_refuses": "Refused by its issuer",
    "test_data_cancels": "Declines in the app",
    "test_data_never_answers": "Never answers",
    "checkout": "Payment page",
    "cancel": "Cancel and return to {merchant}",
    "brands": "Accepted cards",
    "card_number": "Card number",
    "card_holder": "Name on the card",
    "optional": "{label} (optional)",
    "card_expiry": "Expiry date",
    "card_expiry_hint": "Month and year, MM/YY",
    "card_cvv": "Security code",
    "card_cvv_hint": "3 digits on the back",
    "card_pay": "Pay {amount}",
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
    "check_again": "See whether it has gone on",
    "portal_brand": "CV Connect",
    "portal_title": "Confirm the payment on your phone",
    "portal_intro": "Scan this code with your phone. The app opens on this payment.",
    "portal_qr": "QR code that opens this payment in the app",
    "portal_open": "Open on this device",
    "portal_steps": "Steps of the payment",
    "portal_step_1": "Open the app",
    "portal_step_1_hint": "With the QR code, or with the button on this page",
    "portal_step_2_hint": "You see your balance before you confirm",
    "portal_step_3_hint": "Only if the vouchers do not cover everything",
    "portal_step_done": "Done",
    "portal_wait_2": "Waiting for your confirmation in the app…",
    "portal_wait_hint": "This page moves on by itself. Please keep it open.",
    "phone_title": "Confirm your payment",
    "phone_greeting": "Account",
    "phone_balance": "Available balance",
    "phone_order_amount": "Order amount",
    "phone_short": "Your balance does not cover this amount.",
    "voucher_amount": "Amount to pay with vouchers",
    "phone_confirm": "Confirm the payment",
    "phone_refuse": "Refuse",
    "closed_unknown": "This payment link does not exist",
    "closed_unknown_text": "Please check the address, or start again from your order.",
    "closed_expired": "This payment link has expired",
    "closed_expired_text": "Nothing more can be paid here. Please start again from your order.",
    "problem_card_number": "Enter a valid card number.",
    "problem_card_brand": "This card is not accepted here.",
    "problem_expiry": "Enter the month and the year, for example {example}.",
    "problem_expiry_past": "This card has expired.",
    "problem_cvv": "Enter the 3 digits on the back of the card.",
    "problem_card_refused": "The card was refused. Try again or use another card.",
}

_SHARED_FR: Final[Mapping[str, str]] = {
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
    "test_data_refused": "refus : {reason}",
    "test_data_accepted": "paie aussitôt",
    "test_data_balance": "solde {balance}",
    "test_data_all": "Paie tout",
    "test_data_some": "Paie jusqu'à {most}",
    "test_data_empty": "N'a plus rien",
    "test_data_refuses": "Refus de l'émetteur",
    "test_data_cancels": "Refuse dans l'application",
    "test_data_never_answers": "Ne répond jamais",
    "checkout": "Page de paiement",
    "cancel": "Annuler et revenir chez {merchant}",
    "brands": "Cartes acceptées",
    "card_number": "Numéro de carte",
    "card_holder": "Nom inscrit sur la carte",
    "optional": "{label} (facultatif)",
    "card_expiry": "Date d'expiration",
    "card_expiry_hint": "Mois et année, MM/AA",
    "card_cvv": "Code de sécurité",
    "card_cvv_hint": "3 chiffres au dos",
    "card_pay": "Payer {amount}",
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
    "check_again": "Voir si le paiement a avancé",
    "portal_brand": "CV Connect",
    "portal_title": "Confirmez le paiement sur votre téléphone",
    "portal_intro": "Scannez ce code avec votre téléphone. L'application s'ouvre sur ce paiement.",
    "portal_qr": "Code QR qui ouvre ce paiement dans l'application",
    "portal_open": "Ouvrir sur cet appareil",
    "portal_steps": "Étapes du paiement",
    "portal_step_1": "Ouvrez l'application",
    "portal_step_1_hint": "Avec le code QR, ou avec le bouton de cette page",
    "portal_step_2_hint": "Vous voyez votre solde avant de confirmer",
    "portal_step_3_hint": "Seulement si vos chèques-vacances ne couvrent pas tout",
    "portal_step_done": "Terminé",
    "portal_wait_2": "En attente de votre confirmation dans l'application…",
    "portal_wait_hint": "Cette page avance toute seule. Merci de la laisser ouverte.",
    "phone_title": "Confirmez votre paiement",
    "phone_greeting": "Compte",
    "phone_balance": "Solde disponible",
    "phone_order_amount": "Montant de la commande",
    "phone_short": "Votre solde ne couvre pas ce montant.",
    "voucher_amount": "Montant à payer en chèques-vacances",
    "phone_confirm": "Confirmer le paiement",
    "phone_refuse": "Refuser",
    "closed_unknown": "Ce lien de paiement n'existe pas",
    "closed_unknown_text": "Vérifiez l'adresse, ou recommencez depuis votre commande.",
    "closed_expired": "Ce lien de paiement a expiré",
    "closed_expired_text": "Plus rien ne peut être payé ici. Recommencez depuis votre commande.",
    "problem_card_number": "Saisissez un numéro de carte valide.",
    "problem_card_brand": "Cette carte n'est pas acceptée ici.",
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


def language_of(locale: str) -> Language:
    """``fr_FR``, ``fr-BE`` and ``fr`` read French; everything else reads English."""
    return "fr" if locale.replace("-", "_").partition("_")[0].lower() == "fr" else "en"


def first_choice(accept_language: str) -> str:
    """The tag that a browser's ``Accept-Language`` names first; English for a browser that names none."""
    return accept_language.partition(",")[0].partition(";")[0].strip() or "en"


class Texts:
    """The texts of one provider's pages: those that all providers share, with its own added or laid over them."""

    def __init__(self, *, en: Mapping[str, str], fr: Mapping[str, str]) -> None:
        self._en = en
        self._fr = fr

    @cached_property
    def table(self) -> Mapping[Language, Mapping[str, str]]:
        """All texts by language and key, typeset. Made when first asked for: start-up time counts."""
        return MappingProxyType(
            {"en": _typeset({**_SHARED_EN, **self._en}, "en"), "fr": _typeset({**_SHARED_FR, **self._fr}, "fr")}
        )

    def say(self, locale: str, key: str, **values: object) -> str:
        """The text for the locale with its values put in. Raises KeyError for a missing key or value.

        A value that turns the direction of text, as a stranger's may, does so in itself and not in our sentence.
        """
        text = self.table[language_of(locale)][key]
        return text.format(**{name: _isolated(value) for name, value in values.items()})

    def say_count(self, locale: str, key: str, count: int) -> str:
        """The text ``key_one`` or ``key_many``; French counts nought as one, English as many."""
        one = count < 2 if language_of(locale) == "fr" else count == 1
        return self.say(locale, f"{key}_one" if one else f"{key}_many", count=count)

    def differences(self) -> tuple[str, ...]:
        """What one language has and the other lacks, keys and placeholders. Empty when both say the same."""
        french, english = self.table["fr"], self.table["en"]
        lonely = [f"{key}: only in French" for key in french.keys() - english.keys()]
        lonely += [f"{key}: only in English" for key in english.keys() - french.keys()]
        shared = french.keys() & english.keys()
        uneven = [f"{key}: placeholders differ" for key in shared if _holes(french[key]) != _holes(english[key])]
        return tuple(sorted(lonely + uneven))


def _isolated(value: object) -> object:
    """Text that turns directions, without the marks that could end its isolation, between marks that isolate it."""
    if not isinstance(value, str) or not _TURNS.search(value):
        return value
    return f"{_FIRST_STRONG_ISOLATE}{_ENDS.sub('', value)}{_POP_ISOLATE}"


def _holes(text: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in Formatter().parse(text) if name)


def datum_title(texts: Texts, locale: str, answers: str, most: Money, asked: Money) -> str:
    """What a test account or voucher does here, for its row of test data, when its scenario gives it no title.

    ``answers`` is the scenario's word, ``most`` what it can pay at all, ``asked`` what is to be paid.
    """
    if answers != "accepts":
        return texts.say(locale, f"test_data_{answers}")
    if most.minor <= 0:
        return texts.say(locale, "test_data_empty")
    if most.currency == asked.currency and most >= asked:
        return texts.say(locale, "test_data_all")
    return texts.say(locale, "test_data_some", most=format_money(most.minor, most.currency, language_of(locale)))


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
