"""The journal of a sandbox for a test's failure report: one line per entry, in order, bounded in both directions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.json import encode

from mockpsp.testing.answers import Entry

LINES = 120
WIDTH = 200
_ROOTS = ("request", "shopper", "back-office", "timer", "clock", "scenario")


def told(title: str, entries: Sequence[Entry], lines: int = LINES) -> str:
    """A title, then the latest ``lines`` entries; what follows from another entry is indented.

    The balances that a scenario opens with are only counted: they are in the scenario.
    """
    told = [each for each in entries if each.kind != "posting" or each.trace is not None]
    shown = told[-lines:] if lines > 0 else []
    head = [f"{title}: {len(entries)} entries, {len(entries) - len(told)} of them opening balances"]
    if len(shown) < len(told):
        head.append(f"… {len(told) - len(shown)} earlier ones are left out")
    return "\n".join([*head, *map(line, shown)])


def line(entry: Entry) -> str:
    """One entry on one line: number, time in UTC, kind, and what its kind has to say."""
    moment = entry.at.strftime("%H:%M:%S.%f")[:-3]
    inset = "" if entry.kind in _ROOTS or entry.trace is None else "  "
    return short(f"#{entry.id:<4} {moment} {inset}{entry.kind:<{12 - len(inset)}} {_says(entry)}".rstrip(), WIDTH)


def short(text: str, most: int = WIDTH) -> str:
    """A text on one line that is not longer than this."""
    plain = " ".join(text.split()) if "\n" in text else text
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"


def _says(entry: Entry) -> str:
    says = _SAYS.get(entry.kind)
    return says(entry) if says is not None else f"{entry.operation} {entry.reference or ''} {_json(entry.details)}"


def _request(entry: Entry) -> str:
    details = entry.details
    status = details["status"] or ("its connection was cut" if details["finished"] else "not answered yet")
    said = f"{details['method']} {details['target']} → {status} ({entry.provider}.{entry.operation})"
    notes = f" {'; '.join(details['notes'])}" if details["notes"] else ""
    notes += _nearly(details, "fault ", "nearly struck")
    refused = isinstance(status, int) and status >= 400 and details["answer"] is not None
    return f"{said}{notes} {_json(details['answer'])}" if refused else f"{said}{notes}"


def _decision(entry: Entry) -> str:
    reasoning = entry.details
    by = f"the rule {reasoning['rule']!r}: " if reasoning["rule"] is not None else ""
    return f"{entry.operation}: {by}{reasoning['law']}{_nearly(reasoning, '', 'nearly matched')}"


def _nearly(details: Mapping[str, Any], what: str, nearly: str) -> str:
    """The lines of the scenario that nearly came in, and why not."""
    return "".join(f"; {what}{each['rule']!r} {nearly}: {each['why']}" for each in details.get("nearly", ()))


def _shopper(entry: Entry) -> str:
    shopper = entry.details["shopper"]
    pays = [" ".join(str(value) for value in each.values()) for each in shopper["pays"]]
    acts = [f"pays with {', then '.join(pays)}"] if pays else []
    acts += [word.replace("_", " ") for word in ("cancels", "abandons", "gives_back") if shopper.get(word)]
    refused = shopper.get("refuses")
    if refused:
        acts.append("refuses" if refused is True else f"refuses {' '.join(map(str, refused.values()))}")
    acts += [f"{shopper['bank']} at the bank's page"] if "bank" in shopper else []
    return f"{entry.operation} {entry.reference}: {', '.join(acts)}"


def _event(entry: Entry) -> str:
    event = entry.details["event"]
    amount = event.get("amount", event.get("total"))
    return f"{entry.operation} {entry.reference}{f' {amount}' if isinstance(amount, str) else ''}"


def _posting(entry: Entry) -> str:
    booked = entry.details["posting"]
    moves = ", ".join(f"{each['account']} {each['minor']:+d}" for each in booked["postings"])
    return f"{entry.operation}: {moves} ({booked['currency']}, minor units)"


def _webhook(entry: Entry) -> str:
    told = entry.details["webhook"]
    shaped = [f"rule {told['rule']!r}"] if told.get("rule") else []
    shaped += ["dropped"] if told.get("drop") else []
    shaped += [f"signature {told['signature']}"] if told.get("signature", "right") != "right" else []
    how = f" ({', '.join(shaped)})" if shaped else ""
    nearly = _nearly(entry.details, "line ", "nearly shaped it")
    return f"{entry.provider} {entry.operation} {entry.reference} to {told.get('url') or 'nowhere'}{how}{nearly}"


def _delivery(entry: Entry) -> str:
    attempt = entry.details["delivery"]
    about = f"{entry.provider} {entry.operation} {entry.reference}"
    if "attempt" not in attempt:
        return f"{about}: waits behind webhook {attempt.get('behind')}"
    outcome = attempt.get("error") or f"status {attempt.get('status')}"
    again = f", again at {attempt['next_due']}" if attempt.get("next_due") else ""
    return f"{about}: attempt {attempt['attempt']}: {outcome}{again}"


def _probe(entry: Entry) -> str:
    probed = entry.details["probe"]
    return f"{entry.provider} asks {probed['url']}: {probed['error'] or probed['status']}"


def _clock(entry: Entry) -> str:
    return f"{entry.details['clock']['mode']}, {entry.details['clock']['to']}"


def _endpoint(entry: Entry) -> str:
    return f"{entry.provider}: {', '.join(entry.details['urls']) or 'nowhere'}"


def _scenario(entry: Entry) -> str:
    return f"{entry.operation}: {entry.details['scenario'].get('title', '')}"


def _json(value: Any) -> str:
    return encode(value).decode()


_SAYS: Mapping[str, Callable[[Entry], str]] = {
    "request": _request,
    "decision": _decision,
    "shopper": _shopper,
    "event": _event,
    "posting": _posting,
    "webhook": _webhook,
    "delivery": _delivery,
    "probe": _probe,
    "clock": _clock,
    "endpoint": _endpoint,
    "scenario": _scenario,
}
