"""How journal entries look in JSON, and what they have to say for themselves. All that leaves here is masked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from email.message import Message
from email.parser import HeaderParser
from email.utils import collapse_rfc2231_value
from json import dumps
from typing import TYPE_CHECKING, Any

from mockpsp.edge.contract import Contract, unknown_properties
from mockpsp.scenario.model import HeaderCase, ShopperScript, Tender
from mockpsp.world import records
from mockpsp.world.journal import Entry, Reasoning, Request
from mockpsp.world.masking import form_value, mask, mask_headers, mask_target, mask_text
from mockpsp.world.plain import body_text, instant, plain

if TYPE_CHECKING:
    from mockpsp.scenario.engine import NearMiss
    from mockpsp.scenario.model import DeliveryRule, FaultRule, Rule
    from mockpsp.world.journal import Journal
    from mockpsp.world.outbox import Delivery
    from mockpsp.world.sandboxes import Sandbox


_SMALL = 100
_BOUNDARY = re.compile(r'boundary="?([^";,]+)', re.IGNORECASE)
_SECTIONS = {"request": "faults", "webhook": "webhooks"}
"""What entries of a kind are looked up in, by the words of scenario files."""
ROOTS = ("request", "shopper", "back-office", "timer")
"""The kinds that nothing else in the journal leads to."""


def header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str:
    """The last value of a header, or nothing."""
    found = [value for each, value in headers if each.lower() == name]
    return found[-1].decode("utf-8", "replace") if found else ""


def request_value(request: Request, *, files: bool = False) -> Any:
    """A request's body as JSON, as the object that a form stands for, or as text; None without one. Not masked.

    ``files``: small files of plain text as their text, where others are told by name, type and size.
    """
    if not request.body:
        return None
    declared = header(request.headers, b"content-type")
    media = declared.partition(";")[0].strip().lower()
    if media == "application/x-www-form-urlencoded":
        form = form_value(request.body.decode("utf-8", "replace"))
        if form is not None:
            return form
    if media.startswith("multipart/"):
        form = _multipart_value(declared, request.body, files=files)
        return f"({len(request.body)} bytes)" if form is None else form
    return body_text(request.body)


def _multipart_value(declared: str, body: bytes, *, files: bool) -> dict[str, Any] | None:
    """The parts of a multipart form by name: fields as text, the rest by its size; None when it is not whole."""
    boundary = _BOUNDARY.search(declared)
    if boundary is None:
        return None
    form: dict[str, Any] = {}
    _, *pieces = (b"\r\n" + body).split(b"\r\n--" + boundary[1].encode())
    for piece in pieces:
        if piece.startswith(b"--"):
            return form
        head, _, data = piece.partition(b"\r\n\r\n")
        told = HeaderParser().parsestr(head.decode("utf-8", "replace").lstrip())
        name = told.get_param("name", "", "content-disposition")
        form[collapse_rfc2231_value(name or "")] = _part_value(told, data, files=files)
    return None


def _part_value(told: Message, data: bytes, *, files: bool) -> Any:
    filename = told.get_filename()
    if filename is None or (files and len(data) <= _SMALL and data.isascii()):
        try:
            return data.decode()
        except UnicodeDecodeError:
            pass
    return {"filename": filename, "content_type": told.get_content_type(), "bytes": len(data)}


def shown(value: Any) -> Any:
    """A body as it may be seen."""
    return mask_text(value) if isinstance(value, str) else mask(value)


class View:
    """The journal of one sandbox, for reading."""

    def __init__(self, sandbox: Sandbox, journal: Journal, contracts: Mapping[str, Contract]) -> None:
        self.journal = journal
        self._world = sandbox.world
        self._contracts = contracts

    # -- one entry ---------------------------------------------------------------------------------------------------

    def entry(self, entry: Entry) -> dict[str, Any]:
        """One entry: what all have in common, then what its kind adds."""
        trace = entry.number if entry.kind in ROOTS else entry.cause
        return {
            "id": entry.number,
            "at": instant(entry.at),
            "kind": entry.kind,
            "provider": entry.provider or None,
            "operation": entry.operation,
            "reference": entry.reference or None,
            "trace": trace or None,
            **self._particulars(entry),
        }

    def _particulars(self, entry: Entry) -> dict[str, Any]:
        match entry.data:
            case Request() as request:
                return self._request(entry, request)
            case Reasoning() as reasoning:
                return self._reasoning(reasoning)
            case records.Queued():
                return {**(_recorded(entry.data) or {}), **self._misses(entry)}
            case ShopperScript() as script:
                return {"shopper": _shopper(script)}
            case act if entry.kind == "back-office":
                return {"act": mask(plain(act))}
            case other:
                return _recorded(other) or {entry.kind: mask(plain(other))}

    def _request(self, entry: Entry, request: Request) -> dict[str, Any]:
        value = request_value(request)
        return {
            "method": request.method,
            "target": mask_target(request.target),
            "client": request.client,
            "headers": mask_headers(
                (name.decode("utf-8", "replace"), each.decode("utf-8", "replace")) for name, each in request.headers
            ),
            "body": shown(value),
            "status": request.status or None,
            "answer_headers": mask_headers(request.answer_headers),
            "answer": shown(body_text(request.answer)) if request.answer else None,
            "finished": request.finished,
            "notes": [mask_text(each) for each in request.notes],
            "ignored": self._ignored(entry, value),
            "dropped": request.dropped,
            **self._misses(entry),
        }

    def _ignored(self, entry: Entry, value: Any) -> list[str]:
        """What the provider does not read, as far as its contract names all that it does."""
        if not isinstance(value, dict | list):
            return []
        try:
            contract = self._contracts[entry.provider]
            return unknown_properties(contract, contract.operation(entry.operation).body_schema, value)
        except (KeyError, FileNotFoundError, RecursionError):
            return []

    def _reasoning(self, reasoning: Reasoning) -> dict[str, Any]:
        return {
            "law": mask_text(reasoning.law),
            "rule": reasoning.rule,
            **self._nearly(reasoning.nearly, reasoning.more),
            "settings": list(reasoning.settings),
        }

    def _misses(self, entry: Entry) -> dict[str, Any]:
        """Faults that did not strike at a request, or lines that did not shape a webhook; nothing without any."""
        misses = self.journal.misses.get(entry.number)
        return {} if misses is None else self._nearly(*misses.told())

    def _nearly(self, misses: Iterable[NearMiss], more: int) -> dict[str, Any]:
        nearly = [
            {
                "rule": self.line_name(each),
                "why": mask_text(each.why),
                "unmet": [
                    {"fact": one.fact, "wanted": mask_text(one.wanted), "got": mask_text(one.got)} for one in each.unmet
                ],
            }
            for each in misses
        ]
        return {"nearly": nearly, **({"more": more} if more else {})}

    def line_name(self, miss: NearMiss) -> str:
        """A line's name as a reader knows it; its key when the scenario has changed meanwhile."""
        scenario = self._world.scenario
        lines: list[Rule | FaultRule | DeliveryRule] = [*scenario.rules, *scenario.faults, *scenario.webhooks]
        for line in lines:
            if line.key == miss.line:
                return line.name or line.key
        return miss.line

    # -- what belongs together ---------------------------------------------------------------------------------------

    def delivery_of(self, entry: Entry) -> Delivery | None:
        """The outbox row behind a webhook entry or a delivery entry, if it is still there."""
        if isinstance(entry.data, records.Queued | records.Attempted):
            return self._world.outbox.deliveries.get(entry.data.number)
        return None

    def references(self, entry: Entry) -> set[str]:
        """All references that an entry goes by: its own, and its object's."""
        found = {entry.reference} if entry.reference else set()
        delivery = self.delivery_of(entry)
        if delivery is not None:
            found |= {delivery.queued.ref, delivery.queued.owner}
        return found

    def aliases(self, reference: str) -> set[str]:
        """The reference, and the object that it is a part of."""
        owners = (self._world.owner(lifecycle, reference) for lifecycle in self._world.lifecycles)
        return {reference, *(each for each in owners if each is not None)}

    def led_to(self) -> dict[int, set[str]]:
        """The references that each entry led to something about, by its number."""
        found: dict[int, set[str]] = {}
        for entry in self.journal.since(0):
            if entry.cause:
                found.setdefault(entry.cause, set()).update(self.references(entry))
        return found

    def because_of(self, entry: Entry) -> list[Entry]:
        """What followed from an entry, in order; from a webhook, its deliveries."""
        index = self.journal.index()
        if not isinstance(entry.data, records.Queued):
            return index.caused_by(entry.number)
        sent = index.deliveries_of(entry.data.number)
        return [each for each in sent if isinstance(each.data, records.Attempted)]

    # -- why ---------------------------------------------------------------------------------------------------------

    def explanation(self, entry: Entry, followed: list[Entry]) -> str:
        """A paragraph: what happened, what decided it, what nearly did, and what came of it."""
        match entry.data:
            case Request() as request:
                sentences = self._why_request(entry, request, followed)
            case Reasoning() as reasoning:
                sentences = [*self._why(entry.operation, reasoning), _caused(entry)]
            case records.Queued() as queued:
                sentences = self._why_webhook(entry, queued, followed)
            case records.Attempted() as attempt:
                sentences = [_told(attempt), f"It is a delivery of webhook {attempt.number}.", _caused(entry)]
            case records.Probed() as probed:
                asked = f"{entry.provider} asked {probed.url} with an empty request before it takes it as a target"
                sentences = [f"{asked}: {probed.error or f'status {probed.status}'}.", _caused(entry)]
            case records.ScenarioChanged() as changed:
                told = f": {'; '.join(changed.changes)}" if changed.changes else ""
                sentences = [f"The scenario {entry.operation} came into force{told}.", _caused(entry)]
            case _ if entry.kind in ROOTS:
                sentences = self._why_root(entry, followed)
            case _:
                sentences = [f"{entry.kind} {entry.operation}".strip().capitalize() + ".", _caused(entry)]
        return mask_text(" ".join(each for each in sentences if each))

    def why(self, entry: Entry, followed: list[Entry]) -> dict[str, Any]:
        """The same in parts: what decided, near misses field by field, settings with their values, signed texts."""
        found = [each for each in (entry, *followed) if isinstance(each.data, Reasoning)]
        told = [{"operation": each.operation, **self._reasoning(each.data)} for each in found]
        nearly = [
            {"operation": each["operation"], "section": "rules", **miss} for each in told for miss in each.pop("nearly")
        ]
        for each in (entry, *followed):
            section = _SECTIONS.get(each.kind)
            misses = self._misses(each).get("nearly", ()) if section is not None else ()
            operation = f"{each.provider}.{each.operation}"
            nearly += [{"operation": operation, "section": section, **miss} for miss in misses]
        named = {(each.provider, name): None for each in found for name in each.data.settings}
        notes = entry.data.notes if isinstance(entry.data, Request) else ()
        return {
            "decisions": told,
            "nearly": nearly,
            "settings": [self._setting(provider, name) for provider, name in named],
            "signed": [mask_text(_signed(each)) for each in notes if _SIGNED in each],
        }

    def _setting(self, provider: str, name: str) -> dict[str, Any]:
        """A setting as the scenario in force has it; ``written`` if its file names it."""
        scenario = self._world.scenario
        bare = name.removeprefix(f"{provider}.")
        value = scenario.settings.get(provider, {}).get(bare)
        return {
            "provider": provider,
            "name": name,
            "value": mask(plain(value), bare),
            "written": bare in scenario.written.get(provider, ()),
        }

    def _settings_told(self, provider: str, names: Iterable[str]) -> str:
        told = []
        for name in names:
            setting = self._setting(provider, name)
            source = "as the scenario has it" if setting["written"] else "the default"
            told.append(name if setting["value"] is None else f"{name} ({json_text(setting['value'])}, {source})")
        return ", ".join(told)

    def _why_root(self, entry: Entry, followed: list[Entry]) -> list[str]:
        if entry.kind == "shopper":
            sentences = [f"A shopper acted at {entry.operation or entry.provider} on {entry.reference}."]
        elif entry.kind == "back-office":
            sentences = [f"The back office of {entry.provider} acted on {entry.reference}."]
        else:
            sentences = [f"The moment of {entry.operation} of {entry.reference} came."]
        for each in followed:
            if isinstance(each.data, Reasoning):
                sentences += self._why(each.operation, each.data)
        remark = self.journal.remarks.get(entry.number)
        if remark is not None:
            who = "page" if entry.kind == "shopper" else "provider"
            sentences.append(f"The {who} did not allow it: {_sentence(remark)}")
        return [*sentences, _came_of_it(followed)]

    def _why_request(self, entry: Entry, request: Request, followed: list[Entry]) -> list[str]:
        what = f"{request.method} {mask_target(request.target)} ({entry.provider}.{entry.operation})"
        if not request.finished:
            sentences = [f"{what} has not been answered yet."]
        elif not request.status:
            sentences = [f"{what} was not answered: its connection was cut."]
        else:
            sentences = [f"{what} was answered with status {request.status}."]
        for each in followed:
            if isinstance(each.data, Reasoning):
                sentences += self._why(each.operation, each.data)
        if not any(isinstance(each.data, Reasoning) for each in followed):
            sentences.append("No command was decided because of it.")
        sentences += self._why_not(entry, "The fault", "nearly struck", "faults did not strike")
        sentences += [_sentence(note) for note in request.notes]
        ignored = self._ignored(entry, request_value(request))
        if ignored:
            sentences.append(f"Not read: {', '.join(ignored[:20])}.")
        if request.dropped:
            sentences.append(f"The journal had to drop {request.dropped} bytes of its bodies and headers.")
        return [*sentences, _came_of_it(followed)]

    def _why(self, operation: str, reasoning: Reasoning) -> list[str]:
        if reasoning.rule is not None:
            sentences = [f"{operation} was decided by the rule {reasoning.rule!r}: {_sentence(reasoning.law)}"]
        else:
            sentences = [f"{operation} was decided naturally: {_sentence(reasoning.law)}"]
        sentences += [
            f"The rule {self.line_name(each)!r} nearly matched: {_sentence(each.why)}" for each in reasoning.nearly
        ]
        if reasoning.more:
            sentences.append(f"{reasoning.more} more rules did not match.")
        if reasoning.settings:
            provider = operation.partition(".")[0]
            sentences.append(f"Settings that decided: {self._settings_told(provider, reasoning.settings)}.")
        return sentences

    def _why_not(self, entry: Entry, what: str, nearly: str, others: str) -> list[str]:
        """A sentence for each line that nearly came in, as for rules."""
        misses = self.journal.misses.get(entry.number)
        if misses is None:
            return []
        near, more = misses.told()
        told = [f"{what} {self.line_name(each)!r} {nearly}: {_sentence(each.why)}" for each in near]
        return [*told, f"{more} more {others}."] if more else told

    def _why_webhook(self, entry: Entry, queued: records.Queued, followed: list[Entry]) -> list[str]:
        where = f"to {queued.url}" if queued.url else "nowhere, since no endpoint was set"
        sentences = [f"Webhook {queued.number} of type {queued.kind} about {queued.ref} goes {where}."]
        if queued.rule:
            sentences.append(f"The line {queued.rule!r} of the scenario shapes its delivery.")
        sentences += self._why_not(entry, "The line", "nearly shaped it", "lines did not shape it")
        if queued.drop:
            sentences.append("The scenario drops it.")
        delivery = self.delivery_of(entry)
        if delivery is not None:
            sentences.append(f"It is {delivery.status.value.replace('_', ' ')}.")
        sentences += [_told(each.data) for each in followed if isinstance(each.data, records.Attempted)]
        return [*sentences, _caused(entry)]


