"""What a merchant did wrong, each as a check that looks at one run. All that a check says, it shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from mockpsp.judge import wrongs
from mockpsp.judge.model import Check, Evidence, Finding, Severity, Trial
from mockpsp.judge.observed import Call, Observed, Said
from mockpsp.judge.trade import TRADES, at
from mockpsp.judge.wrongs import Wrong
from mockpsp.testing.answers import Webhook

_HUNG_UP = ("Server disconnected", "Connection reset", "Broken pipe")
"""What aiohttp and the system say when somebody took a request in and hung up."""
_AFTER_EFFECT = "strikes after the effect"


def plainly(trial: Trial) -> Iterator[Finding]:
    """What is wrong even when nothing is bent: webhooks refused or answered late, refunds of more than was paid."""
    yield from answered_in_time(trial)
    yield from refused_genuine(trial)
    for provider in TRADES:
        yield from asked_too_much(Trial(replace(trial.probe, provider=provider), trial.plain, trial.run))


# -- webhooks that have to be accepted ---------------------------------------------------------------------------------


def refused_genuine(trial: Trial) -> Iterator[Finding]:
    """A genuine webhook got an HTTP error. Of those that a line has signed wrongly nothing is said."""
    bad = [
        each
        for each in trial.run.webhooks
        if _concerns(trial, each.provider) and each.signature == "right"
        if any(one.status is not None and not 200 <= one.status < 300 for one in each.attempts)
    ]
    if bad:
        yield wrongs.REFUSED_GENUINE.found(trial, *(_answered(trial.run, each) for each in bad[:3]))


def outlives_forgeries(trial: Trial) -> Iterator[Finding]:
    """A webhook that is not genuine was taken in, and the connection ended without an answer: not late, but broken.

    Where the merchant had ended before, or had not begun, nobody took it in.
    """
    broken = [
        each
        for each in trial.run.webhooks
        if _concerns(trial, each.provider) and each.signature != "right"
        if any(one.status is None and any(sign in (one.error or "") for sign in _HUNG_UP) for one in each.attempts)
    ]
    if broken:
        yield wrongs.FELL_OVER.found(trial, *(_answered(trial.run, each) for each in broken[:3]))


def answered_in_time(trial: Trial) -> Iterator[Finding]:
    """The provider hung up before the merchant answered."""
    late = [
        each
        for each in trial.run.webhooks
        if _concerns(trial, each.provider) and any("no answer within" in (one.error or "") for one in each.attempts)
    ]
    if late:
        yield wrongs.ANSWERED_LATE.found(trial, *(_answered(trial.run, each) for each in late[:3]))


def _concerns(trial: Trial, provider: str) -> bool:
    return trial.probe.provider in ("", provider)


def _answered(run: Observed, webhook: Webhook) -> Evidence:
    attempt = webhook.attempts[-1]
    how = attempt.error or f"status {attempt.status}"
    return run.evidence(f"{webhook.type} {webhook.reference} was answered: {how}", run.delivery(webhook))


# -- the order's end ---------------------------------------------------------------------------------------------------


def completes(trial: Trial) -> Iterator[Finding]:
    """The purchase was paid, or could have been: the merchant has to come to the same end as plainly, and once."""
    provider, run = trial.probe.provider, trial.run
    yield from shipped_once(trial)
    unaware = [each for each in run.about(provider) if each.paid is False]
    unseen = not run.passed and not run.about(provider)  # nobody says what the merchant thinks of the order
    if run.paid(provider) and (unaware or (unseen and not _was_told(run, provider))):
        reads = run.reads(provider, after=_paid_at(run, provider))
        wrong = wrongs.LOST if reads else wrongs.NEVER_READ
        told = f"no call asked about it after it was paid ({_code(run)})" if not reads else _code(run)
        yield wrong.found(trial, run.evidence(told, _paid_at(run, provider)), *saids(unaware))
    elif not run.passed:
        weak = Severity.NOTE if run.paid(provider) and run.about(provider) else None
        yield wrongs.BROKE.found(trial, Evidence(told=_code(run)), *saids(run.about(provider)), severity=weak)


def _was_told(run: Observed, provider: str) -> bool:
    """Whether the merchant took news, or asked, after the order was paid: then something else went wrong inside."""
    paid_at = _paid_at(run, provider)
    taken = (
        run.delivery(each)
        for each in run.sent(provider)
        if any(200 <= (one.status or 0) < 300 for one in each.attempts)
    )
    return bool(run.reads(provider, after=paid_at)) or any(number > paid_at for number in taken)


def stays_paid(trial: Trial) -> Iterator[Finding]:
    """A paid order is still paid at the very end, whatever came late."""
    unaware = [each for each in trial.run.about(trial.probe.provider) if each.paid is False]
    if trial.run.paid(trial.probe.provider) and unaware:
        late = [each.id for each in trial.run.entries if each.kind == "delivery"][-3:]
        yield wrongs.UNDONE.found(trial, trial.run.evidence("what came last", *late), *saids(unaware))


def learns_late(trial: Trial) -> Iterator[Finding]:
    """All news came hours late: by then at the latest the merchant knows that the order is paid."""
    provider, run = trial.probe.provider, trial.run
    unaware = [each for each in run.about(provider) if each.paid is False]
    if run.paid(provider) and unaware:
        yield wrongs.LOST.found(trial, *saids(unaware))


def reads_afterwards(trial: Trial) -> Iterator[Finding]:
    """A webhook that says nothing but an id came in: somebody has to ask what is true."""
    provider, run = trial.probe.provider, trial.run
    came = [run.delivery(each) for each in run.sent(provider) if any(one.status for one in each.attempts)]
    first = next((each.id for each in run.entries if each.kind == "webhook" and each.provider == provider), 0)
    if came and not run.reads(provider, after=first):
        yield wrongs.NEVER_READ.found(trial, run.evidence("nothing was asked after these", *came[:3]))


def shipped_once(trial: Trial) -> Iterator[Finding]:
    """No order was sent, or captured, more than once."""
    provider, run = trial.probe.provider, trial.run
    twice = [each for each in run.about(provider) if (each.shipments or 0) > 1]
    if twice:
        numbers = [run.delivery(each) for each in run.sent(provider)]
        yield wrongs.SHIPPED_TWICE.found(trial, *saids(twice), run.evidence("what it was told", *numbers[:12]))
    yield from captured_once(trial)


def captured_once(trial: Trial) -> Iterator[Finding]:
    """No payment was captured by two calls that are not the same one again."""
    by_target: dict[str, list[Call]] = {}
    for call in trial.run.calls(trial.probe.provider, TRADES[trial.probe.provider].captures):
        by_target.setdefault(call.target, []).append(call)
    for target, calls in by_target.items():
        keys = {call.key or f"#{call.id}" for call in calls}
        usual = sum(
            each.target == target
            for each in trial.plain.calls(trial.probe.provider, TRADES[trial.probe.provider].captures)
        )
        if len(keys) > max(1, usual):
            numbers = [each.id for each in calls]
            yield wrongs.CAPTURED_TWICE.found(trial, trial.run.evidence(f"{len(calls)} calls of {target}", *numbers))


def _paid_at(run: Observed, provider: str) -> int:
    return max((each.id for each in run.events(provider, "OrderPaid", "CheckoutPaid", "Authorised")), default=0)


def _code(run: Observed) -> str:
    return "the command did not end in time" if run.code is None else f"the command ended with {run.code}"


def saids(said: Sequence[Said]) -> list[Evidence]:
    """What the merchant says, as evidence."""
    return [Evidence(told=f"the merchant says of {each.reference}: {_short(each)}") for each in said]


def _short(said: Said) -> str:
    known = ("state", "status", "paid", "total", "refunded", "pending", "shipments", "shipped", "currency")
    return ", ".join(f"{name} {said.facts[name]}" for name in known if name in said.facts) or str(dict(said.facts))


# -- orders that nobody has paid ---------------------------------------------------------------------------------------


def unpaid_means(wrong: Wrong) -> Check:
    """The order was never paid in full. If the merchant takes it as paid all the same, it was this mistake."""

    def check(trial: Trial) -> Iterator[Finding]:
        provider, run = trial.probe.provider, trial.run
        if run.paid(provider):
            return
        shaped = [
            run.delivery(each) for each in run.webhooks if each.provider == provider and each.rule and each.attempts
        ]
        bent = [run.evidence("what it was told", *shaped[:6])] if shaped else []
        taken = [each for each in run.about(provider) if each.paid or (each.shipments or 0) > 0]
        if taken:
            yield wrong.found(trial, *saids(taken), *bent)
        captured = _captures_of_nothing(run, provider)
        if captured:
            told = "captured, and never authorised"
            yield wrong.found(trial, run.evidence(told, *(each.id for each in captured)), *bent)
        elif run.passed and not run.about(provider):
            yield wrong.found(trial, Evidence(told="the command says that all is well, and nobody has paid"), *bent)

    return check


def _captures_of_nothing(run: Observed, provider: str) -> list[Call]:
    """Captures of payments that the provider has refused."""
    refused = {str(each.details["event"].get("payment") or "") for each in run.events(provider, "Refused")} - {""}
    calls = run.calls(provider, TRADES[provider].captures)
    return [each for each in calls if any(f"/{ref}/" in each.target for ref in refused)]


def answered_as_if_genuine(wrong: Wrong) -> Check:
    """A weak sign: the webhook that should have been refused was answered like a genuine one.

    Adyen asks for 2xx before anything is done, and many verify afterwards; it is told, and not counted.
    """

    def check(trial: Trial) -> Iterator[Finding]:
        taken = [
            each
            for each in trial.run.webhooks
            if each.provider == trial.probe.provider and each.signature != "right"
            if any(one.status is not None and 200 <= one.status < 300 for one in each.attempts)
        ]
        if taken:
            yield wrong.found(trial, *(_answered(trial.run, each) for each in taken[:2]), severity=Severity.NOTE)

    return check


def gave_back(trial: Trial) -> Iterator[Finding]:
    """The order is over without payment: no voucher may be kept."""
    provider, run = trial.probe.provider, trial.run
    if run.paid(provider):
        return
    over = [each for each in run.about(provider) if each.over]
    at_end, later = run.kept(provider, run.ended), run.kept(provider)
    then = [each for each in run.about(provider, then=True) if each.over]
    last = [each.id for each in run.entries if each.kind == "posting" and each.provider == provider][-4:]
    if later > 0:
        yield wrongs.KEPT.found(
            trial, run.evidence(f"{later / 100:.2f} of vouchers never came back", *last), *saids(over)
        )
    elif at_end > 0 and then:
        told = f"{at_end / 100:.2f} of vouchers were still held when the merchant took the order as over"
        yield wrongs.KEPT.found(trial, run.evidence(told, *last), *saids(then), severity=Severity.MEDIUM)


# -- calls without an answer -------------------------------------------------------------------------------------------


def repeated_safely(operations: frozenset[str], *, idle: Severity = Severity.NOTE) -> Check:
    """The answer to one of these calls was lost after its effect: how it was repeated. ``idle``: when it was not."""

    def check(trial: Trial) -> Iterator[Finding]:
        run, provider = trial.run, trial.probe.provider
        calls = list(run.calls(provider, operations))
        cut = next((each for each in calls if any(_AFTER_EFFECT in note for note in each.notes)), None)
        if cut is None:
            return
        again = [each for each in calls if each.id > cut.id and _same(each, cut)]
        keyed = bool(cut.trade.key)
        wrong = [each for each in again if keyed and (not cut.key or each.key != cut.key)]
        if not keyed and again and not _looked(run, cut, again[0]):
            told = "no call looked for it in between"
            yield wrongs.MADE_AGAIN.found(trial, run.evidence(told, cut.id, again[0].id))
        elif wrong:
            told = f"first with {_key(cut)}, then with {_key(wrong[0])}"
            yield wrongs.CHARGED_AGAIN.found(trial, run.evidence(told, cut.id, *(each.id for each in wrong[:3])))
        elif keyed and not cut.key:
            yield wrongs.NO_KEY.found(
                trial, run.evidence("the call whose answer was lost", cut.id), severity=Severity.NOTE
            )
        elif not again and not run.reads(provider, after=cut.id):
            yield wrongs.GAVE_UP.found(trial, run.evidence("the call whose answer was lost", cut.id), severity=idle)

    return check


def _same(call: Call, first: Call) -> bool:
    """Whether it is about the same thing: same operation, same address, same reference of the merchant's."""
    return (call.name, call.target, call.reference) == (first.name, first.target, first.reference)


