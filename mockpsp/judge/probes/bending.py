"""Words in which probes say what they bend: lines of scenarios, what the plain run must have come to."""

from __future__ import annotations

from typing import Any

from mockpsp.judge.model import Need
from mockpsp.judge.observed import Observed
from mockpsp.judge.trade import TRADES

Lines = dict[str, Any]


def hook(event: str, when: dict[str, Any] | None = None, **deliver: Any) -> Lines:
    """Webhooks of this type, delivered like that."""
    line: Lines = {"name": f"probe: {event}", "event": event, "deliver": deliver}
    return {"webhooks": [{**line, "when": when} if when else line]}


def fault(operation: str, then: Lines, **timing: Any) -> Lines:
    """A fault at this call, once unless ``timing`` says otherwise."""
    return {"faults": [{"name": f"probe: {operation}", "operation": operation, **(timing or {"nth": 1}), "then": then}]}


def rule(operation: str, outcome: str, when: dict[str, Any] | None = None) -> Lines:
    """An answer of the issuer's, each time."""
    line: Lines = {"name": f"probe: {operation}", "operation": operation, "then": {"outcome": outcome}}
    return {"rules": [{**line, "when": when} if when else line]}


# -- what the plain run must have come to ------------------------------------------------------------------------------


def paid(provider: str) -> Need:
    """A whole purchase."""
    return Need(f"the plain run pays nothing in full at {provider}", lambda run: run.paid(provider))


def hooked(provider: str, *kinds: str) -> Need:
    """A webhook was delivered to the merchant, of one of these types if any is named."""

    def holds(run: Observed) -> bool:
        return any(not kinds or each.type in kinds for each in run.sent(provider))

    of = f" of type {' or '.join(kinds)}" if kinds else ""
    return Need(f"no webhook{of} of {provider} reached the merchant in the plain run (see --webhook)", holds)


def called(provider: str, what: str, operations: frozenset[str]) -> Need:
    """One of these calls was made."""
    return Need(f"the plain run makes no {what}", lambda run: any(run.calls(provider, operations)))


def decided(provider: str, what: str, *operations: str) -> Need:
    """The issuer was asked."""
    names = {f"{provider}.{each}" for each in operations}
    return Need(what, lambda run: any(each.kind == "decision" and each.operation in names for each in run.entries))


def voucher(provider: str) -> Need:
    """A voucher took part."""
    kinds = {"worldline": ("cv_connect",), "adyen": (), "lyra": ("conecs", "cv_connect")}[provider]
    if kinds:
        return decided(provider, f"no voucher takes part in the plain run at {provider}", *kinds)

    def holds(run: Observed) -> bool:
        held = {each.ref for each in run.accounts if each.provider == provider and each.kind != "merchant"}
        return any(
            move["account"] in held
            for each in run.entries
            if each.kind == "posting" and each.trace is not None
            for move in each.details["posting"]["postings"]
        )

    return Need(f"no voucher takes part in the plain run at {provider}", holds)


def card(provider: str) -> Need:
    """A card took part."""
    operations = {
        "worldline": ("card_complement", "card_payment"),
        "adyen": ("payments", "three_ds"),
        "lyra": ("card", "registered_card"),
    }[provider]
    return decided(provider, f"no card takes part in the plain run at {provider}", *operations)


def returns(provider: str) -> Need:
    """The merchant named an address to return to that a stranger's browser can open."""
    from mockpsp.judge.visitor import addresses

    told = f"no return address on http or https is named at {provider} in the plain run"
    return Need(told, lambda run: any(addresses(run.entries, provider)))


def says_facts() -> Need:
    """The merchant tells what it knows."""
    return Need(
        "what happens inside the merchant is not seen (see --fact)",
        lambda run: any(not each.error for each in run.said),
    )


def runs_in_real_time() -> Need:
    """Moments of the journal are moments on the wall."""
    return Need("on a clock that stands still nobody can be too early (see --clock)", lambda run: not run.manual)


def makes(provider: str) -> Need:
    """A purchase was begun."""
    return called(provider, f"purchase at {provider}", TRADES[provider].makes)