_SELDOM: Mapping[str, Any] = {"header_case": HeaderCase.AS_DOCUMENTED.value, "together": False, "pause": "PT0S"}
"""What a webhook's entry has only where it is something else."""


def _recorded(data: Any) -> dict[str, Any]:
    """What a record of the store adds, if it is one with more, or less, to show than its fields."""
    match data:
        case records.Posted(entry=booked):
            return {"posting": plain(booked)}
        case records.Queued() as queued:
            told = plain(queued)
            body = told.pop("content", None)
            for name, usual in _SELDOM.items():
                if told[name] == usual:
                    del told[name]
            return {"webhook": mask({**told, "body": body})}
        case records.Attempted() as attempt:
            return {"delivery": plain(attempt)}
        case records.ClockMoved() as moved:
            return {"clock": plain(moved)}
        case records.Probed() as probed:
            return {"probe": {"url": probed.url, "status": probed.status, "error": probed.error}}
        case records.EndpointChanged() as changed:
            return {"webhook_type": changed.kind or None, "urls": list(changed.urls)}
        case records.ScenarioChanged() as changed:
            return {"scenario": mask({"title": changed.scenario.title, "changes": list(changed.changes)})}
        case _:
            return {}


def _shopper(script: ShopperScript) -> dict[str, Any]:
    """What the shopper does, without where in the scenario it is written."""
    pays = [_tender(each) for each in script.pays]
    told = {"pays": mask(pays), "cancels": script.cancels, "abandons": script.abandons}
    told |= {name: True for name in ("refuses", "gives_back") if getattr(script, name)}
    if script.refused is not None:
        told["refuses"] = mask(_tender(script.refused))
    return {**told, "bank": script.bank.value} if script.bank is not None else told


