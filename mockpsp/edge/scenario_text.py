"""A scenario as a file again: its parts as plain values, and plain values as YAML that a person likes to read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from mockpsp.scenario.model import (
    ZERO,
    Condition,
    DeliveryRule,
    FaultRule,
    HeaderCase,
    Op,
    Rule,
    Scenario,
    ShopperScript,
    Signature,
    Tender,
    Trigger,
)
from mockpsp.world.plain import plain

# -- the parts of a scenario -----------------------------------------------------------------------------------------


def parts(scenario: Scenario) -> dict[str, Any]:
    """Settings that the file names, world, shoppers, rules, webhooks and faults; what is empty is left out."""
    names = {part: _Names() for part in ("rules", "webhooks", "faults")}
    found: dict[str, Any] = {
        "settings": {
            provider: {name: plain(scenario.settings[provider][name]) for name in written}
            for provider, written in scenario.written.items()
            if written
        },
        "world": plain(dict(scenario.world)),
        "shopper": [_shopper(each) for each in scenario.shopper],
        "rules": [_rule(each, names["rules"]) for each in scenario.rules],
        "webhooks": [_webhook(each, names["webhooks"]) for each in scenario.webhooks],
        "faults": [_fault(each, names["faults"]) for each in scenario.faults],
    }
    return {part: value for part, value in found.items() if value}


class _Names:
    """Names of lines, each once: two scenarios together may have the same."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, name: str) -> str:
        free, number = name, 2
        while free in self._taken:
            free, number = f"{name} ({number})", number + 1
        self._taken.add(free)
        return free


def _timing(trigger: Trigger) -> dict[str, Any]:
    when: dict[str, Any] = {}
    for condition in trigger.when:
        when.setdefault(condition.fact, {})[condition.op.value] = _condition(condition)
    told: dict[str, Any] = {"when": {fact: _short(ops) for fact, ops in when.items()}} if when else {}
    if trigger.nth is not None:
        told["nth"] = trigger.nth
    if trigger.times is not None:
        told["times"] = trigger.times
    if trigger.per is not None:
        told["per"] = trigger.per
    if trigger.start:
        told["from"] = plain(trigger.start)
    if trigger.until is not None:
        told["until"] = plain(trigger.until)
    return told


def _condition(condition: Condition) -> Any:
    return plain(condition.value)


def _short(ops: Mapping[str, Any]) -> Any:
    """``{is: x}`` is written ``x``, a single ``one_of`` as the list."""
    if len(ops) == 1:
        (op, value), *_ = ops.items()
        if op in (Op.IS.value, Op.ONE_OF.value):
            return value
    return dict(ops)


def _rule(rule: Rule, names: _Names) -> dict[str, Any]:
    then = {"outcome": rule.outcome, **({"reason": rule.reason} if rule.reason is not None else {})}
    told = {"name": names.of(rule.name), "operation": rule.operation, **_timing(rule.trigger)}
    return {**told, "then": {**then, **plain(dict(rule.details))}}


def _webhook(rule: DeliveryRule, names: _Names) -> dict[str, Any]:
    line = {"name": names.of(rule.name), "event": rule.event, **_timing(rule.trigger)}
    return {**line, "deliver": delivery_effect(rule)}


def delivery_effect(rule: DeliveryRule) -> dict[str, Any]:
    """What a line does to webhooks, as it is written under ``deliver``."""
    deliver: dict[str, Any] = {}
    if rule.after:
        deliver["after"] = plain(rule.after)
    if rule.copies != 1:
        deliver["copies"] = rule.copies
    if rule.gap:
        deliver["gap"] = plain(rule.gap)
    if rule.reversed:
        deliver["order"] = "reversed"
    deliver |= {name: True for name in ("drop", "early", "beside", "together") if getattr(rule, name)}
    if rule.signature is not Signature.RIGHT:
        deliver["signature"] = rule.signature.value
    if rule.pause:
        deliver["pause"] = plain(rule.pause)
    if rule.change:
        deliver["change"] = dict(rule.change)
    if rule.header_case is not HeaderCase.AS_DOCUMENTED:
        deliver["header_case"] = rule.header_case.value
    if rule.outage is not None:
        told = {"fails": rule.outage.fails, "down": plain(rule.outage.down), "status": rule.outage.status}
        deliver["endpoint"] = {name: value for name, value in told.items() if value is not None}
    return deliver or {"copies": 1}


def _fault(fault: FaultRule, names: _Names) -> dict[str, Any]:
    line = {"name": names.of(fault.name), "operation": fault.operation, **_timing(fault.trigger)}
    return {**line, "then": fault_effect(fault)}


