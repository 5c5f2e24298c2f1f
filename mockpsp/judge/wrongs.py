"""What merchants do wrong: a name, why it matters, how each provider says to do it, and where it says so."""

from __future__ import annotations

from collections.abc import Mapping

from mockpsp.domain.value import Value
from mockpsp.judge.model import Evidence, Finding, Severity, Trial

WORLDLINE, ADYEN, LYRA = (
    "https://docs.direct.worldline-solutions.com/en/",
    "https://docs.adyen.com/",
    "https://docs.lyra.com/en/collect/marketplace/marketplace-webservices-REST/",
)
PAGES: Mapping[str, Mapping[str, str]] = {
    "worldline": {
        "webhooks": f"{WORLDLINE}integration/api-developer-guide/webhooks",
        "idempotence": f"{WORLDLINE}integration/api-developer-guide/idempotent-requests",
        "statuses": f"{WORLDLINE}integration/api-developer-guide/statuses",
        "vouchers": "https://docs.ecommerce.cawl-solutions.fr/en/payment-methods-and-features/payment-methods/"
        "cheque-vacances-connect",
        "errors": f"{WORLDLINE}integration/api-developer-guide/",
        "return": f"{WORLDLINE}integration/api-developer-guide/",
        "refund": f"{WORLDLINE}integration/api-developer-guide/statuses",
    },
    "adyen": {
        "webhooks": f"{ADYEN}development-resources/webhooks/handle-webhook-events",
        "hmac": f"{ADYEN}development-resources/webhooks/secure-webhooks/verify-hmac-signatures",
        "idempotence": f"{ADYEN}development-resources/api-idempotency",
        "vouchers": f"{ADYEN}payment-methods/titres-restaurant",
        "orders": f"{ADYEN}online-payments/partial-payments",
        "errors": f"{ADYEN}development-resources/error-codes",
        "return": f"{ADYEN}online-payments/payment-result-codes",
        "refund": f"{ADYEN}online-payments/refund",
        "capture": f"{ADYEN}online-payments/capture",
    },
    "lyra": {
        "webhooks": f"{LYRA}using-webhooks.html",
        "orders": f"{LYRA}order-object.html",
        "statuses": f"{LYRA}order-object.html",
        "vouchers": f"{LYRA}after-the-payment.html",
        "refund": f"{LYRA}following-up-the-refund-request.html",
        "idempotence": f"{LYRA}creating-and-modifying-the-order.html",
        "errors": f"{LYRA}web-service-resources.html",
        "return": f"{LYRA}analyzing-the-payment-result.html",
    },
}
"""The pages that probes and findings refer to, by provider and subject."""


def page(provider: str, subject: str) -> str:
    """A provider's page about something; where it has none of its own, that about webhooks."""
    pages = PAGES[provider]
    return pages.get(subject) or pages["webhooks"]


class Wrong(Value, frozen=True, kw_only=True):
    """One mistake. ``instead`` is by provider, or under ``""`` for all; ``subject`` names the page that says it."""

    name: str
    title: str
    why: str
    instead: Mapping[str, str]
    subject: str = "webhooks"

    def found(self, trial: Trial, *evidence: Evidence, severity: Severity | None = None) -> Finding:
        """The mistake as it was seen in this trial, as severe as its probe unless something else is said."""
        provider = trial.probe.provider
        return Finding(
            name=self.name,
            title=self.title,
            probe=f"{provider}/{trial.probe.name}" if provider else trial.probe.name,
            provider=provider,
            severity=severity or trial.probe.severity,
            evidence=evidence,
            why=self.why,
            instead=self.instead.get(provider) or self.instead.get("", ""),
            source=page(provider, self.subject) if provider else "",
        )


