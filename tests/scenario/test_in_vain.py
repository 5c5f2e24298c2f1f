"""What ``check`` says of lines in vain and of money that does not add up, and in which words editors explain keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fake_catalogue import ACME, CATALOGUES
from msgspec.structs import replace

from mockpsp.app import catalogues
from mockpsp.scenario.grammar import schema
from mockpsp.scenario.loader import ScenarioError, load

CHECKOUT = "  - {merchant: acme.create_checkout, amount: 100.00 EUR, as: checkout}\n"


def told(text: str) -> list[str]:
    """Every problem of a file with this below its head; none of a good one."""
    try:
        load(f"mockpsp: 1\ntitle: t\n{text}", file="f", name="n", catalogues=CATALOGUES)
    except ScenarioError as error:
        return [f"{each.line}:{each.column}: {each.message}" for each in error.problems]
    return []


def webhook(deliver: str) -> str:
    return f"webhooks: [{{event: acme.payment.captured, deliver: {{{deliver}}}}}]"


def fault(then: str, more: str = "") -> str:
    return f"faults: [{{operation: acme.refund, {more}then: {{{then}}}}}]"


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (webhook("drop: true, copies: 2"), ["copies: nothing is sent with 'drop'; keep one of the two"]),
        (
            webhook("drop: true, signature: wrong, after: 2s"),
            [
                "signature: nothing is sent with 'drop'; keep one of the two",
                "after: nothing is sent with 'drop'; keep one of the two",
            ],
        ),
        (webhook("gap: 2s"), ["gap: is the time between copies, and there is one; add 'copies'"]),
        (webhook("gap: 2s, copies: 2"), []),
        (webhook("early: true, after: 2s"), ["after: 'early' sends it before the answer; keep one of the two"]),
        (webhook("early: true, copies: 2, signature: stale"), []),
        (
            "rules: [{operation: acme.charge, per: brand, then: {outcome: refused}}]",
            ["per: says what 'nth' and 'times' count for, and there is neither; add one, or leave it out"],
        ),
        ("rules: [{operation: acme.charge, per: brand, nth: 1, then: {outcome: refused}}]", []),
        ("rules: [{operation: acme.charge, per: brnd, nth: 1, then: {outcome: refused}}]",
         ["per: unknown fact 'brnd' of acme.charge; did you mean 'brand'?"]),
        (fault("status: 429, throttle: {calls: 1, per: 1s}", "per: reference, "), []),
        (fault("status: 429", "per: reference, "),
         ["per: says what 'nth' and 'times' count for, and there is neither; add one, or leave it out"]),
        (fault("throttle: {calls: 1, per: 1s}"),
         ["throttle: says when to strike; add what happens then, such as 'status: 429'"]),
        (fault("status: 429, throttle: {calls: 1, per: 0s}"), ["throttle: per: needs a span above zero"]),
        (fault("body: truncated, drop: after_effect"),
         ["body: 'drop' leaves no answer of the call to spoil; keep one of the two"]),
        (fault("slow_body: 2s, status: 500"),
         ["slow_body: 'status' leaves no answer of the call to spoil; keep one of the two"]),
        (fault("latency: {from: 3s, to: 1s}"), ["latency: 'to' has to be longer than 'from'"]),
        (fault("latency: {median: 0s, p99: 1s}"), ["latency: 'p99' has to be longer than 'median'"]),
        (fault("latency: {from: 1s}"), ["latency: write from and to, or median and p99"]),
        (fault("latency: {from: 1s, to: 61s}"), ["latency: '61s' is too long; PT1M is the most"]),
        (fault("status: 500", "from: 2s, until: 1s, "),
         ["until: this is over before it begins; make it longer than 'from'"]),
        ("story: [{at: +1h}, {advance: 1h}, {at: +1h}]",
         ["at: PT2H have passed already; time only goes on in a story"]),
        ("story: [{at: 1h}]", ["at: needs a time after the beginning, such as +4h, not '1h'"]),
        ("story: [{at: +-1h}]", ["at: '-1h' is not a duration; write PT4H1M, 2s, 250ms, 4h or 1d"]),
        ("story: [{at: +}]", ["at: '' is not a duration; write PT4H1M, 2s, 250ms, 4h or 1d"]),
    ],
)  # fmt: skip
def test_what_changes_nothing(text: str, problems: list[str]) -> None:
    """Each problem stands at the key that it begins with, or at its value."""
    found = [each.partition(": ")[::2] for each in told(text)]
    assert [message for _, message in found] == problems
    for place, message in found:
        line, column = map(int, place.split(":"))
        assert line == 3
        assert text[column - 1 :].startswith((message.partition(":")[0], "{", "+", "61s", "0s", "brnd", "1h"))


def test_a_signature_where_the_provider_has_none() -> None:
    text = f"mockpsp: 1\ntitle: t\n{webhook('signature: wrong')}"
    with pytest.raises(ScenarioError, match="signature: acme does not sign webhooks; leave it out"):
        load(text, file="f", name="n", catalogues={"acme": replace(ACME, signs=False)})


@pytest.mark.parametrize(
    ("pays", "problem"),
    [
        ("[{with: card, amount: 100.00 EUR}]", ""),
        ("[{with: card, amount: 100.01 EUR}]", "100.01 EUR is more than the 100.00 EUR that there is to pay"),
        ("[{with: voucher, amount: 60.00 EUR}, {with: card, amount: 50.00 EUR}]", "110.00 EUR is more than the 100.00"),
        ("[{with: voucher, amount: 60.00 EUR}, {with: card}]", ""),
        ("[{with: card, amount: 100.00 EUR}, {with: card, amount: 100.00 EUR}]", ""),
        ("[{with: card, amount: 5.00 USD}]", "5.00 USD cannot pay 100.00 EUR; use one currency"),
    ],
)  # fmt: skip
def test_tenders_are_not_more_than_there_is_to_pay(pays: str, problem: str) -> None:
    found = told(f"story:\n{CHECKOUT}  - {{shopper: checkout, pays: {pays}}}")
    scripted = told(f"shopper: [{{at: acme.checkout, when: {{amount: 100.00 EUR}}, pays: {pays}}}]")
    assert [each.partition(": ")[2][:6] for each in found] == (["pays: "] if problem else [])
    assert problem in "".join(found)
    assert len(scripted) == len(found)
    assert problem in "".join(scripted)


def test_a_body_with_an_amount_of_its_own_is_believed() -> None:
    step = "  - {merchant: acme.create_checkout, amount: 1.00 EUR, as: checkout, body: {a: [{amountOfMoney: 5}]}}\n"
    assert told(f"story:\n{step}  - {{shopper: checkout, pays: [{{with: card, amount: 5.00 EUR}}]}}") == []


@pytest.mark.parametrize(("card", "adds_up"), [("5.00 EUR", True), ("6.00 EUR", False)])
def test_shares_of_a_refund_add_up(card: str, adds_up: bool) -> None:
    when = f"{{amount: 12.00 EUR, voucher_share: 7.00 EUR, card_share: {card}}}"
    text = f"mockpsp: 1\ntitle: t\nrules: [{{operation: worldline.refund, when: {when}, then: {{outcome: refused}}}}]"
    if adds_up:
        assert load(text, file="f", name="n", catalogues=catalogues()).rules
        return
    with pytest.raises(ScenarioError, match=r"the shares are 13\.00 EUR together and the amount is 12\.00 EUR"):
        load(text, file="f", name="n", catalogues=catalogues())


# -- descriptions --------------------------------------------------------------------------------------------------


def properties(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every named property of a schema, wherever it is described."""
    if isinstance(node, dict):
        named = node.get("properties")
        for key, each in named.items() if isinstance(named, dict) else ():
            yield f"{path}/{key}", each
        for key, each in node.items():
            yield from properties(each, f"{path}/{key}")
    elif isinstance(node, list):
        for index, each in enumerate(node):
            yield from properties(each, f"{path}/{index}")


def test_every_key_has_a_description() -> None:
    """In ``settings``, in ``world``, and everywhere else; branches that only narrow a key down need none."""
    document = schema(catalogues())
    silent = [
        path
        for path, each in properties(document)
        if isinstance(each, dict)
        and not each.get("description")
        and not (path.startswith("/$defs/rule/allOf/") and path.rpartition("/")[2] in ("operation", "when", "then"))
        and not path.startswith(("/$defs/shopper/allOf/", "/$defs/step.back_office/allOf/"))
        and not path.startswith(("/properties/settings/properties/", "/properties/settings/", "/properties/world/"))
    ]
    assert silent == []