def _looked(run: Observed, first: Call, again: Call) -> bool:
    """Whether it asked, and got an answer: who could not look does not know."""
    reads = run.reads(first.provider, after=first.id)
    return any(first.id < each.id < again.id and 200 <= each.status < 300 for each in reads)


def _key(call: Call) -> str:
    return f"the key {call.key}" if call.key else "no key"


def refunded_once(trial: Trial) -> Iterator[Finding]:
    """No more went back than plainly; and no more was asked for than had been paid."""
    run, plain, provider = trial.run, trial.plain, trial.probe.provider
    names = ("RefundRequested",) if provider == "worldline" else ("Refunded", "RefundSucceeded")
    back, usual = run.total(provider, *names), plain.total(provider, *names)
    calls = [each.id for each in run.calls(provider, TRADES[provider].refunds)]
    if back > usual > 0:
        told = f"{back / 100:.2f} went back, plainly it was {usual / 100:.2f}"
        yield wrongs.REFUNDED_TWICE.found(trial, run.evidence(told, *calls))
    yield from asked_too_much(trial)


def asked_too_much(trial: Trial) -> Iterator[Finding]:
    """All refunds together are no more than all purchases; the same call again, with its key, is the same refund."""
    run, provider = trial.run, trial.probe.provider
    trade = TRADES[provider]
    made = {each.reference or each.id: at(each.body, trade.amount) for each in run.makes(provider)}
    refunds = {(each.target, each.key or each.id): each for each in run.calls(provider, trade.refunds)}
    asked = [at(each.body, trade.back) for each in refunds.values()]
    price = sum(each for each in made.values() if isinstance(each, int))
    wanted = sum(each for each in asked if isinstance(each, int))
    if 0 < price < wanted:
        told = f"{wanted / 100:.2f} was asked back, {price / 100:.2f} was to be paid"
        yield wrongs.REFUNDED_TOO_MUCH.found(trial, run.evidence(told, *(each.id for each in refunds.values())))


