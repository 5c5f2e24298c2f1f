"""The lines of a script: shoppers, rules, webhooks and faults, each read into the model and checked on the way."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from mockpsp.domain.clock import parse_duration
from mockpsp.domain.money import Money
from mockpsp.scenario import grammar
from mockpsp.scenario.catalogue import Operation
from mockpsp.scenario.check import Shadows, Unique, overpaid, shares
from mockpsp.scenario.conditions import read_when
from mockpsp.scenario.model import (
    ZERO,
    App,
    Bank,
    DeliveryRule,
    Drop,
    FaultRule,
    HeaderCase,
    Mangled,
    Op,
    Outage,
    Rule,
    ShopperScript,
    Signature,
    Spread,
    Tender,
    Throttle,
    Trigger,
)
from mockpsp.scenario.problems import Bad
from mockpsp.scenario.reading import (
    Reader,
    choice,
    duration,
    fact,
    instant,
    payable,
    text,
    up_to,
    whole,
    yes,
)
from mockpsp.scenario.vocabulary import Vocabulary
from mockpsp.scenario.yaml_nodes import Node, Scalar, Table, plain

_COUNT = whole(1, 2**31)
_STATUS = whole(*grammar.STATUS)
_LATENCY = up_to(parse_duration(grammar.MAX_LATENCY))
_VAIN = {
    "gap": "is the time between copies, and there is one; add 'copies'",
    "together": "is about copies, and there is one; add 'copies' or 'beside'",
    "pause": "is about the call that is not answered yet; add 'early'",
}
_SEVERAL = {"gap": {"copies"}, "together": {"copies", "beside"}, "pause": {"early"}}


class Lines:
    """Reads one line at a time; remembers the earlier ones, whose names are taken and which may come first always."""

    def __init__(self, reader: Reader, words: Vocabulary) -> None:
        self.reader = reader
        self.words = words
        problems = reader.problems
        self._before = 0
        self._names = {section: Unique(problems, "name") for section in ("rules", "webhooks", "faults")}
        self._shadows = {
            "rules": Shadows(problems, "rule"),
            "webhooks": Shadows(problems, "webhook line"),
            "faults": Shadows(problems, "fault"),
            "shopper": Shadows(problems, "shopper"),
        }

    def rule(self, node: Node, index: int) -> Rule | None:
        """One item of ``rules``."""
        line = self._begin(node, "rule")
        if line is None:
            return None
        name = self._name(line, "rules", index)
        operation = self.reader.get(line, "operation", self.words.operation, "")
        known = self.words.operations.get(operation)
        meant = frozenset((operation,) if known else ())
        trigger = self._trigger(line, known.facts if known else None, operation)
        if "when" in line.items:
            shares(self.reader.problems, line.items["when"].spot, trigger.when)
        self._shadow("rules", name, node, meant, trigger)
        outcome, reason, details = self._verdict(line, operation, known)
        return Rule(
            key=f"rule:{name}",
            name=name,
            operation=operation,
            trigger=trigger,
            outcome=outcome,
            reason=reason,
            details=details,
            line=node.spot.line,
        )

    def _shadow(
        self, section: str, name: str, node: Node, meant: frozenset[str], trigger: Trigger, *, sometimes: bool = False
    ) -> None:
        """Compare with the earlier lines, unless this one could not be read as it is meant."""
        if len(self.reader.problems.found) == self._before:
            self._shadows[section].add(name, node.spot, meant, trigger, sometimes=sometimes)

    def _begin(self, node: Node, kind: str) -> Table | None:
        """A line of this kind; from here on its own problems are counted."""
        self._before = len(self.reader.problems.found)
        return self.reader.table(node, kind)

    def _name(self, line: Table, section: str, index: int) -> str:
        """The line's name, or its place in the section."""
        name = self.reader.get(line, "name", text, None) or f"{section}[{index}]"
        node = line.items.get("name")
        self._names[section].add(name, node.spot if node is not None else line.spot)
        return name

    def _trigger(self, line: Table, facts: Mapping[str, str] | None, of: str, *, counts: bool = False) -> Trigger:
        """When the line strikes; ``facts`` is None when it is not known what the line is about.

        ``counts``: it counts calls even without ``nth`` and ``times``.
        """
        if "per" in line.items and not counts and not {"nth", "times"} & set(line.items):
            told = "per: says what 'nth' and 'times' count for, and there is neither; add one, or leave it out"
            self.reader.problems.add(line.keys["per"], told)
        get = self.reader.get
        when = line.items.get("when")
        conditions = read_when(self.reader, when, facts, of) if when is not None and facts is not None else ()
        start, until = get(line, "from", duration, ZERO), get(line, "until", duration, None)
        if until is not None and until <= start:
            told = "until: this is over before it begins; make it longer than 'from'"
            self.reader.problems.add(line.keys["until"], told)
        return Trigger(
            when=conditions,
            nth=get(line, "nth", _COUNT, None),
            times=get(line, "times", _COUNT, None),
            per=get(line, "per", partial(self._fact, facts, of), None) if facts is not None else None,
            start=start,
            until=until,
        )

    def _fact(self, facts: Mapping[str, str], of: str, node: Node) -> str:
        name = text(node)
        if name not in facts:
            raise Bad(node.spot, f"unknown fact '{name}' of {of}{self.reader.problems.hint(name, facts)}")
        return name

    def _verdict(self, line: Table, operation: str, known: Operation | None) -> tuple[str, str | None, dict[str, Any]]:
        """Outcome, reason and details of a rule's ``then``."""
        node = line.items.get("then")
        then = self.reader.table(node, "verdict", closed=False) if node is not None else None
        if then is None or known is None:
            return "", None, {}
        self.reader.unknown(then, ("outcome", "reason", *known.details), "detail", operation)
        outcome = self.reader.get(then, "outcome", partial(self._word, known.outcomes, "outcome", operation), "")
        reason = None
        if outcome:
            reasons = known.outcomes[outcome]
            of = f"the outcome '{outcome}' of {operation}"
            reason = self.reader.get(then, "reason", partial(self._word, reasons, "reason", of), None)
        details = {
            key: self.reader.get(then, key, partial(_detail, kind), None)
            for key, kind in known.details.items()
            if key in then.items
        }
        return outcome, reason, details

    def _word(self, known: Mapping[str, Any] | tuple[str, ...], what: str, of: str, node: Node) -> str:
        word = text(node)
        if word in known:
            return word
        hint = self.reader.problems.hint(word, known) if known else f"; there is no {what} to give"
        raise Bad(node.spot, f"unknown {what} '{word}' for {of}{hint}")

    def webhook(self, node: Node, index: int) -> DeliveryRule | None:
        """One item of ``webhooks``."""
        line = self._begin(node, "webhook")
        if line is None:
            return None
        name = self._name(line, "webhooks", index)
        event, meant = self.reader.get(line, "event", self.words.events_like, ("", frozenset[str]()))
        trigger = self._trigger(line, self.words.event_facts(meant) if meant else None, event)
        self._shadow("webhooks", name, node, meant, trigger)
        key = f"webhook:{name}"
        plan = line.items.get("deliver")
        deliver = self.reader.table(plan, "deliver") if plan is not None else None
        if deliver is None:
            return DeliveryRule(key=key, name=name, event=event, trigger=trigger, line=node.spot.line)
        self._says_something(deliver, "deliver")
        self._in_vain(deliver, meant)
        get = self.reader.get
        order = choice(self.reader.problems, "reversed")
        signature = choice(self.reader.problems, *(each.value for each in Signature))
        cases = choice(self.reader.problems, *(each.value for each in HeaderCase))
        return DeliveryRule(
            key=key,
            name=name,
            event=event,
            trigger=trigger,
            after=get(deliver, "after", duration, ZERO),
            copies=get(deliver, "copies", whole(1, grammar.MAX_COPIES), 1),
            gap=get(deliver, "gap", duration, ZERO),
            reversed=get(deliver, "order", order, None) is not None,
            drop=get(deliver, "drop", yes, False),
            early=get(deliver, "early", yes, False),
            signature=Signature(get(deliver, "signature", signature, Signature.RIGHT.value)),
            change=get(deliver, "change", _changes, {}),
            header_case=HeaderCase(get(deliver, "header_case", cases, HeaderCase.AS_DOCUMENTED.value)),
            beside=get(deliver, "beside", yes, False),
            together=get(deliver, "together", yes, False),
            pause=get(deliver, "pause", _LATENCY, ZERO),
            outage=self._outage(deliver),
            line=node.spot.line,
        )

    def _in_vain(self, deliver: Table, meant: frozenset[str]) -> None:
        """What changes nothing beside the rest of ``deliver``."""
        drop = deliver.items.get("drop")
        dropped = isinstance(drop, Scalar) and drop.value is True
        for key in deliver.items:
            told = _VAIN.get(key, "") if not _SEVERAL.get(key, set()) & set(deliver.items) else ""
            if key != "drop" and dropped:
                told = "nothing is sent with 'drop'; keep one of the two"
            elif key == "after" and "early" in deliver.items:
                told = "'early' sends it before the answer; keep one of the two"
            elif key == "beside" and set(deliver.items) == {"beside"}:
                told = "says that the genuine one follows; say what is different about the one before it"
            elif key == "gap" and "together" in deliver.items:
                told = "'together' lets all copies leave at once; keep one of the two"
            elif key == "signature" and meant and not any(self._signs(event) for event in meant):
                told = f"{min(meant).partition('.')[0]} does not sign webhooks; leave it out"
            if told:
                self.reader.problems.add(deliver.keys[key], f"{key}: {told}")

    def _signs(self, event: str) -> bool:
        return self.words.catalogues[event.partition(".")[0]].signs

    def _says_something(self, table: Table, kind: str) -> None:
        if not table.items:
            keys = ", ".join(grammar.KEYS[kind])
            self.reader.problems.add(table.spot, f"{grammar.TITLES[kind]} says nothing; give one of {keys}")

    def _outage(self, deliver: Table) -> Outage | None:
        node = deliver.items.get("endpoint")
        outage = self.reader.table(node, "outage") if node is not None else None
        if outage is None:
            return None
        if "fails" not in outage.items and "down" not in outage.items:
            self.reader.problems.add(outage.spot, "'endpoint' needs 'fails' (attempts) or 'down' (a duration)")
        get = self.reader.get
        return Outage(
            fails=get(outage, "fails", _COUNT, None),
            down=get(outage, "down", duration, None),
            status=get(outage, "status", _STATUS, None),
        )

    def fault(self, node: Node, index: int) -> FaultRule | None:
        """One item of ``faults``."""
        line = self._begin(node, "fault")
        if line is None:
            return None
        name = self._name(line, "faults", index)
        operation, meant = self.reader.get(line, "operation", self.words.calls_like, ("", frozenset[str]()))
        key = f"fault:{name}"
        what = line.items.get("then")
        throttles = isinstance(what, Table) and "throttle" in what.items
        trigger = self._trigger(line, self.words.call_facts(meant) if meant else None, operation, counts=throttles)
        self._shadow("faults", name, node, meant, trigger, sometimes=throttles)
        then = self.reader.table(what, "failure") if what is not None else None
        if then is None:
            return FaultRule(key=key, name=name, operation=operation, trigger=trigger, line=node.spot.line)
        self._check_failure(then)
        get = self.reader.get
        drop = get(then, "drop", choice(self.reader.problems, *(each.value for each in Drop)), None)
        body = get(then, "body", choice(self.reader.problems, *(each.value for each in Mangled)), None)
        latency = get(then, "latency", self._latency, ZERO)
        return FaultRule(
            key=key,
            name=name,
            operation=operation,
            trigger=trigger,
            latency=latency if isinstance(latency, timedelta) else ZERO,
            spread=latency if isinstance(latency, Spread) else None,
            throttle=get(then, "throttle", self._throttle, None),
            body=Mangled(body) if body is not None else None,
            slow=get(then, "slow_body", _LATENCY, ZERO),
            status=get(then, "status", _STATUS, None),
            retry_after=get(then, "retry_after", duration, ZERO),
            after_effect=get(then, "after_effect", yes, False),
            drop=Drop(drop) if drop is not None else None,
            line=node.spot.line,
        )

    def _latency(self, node: Node) -> timedelta | Spread:
        """A span, or two that say how spans are spread."""
        if not isinstance(node, Table):
            return _LATENCY(node)
        table = self.reader.table(node, "spread")
        assert table is not None, "it is a mapping"
        tail = "median" in table.items or "p99" in table.items
        low, high = ("median", "p99") if tail else ("from", "to")
        if set(table.items) != {low, high}:
            raise Bad(node.spot, "write from and to, or median and p99")
        spread = Spread(_LATENCY(table.items[low]), _LATENCY(table.items[high]), tail)
        if spread.high <= spread.low or (tail and not spread.low):
            raise Bad(node.spot, f"'{high}' has to be longer than '{low}'")
        return spread

    def _throttle(self, node: Node) -> Throttle | None:
        table = self.reader.table(node, "throttle")
        if table is None or not {"calls", "per"} <= set(table.items):
            return None
        per = duration(table.items["per"])
        if not per:
            raise Bad(table.items["per"].spot, "per: needs a span above zero")
        return Throttle(_COUNT(table.items["calls"]), per)

    def _check_failure(self, then: Table) -> None:
        """What cannot be together, or needs company."""
        self._says_something(then, "failure")
        if "throttle" in then.items and len(then.items) == 1:
            told = "throttle: says when to strike; add what happens then, such as 'status: 429'"
            self.reader.problems.add(then.keys["throttle"], told)
        for spoils in ("body", "slow_body"):
            for other in ("drop", "status"):
                if spoils in then.items and other in then.items:
                    told = f"{spoils}: '{other}' leaves no answer of the call to spoil; keep one of the two"
                    self.reader.problems.add(then.keys[spoils], told)
        drop = then.items.get("drop")
        if "after_effect" in then.items and drop is not None:
            told = "after_effect: 'drop' says by itself when the connection is cut; leave this out"
            self.reader.problems.add(then.keys["after_effect"], told)
        if "drop" in then.items and "status" in then.items:
            self.reader.problems.add(then.keys["status"], "status: nobody reads it after 'drop'; keep one of the two")
        if "retry_after" in then.items and "status" not in then.items:
            told = "retry_after: is a header of the answer that 'status' gives; add it, such as 'status: 429'"
            self.reader.problems.add(then.keys["retry_after"], told)
        if "after_effect" in then.items and "status" not in then.items:
            told = "after_effect: says when 'status' is answered; add it, or write 'drop: after_effect'"
            self.reader.problems.add(then.keys["after_effect"], told)

    def shopper(self, node: Node, index: int) -> ShopperScript | None:
        """One item of ``shopper``."""
        line = self._begin(node, "shopper")
        if line is None:
            return None
        name = f"shopper[{index}]"
        place = self.reader.get(line, "at", self.words.place, "")
        facts = self.words.place_facts(place) if place else None
        trigger = self._trigger(line, facts, place)
        self._shadow("shopper", name, node, frozenset((place,) if place else ()), trigger)
        known = self.words.places[place] if place else None
        return self.act(
            line,
            key=name,
            at=place,
            trigger=trigger,
            tenders=known.tenders if known else None,
            acts=known.acts if known else None,
            refusable=known.refusable if known else None,
            of=place,
        )

    def act(
        self,
        line: Table,
        *,
        key: str,
        at: str,
        trigger: Trigger,
        tenders: Mapping[str, tuple[str, ...]] | None,
        acts: tuple[str, ...] | None,
        refusable: Mapping[str, tuple[str, ...]] | None,
        of: str,
        total: Money | None = None,
    ) -> ShopperScript:
        """What a shopper does: exactly one act. ``tenders``, ``acts``, ``refusable``: None where it is not known.

        ``total`` is what there is to pay, if the file tells.
        """
        said = [act for act in grammar.ACTS if act in line.items]
        if len(said) != 1:
            told = " and ".join(f"'{act}'" for act in said) + " exclude each other; keep one" if said else ""
            self.reader.problems.add(
                line.keys[said[1]] if said else line.spot,
                told or "a shopper needs 'pays', 'cancels' or 'abandons'",
            )
        for act in said if acts is not None else ():
            if act not in (*grammar.USUAL_ACTS, *(acts or ())):
                self.reader.problems.add(line.keys[act], f"{act}: a shopper cannot do that at {of}")
        pays: list[Tender] = []
        if "pays" in line.items:
            for item in self.reader.many(line.items["pays"], "tenders", empty=False):
                tender = self._tender(item, tenders, of)
                if tender is not None:
                    pays.append(tender)
        pinned = (each.value for each in trigger.when if each.fact == "amount" and each.op is Op.IS)
        there = total or next(pinned, None)
        if pays and isinstance(there, Money):
            overpaid(self.reader.problems, line.items["pays"].spot, pays, there)
        get = self.reader.get
        refused = self._refused(line, refusable, of)
        return ShopperScript(
            key=key,
            at=at,
            trigger=trigger,
            after=get(line, "after", duration, ZERO),
            pays=tuple(pays),
            cancels=get(line, "cancels", yes, False),
            abandons=get(line, "abandons", yes, False),
            refuses=refused is not None or get(line, "refuses", yes, False),
            gives_back=get(line, "gives_back", yes, False),
            bank=get(line, "bank", partial(self._at_bank, abandons=False), None),
            refused=refused,
            line=line.spot.line,
        )

    def _refused(self, line: Table, refusable: Mapping[str, tuple[str, ...]] | None, of: str) -> Tender | None:
        """What the app asked for that the shopper refuses in; None where a script only says that he does."""
        node = line.items.get("refuses")
        if not isinstance(node, Table):
            return None
        return self._tender(node, refusable, of, kind="refusal", always=("with",))

    def _tender(
        self,
        node: Node,
        tenders: Mapping[str, tuple[str, ...]] | None,
        of: str,
        kind: str = "tender",
        always: tuple[str, ...] = ("with", "amount"),
    ) -> Tender | None:
        tender = self.reader.table(node, kind, closed=False)
        if tender is None:
            return None
        kind = ""
        if tenders is not None:
            kind = self.reader.get(tender, "with", partial(self._tender_kind, tenders, of), "")
            if kind:
                self.reader.unknown(tender, (*always, *tenders[kind]), "field", f"the tender '{kind}'")
        readers: dict[str, Callable[[Node], str]] = {"bank": self._at_bank, "app": self._in_app}
        fields = {
            key: self.reader.get(tender, key, readers.get(key, text), "")
            for key in tender.items
            if key not in ("with", "amount")
        }
        return Tender(kind=kind, amount=self.reader.get(tender, "amount", payable, None), fields=fields)

    def _at_bank(self, node: Node, *, abandons: bool = True) -> Bank:
        """What the shopper does at the bank's page."""
        words = (each.value for each in Bank if abandons or each is not Bank.ABANDONS)
        return Bank(choice(self.reader.problems, *words)(node))

    def _in_app(self, node: Node) -> App:
        """Where the shopper leaves who does not pay in the app."""
        return App(choice(self.reader.problems, *(each.value for each in App))(node))

    def _tender_kind(self, tenders: Mapping[str, tuple[str, ...]], of: str, node: Node) -> str:
        kind = text(node)
        if kind not in tenders:
            raise Bad(node.spot, f"unknown tender '{kind}' at {of}{self.reader.problems.hint(kind, tenders)}")
        return kind


def _changes(node: Node) -> dict[str, Any]:
    """Values by their place in a body."""
    if not isinstance(node, Table):
        raise Bad(node.spot, "expected a mapping of places in the body to values, such as {payment.status: CAPTURED}")
    if not node.items:
        raise Bad(node.spot, "change: says nothing; give a place in the body and its value")
    for place in node.items:
        if not re.match(grammar.CHANGED, place):
            raise Bad(node.keys[place], f"{place!r} is no place in a body; write keys with dots between them")
    return {place: plain(value) for place, value in node.items.items()}


def _detail(kind: str, node: Node) -> Any:
    """A further key of a rule's ``then``, by its kind."""
    match kind:
        case "duration":
            return duration(node)
        case "instant":
            return instant(node)
        case _:
            return fact(node, kind)
