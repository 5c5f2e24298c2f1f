"""The probes of each provider. What all providers do is written once; what one does differently stands beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mockpsp.judge import verdicts, wrongs
from mockpsp.judge.model import Check, Need, Probe, Severity, Visit, parts
from mockpsp.judge.probes.bending import (
    Lines,
    called,
    card,
    fault,
    hook,
    hooked,
    makes,
    paid,
    returns,
    rule,
    runs_in_real_time,
    says_facts,
    voucher,
)
from mockpsp.judge.trade import TRADES
from mockpsp.judge.wrongs import Wrong, page

CRITICAL, HIGH, MEDIUM, LOW = Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW
RETRY_SECONDS = 3
SOME_UUID = "9d1f6a55-0000-4000-8000-0123456789ab"

NEVER_PAID: Mapping[str, Lines] = {
    "worldline": parts([rule("worldline.card_complement", "refused"), rule("worldline.card_payment", "refused")]),
    "adyen": parts(
        [rule("adyen.payments", "refused", {"payment_method": "scheme"}), rule("adyen.three_ds", "refused")]
    ),
    "lyra": parts([rule("lyra.card", "refused"), rule("lyra.registered_card", "refused")]),
}
"""The card never pays; what a voucher pays, it pays."""

_ITEM = "notificationItems.0.NotificationRequestItem"
_CAPTURED = {
    "type": "payment.captured",
    "payment.status": "CAPTURED",
    "payment.statusOutput.statusCode": 9,
    "payment.statusOutput.statusCategory": "COMPLETED",
}
_NOISE: Mapping[str, tuple[str, ...]] = {
    "worldline": ("payment.created", "payment.redirected"),
    "adyen": ("ORDER_OPENED",),
}
"""What comes before anything is paid."""


def _claims_paid(provider: str, change: Lines | None = None, **deliver: Any) -> Lines:
    """Nobody pays, and the news of the refusal is altered so that it claims a success."""
    if provider == "worldline":
        forged = hook("worldline.payment.rejected", change={**_CAPTURED, **(change or {})}, **deliver)
        return parts([NEVER_PAID[provider], forged, hook("worldline.payment.captured", drop=True)])
    claims = {f"{_ITEM}.success": "true", f"{_ITEM}.reason": "", **(change or {})}
    return parts([NEVER_PAID[provider], hook("adyen.AUTHORISATION", {"success": False}, change=claims, **deliver)])


def _probe(
    provider: str,
    name: str,
    title: str,
    reason: str,
    subject: str,
    severity: Severity,
    *checks: Check,
    lines: Lines | None = None,
    needs: tuple[Need, ...] = (),
    **more: Any,
) -> Probe:
    return Probe(
        name=name,
        provider=provider,
        title=title,
        reason=reason,
        page=page(provider, subject),
        severity=severity,
        checks=(*checks, verdicts.said_by_check),
        lines=lines or {},
        needs=needs,
        **more,
    )


def probes_of(provider: str) -> Iterator[Probe]:
    """All probes of one provider."""
    yield from _repeated(provider)
    yield from _moved(provider)
    if TRADES[provider].signs:
        yield from _forged(provider)
    yield from _unfamiliar(provider)
    yield from _returns(provider)
    yield from _cut_off(provider)
    yield from _busy(provider)
    yield from _half_paid(provider)
    yield from _refunds(provider)
    yield from {"worldline": _worldline, "adyen": _adyen, "lyra": _lyra}[provider]()


# -- webhooks that are delivered otherwise -----------------------------------------------------------------------------


def _repeated(provider: str) -> Iterator[Probe]:
    needs = (paid(provider), hooked(provider))
    yield _probe(
        provider, "webhook-twice", "each webhook comes twice, one after the other",
        "Delivery is at least once: an answer that got lost is enough for a second one.", "webhooks", CRITICAL,
        verdicts.completes, verdicts.refused_genuine,
        lines=hook(f"{provider}.*", copies=2), needs=needs,
    )  # fmt: skip
    yield _probe(
        provider, "webhook-twice-at-once", "each webhook comes twice at the same moment",
        "Two processes of the merchant's handle the same event; only a lock or a unique key keeps them apart.",
        "webhooks", CRITICAL, verdicts.completes, verdicts.refused_genuine,
        lines=hook(f"{provider}.*", copies=2, together=True), needs=needs,
    )  # fmt: skip
    yield _probe(
        provider, "webhook-replayed", "all webhooks come once more, five hours later",
        "A provider's staff sends events again, and somebody who recorded one can.", "webhooks", HIGH,
        verdicts.shipped_once, verdicts.stays_paid, verdicts.refunded_once,
        lines=hook(f"{provider}.*", copies=2, gap="5h"), needs=needs, later="6h", completes=False, outlasts=True,
    )  # fmt: skip


def _moved(provider: str) -> Iterator[Probe]:
    needs = (paid(provider), hooked(provider))
    if provider in _NOISE:
        early = [hook(f"{provider}.{event}", after="8s") for event in _NOISE[provider]]
        yield _probe(
            provider, "webhook-out-of-order", "the first news comes last",
            "Events overtake each other; each says what was true when it happened.", "webhooks", HIGH,
            verdicts.completes, verdicts.stays_paid,
            lines=parts(early), needs=(paid(provider), hooked(provider, *_NOISE[provider])), later="20s",
            outlasts=True,
        )  # fmt: skip
    yield _probe(
        provider, "webhook-before-answer", "webhooks come before the call that led to them is answered",
        "A webhook can overtake the answer that tells the merchant the provider's id.", "webhooks", HIGH,
        verdicts.completes, verdicts.refused_genuine,
        lines=hook(f"{provider}.*", early=True), needs=needs,
    )  # fmt: skip
    yield _probe(
        provider, "webhook-late", "webhooks come five hours late",
        "Queues fill up; the shopper has gone home by then.", "webhooks", HIGH,
        verdicts.shipped_once, verdicts.learns_late,
        lines=hook(f"{provider}.*", after="5h"), needs=(*needs, says_facts()), later="6h", completes=False,
        outlasts=True,
    )  # fmt: skip
    yield _probe(
        provider, "webhook-lost", "no webhook ever comes",
        "Webhooks get lost now and then; then only asking helps.", "webhooks", HIGH, verdicts.completes,
        lines=hook(f"{provider}.*", drop=True), needs=needs,
    )  # fmt: skip
    yield _probe(
        provider, "webhook-while-slow", "the provider answers the first question after eleven seconds",
        "Who asks the provider before answering its webhook answers too late.", "webhooks", MEDIUM,
        verdicts.answered_in_time, verdicts.completes,
        lines=_slow(provider), needs=needs,
    )  # fmt: skip


def _slow(provider: str) -> Lines:
    reads = sorted(TRADES[provider].reads)
    return parts([fault(f"{provider}.{each}", {"latency": "11s"}) for each in reads])


# -- webhooks that must not be believed --------------------------------------------------------------------------------


def _forged(provider: str) -> Iterator[Probe]:
    needs = (paid(provider), card(provider), hooked(provider))
    for name, title, kind, wrong in (
        ("webhook-forged", "a refusal claims to be a success, with a wrong signature", "wrong", wrongs.ACCEPTED_FORGED),
        (
            "webhook-unsigned",
            "a refusal claims to be a success, without a signature",
            "missing",
            wrongs.ACCEPTED_FORGED,
        ),
        (
            "webhook-stale-key",
            "a refusal claims to be a success, signed with a replaced key",
            "stale",
            wrongs.ACCEPTED_STALE,
        ),
    ):
        yield _probe(
            provider, name, title, "The address of a webhook endpoint is no secret; the key is.", "hmac", CRITICAL,
            verdicts.unpaid_means(wrong), verdicts.outlives_forgeries, verdicts.answered_as_if_genuine(wrong),
            lines=_claims_paid(provider, signature=kind), needs=needs, completes=False,
        )  # fmt: skip
    account = {"worldline": "merchantId", "adyen": f"{_ITEM}.merchantAccountCode"}[provider]
    yield from _believed(
        provider, "webhook-other-account", "a success of another account, rightly signed", wrongs.ACCEPTED_OTHERS,
        {account: "SomebodyElse"}, "A right signature proves the sender, not the addressee.",
    )  # fmt: skip
    amount = {"worldline": "payment.paymentOutput.amountOfMoney", "adyen": f"{_ITEM}.amount"}[provider]
    value, currency = {"worldline": ("amount", "currencyCode"), "adyen": ("value", "currency")}[provider]
    yield from _believed(
        provider, "amount-changed", "a success of one euro, rightly signed", wrongs.BELIEVED_AMOUNT,
        {f"{amount}.{value}": 100}, "What was paid need not be what the order costs.",
    )  # fmt: skip
    yield from _believed(
        provider, "currency-changed", "a success in another currency, rightly signed", wrongs.BELIEVED_AMOUNT,
        {f"{amount}.{currency}": "JPY"}, "A hundred yen are not a hundred euros.",
    )  # fmt: skip


def _believed(provider: str, name: str, title: str, wrong: Wrong, change: Lines, reason: str) -> Iterator[Probe]:
    yield _probe(
        provider, name, title, reason, "hmac", CRITICAL, verdicts.unpaid_means(wrong),
        lines=_claims_paid(provider, change), needs=(paid(provider), card(provider), hooked(provider)), completes=False,
    )  # fmt: skip


# -- webhooks that look unfamiliar -------------------------------------------------------------------------------------


def _unfamiliar(provider: str) -> Iterator[Probe]:
    needs = (paid(provider), hooked(provider))
    unknown: Mapping[str, Lines] = {
        "worldline": {"type": "payment.something_new"},
        "adyen": {f"{_ITEM}.eventCode": "SOMETHING_NEW"},
        "lyra": {"order": None, "something_new": SOME_UUID},
    }
    extra: Mapping[str, Lines] = {
        "worldline": {"newField": {"of": ["some", "kind"]}},
        "adyen": {f"{_ITEM}.newField": "soon", "newField": {"of": ["some", "kind"]}},
        "lyra": {"new_field": "soon"},
    }
    event = {"worldline": "worldline.payment.*", "adyen": "adyen.*", "lyra": "lyra.order"}[provider]
    yield _probe(
        provider, "webhook-unknown-event", "before each webhook comes one of a type that nobody knows",
        "New types come without notice.", "webhooks", HIGH, verdicts.refused_genuine, verdicts.completes,
        lines=hook(event, change=unknown[provider], beside=True), needs=needs,
    )  # fmt: skip
    yield _probe(
        provider, "webhook-extra-fields", "webhooks have fields that nobody knows",
        "New fields come without notice.", "webhooks", HIGH, verdicts.refused_genuine, verdicts.completes,
        lines=hook(event, change=extra[provider]), needs=needs,
    )  # fmt: skip
    yield _probe(
        provider, "webhook-header-case", "names of headers are in small letters",
        "HTTP/2 and many proxies write them so; names of headers have no case.", "webhooks", HIGH,
        verdicts.refused_genuine, verdicts.completes,
        lines=hook(f"{provider}.*", header_case="lower"), needs=needs,
    )  # fmt: skip


# -- the return to the shop --------------------------------------------------------------------------------------------


def _returns(provider: str) -> Iterator[Probe]:
    needs = (paid(provider), returns(provider))
    yield _probe(
        provider, "return-twice", "the return address is opened twice more",
        "People reload pages and press Back.", "return", HIGH,
        verdicts.completes, verdicts.stays_paid, verdicts.opened,
        needs=needs, visit=Visit.TWICE,
    )  # fmt: skip
    yield _probe(
        provider, "return-unpaid", "nobody has paid, and the return address is opened",
        "The address can be typed, kept, shared; it proves nothing.", "return", CRITICAL,
        verdicts.unpaid_means(wrongs.BELIEVED_RETURN), verdicts.opened,
        lines=parts([NEVER_PAID[provider], hook(f"{provider}.*", drop=True)]), needs=(*needs, card(provider)),
        visit=Visit.PLAIN, completes=False,
    )  # fmt: skip
    yield _probe(
        provider, "return-first", "the shopper is back before any webhook",
        "The browser is often quicker; the order is not refused because nothing is known yet.", "return", MEDIUM,
        verdicts.completes, lines=hook(f"{provider}.*", after="3s"), needs=(*needs, hooked(provider)),
    )  # fmt: skip


# -- calls without an answer -------------------------------------------------------------------------------------------


def _cut_off(provider: str) -> Iterator[Probe]:
    trade = TRADES[provider]
    kinds = (
        ("create", "purchase", trade.makes),
        ("capture", "capture", trade.captures),
        ("refund", "refund", trade.refunds),
    )
    for name, what, operations in kinds:
        if not operations:
            continue
        cut = [fault(f"{provider}.{each}", {"drop": "after_effect"}) for each in sorted(operations)]
        yield _probe(
            provider, f"{name}-cut-off", f"the answer to a {what} is lost after it had its effect",
            "No answer is not a no: the money may have moved.", "idempotence", CRITICAL,
            verdicts.repeated_safely(operations, idle=Severity.NOTE if name == "create" else MEDIUM),
            *((verdicts.refunded_once,) if name == "refund" else (verdicts.shipped_once,)),
            lines=parts(cut), needs=(called(provider, f"{what} at {provider}", operations),), completes=False,
        )  # fmt: skip


def _busy(provider: str) -> Iterator[Probe]:
    operations = sorted(TRADES[provider].makes)
    for name, status, told in (
        ("create-throttled", 429, "too many requests"),
        ("create-unavailable", 503, "not available"),
    ):
        then = {"status": status, "retry_after": f"{RETRY_SECONDS}s"}
        yield _probe(
            provider, name, f"the first purchase is answered with {status}, and when to come back",
            f"“{told.capitalize()}” is no refusal: nothing was done, and later it will be.", "errors", MEDIUM,
            verdicts.waited(RETRY_SECONDS), verdicts.completes,
            lines=parts([fault(f"{provider}.{each}", then) for each in operations]),
            needs=(makes(provider), runs_in_real_time()),
        )  # fmt: skip
    yield _probe(
        provider, "slow-answers", "every answer of the provider takes two seconds",
        "Providers are slow at noon; ten seconds are still an answer.", "errors", LOW, verdicts.completes,
        lines=_slowly(provider), needs=(paid(provider),),
    )  # fmt: skip


def _slowly(provider: str) -> Lines:
    trade = TRADES[provider]
    operations = sorted(trade.makes | trade.captures | trade.refunds | trade.reads)
    return parts([fault(f"{provider}.{each}", {"latency": "2s"}, times=10) for each in operations])


# -- half paid ---------------------------------------------------------------------------------------------------------


def _half_paid(provider: str) -> Iterator[Probe]:
    yield _probe(
        provider, "card-refused", "the voucher pays its part, the card is refused",
        "The order is not paid, and the voucher must not be kept.", "vouchers", CRITICAL,
        verdicts.unpaid_means(wrongs.SHIPPED_UNPAID), verdicts.gave_back,
        lines=NEVER_PAID[provider], needs=(paid(provider), card(provider)), later="2h", completes=False,
    )  # fmt: skip


# -- refunds -----------------------------------------------------------------------------------------------------------


def _refunds(provider: str) -> Iterator[Probe]:
    operation, outcome = {
        "worldline": ("worldline.refund", "refused"),
        "adyen": ("adyen.refund", "refused"),
        "lyra": ("lyra.refund", "failed"),
    }[provider]
    yield _probe(
        provider, "refund-refused", "a refund is received, and refused later",
        "The answer to a refund is a promise; the result comes afterwards.", "refund", HIGH, verdicts.believed_refund,
        lines=rule(operation, outcome), later="2h", completes=False,
        needs=(called(provider, f"refund at {provider}", TRADES[provider].refunds), says_facts()),
    )  # fmt: skip


# -- what only one provider has ----------------------------------------------------------------------------------------


def _worldline() -> Iterator[Probe]:
    yield _probe(
        "worldline", "return-tampered", "the return address comes with a made-up RETURNMAC",
        "hostedCheckoutIds can be counted through; RETURNMAC cannot.", "return", HIGH, verdicts.noticed_tampering,
        needs=(paid("worldline"), returns("worldline")), visit=Visit.TAMPERED,
    )  # fmt: skip
    yield _probe(
        "worldline", "partial-captured", "payment.captured comes for the vouchers' part, and no card ever pays",
        "The partial webhook looks like the whole one and bears the order's whole amount.", "vouchers", CRITICAL,
        verdicts.unpaid_means(wrongs.BELIEVED_PART),
        lines=parts([rule("worldline.card_complement", "refused"),
                     hook("worldline.payment.captured", early=True, pause="2s")]),
        needs=(paid("worldline"), voucher("worldline"), card("worldline")), completes=False,
    )  # fmt: skip
    yield _probe(
        "worldline", "complement-abandoned", "the vouchers have paid, and the card's part never comes",
        "Vouchers stay taken unless the checkout was told to give them back, or the merchant does.", "vouchers", HIGH,
        verdicts.unpaid_means(wrongs.BELIEVED_PART), verdicts.gave_back,
        lines=parts([rule("worldline.card_complement", "refused")]), later="3h",
        needs=(paid("worldline"), voucher("worldline"), card("worldline")), completes=False,
    )  # fmt: skip
    yield _probe(
        "worldline", "refund-after-four-hours", "the time in which vouchers can be refunded is over",
        "Vouchers go back within four hours of the payment, and then not at all.", "vouchers", HIGH,
        verdicts.believed_refund,
        lines={"settings": {"worldline": {"voucher_refund_window": "PT0S"}}},
        needs=(called("worldline", "refund at worldline", TRADES["worldline"].refunds), voucher("worldline"),
               says_facts()),
        completes=False,
    )  # fmt: skip


def _adyen() -> Iterator[Probe]:
    yield from _believed(
        "adyen", "webhook-live", "a success of the live environment, rightly signed", wrongs.ACCEPTED_OTHERS,
        {"live": "true"}, "A test shop must not ship for live money, nor a live shop for test money.",
    )  # fmt: skip
    yield _probe(
        "adyen", "success-false", "an authorisation comes with success \"false\"",
        "Both \"true\" and \"false\" are texts, and texts are true in many languages.", "webhooks", CRITICAL,
        verdicts.unpaid_means(wrongs.SHIPPED_UNPAID),
        lines=NEVER_PAID["adyen"], needs=(paid("adyen"), card("adyen"), hooked("adyen", "AUTHORISATION")),
        completes=False,
    )  # fmt: skip
    yield _probe(
        "adyen", "order-expired", "the order expires between the voucher and the card",
        "Adyen rolls the voucher back without a webhook for it; ORDER_CLOSED with success \"false\" is all.",
        "orders", HIGH,
        verdicts.unpaid_means(wrongs.SHIPPED_UNPAID), verdicts.gave_back, verdicts.captured_once,
        lines=NEVER_PAID["adyen"], later="25h",
        needs=(paid("adyen"), voucher("adyen"), card("adyen")), completes=False,
    )  # fmt: skip
    redirected = called(
        "adyen", "payment with a redirect at adyen (/payments/details)", frozenset({"payments_details"})
    )
    yield _probe(
        "adyen", "return-tampered", "the return comes with a made-up redirectResult, and nobody has paid",
        "Only the answer of /payments/details says what became of the redirect.", "return", CRITICAL,
        verdicts.unpaid_means(wrongs.BELIEVED_RETURN),
        lines=parts([NEVER_PAID["adyen"], hook("adyen.*", drop=True)]),
        needs=(paid("adyen"), redirected, returns("adyen")), visit=Visit.TAMPERED, completes=False,
    )  # fmt: skip
    yield _probe(
        "adyen", "voucher-refund", "a refund of a meal voucher is received, and refused later",
        "Meal vouchers cannot be refunded; the call is accepted all the same.", "vouchers", HIGH,
        verdicts.believed_refund,
        lines=rule("adyen.refund", "refused", {"payment_method": "mealVoucher_FR"}),
        needs=(called("adyen", "refund at adyen", TRADES["adyen"].refunds), voucher("adyen"), says_facts()),
        completes=False,
    )  # fmt: skip


def _lyra() -> Iterator[Probe]:
    yield _probe(
        "lyra", "webhook-id-only", "a webhook comes for an order that nobody has paid",
        "Lyra's webhooks are an id, unsigned and without a status: the order has to be read.", "webhooks", CRITICAL,
        verdicts.unpaid_means(wrongs.BELIEVED_ID), verdicts.reads_afterwards,
        lines=NEVER_PAID["lyra"], needs=(paid("lyra"), card("lyra"), hooked("lyra", "order")), completes=False,
    )  # fmt: skip
    yield _probe(
        "lyra", "webhook-unknown-order", "before each webhook comes one about an order that does not exist",
        "Anybody can send one; it must neither stop the shop nor the genuine one behind it.", "webhooks", MEDIUM,
        verdicts.completes,
        lines=hook("lyra.order", change={"order": SOME_UUID}, beside=True),
        needs=(paid("lyra"), hooked("lyra", "order")),
    )  # fmt: skip


PROBES: tuple[Probe, ...] = tuple(probe for provider in TRADES for probe in probes_of(provider))
NOTHING_TO_BEND: Mapping[str, Mapping[str, str]] = {
    "worldline": {
        "webhook-live": "test and live have accounts and keys of their own; webhooks have no flag",
        "success-false": "statuses are words and numbers",
        "order-expired": "there are no orders besides checkouts; see complement-abandoned",
        "webhook-id-only": "webhooks are signed and carry the payment",
    },
    "adyen": {
        "partial-captured": "each part has an authorisation with its own amount; see card-refused",
        "complement-abandoned": "see order-expired",
        "refund-after-four-hours": "there is no such limit; see voucher-refund",
        "webhook-id-only": "webhooks are signed and carry the payment",
    },
    "lyra": {
        "webhook-forged": "webhooks are not signed; see webhook-id-only",
        "webhook-unsigned": "webhooks are not signed; see webhook-id-only",
        "webhook-stale-key": "webhooks are not signed; see webhook-id-only",
        "webhook-other-account": "a webhook names no account; see webhook-unknown-order",
        "webhook-live": "a webhook has no flag",
        "amount-changed": "a webhook has no amount",
        "currency-changed": "a webhook has no currency",
        "webhook-out-of-order": "each webhook of an order has the same body: they cannot be told apart",
        "return-tampered": "the return carries nothing that could be compared",
        "capture-cut-off": "the gateway captures by itself",
        "partial-captured": "an order is paid in full or not at all; see card-refused",
        "complement-abandoned": "vouchers go back by themselves; see card-refused",
        "refund-after-four-hours": "the limit is ANCV's, and Lyra's refunds of vouchers fail later; see refund-refused",
    },
}
"""Probes that other providers have, and why this one has none."""
