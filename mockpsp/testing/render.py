"""Tells a played story: as a trace for people, as a sequence diagram, or as JSON with everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from hashlib import sha256
from json import dumps
from textwrap import wrap
from typing import Any

from msgspec import Struct

from mockpsp.domain.clock import format_duration
from mockpsp.domain.money import Money
from mockpsp.scenario.model import ShopperScript
from mockpsp.testing.expect import ABSENT, DROPPED, Failure, Received, money_of
from mockpsp.testing.played import Call, Exchange, Happening, Played, deed, journal_bytes
from mockpsp.world import records
from mockpsp.world.clock import ZERO
from mockpsp.world.journal import Reasoning
from mockpsp.world.masking import mask, mask_text
from mockpsp.world.plain import instant, plain

WIDTH = 100
_INDENT = 37
_FEW = 6
_FEWEST = 3
_TELLING = (
    "status",
    "resultcode",
    "outcome",
    "result",
    "success",
    "reason",
    "error",
    "amount",
    "value",
    "balance",
    "id",
    "reference",
)

Line = tuple[str, str]
"""Who, and what: one line of the trace."""


def text(played: Played, *, verbose: bool = False) -> str:
    """The trace: who did what to whom, what was decided and why, at most a hundred columns wide."""
    head = f"{played.name}, seed {played.seed}, starts {played.start}"
    lines = [*wrap(played.title, WIDTH), *wrap(head, WIDTH), ""]
    day = played.start[:10]
    for exchange in played.exchanges:
        lines.extend(_exchange(exchange, day, verbose))
        moments = [exchange.at, *(each.at for each in exchange.happenings)]
        day = moments[-1][:10]
    return "\n".join([*lines, "", *_verdict(played)])


def _verdict(played: Played) -> Iterator[str]:
    calls = sum(1 for exchange in played.exchanges if exchange.call is not None)
    counted = f"{_count(calls, 'call')}, {_count(len(played.webhooks), 'webhook')}"
    if not played.failures:
        yield f"As expected: {counted}."
        return
    yield f"{_count(len(played.failures), 'expectation')} not met ({counted}):"
    for failure in played.failures:
        yield from wrap(str(failure), WIDTH, initial_indent="  ", subsequent_indent="    ")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _exchange(exchange: Exchange, day: str, verbose: bool) -> Iterator[str]:
    number, shown = f"{exchange.number:>3}", ""
    for at, who, what in _lines(exchange, verbose):
        if at[:10] != day:
            day = at[:10]
            yield f"{'':5}{day}"
        time = at[11:19]
        head = f"{number}  {time if time != shown else '':8}  {who:<22}"
        number, shown = "   ", time
        yield from _wrapped(head, what)


def _wrapped(head: str, what: str) -> Iterator[str]:
    for part in what.split("\n"):
        margin = part[: len(part) - len(part.lstrip())]
        pieces = wrap(part, WIDTH - _INDENT, subsequent_indent=f"{margin}  ", break_on_hyphens=False) or [""]
        for piece in pieces:
            yield f"{head:<{_INDENT}}{piece}".rstrip()
            head = ""


def _lines(exchange: Exchange, verbose: bool) -> Iterator[tuple[str, str, str]]:
    """Time, who and what, in order: the request, what it caused, the answer, and then what followed from it."""
    call = exchange.call
    after = exchange.happenings
    if call is not None:
        caused = tuple(each for each in after if each.cause and each.cause == call.trace and each.kind in _BEFORE)
        after = tuple(each for each in after if each not in caused)
        yield exchange.at, "Shop -> mockpsp", _sent(call, verbose)
        for happening in caused:
            yield from _happened(happening, verbose)
        yield exchange.at, "Shop <- mockpsp", _answered(call, verbose)
    elif exchange.says:
        yield exchange.at, _ACTORS[exchange.kind], exchange.says
    causes = {each.cause for each in after}
    for happening in after:
        idle = happening.kind == "timer" and happening.number not in causes
        if not (exchange.kind == "shopper" and happening.kind == "shopper") and (verbose or not idle):
            yield from _happened(happening, verbose)


_BEFORE = ("decision", "probe")
"""What a call leads to before it is answered."""

_ACTORS = {
    "shopper": "Shopper -> mockpsp",
    "advance": "Clock",
    "at": "Clock",
    "endpoint": "Endpoint",
    "settle": "mockpsp",
    "clock": "Clock",
    "resend": "mockpsp",
    "account": "mockpsp",
    "back_office": "Staff -> mockpsp",
    "scenario": "mockpsp",
    "merchant": "Shop",
    "expect": "Story",
}


# -- calls -------------------------------------------------------------------------------------------------------------


def _sent(call: Call, verbose: bool) -> str:
    return "\n".join([f"{call.method} {call.target}", f"{call.operation}", *_fields(call.sent, verbose)])


def _answered(call: Call, verbose: bool) -> str:
    notes = [f"note: {note}" for note in call.notes]
    if call.status == DROPPED:
        return "\n".join(["the connection is cut, nothing is answered", *notes])
    return "\n".join([str(call.status), *_fields(call.answer, verbose), *notes])


def _fields(value: Any, verbose: bool) -> list[str]:
    if value is None:
        return []
    value = mask_text(value) if isinstance(value, str) else mask(value)
    if verbose or not isinstance(value, Mapping | list):
        return (
            dumps(value, indent=2, ensure_ascii=False).split("\n")
            if isinstance(value, Mapping | list)
            else [_shortened(value)]
        )
    return [f"{_tail(path)}: {_shortened(each)}" for path, each in highlights(value, _FEW)]


def _tail(path: str) -> str:
    """The last two steps of a path; the rest only pushes the value out of sight."""
    return ".".join(path.split(".")[-2:])


def highlights(value: Any, most: int) -> list[tuple[str, Any]]:
    """The few fields that say most: statuses, amounts (as money), references and ids, in the body's order."""
    leaves = [(path, each) for path, each in _leaves(value, "") if each != ""]
    ranked = sorted(range(len(leaves)), key=lambda index: (_rank(*leaves[index]), leaves[index][0].count("."), index))
    best = [leaves[index] for index in sorted(ranked[:most])]
    return [(path, str(each) if isinstance(each, Money) else each) for path, each in best]


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        money = money_of(value)
        if money is not None:
            yield path or "amount", money
            return
        for key, each in value.items():
            yield from _leaves(each, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _leaves(each, f"{path}[{index}]")
    elif value is not None:
        yield path, value


def _rank(path: str, value: Any) -> int:
    """Low is telling. A word that is the whole name goes before one that is a part of it; money is an amount."""
    last = "amount" if isinstance(value, Money) else path.rpartition(".")[2].lower()
    most = len(_TELLING)
    exact = (rank for rank, word in enumerate(_TELLING) if word == last)
    partly = (most + rank for rank, word in enumerate(_TELLING) if word in last)
    return next(exact, next(partly, 2 * most))


def _shortened(value: Any) -> str:
    told = value if isinstance(value, str) else dumps(value, ensure_ascii=False)
    return told if len(told) <= 120 else f"{told[:117]}..."


# -- what followed -----------------------------------------------------------------------------------------------------


def _happened(happening: Happening, verbose: bool) -> Iterator[tuple[str, str, str]]:
    teller = _TELLERS.get(type(happening.data))
    if teller is not None:
        line = teller(happening, verbose)
    elif happening.kind == "timer":
        line = "Timer", f"{happening.operation} is due for {happening.reference}"
    else:
        line = ("", f"{happening.kind} {happening.operation}: {_brief(happening.data)}") if verbose else None
    if line is not None:
        yield happening.at, *line


def _brief(data: Any) -> str:
    told = plain(data)
    if isinstance(told, Mapping):
        return ", ".join(f"{key}={_shortened(each)}" for key, each in told.items() if key not in ("type", "body"))
    return str(told)


def _decision(happening: Happening, verbose: bool) -> Line:
    reasons: Reasoning = happening.data
    named = reasons.rule is None or reasons.rule in reasons.law
    why = [reasons.law if named else f'rule "{reasons.rule}" decides: {reasons.law}']
    why.extend(f"assumes the setting {name}" for name in reasons.settings)
    if verbose:
        why.extend(f'nearly: "{near.line}": {near.why}' for near in reasons.nearly)
        if reasons.more:
            why.append(f"and {reasons.more} more rules that did not match")
    return "  mockpsp decides", "\n".join([happening.operation, *why])


def _queued(happening: Happening, _: bool) -> Line | None:
    queued: records.Queued = happening.data
    if queued.drop:
        return "mockpsp -x Endpoint", f"{queued.kind} {queued.ref}: the scenario never sends it"
    if queued.due > queued.at:
        return "  mockpsp", f"{queued.kind} {queued.ref} waits until {instant(queued.due)}"
    return None


def _attempted(happening: Happening, verbose: bool) -> Line:
    attempt: records.Attempted = happening.data
    received = happening.received
    told = [f"{happening.operation} {happening.reference}"]
    if attempt.attempt > 1:
        told[0] += f", attempt {attempt.attempt}"
    answer = str(attempt.status) if attempt.error is None else attempt.error
    played = happening.about is not None and happening.about.outage is not None and attempt.error is None
    unseen = "as the scenario has it" if played else "not received"
    signature = unseen if received is None else f"signature {_signature(received.signature)}"
    later = f", again at {instant(attempt.next_due)}" if attempt.next_due else "" if attempt.delivered else ", given up"
    told.append(f"{answer}, {signature}{later}")
    if verbose and received is not None:
        told.extend(_fields(received.body, verbose))
    elif received is not None and isinstance(received.body, Mapping):
        told.insert(1, _gist(mask(received.body)))
    return "mockpsp -> Endpoint", "\n".join(told)


def _gist(body: Mapping[str, Any]) -> str:
    """Status and amounts of a webhook; what it is about is told already."""
    best = [(path.rpartition(".")[2], each) for path, each in highlights(body, _FEWEST)]
    return ", ".join(f"{name}: {_shortened(each)}" for name, each in best if name != "id")


def _signature(told: str) -> str:
    return told if told == "right" else f"wrong ({told})"


def _probed(happening: Happening, _: bool) -> Line:
    probed: records.Probed = happening.data
    return "mockpsp -> Endpoint", f"asks {probed.url} with an empty request\n{probed.error or probed.status}"


def _moved(happening: Happening, _: bool) -> Line:
    moved: records.ClockMoved = happening.data
    return "Clock", f"{instant(moved.to)}" + (
        f" (+{format_duration(moved.by)})" if moved.by and moved.by > ZERO else ""
    )


def _shopped(happening: Happening, _: bool) -> Line:
    return "Shopper -> mockpsp", f"{deed(happening.data)} at {happening.reference}"


_TELLERS: Mapping[type[Any], Callable[[Happening, bool], Line | None]] = {
    Reasoning: _decision,
    records.Queued: _queued,
    records.Attempted: _attempted,
    records.Probed: _probed,
    records.ClockMoved: _moved,
    ShopperScript: _shopped,
}


# -- diagram -----------------------------------------------------------------------------------------------------------


_ENTITIES = str.maketrans({"#": "#35;", ";": "#59;", "<": "#lt;", ">": "#gt;", "\n": " "})


def mermaid(played: Played) -> str:
    """A sequence diagram in mermaid's language."""
    lines = [
        "sequenceDiagram",
        "    autonumber",
        "    participant Shop",
        "    participant mockpsp",
        "    participant Shopper",
        "    participant Endpoint as Webhook endpoint",
        f"    Note over Shop,Endpoint: {_safe(played.title)}",
    ]
    for exchange in played.exchanges:
        lines.extend(f"    {_arrow(who.strip(), what, exchange)}" for _, who, what in _lines(exchange, verbose=False))
    lines.extend(f"    Note over Shop,Endpoint: {_safe(f'not met: {failure}')}" for failure in played.failures)
    return "\n".join(lines)


def _arrow(who: str, what: str, exchange: Exchange) -> str:
    first, *rest = what.split("\n")
    match who:
        case "Shop -> mockpsp":
            return f"Shop->>mockpsp: {_safe(first)}"
        case "Shop <- mockpsp" if exchange.call is not None:
            best = [f"{_tail(path)}: {_shortened(each)}" for path, each in highlights(mask(exchange.call.answer), 1)]
            return f"mockpsp--{'x' if exchange.outcome == DROPPED else '>>'}Shop: {_safe(', '.join([first, *best]))}"
        case "Shopper -> mockpsp":
            return f"Shopper->>mockpsp: {_safe(first)}"
        case "mockpsp -> Endpoint":
            return f"mockpsp->>Endpoint: {_safe(', '.join([first, *rest]))}"
        case "mockpsp -x Endpoint":
            return f"mockpsp-xEndpoint: {_safe(first)}"
        case "Staff -> mockpsp":
            return f"Note over mockpsp: {_safe(f'staff of {first}')}"
        case "Clock":
            return f"Note over Shop,Endpoint: {_safe(first)}"
        case "Endpoint":
            return f"Note over Endpoint: {_safe(first)}"
        case _:
            return f"Note over mockpsp: {_safe(': '.join([first, *rest]))}"


def _safe(text: str) -> str:
    """Mermaid reads some characters as its own signs; it wants them as entities."""
    return text.translate(_ENTITIES)


# -- everything --------------------------------------------------------------------------------------------------------


def digests(stories: Sequence[Played]) -> str:
    """The SHA-256 of each journal and its name, a line each; of several also one over these lines."""
    lines = [f"{sha256(journal_bytes(each)).hexdigest()}  {each.name}" for each in stories]
    if len(lines) == 1:
        return lines[0]
    whole = sha256("\n".join(lines).encode()).hexdigest()
    return "\n".join([*lines, f"{whole}  all {len(lines)} journals"])


def as_json(played: Played) -> str:
    """All there is to know, as one JSON object."""
    return dumps(_value(played), indent=2, ensure_ascii=False)


def _value(value: Any) -> Any:
    match value:
        case Happening():
            received = None if value.received is None else value.received.number
            told = _parts(value)
            del told["about"]  # has an entry of its own
            return {**told, "data": mask(plain(value.data)), "received": received}
        case Failure():
            shown = _parts(value)
            return {
                **{name: plain(None if each is ABSENT else each) for name, each in shown.items()},
                "text": str(value),
            }
        case Call() | Received():
            return mask({name: plain(each) for name, each in _parts(value).items()})
        case tuple() | list():
            return [_value(each) for each in value]
        case Mapping():
            return {str(key): _value(each) for key, each in value.items()}
    if isinstance(value, Struct) or is_dataclass(value):
        return {name: _value(each) for name, each in _parts(value).items()}
    return plain(value)


def _parts(value: Any) -> dict[str, Any]:
    """A record's fields by name."""
    names = value.__struct_fields__ if isinstance(value, Struct) else [each.name for each in fields(value)]
    return {name: getattr(value, name) for name in names}