def waited(seconds: float) -> Check:
    """The provider said when to come back: nobody may come earlier."""

    def check(trial: Trial) -> Iterator[Finding]:
        calls = list(trial.run.calls(trial.probe.provider))
        for number, call in enumerate(calls):
            if call.status not in (429, 503):
                continue
            again = next((each for each in calls[number + 1 :] if _same(each, call)), None)
            if again is not None and (again.at - call.at).total_seconds() < seconds * 0.9:
                after = (again.at - call.at).total_seconds()
                told = f"{call.status} said to come back in {seconds:g} s; it came back after {after:.2f} s"
                yield wrongs.HAMMERED.found(trial, trial.run.evidence(told, call.id, again.id))
                return

    return check


def believed_refund(trial: Trial) -> Iterator[Finding]:
    """The refund failed: the merchant may not say that the money is back."""
    run, provider = trial.run, trial.probe.provider
    back = run.total(provider, "Refunded", "RefundSucceeded")
    said = [each for each in run.about(provider) if (each.refunded or 0) > back]
    calls = [each.id for each in run.calls(provider, TRADES[provider].refunds)]
    if said:
        yield wrongs.BELIEVED_REFUND.found(trial, run.evidence(f"{back / 100:.2f} went back", *calls), *saids(said))


# -- the return to the shop --------------------------------------------------------------------------------------------