READ = {
    "worldline": "Read the payment (GET …/payments/{id}/details or …/hostedcheckouts/{id}) and believe its "
    "status and "
    "acquiredAmount, not the webhook or the return.",
    "adyen": "Count verified AUTHORISATION events with success true of your own merchant account and environment; "
    "an order is paid when its parts add up to it (ORDER_CLOSED, success true).",
    "lyra": "Take the uuid as a reason to GET /orders/{uuid} with your own credentials, and believe its status.",
}
VERIFY = {
    "worldline": "Recompute X-GCS-Signature (HMAC-SHA256 over the raw bytes, with the secret that X-GCS-KeyId names) "
    "before anything is read; the SDK's WebhooksHelper does it.",
    "adyen": "Recompute additionalData.hmacSignature with the endpoint's present HMAC key before anything is "
    "read; then "
    "compare merchantAccountCode and live with your own.",
}
ACKNOWLEDGE = {
    "worldline": "Answer 2xx to every genuine webhook, at once, and ignore what you do not know: new event types and "
    "new fields come without notice.",
    "adyen": "Answer 2xx to every genuine webhook, at once, and ignore what you do not know: a failed one is "
    "repeated for "
    "thirty days and holds up all events behind it.",
    "lyra": "Answer 2xx at once. An HTTP error is not repeated: what was not taken in is lost, unless the order "
    "is read.",
}
ONCE = {
    "worldline": "Act on changes of the order's state, not on events: the same event may come more than once, in "
    "any order.",
    "adyen": "Remember eventCode and pspReference of what was handled: the same event may come more than once.",
    "lyra": "Act on changes of the order's status: the same body comes at each change, and may come again.",
}
KEY = {
    "worldline": "Send X-GCS-Idempotence-Key with every call that moves money, stored before the call, and "
    "repeat the call "
    "with the same key when no answer came.",
    "adyen": "Send Idempotency-Key with every POST, stored before the call, and repeat the call with the same "
    "key when no "
    "answer came.",
    "lyra": "There are no idempotency keys: when no answer came, look for the object by your reference "
    "(GET /orders/, GET /orders/{uuid}/refunds) before you make another one.",
}
POLL = {
    "worldline": "Read open checkouts from time to time; delivery is given up after five attempts.",
    "adyen": "Ask for the payment link or session from time to time, soon at first and then less and less often.",
    "lyra": "Read open orders from time to time; a webhook is sent again only when nobody could be reached, and "
    "twice at most.",
}

