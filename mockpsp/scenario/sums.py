"""Money that does not add up: amounts that one story writes at several places and that contradict each other.

Only what is surely wrong is told. A step that expects a refusal may ask for what it likes; where rules, faults or time
may have changed what was paid, all that is possible is allowed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct, field

from mockpsp.domain.money import Money
from mockpsp.scenario.amounts import Amount, amount_of, currency_of, disagreement, leaves, of_money, said, sums
from mockpsp.scenario.catalogue import Catalogue, Parts, Sums
from mockpsp.scenario.check import labels
from mockpsp.scenario.model import Step
from mockpsp.scenario.problems import Problems
from mockpsp.scenario.yaml_nodes import Many, Node, Scalar, Table

_TRIED = 10
"""After more attempts to pay than these, nobody knows what is left."""
_NONE = Sums()
_REFUSAL = "expect the refusal by its 'status'"
_LATER = "say by 'status' that it is received all the same"


class Purchase(Struct):
    """Something to be paid. ``tried`` are the amounts of the tenders so far, None where one is not known."""

    total: Amount | None = None
    tried: list[int] | None = field(default_factory=list)
    rest: bool = False
    """A tender was to pay all that is left."""

    def attempt(self, amount: Amount | None, *, rest: bool) -> None:
        """A tender is to pay so much, or what is left, or nobody knows."""
        if amount is None and rest:
            self.rest = True
        elif self.tried is None or amount is None or len(self.tried) == _TRIED:
            self.tried = None
        else:
            self.tried.append(amount.minor)


class Taken(Struct):
    """What can be captured or refunded, and how much of it surely was, by word."""

    total: Amount | None = None
    sums: dict[str, int] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)


class Tally:
    """Follows the amounts of one story. ``sure``: no line of the file, or of one that it extends, interferes.

    ``alone``: no shopper pays but those of the story.
    """

    def __init__(
        self, problems: Problems, catalogues: Mapping[str, Catalogue], *, sure: bool = True, alone: bool = True
    ) -> None:
        self.problems = problems
        self.catalogues = catalogues
        self.sure = sure
        self.alone = alone
        self.providers: dict[str, str] = {}
        self.purchases: dict[str, Purchase] = {}
        self.taken: dict[str, Taken] = {}

    def due(self, label: str) -> Money | None:
        """What there is to pay at the checkout that a labelled answer opened, if the file tells."""
        purchase = self.purchases.get(label)
        total = purchase.total if purchase is not None else None
        return Money(total.minor, total.currency) if total is not None and total.currency else None

    # -- steps -------------------------------------------------------------------------------------------------------

    def merchant(self, step: Step, node: Table) -> None:
        """A call, and what is expected of it."""
        provider, _, call = step.operation.partition(".")
        if provider not in self.catalogues:
            return
        words, body, expect = self.catalogues[provider].sums, node.items.get("body"), node.items.get("expect")
        if fine(expect):
            if body is not None:
                self._scan(body, words.request, of_money(step.amount))
            self._follow(step, node, provider, call)
        elif step.label:
            self._forget(step.label)
        purchase = self.purchases.get(step.label) or self.purchases.get(step.of)
        if isinstance(expect, Table):
            answer = expect.items.get("body")
            if answer is not None:
                shows = purchase if call in words.shows | words.opens else None
                self._scan(answer, words.answer, shows.total if shows is not None else None)
                self._left(answer, words, purchase)
            self.expect(expect, provider)

    def shopper(self, step: Step, node: Table) -> None:
        """What the shopper pays with, and what is expected then."""
        purchase = self.purchases.get(step.label)
        if purchase is not None and step.shopper is not None:
            for tender in step.shopper.pays:
                purchase.attempt(of_money(tender.amount), rest=tender.kind == "card")
        self.expect(node.items.get("expect"), self.providers.get(step.label, ""))

    def expect(self, node: Node | None, provider: str = "") -> None:
        """``state`` and ``webhooks`` of an expectation; without a provider, of the story's only one."""
        if not isinstance(node, Table):
            return
        spoken = set(self.providers.values())
        provider = provider or (next(iter(spoken)) if len(spoken) == 1 else "")
        states, webhooks = node.items.get("state"), node.items.get("webhooks")
        for name, state in states.items.items() if isinstance(states, Table) else ():
            words = self._words(self.providers.get(name, provider))
            purchase = self.purchases.get(name)
            self._scan(state, words.state, purchase.total if purchase is not None else None)
            self._left(state, words, purchase)
            self._paid(state, words, purchase)
        for bodies, _ in leaves(webhooks, ["body"]) if webhooks is not None else ():
            if bodies is not None:
                self._scan(bodies, self._words(provider).answer, None)

    def _words(self, provider: str) -> Sums:
        return self.catalogues[provider].sums if provider in self.catalogues else _NONE

    # -- what a call does --------------------------------------------------------------------------------------------

    def _follow(self, step: Step, node: Table, provider: str, call: str) -> None:
        """Note what there is to pay, what was paid and what was taken."""
        words = self.catalogues[provider].sums
        amount = self._asked(step, node, words)
        before = self.purchases.get(step.of)
        if call in words.takes:
            self._take(step, node, words, words.takes[call], amount)
        elif call in words.pays and before is not None:
            self._pay(step, node, before, amount)
        else:
            self._meddle(node, call in words.changes, reads=self.catalogues[provider].calls[call].startswith("GET "))
        if step.label:
            self._label(step, provider, call, amount)

    def _meddle(self, node: Table, changes: bool, *, reads: bool) -> None:
        """Any other call about what was opened: nobody follows what it does."""
        spoken = {label for key, child in node.items.items() if key != "expect" for label, _ in labels(child)}
        for label in (*spoken, said(node, "of") or ""):
            purchase, taken = self.purchases.get(label), self.taken.get(label)
            if changes and taken is not None:
                taken.total = None
            if purchase is not None and not reads:
                purchase.tried = None
                purchase.total = None if changes else purchase.total

    def _forget(self, label: str) -> None:
        """A label that is given again stands for the later answer."""
        self.purchases.pop(label, None)
        self.taken.pop(label, None)

    def _label(self, step: Step, provider: str, call: str, amount: Amount | None) -> None:
        words = self.catalogues[provider].sums
        before, taken = self.purchases.get(step.of), self.taken.get(step.of)
        self.providers[step.label] = provider
        self._forget(step.label)
        if not step.of and (call in words.opens or not words.opens):
            self.purchases[step.label] = Purchase(amount)
            self.taken[step.label] = Taken(amount)
        elif call in words.pays:
            self.taken[step.label] = Taken(amount)
        elif taken is not None:
            self.taken[step.label] = taken
        if before is not None:
            self.purchases.setdefault(step.label, before)

    def _asked(self, step: Step, node: Table, words: Sums) -> Amount | None:
        """The amount that a call is for; None where its body may say something else."""
        body = node.items.get("body")
        if body is None or not _speaks_of_amount(body):
            return of_money(step.amount)
        asked = (node for way in words.asked for node, _ in leaves(body, way.split(".")) if node is not None)
        written = next(asked, None)
        if written is not None:
            return amount_of(written)
        for parts in words.request:
            if not parts.whole and isinstance(body, Table):
                found = [amount_of(each) for each, _ in leaves(body, parts.parts.split("."))]
                known = [each for each in found if each is not None]
                named = step.amount.currency if step.amount is not None else said(body, "currency") or ""
                currency = currency_of((Amount(0, named), *known))
                if found and len(known) == len(found) and currency:
                    return Amount(sum(each.minor for each in known), currency)
        return None

    def _pay(self, step: Step, node: Table, purchase: Purchase, amount: Amount | None) -> None:
        body = node.items.get("body")
        total, rest = purchase.total, body is None or not _speaks_of_amount(body)
        purchase.attempt(amount, rest=rest)
        if amount is not None and total is not None and currency_of((amount, total)) is None:
            self._tell(node, f"{amount.told()} cannot pay {total.told()}; use one currency")
        elif amount is not None and total is not None and amount.minor > total.minor:
            told = f"{amount.told(total.currency)} is more than the {total.told()} of '{step.of}'"
            self._tell(node, f"{told}; lower it, or {_REFUSAL}")

    def _take(self, step: Step, node: Table, words: Sums, word: str, amount: Amount | None) -> None:
        """A capture or a refund: more than there is, alone or with the earlier ones."""
        taken = self.taken.get(step.of)
        if taken is None or taken.total is None or amount is None or currency_of((amount, taken.total)) is None:
            return
        if step.key is not None and step.key in taken.keys:
            return
        taken.keys |= {step.key} if step.key is not None else set()
        before = 0 if words.later or not self.sure else taken.sums.get(word, 0)
        there, expect = taken.total, node.items.get("expect")
        if before + amount.minor <= there.minor:
            taken.sums[word] = taken.sums.get(word, 0) + amount.minor
        elif not words.later or not isinstance(expect, Table) or "status" not in expect.items:
            earlier = f" and the {Amount(before).told(there.currency)} {word} before" if before else ""
            told = f"{amount.told(there.currency)}{earlier} {'are' if before else 'is'} more than the {there.told()}"
            self._tell(node, f"{told} of '{step.of}'; lower it, or {_LATER if words.later else _REFUSAL}")

    def _tell(self, node: Table, told: str) -> None:
        key = "amount" if "amount" in node.items else "body"
        self.problems.add(node.items[key].spot, f"{key}: {told}")

    # -- what is expected --------------------------------------------------------------------------------------------

    def _scan(self, node: Node, known: Sequence[Parts], total: Amount | None) -> None:
        """Every object in a value; the outermost may be about the whole amount."""
        for table in _tables(node):
            for parts in known:
                found = disagreement(table, parts, total if table is node else None)
                if found is not None:
                    self.problems.add(*found)

    def _left(self, node: Node, words: Sums, purchase: Purchase | None) -> None:
        """What is said to be left, which follows from the amount and from what was paid."""
        if not isinstance(node, Table) or purchase is None or purchase.total is None or not self.alone:
            return
        total, tried = purchase.total, purchase.tried
        for way in words.left:
            for found, around in leaves(node, way.split(".")):
                amount = amount_of(found)
                if not tried or amount is None or currency_of((amount, total)) is None:
                    continue
                if amount.minor and total.minor - amount.minor not in sums(tried):
                    paid = ", ".join(Amount(each).told(total.currency) for each in tried)
                    key = way.rpartition(".")[2]
                    told = f"{amount.told(total.currency)} cannot be left of {total.told()}"
                    self.problems.add(around.keys[key], f"{key}: {told} after {paid}; one of these amounts is wrong")

    def _paid(self, node: Node, words: Sums, purchase: Purchase | None) -> None:
        """What is said to be paid although the tenders so far are not enough."""
        if not isinstance(node, Table) or purchase is None or purchase.total is None or not self.alone:
            return
        total, tried = purchase.total, purchase.tried
        if not tried or purchase.rest or sum(tried) >= total.minor:
            return
        for key, values in words.paid.items():
            if said(node, key) in values:
                paid = Amount(sum(tried)).told(total.currency)
                told = f"the tenders so far are {paid} and there are {total.told()} to pay"
                self.problems.add(node.keys[key], f"{key}: {told}; add one that pays the rest")


def fine(expect: Node | None) -> bool:
    """Whether a call is not expected to be refused, or to get no answer."""
    node = expect.items.get("status") if isinstance(expect, Table) else None
    if node is None:
        return True
    return isinstance(node, Scalar) and isinstance(node.value, int) and node.value < 400


def _speaks_of_amount(node: Node) -> bool:
    """Whether a body may be for another amount than the step."""
    if isinstance(node, Many):
        return any(_speaks_of_amount(each) for each in node.items)
    if isinstance(node, Table):
        return any("amount" in key.lower() or _speaks_of_amount(each) for key, each in node.items.items())
    return False


def _tables(node: Node) -> Iterator[Table]:
    """Every object in a value, outermost first."""
    if isinstance(node, Table):
        yield node
    for each in node.items.values() if isinstance(node, Table) else node.items if isinstance(node, Many) else ():
        yield from _tables(each)


__all__ = ["Tally", "fine"]