def _tender(tender: Tender) -> dict[str, str]:
    amount = {"amount": str(tender.amount)} if tender.amount is not None else {}
    return {"with": tender.kind, **amount, **tender.fields}


def json_text(value: Any) -> str:
    """A JSON value in a sentence: text as it is, the rest as JSON."""
    return value if isinstance(value, str) else dumps(value, ensure_ascii=False)


_SIGNED = "⏎"
"""How notes show the line feeds of a text that was signed."""


def _signed(note: str) -> str:
    """The signed text of a note, with its line feeds."""
    return note.partition(": ")[2].replace(_SIGNED, "\n")


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _told(attempt: records.Attempted) -> str:
    outcome = attempt.error or f"status {attempt.status}"
    later = f", again at {instant(attempt.next_due)}" if attempt.next_due else "" if attempt.delivered else ", given up"
    return f"Attempt {attempt.attempt} at {instant(attempt.at)}: {outcome}{later}."


def _caused(entry: Entry) -> str:
    return f"Entry {entry.cause} led to it." if entry.cause else ""


def _came_of_it(followed: list[Entry]) -> str:
    counts: dict[str, int] = {}
    for each in followed:
        if each.kind != "decision":
            counts[each.kind] = counts.get(each.kind, 0) + 1
    told = [f"{count} {_plural(kind) if count > 1 else kind}" for kind, count in counts.items()]
    return f"It led to {', '.join(told)}." if told else "Nothing changed."


def _plural(kind: str) -> str:
    return "deliveries" if kind == "delivery" else f"{kind}s"
