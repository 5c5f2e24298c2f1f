"""What must hold whatever was bent: money is conserved, and the merchant and the provider agree on the order.

Probes know what they bend and what to expect. These checks know nothing of it, so that they can judge any mixture.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from mockpsp.judge import verdicts, wrongs
from mockpsp.judge.model import Finding, Trial
from mockpsp.judge.trade import TRADES, at


def conserved(trial: Trial) -> Iterator[Finding]:
    """At each provider that was called: nothing was captured or shipped twice, no more went back than was paid."""
    for each in _by_provider(trial):
        for check in (verdicts.shipped_once, captured_within, verdicts.asked_too_much):
            yield from (replace(finding, probe=trial.probe.name) for finding in check(each))


def together(trial: Trial) -> Iterator[Finding]:
    """All that can be said of a run in which several things were bent."""
    for each in _by_provider(trial):
        trade = TRADES[each.probe.provider]
        yield from verdicts.shipped_once(each)
        yield from captured_within(each)
        yield from verdicts.asked_too_much(each)
        yield from verdicts.refunded_once(each)
        yield from verdicts.believed_refund(each)
        yield from verdicts.refused_genuine(each)
        yield from _agrees(each)
        yield from _given_back(each)
        for operations in (trade.makes, trade.captures, trade.refunds):
            yield from verdicts.repeated_safely(operations)(each)
        yield from verdicts.said_by_check(each)


def captured_within(trial: Trial) -> Iterator[Finding]:
    """All captures together are no more than all purchases; the same call again, with its key, is the same capture.

    One that was refused captured nothing: an application that stays up may still repeat a call of the run before.
    """
    run, provider = trial.run, trial.probe.provider
    trade = TRADES[provider]
    made = {each.reference or each.id: at(each.body, trade.amount) for each in run.makes(provider)}
    taken = (each for each in run.calls(provider, trade.captures) if not 400 <= each.status < 500)
    captures = {(each.target, each.key or each.id): each for each in taken}
    price = sum(each for each in made.values() if isinstance(each, int))
    asked = sum(_amount(each.body) for each in captures.values())
    if 0 < price < asked:
        told = f"{asked / 100:.2f} was to be captured, {price / 100:.2f} was to be paid"
        yield wrongs.CAPTURED_TWICE.found(trial, run.evidence(told, *(each.id for each in captures.values())))


def _amount(body: object) -> int:
    """Minor units of a capture, 0 where it names none: Adyen's have a currency beside them, Worldline's have not."""
    found = at(body, ("amount",))
    value = at(found, ("value",)) if not isinstance(found, int) else found
    return value if isinstance(value, int) else 0


def _by_provider(trial: Trial) -> Iterator[Trial]:
    for provider in TRADES:
        if any(trial.run.calls(provider)):
            yield replace(trial, probe=replace(trial.probe, provider=provider))


def _agrees(trial: Trial) -> Iterator[Finding]:
    """The provider has the order as paid, and so has the merchant; or neither has."""
    provider, run = trial.probe.provider, trial.run
    if not trial.plain.paid(provider):
        return
    if not run.paid(provider):
        yield from verdicts.unpaid_means(wrongs.SHIPPED_UNPAID)(trial)
        return
    unaware = [each for each in run.about(provider) if each.paid is False]
    last = [each.id for each in run.entries if each.kind == "delivery" and each.provider == provider][-3:]
    if any((each.shipments or 0) > 0 for each in unaware) or (
        unaware and any(each.paid for each in run.about(provider, then=True))
    ):
        told = "it was paid, and taken as paid; what came last"
        yield wrongs.UNDONE.found(trial, run.evidence(told, *last), *verdicts.saids(unaware))
    elif unaware or (trial.plain.passed and not run.passed and not run.about(provider)):
        told = f"the provider has it as paid; the command ended with {run.code}"
        yield wrongs.LOST.found(trial, run.evidence(told, *last), *verdicts.saids(unaware))


def _given_back(trial: Trial) -> Iterator[Finding]:
    """Where the merchant takes an unpaid order as over, no voucher is kept. Before that it may still be paid."""
    if trial.plain.paid(trial.probe.provider) and any(each.over for each in trial.run.about(trial.probe.provider)):
        yield from verdicts.gave_back(trial)


def told_once(findings: Iterator[Finding]) -> tuple[Finding, ...]:
    """Each mistake once, as severe as it was seen, the worst first."""
    found: dict[tuple[str, str], Finding] = {}
    for each in findings:
        key = each.provider, each.name
        if key not in found or each.severity.rank < found[key].severity.rank:
            found[key] = each
    return tuple(sorted(found.values(), key=lambda each: each.severity.rank))