def fault_effect(fault: FaultRule) -> dict[str, Any]:
    """What a fault does, as it is written under ``then``."""
    then: dict[str, Any] = {}
    if fault.throttle is not None:
        then["throttle"] = {"calls": fault.throttle.calls, "per": plain(fault.throttle.per)}
    if fault.latency:
        then["latency"] = plain(fault.latency)
    if fault.spread is not None:
        low, high = ("median", "p99") if fault.spread.tail else ("from", "to")
        then["latency"] = {low: plain(fault.spread.low), high: plain(fault.spread.high)}
    if fault.status is not None:
        then["status"] = fault.status
    if fault.retry_after:
        then["retry_after"] = plain(fault.retry_after)
    if fault.after_effect:
        then["after_effect"] = True
    if fault.drop is not None:
        then["drop"] = fault.drop.value
    if fault.body is not None:
        then["body"] = fault.body.value
    if fault.slow:
        then["slow_body"] = plain(fault.slow)
    return then


def _shopper(script: ShopperScript) -> dict[str, Any]:
    after = {"after": plain(script.after)} if script.after != ZERO else {}
    return {"at": script.at, **_timing(script.trigger), **after, **act(script)}


def act(script: ShopperScript) -> dict[str, Any]:
    """What a shopper does, in the words of scenarios."""
    if script.refused is not None:
        return {"refuses": tender(script.refused)}
    for name in ("cancels", "abandons", "refuses", "gives_back"):
        if getattr(script, name):
            return {name: True}
    if script.bank is not None:
        return {"bank": script.bank.value}
    return {"pays": [tender(each) for each in script.pays]}


def tender(given: Tender) -> dict[str, Any]:
    """One means of payment, in the words of scenarios."""
    amount = {"amount": str(given.amount)} if given.amount is not None else {}
    return {"with": given.kind, **amount, **{name: str(value) for name, value in given.fields.items()}}


# -- YAML --------------------------------------------------------------------------------------------------------------

WIDTH = 110
_BARE = re.compile(r"[A-Za-z_/][\w/.+-]*(?: [\w/.+()-]+)*|-?\d+\.\d+ [A-Z]{3}|\d{4}-\d\d-\d\dT[\d:.]+Z", re.ASCII)
_WORDS = frozenset({"null", "true", "false", "~"})
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def scalar(value: Any) -> str:
    """A value that is neither a list nor a mapping; text is quoted where it could be read as something else."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case float():
            return format(Decimal(repr(value)), "f")
    text = str(value)
    if _BARE.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return f'"{"".join(_escaped(each) for each in text)}"'


def _escaped(sign: str) -> str:
    if sign in _ESCAPES:
        return _ESCAPES[sign]
    if sign.isprintable():
        return sign
    code = ord(sign)
    if 0xD800 <= code < 0xE000:
        return "\ufffd"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def flow(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value)


def block(value: Mapping[str, Any], indent: int = 0) -> Iterator[str]:
    """A mapping line by line; what fits on one line stands there."""
    margin = " " * indent
    for key, each in value.items():
        line = f"{margin}{scalar(key)}: {flow(each)}"
        if len(line) <= WIDTH or not isinstance(each, Mapping | list | tuple) or not each:
            yield line
        else:
            yield f"{margin}{scalar(key)}:"
            yield from block(each, indent + 2) if isinstance(each, Mapping) else items(each, indent + 2)


def items(values: Sequence[Any], indent: int) -> Iterator[str]:
    """A list, an item after the other."""
    margin = " " * indent
    for each in values:
        line = f"{margin}- {flow(each)}"
        if len(line) <= WIDTH or not isinstance(each, Mapping) or not each:
            yield line
            continue
        first, *rest = block(each, indent + 2)
        yield f"{margin}- {first.lstrip()}"
        yield from rest


def whole(scenario: Scenario) -> str:
    """A scenario as a file of its own, with all that it has from others; its story and expectations are left out."""
    head: dict[str, Any] = {"mockpsp": 1, "title": scenario.title}
    if scenario.tags:
        head["tags"] = list(scenario.tags)
    head["seed"] = scenario.seed
    if scenario.clock is not None:
        head["clock"] = plain(scenario.clock)
    lines = [f"{key}: {flow(value)}" for key, value in head.items()]
    for part, value in parts(scenario).items():
        lines += ["", *block({part: value})] if isinstance(value, Mapping) else ["", f"{part}:", *items(value, 2)]
    return "\n".join(lines) + "\n"
