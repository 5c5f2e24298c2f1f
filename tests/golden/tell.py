"""A played story as a golden text: a line per journal entry for readers, digests for all that the lines leave out.

Ids are told by labels in the order in which they appear, so that one id more does not change every line after it. Each
line ends with a digest of its whole entry, ids by their labels again; the head has that of the journal's exact bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from mockpsp.domain.clock import format_duration
from mockpsp.domain.money import Money
from mockpsp.testing.played import Played, journal_bytes

FOLDER = Path(__file__).parent
Entry = Mapping[str, Any]
_ID = re.compile(
    r"""[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}  # UUIDs
    | \b[0-9a-f]{24,64}\b                                             # Lyra's transactions, keys
    | \b(?=[A-Z0-9]{0,15}[0-9])(?=[A-Z0-9]{0,15}[A-Z])[A-Z0-9]{16}\b  # Adyen's pspReference
    | \b[0-9]{10}(?:_[0-9]+)?\b | \b[0-9]{18,24}\b                     # Worldline's payments, Lyra's pages
    """,
    re.VERBOSE,
)


def path_of(name: str) -> Path:
    """Where the golden text of a scenario is kept."""
    return FOLDER / f"{name}.txt"


def golden(played: Played) -> str:
    """The whole text."""
    ids = Ids()
    start = datetime.fromisoformat(played.start)
    lines = [_line(entry, start, ids) for entry in played.journal]
    head = (
        f"{played.name}: {played.title}",
        f"seed {played.seed}, starts {played.start}, {len(lines)} entries, sha256 of the journal:",
        sha256(journal_bytes(played)).hexdigest(),
    )
    return "\n".join([*head, "", *lines, ""])


class Ids:
    """Labels of ids: ``<1>`` is the first that was met."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def told(self, text: str) -> str:
        """The text with a label in place of every id."""
        return _ID.sub(lambda found: self._known.setdefault(found[0], f"<{len(self._known) + 1}>"), text)


def _line(entry: Entry, start: datetime, ids: Ids) -> str:
    whole = ids.told(json.dumps({**entry, "id": None, "trace": None}, ensure_ascii=False))
    digest = sha256(whole.encode()).hexdigest()[:6]
    told = " ".join(each for each in (_who(entry), entry["reference"] or "", *_says(entry, start)) if each)
    trace = f" (by {entry['trace']})" if entry["trace"] not in (None, entry["id"]) else ""
    return ids.told(f"{entry['id']:>4} +{_since(entry['at'], start)} {entry['kind']} {told}{trace}") + f" #{digest}"


def _who(entry: Entry) -> str:
    provider, operation = entry["provider"], str(entry["operation"])
    return operation if not provider or operation.startswith(f"{provider}.") else f"{provider}.{operation}"


def _since(at: str, start: datetime) -> str:
    return format_duration(datetime.fromisoformat(at) - start)


def _says(entry: Entry, start: datetime) -> Iterator[str]:
    tell = _KINDS.get(entry["kind"])
    if tell is not None:
        yield from tell(entry, start)


def _request(entry: Entry, start: datetime) -> Iterator[str]:
    yield f"{entry['method']} {entry['target'].partition('?')[0]} → {entry['status']}"
    yield from (f"[{note}]" for note in entry.get("notes") or ())
    yield from _nearly(entry)


def _decision(entry: Entry, start: datetime) -> Iterator[str]:
    yield f"law '{entry['law']}'"
    if entry["rule"]:
        yield f"rule '{entry['rule']}'"
    yield from _nearly(entry)
    yield from (f"assumes {each}" for each in entry["settings"])


def _nearly(entry: Entry) -> Iterator[str]:
    yield from (f"nearly '{each['rule']}': {each['why']}" for each in entry.get("nearly", ()))


def _posting(entry: Entry, start: datetime) -> Iterator[str]:
    booked = entry["posting"]
    moves = (f"{each['account']} {Money(each['minor'], booked['currency'])}" for each in booked["postings"])
    yield "; ".join(moves)


def _webhook(entry: Entry, start: datetime) -> Iterator[str]:
    queued = entry["webhook"]
    yield f"number {queued['number']} to {queued.get('url') or 'nobody'}, due +{_since(queued['due'], start)}"
    yield f"rule '{queued['rule']}'" if queued.get("rule") else ""
    yield "dropped" if queued.get("drop") else ""
    yield "" if queued.get("signature", "right") == "right" else f"signature {queued['signature']}"
    yield from _nearly(entry)


def _delivery(entry: Entry, start: datetime) -> Iterator[str]:
    booked = entry["delivery"]
    if booked["type"] == "Held":
        yield f"number {booked['number']} waits behind {booked['behind']}"
        return
    yield f"number {booked['number']}, attempt {booked['attempt']} → {booked.get('status') or booked.get('error')}"
    yield f"again +{_since(booked['next_due'], start)}" if booked.get("next_due") else ""


def _shopper(entry: Entry, start: datetime) -> Iterator[str]:
    told = {name: each for name, each in entry["shopper"].items() if each}
    yield json.dumps(told, ensure_ascii=False)


def _endpoint(entry: Entry, start: datetime) -> Iterator[str]:
    yield ", ".join(entry["urls"]) or "nowhere"


def _probe(entry: Entry, start: datetime) -> Iterator[str]:
    probed = entry["probe"]
    yield f"asks {probed['url']} → {probed['status'] or probed['error']}"


def _act(entry: Entry, start: datetime) -> Iterator[str]:
    yield json.dumps(entry["act"], ensure_ascii=False)


def _scenario(entry: Entry, start: datetime) -> Iterator[str]:
    yield "; ".join(entry["scenario"]["changes"])


_KINDS: Mapping[str, Callable[[Entry, datetime], Iterator[str]]] = {
    "request": _request,
    "decision": _decision,
    "posting": _posting,
    "webhook": _webhook,
    "delivery": _delivery,
    "shopper": _shopper,
    "endpoint": _endpoint,
    "probe": _probe,
    "back-office": _act,
    "scenario": _scenario,
}