SHIPPED_UNPAID = Wrong(
    name="shipped-without-payment",
    title="took an order as paid that was not",
    why="The goods leave, and nobody pays for them.",
    instead=READ,
    subject="statuses",
)
ACCEPTED_FORGED = Wrong(
    name="accepted-forged-webhook",
    title="accepted a forged webhook",
    why="Anybody who knows the address can mark orders as paid.",
    instead=VERIFY,
    subject="hmac",
)
ACCEPTED_STALE = Wrong(
    name="accepted-replaced-key",
    title="accepted a webhook signed with a replaced key",
    why="A key that leaked goes on opening the door after it was replaced.",
    instead=VERIFY,
    subject="hmac",
)
ACCEPTED_OTHERS = Wrong(
    name="accepted-foreign-webhook",
    title="took somebody else's webhook for its own",
    why="Keys are shared by accounts of a company: a test order, or another shop's, pays for goods of this one.",
    instead=VERIFY,
    subject="hmac",
)
BELIEVED_AMOUNT = Wrong(
    name="ignored-amount",
    title="took another amount for the price",
    why="One euro, or the voucher's part alone, pays for everything.",
    instead={"": "Compare amount and currency of what was paid with the order's, to the cent."},
    subject="statuses",
)
BELIEVED_RETURN = Wrong(
    name="trusted-return",
    title="took the return to the shop for a payment",
    why="The address can be opened by hand, without having paid.",
    instead=READ,
    subject="return",
)
BELIEVED_ID = Wrong(
    name="trusted-unsigned-webhook",
    title="took an unsigned webhook for a payment",
    why="It has an id and nothing else: anybody who knows the id can send it.",
    instead=READ,
)
BELIEVED_PART = Wrong(
    name="partial-payment-is-paid",
    title="took a part for the whole",
    why="The voucher has paid its share and the card has not; the goods leave half paid.",
    instead=READ,
    subject="vouchers",
)
NOT_TAMPERPROOF = Wrong(
    name="ignored-return-proof",
    title="did not notice a return address that was tampered with",
    why="Who counts through the ids reads other people's orders.",
    instead={
        "worldline": "Compare RETURNMAC with the one that came with the answer to CreateHostedCheckout.",
        "adyen": "Hand redirectResult to POST /payments/details, and believe its answer alone.",
    },
    subject="return",
)
CAPTURED_UNPAID = Wrong(
    name="captured-what-was-refused",
    title="captured a payment that was not authorised",
    why="An order was believed to be paid that was not.",
    instead=READ,
    subject="capture",
)
REFUSED_GENUINE = Wrong(
    name="refused-genuine-webhook",
    title="refused a genuine webhook",
    why="The event is lost or repeated for days, and orders stay unpaid in the shop.",
    instead=ACKNOWLEDGE,
)
FELL_OVER = Wrong(
    name="fell-over-a-webhook",
    title="fell over a webhook that is not genuine",
    why="The connection ended without an answer, as when the process ends: anybody who knows the address can stop it.",
    instead={
        "": "Answer 401 to what is not signed as it should be, and catch what the library throws: some throw for a "
        "missing signature instead of saying no."
    },
    subject="hmac",
)
ANSWERED_LATE = Wrong(
    name="answered-too-late",
    title="answered a webhook after the provider had hung up",
    why="The provider takes it as failed and sends it again, while the first one is still being worked on.",
    instead={
        "": "Verify, write down, answer; do the work afterwards. The provider waits ten seconds.",
    },
)
SHIPPED_TWICE = Wrong(
    name="shipped-twice",
    title="shipped twice",
    why="One payment, two parcels.",
    instead=ONCE,
)
CAPTURED_TWICE = Wrong(
    name="captured-twice",
    title="captured twice",
    why="The shopper pays twice, or the second call fails and stops the order.",
    instead=ONCE,
    subject="capture",
)
REFUNDED_TWICE = Wrong(
    name="refunded-twice",
    title="refunded more than once",
    why="The shopper gets the money twice.",
    instead=KEY,
    subject="idempotence",
)
REFUNDED_TOO_MUCH = Wrong(
    name="refunded-more-than-captured",
    title="asked for more back than was paid",
    why="It is refused, or it is somebody else's money.",
    instead={"": "Count what went back, what is on its way, and what was asked for and not answered."},
    subject="refund",
)
LOST = Wrong(
    name="lost-order",
    title="did not learn that an order was paid",
    why="The shopper has paid and gets nothing.",
    instead=POLL,
)
NEVER_READ = Wrong(
    name="never-read-the-order",
    title="never read the order",
    why="When the webhook is lost, nobody ever learns that the shopper has paid.",
    instead=POLL,
)
UNDONE = Wrong(
    name="undone-by-old-event",
    title="let an event undo a paid order",
    why="Events overtake each other: a paid order becomes unpaid, and is not sent or is cancelled.",
    instead=ONCE,
)
BROKE = Wrong(
    name="went-wrong",
    title="went wrong where it could have gone well",
    why="The provider did what it may do at any time, and the purchase came to its end there; the command says that it "
    "did not in the shop.",
    instead={"": "Read the command's output; the journal of the run shows what the provider answered."},
)
CHARGED_AGAIN = Wrong(
    name="charged-again",
    title="made the call again after a time-out without its idempotency key",
    why="The first call had its effect: this is a second charge, capture or refund.",
    instead=KEY,
    subject="idempotence",
)
MADE_AGAIN = Wrong(
    name="made-again-without-looking",
    title="made it again after a time-out without looking whether it was there",
    why="The first call had its effect: now there are two.",
    instead=KEY,
    subject="orders",
)
NO_KEY = Wrong(
    name="no-idempotency-key",
    title="sent no idempotency key",
    why="When the answer is lost, the call cannot be repeated safely.",
    instead=KEY,
    subject="idempotence",
)
GAVE_UP = Wrong(
    name="never-looked-again",
    title="was not seen to repeat a call without an answer, or to look what became of it",
    why="The effect is there, and the shop does not know it.",
    instead=KEY,
    subject="idempotence",
)
HAMMERED = Wrong(
    name="ignored-retry-after",
    title="asked again before the time that the provider named",
    why="Who goes on is shut out for longer.",
    instead={"": "Wait as long as Retry-After says, and longer each time where it says nothing."},
    subject="errors",
)
KEPT = Wrong(
    name="kept-voucher",
    title="kept what a voucher had paid",
    why="The order is over and the voucher is gone: the shopper has paid for nothing.",
    instead={
        "worldline": "Set autoRefundSplitPayments, or refund the vouchers' part within four hours.",
        "adyen": "Cancel the order (POST /orders/cancel) or end the payment link: that rolls the voucher back.",
        "lyra": "Cancel the order (DELETE /orders/{uuid}) when the shopper gives up.",
    },
    subject="vouchers",
)
BELIEVED_REFUND = Wrong(
    name="believed-refund-request",
    title="told the shopper that the money is back, and it is not",
    why="A refund that was received can be refused later.",
    instead={
        "worldline": "Wait for payment.refunded, or read the refund's status (7 or 8); 81 is only pending.",
        "adyen": "Wait for REFUND with success true, and take it back at REFUND_FAILED; `received` is a promise.",
        "lyra": "Read the refund until it is SUCCEEDED or FAILED; at creation nothing is checked.",
    },
    subject="refund",
)