def noticed_tampering(trial: Trial) -> Iterator[Finding]:
    """A return address with a made-up proof has to be answered differently from the genuine one."""
    saw = [each for each in trial.run.saw if each.status]
    for forged, genuine in zip(saw[::2], saw[1::2], strict=False):
        if forged.status < 400 and (forged.status, forged.location) == (genuine.status, genuine.location):
            told = [f"{each.how}: status {each.status} {each.location}".rstrip() for each in (forged, genuine)]
            yield wrongs.NOT_TAMPERPROOF.found(trial, *(Evidence(told=each) for each in told))
            return


def opened(trial: Trial) -> Iterator[Finding]:
    """A return address that leads to an error, although it is the one that was given out."""
    bad = [each for each in trial.run.saw if each.status >= 500]
    if bad:
        told = [Evidence(told=f"{each.url} {each.how}: status {each.status}") for each in bad[:2]]
        yield wrongs.BROKE.found(trial, *told, severity=Severity.MEDIUM)


def said_by_check(trial: Trial) -> Iterator[Finding]:
    """The user's own ``--check`` found something that it does not find plainly."""
    run = trial.run
    if run.checked not in (None, 0) and trial.plain.checked in (None, 0):
        tail = "; ".join(run.check_output.splitlines()[-3:])
        yield wrongs.BROKE.found(trial, Evidence(told=f"--check ended with {run.checked}: {tail}"))
