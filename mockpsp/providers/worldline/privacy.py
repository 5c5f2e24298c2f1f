"""The privacy policy to show to customers: our own neutral text, a piece of HTML in French or English."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from mockpsp.edge.texts import language_of
from mockpsp.providers.worldline.holdings import CV_CONNECT

_EN: Mapping[str, str] = {
    "title": "How your payment data is used",
    "scope": "This is the text of a simulator. No real payment is made, and nothing leaves the machine that runs it.",
    "card": "To pay by {product}, the simulator reads the card number, the expiry date and the security code that you "
    "type. It keeps a masked number and never the security code.",
    "voucher": "To pay with {product}, the simulator uses your beneficiary identifier or e-mail address to find a test "
    "wallet. A card that completes the amount is treated as a card payment.",
    "rights": "Everything is forgotten when the sandbox is reset.",
}
_FR: Mapping[str, str] = {
    "title": "Utilisation de vos données de paiement",
    "scope": "Ce texte est celui d'un simulateur. Aucun paiement réel n'a lieu, et rien ne quitte la machine qui "
    "l'exécute.",
    "card": "Pour payer par {product}, le simulateur lit le numéro de carte, la date d'expiration et le code de "
    "sécurité que vous saisissez. Il conserve un numéro masqué et jamais le code de sécurité.",
    "voucher": "Pour payer avec {product}, le simulateur utilise votre identifiant de bénéficiaire ou votre adresse "
    "e-mail afin de trouver un portefeuille de test. Une carte qui complète le montant est traitée comme un paiement "
    "par carte.",
    "rights": "Tout est oublié quand le bac à sable est réinitialisé.",
}


def policy(names: Mapping[int, str], locale: str) -> str:
    """The text about these products, ids to names; every locale that is not French reads English."""
    language = language_of(locale)
    said = _FR if language == "fr" else _EN
    parts = [
        said["voucher" if product == CV_CONNECT else "card"].format(product=name) for product, name in names.items()
    ]
    paragraphs = "".join(f"<p>{escape(text, quote=False)}</p>" for text in (said["scope"], *parts, said["rights"]))
    return f'<section lang="{language}"><h2>{escape(said["title"], quote=False)}</h2>{paragraphs}</section>'
