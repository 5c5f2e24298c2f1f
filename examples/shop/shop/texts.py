"""All words that a person reads, in French and in English."""

from __future__ import annotations

LANGUAGES = ("fr", "en")

TEXTS: dict[str, tuple[str, str]] = {
    # the shop
    "shop": ("La Halte", "La Halte"),
    "tagline": ("Vacances, déjeuners et paniers du coin", "Holidays, lunches and local baskets"),
    "home": ("Boutique", "Shop"),
    "merchant": ("Commandes", "Orders"),
    "other-language": ("English", "Français"),
    "demo": (
        "Boutique de démonstration : rien n’est vendu, aucun argent ne circule.",
        "A demonstration: nothing is sold, no money moves.",
    ),
    "skip": ("Aller au contenu", "Skip to content"),
    # what it sells
    "holiday-name": ("Une semaine au bord du lac", "A week by the lake"),
    "holiday-text": (
        "Gîte pour quatre, à cinquante pas de l’eau. Vos Chèques-Vacances Connect paient ce que vous voulez, une carte paie le reste.",
        "A cottage for four, fifty steps from the water. Holiday vouchers pay as much as you like, a card pays the rest.",
    ),
    "holiday-by": ("Chèque-Vacances Connect et carte, chez Worldline", "Chèque-Vacances Connect and card, at Worldline"),
    "lunch-name": ("Deux menus du marché", "Two market lunches"),
    "lunch-text": (
        "Velouté, plat du jour, fromage blanc. Le titre-restaurant paie jusqu’à 25 € par jour, une carte paie le reste.",
        "Soup, dish of the day, fresh cheese. A meal voucher pays up to €25 a day, a card pays the rest.",
    ),
    "lunch-by": ("Titre-restaurant et carte, chez Adyen", "Meal voucher and card, at Adyen"),
    "basket-name": ("Le panier de deux producteurs", "A basket from two producers"),
    "basket-text": (
        "Les légumes de Lucie, le miel et le tablier de Basile : un seul paiement, partagé entre les vendeurs.",
        "Lucie’s vegetables, Basile’s honey and apron: one payment, shared between the sellers.",
    ),
    "basket-by": ("Titre-restaurant CONECS et carte, chez Lyra Marketplace", "CONECS meal voucher and card, at Lyra Marketplace"),
    "week": ("Sept nuits en gîte", "Seven nights in the cottage"),
    "linen": ("Draps et serviettes", "Sheets and towels"),
    "tax": ("Taxe de séjour", "Tourist tax"),
    "menu": ("Deux menus du marché", "Two market lunches"),
    "water": ("Eau pétillante", "Sparkling water"),
    "vegetables": ("Panier de légumes", "Box of vegetables"),
    "cheese": ("Fromage fermier", "Farm cheese"),
    "honey": ("Miel de forêt", "Forest honey"),
    "apron": ("Tablier en lin", "Linen apron"),
    "service": ("Frais de service", "Service fee"),
    "seller-0": ("Chez Lucie", "Chez Lucie"),
    "seller-1": ("Menu Basile", "Menu Basile"),
    "seller-none": ("La Halte", "La Halte"),
    "eligible": ("titre-restaurant accepté", "meal voucher welcome"),
    # buying
    "see": ("Voir", "View"),
    "buy": ("Payer", "Pay"),
    "total": ("Total", "Total"),
    "taken-to": ("Vous payez sur la page du prestataire, puis vous revenez ici.", "You pay on the provider’s page and come back here."),
    "try": ("Pour essayer", "To try it"),
    "try-holiday": (
        "Compte 77777777777 : il a 300 €, une carte paie le reste. 11111111111 paie tout.",
        "Account 77777777777 has €300, a card pays the rest. 11111111111 pays everything.",
    ),
    "try-lunch": (
        "Titre-restaurant 5075990000006120, 03/2030, 737 ; puis la carte 4111 1111 1111 1111.",
        "Meal voucher 5075990000006120, 03/2030, 737; then card 4111 1111 1111 1111.",
    ),
    "try-basket": (
        "Carte CONECS 5017670000006120, 12/2030, 123 ; puis la carte 4970 1000 0000 0000.",
        "CONECS card 5017670000006120, 12/2030, 123; then card 4970 1000 0000 0000.",
    ),
    "try-more": (
        "Toutes les données d’essai sont à côté des formulaires du simulateur.",
        "All test data stands beside the simulator’s forms.",
    ),
    # an order
    "order": ("Commande", "Order"),
    "state": ("État", "State"),
    "paid": ("Payé", "Paid"),
    "left": ("Reste à payer", "Left to pay"),
    "back-money": ("Remboursé", "Refunded"),
    "on-its-way": ("Remboursement en cours", "Refund under way"),
    "shipments": ("Envois", "Shipments"),
    "state-new": ("Paiement pas encore ouvert", "Payment not open yet"),
    "state-waiting": ("En attente du paiement", "Waiting for the payment"),
    "state-part-paid": ("Payée en partie", "Paid in part"),
    "state-paid": ("Payée, confirmée", "Paid, confirmed"),
    "state-ended": ("Non payée", "Not paid"),
    "state-review": ("À vérifier", "To be checked"),
    "state-refunding": ("Remboursement en cours", "Refund under way"),
    "state-part-refunded": ("Remboursée en partie", "Refunded in part"),
    "state-refunded": ("Remboursée", "Refunded"),
    "lead-new": (
        "Le prestataire n’a pas répondu. Votre commande est gardée ; réessayez, vous ne paierez qu’une fois.",
        "The provider has not answered. Your order is kept; try again, you will pay once only.",
    ),
    "lead-waiting": (
        "Nous attendons la confirmation du prestataire. Cette page se met à jour toute seule.",
        "We are waiting for the provider to confirm. This page updates itself.",
    ),
    "lead-part-paid": (
        "Une partie est payée. Payez le reste, ou annulez : tout vous est rendu.",
        "A part is paid. Pay the rest, or cancel: all of it comes back to you.",
    ),
    "lead-paid": ("Merci ! Tout est payé, votre commande part.", "Thank you! All is paid, your order is on its way."),
    "lead-ended": (
        "Rien n’a été encaissé, ou tout vous est rendu. Vous pouvez recommencer.",
        "Nothing was taken, or all of it is given back. You can start again.",
    ),
    "lead-review": (
        "Le montant payé n’est pas celui de la commande. Quelqu’un regarde, et vous répond.",
        "The amount paid is not the price. Somebody is looking into it and will answer you.",
    ),
    "lead-refunding": ("Le remboursement est demandé.", "The refund has been asked for."),
    "lead-part-refunded": ("Une partie vous a été rendue.", "A part has been given back to you."),
    "lead-refunded": ("Tout vous a été rendu.", "All of it has been given back to you."),
    "go-on": ("Aller payer", "Go and pay"),
    "pay-rest": ("Payer le reste", "Pay the rest"),
    "try-again": ("Réessayer", "Try again"),
    "start-again": ("Payer à nouveau", "Pay anew"),
    "cancel": ("Annuler la commande", "Cancel the order"),
    "history": ("Ce qui s’est passé", "What happened"),
    # the merchant
    "orders-title": ("Commandes", "Orders"),
    "orders-none": ("Aucune commande pour l’instant.", "No order yet."),
    "orders-lead": ("Ce que le commerçant voit. À protéger par un mot de passe, ailleurs qu’ici.", "What the merchant sees. Anywhere but here this needs a password."),
    "product": ("Article", "Product"),
    "provider": ("Prestataire", "Provider"),
    "reference": ("Référence", "Reference"),
    "refund": ("Rembourser", "Refund"),
    "amount": ("Montant en euros", "Amount in euros"),
    "open": ("Ouvrir", "Open"),
    "calls": ("Appels au prestataire", "Calls to the provider"),
    "call": ("Appel", "Call"),
    "work-todo": ("à refaire", "to be repeated"),
    "work-asked": ("reçu", "received"),
    "work-refused": ("refusé", "refused"),
    "kind-capture": ("encaissement", "capture"),
    "kind-refund": ("remboursement", "refund"),
    "kind-cancel": ("annulation", "cancellation"),
    "kind-expire": ("fin du lien", "end of the link"),
    "as-shopper": ("Vue du client", "As the customer sees it"),
    # history
    "page-made": ("Page de paiement ouverte", "Payment page opened"),
    "webhook": ("Notification", "Webhook"),
    "paid-so-far": ("Payé jusqu’ici", "Paid so far"),
    "refunded-so-far": ("Remboursé jusqu’ici", "Refunded so far"),
    "refund-asked": ("Remboursement demandé", "Refund asked for"),
    "now-new": ("Commande ouverte", "Order opened"),
    "now-waiting": ("En attente du paiement", "Waiting for the payment"),
    "now-paid": ("Payée", "Paid"),
    "now-ended": ("Terminée sans paiement", "Ended without payment"),
    "now-review": ("Montant à vérifier", "Amount to be checked"),
    "shipped": ("Commande envoyée", "Order sent"),
    "no-answer": ("Pas de réponse, on recommence", "No answer, we ask again"),
    "capture-sent": ("Encaissement demandé", "Capture sent"),
    "capture-refused": ("Encaissement refusé", "Capture refused"),
    "refund-sent": ("Remboursement transmis", "Refund sent"),
    "refund-refused": ("Remboursement refusé", "Refund refused"),
    "cancel-sent": ("Annulation transmise", "Cancellation sent"),
    "cancel-refused": ("Annulation refusée", "Cancellation refused"),
    "expire-sent": ("Page de paiement fermée", "Payment page closed"),
    "expire-refused": ("La page de paiement ne se ferme pas", "The payment page does not close"),
    "why-webhook": ("par notification", "told by a webhook"),
    "why-returned": ("au retour du client", "when the customer came back"),
    "why-watch": ("en demandant nous-mêmes", "by asking ourselves"),
    "why-refund": ("après le remboursement", "after the refund"),
    "why-cancelled": ("après l’annulation", "after the cancellation"),
    # problems
    "problem": ("Cela n’a pas marché", "That did not work"),
    "not-found": ("Cette page n’existe pas, ou l’adresse n’est pas complète.", "There is no such page, or its address is not complete."),
    "bad-return": ("Cette adresse de retour n’est pas la bonne ; rien n’a été changé.", "This return address is not right; nothing was changed."),
    "bad-form": ("Ce formulaire est trop vieux ou incomplet. Rechargez la page et recommencez.", "This form is too old or not complete. Load the page again and retry."),
    "bad-amount": ("Ce montant n’en est pas un ; écrivez-le comme 12,50.", "This is no amount; write it like 12.50."),
    "too-much": ("C’est plus que ce qui peut encore être rendu.", "That is more than can still be given back."),
    "whole-only": ("Une commande de plusieurs vendeurs se rembourse en entier.", "An order of several sellers is refunded as a whole."),
    "voucher-stays": (
        "Un titre-restaurant ne se rembourse pas, et une carte seulement une fois encaissée : demandez moins, ou attendez.",
        "Meal vouchers cannot be refunded, and a card only once it is captured: ask for less, or wait.",
    ),
    "cannot-cancel": (
        "Cette page de paiement ne se ferme pas d’ici ; elle se ferme toute seule, et rend ce qui était payé.",
        "This payment page cannot be closed from here; it closes by itself and gives back what was paid.",
    ),
    "provider-away": ("Le prestataire ne répond pas. Réessayez dans un moment.", "The provider does not answer. Try again in a moment."),
    "back": ("Retour", "Back"),
}  # fmt: skip


def text(language: str, key: str) -> str:
    """One text. Raises KeyError for a key that does not exist."""
    return TEXTS[key][LANGUAGES.index(language)]


def money(language: str, cents: int, currency: str = "EUR") -> str:
    """An amount as people write it: 1 234,50 € or €1,234.50."""
    whole, rest = divmod(abs(cents), 100)
    sign, symbol = "-" if cents < 0 else "", "€" if currency == "EUR" else currency
    if language == "en":
        return f"{sign}{symbol}{whole:,}.{rest:02d}"
    return f"{sign}{whole:,}".replace(",", "\u202f") + f",{rest:02d}\u00a0{symbol}"


def language_of(header: str) -> str:
    """The first of our languages in an Accept-Language header, or French."""
    for part in header.split(","):
        code = part.split(";")[0].strip().lower()[:2]
        if code in LANGUAGES:
            return code
    return "fr"
