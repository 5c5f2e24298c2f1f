"""What a scenario file may say, what it may not, and in which words it is told so."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped,unused-ignore]
from fake_catalogue import ACME, CATALOGUES
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import mockpsp.scenario
from mockpsp.domain.money import Money
from mockpsp.scenario import provided, yaml_nodes
from mockpsp.scenario.catalogue import Catalogue, Place
from mockpsp.scenario.grammar import KEYS, render
from mockpsp.scenario.loader import ScenarioError, load, load_value, schema
from mockpsp.scenario.model import (
    Condition,
    DeliveryRule,
    Drop,
    FaultRule,
    Op,
    Outage,
    Rule,
    Scenario,
    ShopperScript,
    Signature,
    Step,
    Tender,
    Trigger,
)
from mockpsp.scenario.problems import Problem, Problems
from mockpsp.scenario.vocabulary import Vocabulary
from mockpsp.scenario.yaml_nodes import plain, read_text

HEAD = "mockpsp: 1\ntitle: t\n"

GOOD = """\
# yaml-language-server: $schema=../schema.json
mockpsp: 1
title: Vouchers pay, the card is refused once, then pays
tags: [acme, refund, 5412]
seed: 7
clock: 2026-07-01T09:00:00+02:00
settings:
  acme: {refund_window: PT2H, strict: false}
world:
  acme:
    wallets:
      - {beneficiary: "11111111111", balance: 300.00 EUR}
    limits: {day: 500.00 EUR}
    opens: 2026-07-01T09:00:00+02:00
    hold: all
shopper:
  - at: acme.checkout
    when: {language: fr}
    nth: 1
    times: 2
    after: 2s
    pays: [{with: voucher, amount: 300.00 EUR, beneficiary: "11111111111"}, {with: card, number: 4111, cvc: "007"}]
  - {at: acme.terminal, cancels: true}
  - {at: acme.checkout, abandons: true}
rules:
  - name: the second card attempt is refused
    operation: acme.charge
    when: {amount: {at_least: 500.00 EUR, below: 900.00 EUR}, brand: visa, attempt: [1, 2], saved: true}
    nth: 2
    times: 1
    then: {outcome: refused, reason: insufficient_funds, code: 51, left: 2.00 EUR, retries: 3, soft: true, lasts: 4h}
  - {operation: acme.charge, when: {brand: {matches: "m.*", is_not: mc}}, then: {outcome: approved}}
webhooks:
  - name: late
    event: acme.payment.captured
    when: {reference: 0042}
    times: 3
    deliver:
      after: 2s
      copies: 2
      gap: 10s
      order: reversed
      signature: wrong
      endpoint: {fails: 3, down: 24h, status: 500}
  - {event: "acme.*", deliver: {drop: true}}
faults:
  - {operation: acme.refund, nth: 1, then: {latency: 2s, status: 503, after_effect: true}}
  - {name: cut, operation: "*.refund", times: 1, then: {drop: after_effect}}
story:
  - merchant: acme.create_checkout
    body: {country: NO, at: 12:30, price: 1.50, on: yes}
    path: {id: 7}
    query: {page: 2, tag: [a, b]}
    headers: {X-Test: "1"}
    key: idem-1
    as: checkout
    expect: {status: 200, body: {id: "${checkout.id}"}}
  - {shopper: checkout, pays: [{with: card, number: "${checkout.number}"}]}
  - {advance: PT4H1M, expect: {webhooks: []}}
  - {settle: true}
  - {endpoint: acme, status: 500}
  - {expect: {accounts: {a: 0.00 EUR}}}
expect: {webhooks: [acme.payment.captured], calls: ["${checkout.id}"]}
"""


def read(text: str | bytes) -> Scenario:
    return load(text, file="f.yaml", name="n", catalogues=CATALOGUES)


def told(text: str | bytes) -> list[str]:
    """Every problem of a file, as a user sees it."""
    with pytest.raises(ScenarioError) as caught:
        read(text)
    assert str(caught.value).splitlines() == [str(problem) for problem in caught.value.problems]
    return [str(problem) for problem in caught.value.problems]


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


# --- what can be said ----------------------------------------------------------------------------------------------


def test_head_of_the_file() -> None:
    scenario = read(GOOD)
    assert (scenario.name, scenario.title) == ("n", "Vouchers pay, the card is refused once, then pays")
    assert scenario.tags == ("acme", "refund", "5412")
    assert scenario.seed == 7
    assert scenario.clock == datetime(2026, 7, 1, 7, tzinfo=UTC)
    assert scenario.expect == {"webhooks": ["acme.payment.captured"], "calls": ["${checkout.id}"]}


def test_settings_are_typed_and_complete_for_every_provider() -> None:
    assert read(GOOD).settings == {
        "acme": {"refund_window": timedelta(hours=2), "ceiling": eur(500_00), "strict": False, "retries": 3},
        "bolt": {"slow": False},
    }
    assert read(HEAD).settings["acme"]["refund_window"] == timedelta(hours=4)


def test_world_is_typed_as_its_schema_says() -> None:
    assert read(GOOD).world == {
        "acme": {
            "wallets": [{"beneficiary": "11111111111", "balance": eur(300_00), "status": "active"}],
            "limits": {"day": eur(500_00)},
            "opens": datetime(2026, 7, 1, 7, tzinfo=UTC),
            "hold": "all",
        }
    }
    assert read(HEAD + "world: {acme: {hold: 5.00 EUR}}").world == {"acme": {"hold": eur(5_00)}}


def test_shoppers() -> None:
    pays, cancels, abandons = read(GOOD).shopper
    assert pays == ShopperScript(
        key="shopper[0]",
        at="acme.checkout",
        trigger=Trigger((Condition("language", Op.IS, "fr"),), nth=1, times=2),
        after=timedelta(seconds=2),
        pays=(
            Tender(kind="voucher", amount=eur(300_00), fields={"beneficiary": "11111111111"}),
            Tender(kind="card", fields={"number": "4111", "cvc": "007"}),
        ),
        line=17,
    )
    assert (cancels.key, cancels.cancels, cancels.pays) == ("shopper[1]", True, ())
    assert (abandons.abandons, abandons.trigger) == (True, Trigger())


def test_rules() -> None:
    named, unnamed = read(GOOD).rules
    assert named == Rule(
        key="rule:the second card attempt is refused",
        name="the second card attempt is refused",
        operation="acme.charge",
        trigger=Trigger(
            (
                Condition("amount", Op.AT_LEAST, eur(500_00)),
                Condition("amount", Op.BELOW, eur(900_00)),
                Condition("brand", Op.IS, "visa"),
                Condition("attempt", Op.ONE_OF, (1, 2)),
                Condition("saved", Op.IS, True),
            ),
            nth=2,
            times=1,
        ),
        outcome="refused",
        reason="insufficient_funds",
        details={"code": "51", "left": eur(2_00), "retries": 3, "soft": True, "lasts": timedelta(hours=4)},
        line=26,
    )
    assert (unnamed.key, unnamed.name, unnamed.details) == ("rule:rules[1]", "rules[1]", {})
    assert unnamed.trigger.when == (Condition("brand", Op.IS_NOT, "mc"), Condition("brand", Op.MATCHES, "m.*"))


def test_webhooks() -> None:
    late, lost = read(GOOD).webhooks
    assert late == DeliveryRule(
        key="webhook:late",
        name="late",
        event="acme.payment.captured",
        trigger=Trigger((Condition("reference", Op.IS, "0042"),), times=3),
        after=timedelta(seconds=2),
        copies=2,
        gap=timedelta(seconds=10),
        reversed=True,
        signature=Signature.WRONG,
        outage=Outage(fails=3, down=timedelta(days=1), status=500),
        line=34,
    )
    assert lost == DeliveryRule(
        key="webhook:webhooks[1]", name="webhooks[1]", event="acme.*", trigger=Trigger(), drop=True, line=45
    )


def test_faults() -> None:
    slow, cut = read(GOOD).faults
    assert slow == FaultRule(
        key="fault:faults[0]",
        name="faults[0]",
        operation="acme.refund",
        trigger=Trigger(nth=1),
        latency=timedelta(seconds=2),
        status=503,
        after_effect=True,
        line=47,
    )
    assert (cut.key, cut.operation, cut.drop) == ("fault:cut", "*.refund", Drop.AFTER_EFFECT)


def test_story() -> None:
    merchant, shopper, *others = read(GOOD).story
    assert merchant == Step(
        kind="merchant",
        operation="acme.create_checkout",
        label="checkout",
        body={"country": "NO", "at": "12:30", "price": 1.5, "on": "yes"},
        path={"id": "7"},
        query={"page": 2, "tag": ["a", "b"]},
        headers={"X-Test": "1"},
        key="idem-1",
        expect={"status": 200, "body": {"id": "${checkout.id}"}},
        line=50,
    )
    script = ShopperScript(
        key="story[1]",
        at="",
        trigger=Trigger(),
        pays=(Tender(kind="card", fields={"number": "${checkout.number}"}),),
        line=58,
    )
    assert shopper == Step(kind="shopper", label="checkout", shopper=script, line=58)
    assert others == [
        Step(kind="advance", span=timedelta(hours=4, minutes=1), expect={"webhooks": []}, line=59),
        Step(kind="settle", line=60),
        Step(kind="endpoint", operation="acme", status=500, line=61),
        Step(kind="expect", expect={"accounts": {"a": "0.00 EUR"}}, line=62),
    ]


def test_usual_calls_and_labels_that_may_be_used() -> None:
    text = (
        f"{HEAD}story:\n"
        '- {merchant: acme.create_checkout, amount: 5.00 EUR, headers: {X: "${origin}/${credentials.key}"}, as: pay}\n'
        '- {merchant: acme.refund, of: pay, amount: 1 EUR, body: {"${pay.id}": "${pay}"}, as: pay}\n'
        '- {shopper: pay, cancels: true, expect: {x: "${endpoint.acme}"}}\n'
    )
    opened, refund, _ = read(text).story
    assert (opened.amount, opened.of, opened.label) == (eur(5_00), "", "pay")
    assert (refund.amount, refund.of, refund.body) == (eur(1_00), "pay", {"${pay.id}": "${pay}"})


def test_nothing_is_required_but_version_and_title() -> None:
    scenario = read(HEAD)
    assert (scenario.seed, scenario.clock, scenario.rules, scenario.story, scenario.world) == (1, None, (), (), {})


def test_json_is_yaml() -> None:
    text = json.dumps(
        {"mockpsp": 1, "title": "t", "rules": [{"operation": "acme.charge", "then": {"outcome": "approved"}}]}
    )
    assert read(text).rules[0].outcome == "approved"


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("{amount: 5 EUR}", Condition("amount", Op.IS, eur(5_00))),
        ("{amount: null}", Condition("amount", Op.IS, None)),
        ("{brand: 42}", Condition("brand", Op.IS, "42")),
        ("{brand: 4.50}", Condition("brand", Op.IS, "4.50")),
        ("{brand: 0777}", Condition("brand", Op.IS, "0777")),
        ("{brand: NO}", Condition("brand", Op.IS, "NO")),
        ("{brand: ''}", Condition("brand", Op.IS, "")),
        ("{brand: [a, 1, null]}", Condition("brand", Op.ONE_OF, ("a", "1", None))),
        ("{brand: {one_of: [a]}}", Condition("brand", Op.ONE_OF, ("a",))),
        ("{attempt: 3}", Condition("attempt", Op.IS, 3)),
        ("{attempt: {above: 3}}", Condition("attempt", Op.ABOVE, 3)),
        ("{attempt: {at_most: -3}}", Condition("attempt", Op.AT_MOST, -3)),
        ("{saved: false}", Condition("saved", Op.IS, False)),
        ("{saved: {is_not: true}}", Condition("saved", Op.IS_NOT, True)),
        ("{brand: {matches: 'v.*'}}", Condition("brand", Op.MATCHES, "v.*")),
    ],
)
def test_conditions_are_typed_by_their_fact(when: str, expected: Condition) -> None:
    scenario = read(f"{HEAD}rules: [{{operation: acme.charge, when: {when}, then: {{outcome: approved}}}}]")
    assert scenario.rules[0].trigger.when == (expected,)


# --- strict YAML -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("NO", "NO"), ("on", "on"), ("yes", "yes"), ("off", "off"), ("y", "y"), ("12:30", "12:30"), ("1:2:3", "1:2:3"),
        ("0777", "0777"), ("0o17", "0o17"), ("0x1F", "0x1F"), ("1_000", "1_000"), ("+5", "+5"), ("1e5", "1e5"),
        (".5", ".5"), (".inf", ".inf"), (".nan", ".nan"), ("=", "="), ("2026-07-01", "2026-07-01"),
        ("03/2030", "03/2030"), ("2026-07-01 09:00:00", "2026-07-01 09:00:00"), ("12.00 EUR", "12.00 EUR"),
        ("'5'", "5"), ("!!str 5", "5"),
        ('"true"', "true"), ("|\n  5", "5\n"),
        ("5", 5), ("-5", -5), ("0", 0), ("1.50", 1.5), ("-0.5", -0.5), ("9223372036854775807", 2**63 - 1),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
    ],
)  # fmt: skip
def test_scalars_are_what_they_look_like(written: str, value: Any) -> None:
    found = read(f"{HEAD}expect:\n x: {written}\n").expect["x"]
    assert (found, type(found)) == (value, type(value))


def test_keys_are_always_text() -> None:
    text = f"{HEAD}expect: {{on: 1, NO: 2, 12:30: 3, 5: 4, true: 5, null: 6, 2026-07-01: 7, ~: 8}}"
    assert list(read(text).expect) == ["on", "NO", "12:30", "5", "true", "null", "2026-07-01", "~"]


def test_anchors_and_merge_keys() -> None:
    text = HEAD + (
        "rules:\n"
        "  - &first {name: a, operation: acme.charge, times: 1, then: &no {outcome: refused}}\n"
        "  - {<<: *first, name: b}\n"
        "  - {<<: [{times: 3}, *first], name: c, then: {<<: *no, reason: expired_card}}\n"
        "expect: {&k word: *k, *k : 1, list: &l 5, again: *l}\n"
    )
    assert told(text) == ["f.yaml:7:23: 'word' is written twice; the first is in line 7"]
    scenario = read(text.replace(", *k : 1", ""))
    assert [(rule.name, rule.trigger.times, rule.outcome, rule.reason) for rule in scenario.rules] == [
        ("a", 1, "refused", None),
        ("b", 1, "refused", None),
        ("c", 3, "refused", "expired_card"),
    ]
    assert scenario.expect == {"word": "word", "list": 5, "again": 5}


def laughs(levels: int, times: int) -> str:
    lines = ["  a0: &a0 [x]"]
    lines += [f"  a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * times)}]" for i in range(1, levels)]
    return HEAD + "expect:\n" + "\n".join(lines) + "\n"


BAD_YAML: list[tuple[str | bytes, str]] = [
    ("", "1:1: the file is empty; start with 'mockpsp: 1' and a title"),
    ("# nothing\n", "1:1: the file is empty; start with 'mockpsp: 1' and a title"),
    (HEAD + "title: again\n", "3:1: 'title' is written twice; the first is in line 2"),
    (HEAD + "expect: {a: {b: 1, b: 2}}", "3:20: 'b' is written twice; the first is in line 3"),
    (HEAD + "\trules: []", "3:1: a tab cannot stand here; indent with spaces"),
    (HEAD + "expect:\n\t- a\n", "4:1: a tab cannot stand here; indent with spaces"),
    (HEAD + "tags: [@a]", "3:8: text cannot start with '@'; put it in quotes"),
    (HEAD + "tags: `a`", "3:7: text cannot start with '`'; put it in quotes"),
    (HEAD + "a: b: c", "3:5: a ':' cannot stand here; put the text in quotes, or check the indentation"),
    (HEAD + "tags: 'x", "3:9: the quoted text is not closed (it starts in line 3)"),
    (HEAD + 'tags: ["\\q"]', "3:9: unknown escape after '\\'; use single quotes, or write '\\\\' for a backslash"),
    (HEAD + "tags: ]", "3:7: a value is missing here"),
    (HEAD + "tags:\n  - a\n b: 1\n", "5:2: the indentation does not fit the lines above"),
    (HEAD + "---\na: 1\n", "3:1: a second document starts here; a scenario is one document per file"),
    (HEAD + "...\na: 1\n", "4:1: the document ended above; a scenario is one document per file"),
    (HEAD + "tags: *x\n", "3:7: nothing is called '&x' above"),
    (HEAD + "tags: &y [*x]\n", "3:11: nothing is called '&x' above; known: y"),
    (HEAD + "tags: &x [*x]\n", "3:11: '*x' stands inside '&x' itself, so it would never end"),
    (HEAD + "? [a]\n: b", "3:3: a key is a word; a list or a mapping cannot be one"),
    (HEAD + "tags: &x [a]\n*x : b", "4:1: a key is a word; a list or a mapping cannot be one"),
    (HEAD + "<<: 5\n", "3:5: '<<' takes a mapping, or a list of mappings"),
    (HEAD + "expect: !!python/object:os.system {a: 1}",
     "3:9: the tag 'tag:yaml.org,2002:python/object:os.system' has no meaning here; remove it"),
    (HEAD + "seed: !!int '5'", "3:7: the tag 'tag:yaml.org,2002:int' has no meaning here; remove it"),
    (HEAD + "expect: {x: 9223372036854775808}",
     "3:13: a number this long is not kept exactly; put it in quotes: '9223372036854775808'"),
    (HEAD + "tags: [\x07]\n", "3:8: the character U+0007 is not allowed; remove it"),
    (HEAD + "tags: [\ud800]\n", "3:8: the character U+D800 is not allowed; remove it"),
    (b"mockpsp: 1\ntitle: caf\xe9\n", "2:11: byte 0xe9 is not UTF-8; save the file as UTF-8"),
    ("mockpsp: 1\ntitle: été\ntags: [\x00]".encode(), "3:8: the character U+0000 is not allowed; remove it"),
    (HEAD + "expect: " + "[" * 70, "3:68: more than 60 levels deep"),
    ("[" * 500_000, "1:61: more than 60 levels deep"),
    ("- " * 300_000, "1:121: more than 60 levels deep"),
    ("{a: " * 200_000, "1:241: more than 60 levels deep"),
    (laughs(70, 1), "61:14: with '*a56' written out, more than 60 levels deep"),
    (laughs(9, 10), "9:27: more than 100000 values, aliases written out; make the file smaller"),
    ("- a\n" * 100_001, "100000:3: more than 100000 values, aliases written out; make the file smaller"),
    (b"#" * 1_000_001, "1:1: the file has 1000001 bytes; a scenario has at most 1000000"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "problem"), BAD_YAML, ids=[problem[:50] for _, problem in BAD_YAML])
def test_bad_yaml(text: str | bytes, problem: str) -> None:
    assert told(text) == [f"f.yaml:{problem}"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [pytest.param(*each, marks=[pytest.mark.long] if "more than 100000" in each[1] else []) for each in BAD_YAML],
    ids=[problem[:50] for _, problem in BAD_YAML],
)
def test_bad_yaml_without_libyaml(text: str | bytes, problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pure parser may point elsewhere or word it otherwise, but it points and words."""
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert len(told(text)) == 1


def test_without_libyaml_the_same_scenario(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = read(GOOD)
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert read(GOOD) == fast


@pytest.mark.parametrize("written", ['"\\ud800"', '"\\UFFFFFFFF"'])
def test_escapes_that_are_no_characters(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(told(f"{HEAD}expect: {{a: {written}}}")) == 1
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert len(told(f"{HEAD}expect: {{a: {written}}}")) == 1


def test_a_byte_order_mark_is_ignored() -> None:
    assert read(b"\xef\xbb\xbf" + HEAD.encode()).title == "t"


# --- what cannot be said ---------------------------------------------------------------------------------------------


def rule(middle: str = "", then: str = "{outcome: approved}", operation: str = "acme.charge") -> str:
    """A rule on line 4; ``middle`` starts in column 5 of line 5, ``then`` in column 11 of line 6."""
    return f"{HEAD}rules:\n  - operation: {operation}\n    {middle}\n    then: {then}\n"


KEYS_OF_A_SCENARIO = (
    "mockpsp, title, tags, extends, seed, clock, settings, world, shopper, rules, webhooks, faults, story, expect"
)

EXPIRED = (
    "6:38: reason: unknown reason 'expired' for the outcome 'refused' of acme.charge; did you mean 'expired_card'?"
)
DELIVER_SAYS_NOTHING = (
    "3:52: 'deliver' says nothing; give one of after, copies, gap, order, drop, early, pause, signature, change, "
    "header_case, beside, together, endpoint"
)
NO_EVENT = (
    "3:20: event: no event matches 'bolt.x*'; known: acme.checkout.expired, acme.payment.captured, "
    "acme.payment.refunded, bolt.payment.captured"
)
HOOK = HEAD + "webhooks:\n- event: acme.payment.captured\n  deliver: "

BAD: list[tuple[str, list[str]]] = [
    # the head
    ("- a", [f"1:1: a scenario is a mapping with the keys {KEYS_OF_A_SCENARIO}; this is a list"]),
    ("5", [f"1:1: a scenario is a mapping with the keys {KEYS_OF_A_SCENARIO}; this is 5"]),
    ("seed: 1", ["1:1: a scenario needs 'mockpsp'", "1:1: a scenario needs 'title'"]),
    ("mockpsp: 2\ntitle:", ["1:10: mockpsp: version 2 of the grammar is not known; write mockpsp: 1",
                            "2:7: title: needs text, not nothing"]),
    ("mockpsp: true\ntitle: ''", ["1:10: mockpsp: version true of the grammar is not known; write mockpsp: 1",
                                  "2:8: title: needs text, and this is empty"]),
    (HEAD + "titel: x", ["3:1: unknown key 'titel' of a scenario; did you mean 'title'?"]),
    (HEAD + "qqqq: x", ["3:1: unknown key 'qqqq' of a scenario"]),
    (HEAD + "tags: [true, {}]",
     ["3:8: needs text, not true; put it in quotes: 'true'", "3:14: needs text, not a mapping"]),
    (HEAD + "tags: a", ["3:7: needs a list of words, not 'a'; start each item with '-'"]),
    (HEAD + "seed: x", ["3:7: seed: needs a whole number, not 'x'"]),
    (HEAD + "seed: 1.5", ["3:7: seed: needs a whole number, not 1.5"]),
    (HEAD + "seed: true", ["3:7: seed: needs a whole number, not true"]),
    (HEAD + "seed: -1", ["3:7: seed: -1 is too small; 0 is the least"]),
    (HEAD + "clock: noon", ["3:8: clock: 'noon' is not a moment; write it like 2026-07-01T09:00:00+02:00"]),
    (HEAD + "clock: []", ["3:8: clock: a list is not a moment; write it like 2026-07-01T09:00:00+02:00"]),
    (HEAD + "clock: 2026-07-01T09:00:00", ["3:8: clock: '2026-07-01T09:00:00' needs an offset, such as +02:00 or Z"]),
    (HEAD + "clock: 0001-01-01T00:00:00+23:00", [
        "3:8: clock: '0001-01-01T00:00:00+23:00' is not a moment; write it like 2026-07-01T09:00:00+02:00"]),
    (HEAD + "clock: 9000-01-01T00:00:00Z", ["3:8: clock: the year 9000 is out of reach; 1970 to 2199 work"]),
    (HEAD + "expect: [a]", ["3:9: expect: needs a mapping, not a list"]),
    # settings and world
    (HEAD + "settings: {acmee: {}}", ["3:12: unknown provider 'acmee'; did you mean 'acme'?"]),
    (HEAD + "settings: []", ["3:11: settings: needs a mapping of providers, not a list"]),
    (HEAD + "settings: {acme: 5}", ["3:18: needs a mapping, not 5"]),
    (HEAD + "settings: {acme: {refund_windw: 2s}}",
     ["3:19: unknown setting 'refund_windw' of acme; did you mean 'refund_window'?"]),
    (HEAD + "settings: {acme: {refund_window: soon, retries: 1.5, strict: maybe}}", [
        "3:34: 'soon' is not a duration; write PT4H1M, 2s, 250ms, 4h or 1d",
        "3:49: retries: needs a whole number, not 1.5",
        "3:62: strict: needs true or false, not 'maybe'"]),
    (HEAD + "settings: {acme: {retries: 99, ceiling: 5}}", [
        "3:28: retries: 99 is too large; 9 is the most",
        "3:41: ceiling: needs an amount such as 12.00 EUR, not 5"]),
    (HEAD + "world: {acme: {walets: []}}",
     ["3:16: unknown key 'walets' of the world of acme; did you mean 'wallets'?"]),
    (HEAD + "world:\n  acme:\n    wallets:\n      - {beneficiary: 11111111111, uses: 0}\n", [
        "6:9: wallets: 'balance' is missing",
        "6:23: beneficiary: needs text, not 11111111111; put it in quotes: '11111111111'",
        "6:42: uses: 0 is too small; 1 is the least"]),
    (HEAD + "world: {acme: {wallets: [{beneficiary: '1', balance: 5 EURO, status: actve, x: 1}]}}", [
        "3:40: beneficiary: '1' does not fit; eleven digits",
        "3:54: '5 EURO' is not an amount; write it like 12.00 EUR",
        "3:70: status: 'actve' is not possible; did you mean 'active'?",
        "3:77: unknown key 'x' of the world of acme; known: balance, beneficiary, status, uses"]),
    (HEAD + "world: {acme: {hold: 5}}", ["3:22: hold: needs an amount such as 12.00 EUR or all or nothing, not 5"]),
    (HEAD + "world: {acme: {hold: 5.0 EUR}}", ["3:22: '5.0 EUR': EUR has 2 decimals"]),
    (HEAD + "world: {acme: {limits: {day: 5.0 EUR}, opens: x}}", [
        "3:30: '5.0 EUR': EUR has 2 decimals",
        "3:47: 'x' is not a moment; write it like 2026-07-01T09:00:00+02:00"]),
    # names
    (rule(operation="acme.chrge"), ["4:16: operation: unknown operation 'chrge' of acme; did you mean 'charge'?"]),
    (rule(operation="acem.charge"), ["4:16: operation: unknown provider 'acem'; did you mean 'acme'?"]),
    (rule(operation="card_complement"),
     ["4:16: operation: 'card_complement' needs its provider in front; did you mean 'acme.card_complement'?"]),
    (rule(operation="acme_charge"), ["4:16: operation: unknown operation 'acme_charge'; did you mean 'acme.charge'?"]),
    (rule(operation="[]"), ["4:16: operation: needs text, not a list"]),
    # outcomes
    (rule(then="{outcome: refsed}"),
     ["6:21: outcome: unknown outcome 'refsed' for acme.charge; did you mean 'refused'?"]),
    (rule(then="{outcome: refused, reason: expired}"), [
        EXPIRED]),
    (rule(then="{outcome: approved, reason: review}"), [
        "6:39: reason: unknown reason 'review' for the outcome 'approved' of acme.charge; there is no reason to give"]),
    (rule(then="{outcome: approved, cod: 1}"), ["6:31: unknown detail 'cod' of acme.charge; did you mean 'code'?"]),
    (rule(then="{outcome: approved, left: 5, retries: x, soft: 1, lasts: 1x}"), [
        "6:37: left: '5' is not an amount; write it like 12.00 EUR",
        "6:49: retries: needs a whole number, not 'x'",
        "6:58: soft: needs true or false, not 1",
        "6:68: lasts: '1x' is not a duration; write PT4H1M, 2s, 250ms, 4h or 1d"]),
    (rule(then="{}"), ["6:11: 'then' of a rule needs 'outcome'"]),
    (rule(then="no"), ["6:11: 'then' of a rule is a mapping with the keys outcome, reason; this is 'no'"]),
    (HEAD + "rules: [5]",
     ["3:9: a rule is a mapping with the keys name, operation, when, nth, times, per, from, until, then; this is 5"]),
    (HEAD + "rules: {}", ["3:8: needs a list of rules, not a mapping; start each item with '-'"]),
    (HEAD + "rules: [{then: {outcome: x}}]", ["3:9: a rule needs 'operation'"]),
    (rule("nth: 0"), ["5:10: nth: 0 is too small; 1 is the least"]),
    (rule("times: two"), ["5:12: times: needs a whole number, not 'two'"]),
    (rule("tims: 2"), ["5:5: unknown key 'tims' of a rule; did you mean 'times'?"]),
    # conditions
    (rule("when: {amont: 5.00 EUR}"), ["5:12: unknown fact 'amont' of acme.charge; did you mean 'amount'?"]),
    (rule("when: 5"), ["5:11: when: needs a mapping such as {amount: {at_least: 5.00 EUR}}, not 5"]),
    (rule("when: {amount: 5}"), ["5:20: amount: '5' is not an amount; write it like 12.00 EUR"]),
    (rule("when: {attempt: 5.5, saved: 1, brand: true}"), [
        "5:21: attempt: needs a whole number, not 5.5",
        "5:33: saved: needs true or false, not 1",
        "5:43: brand: needs text, not true; put it in quotes: 'true'"]),
    (rule("when: {brand: {at_least: 3}}"), ["5:20: brand is text; 'at_least' cannot compare it"]),
    (rule("when: {amount: {matches: '5.*'}}"), ["5:21: amount is an amount; 'matches' cannot compare it"]),
    (rule("when: {brand: {matchs: v}}"), ["5:20: unknown operator 'matchs' of 'brand'; did you mean 'matches'?"]),
    (rule("when: {brand: {}}"), ["5:19: brand: says nothing; give a value, a list or an operator such as at_least"]),
    (rule("when: {brand: []}"), ["5:19: brand: an empty list never matches; name at least one value"]),
    (rule("when: {brand: {one_of: visa}}"), ["5:28: brand: one_of needs a list, not 'visa'"]),
    (rule("when: {attempt: {above: null}}"), ["5:29: attempt: above needs a value, not nothing"]),
    (rule("when: {brand: {matches: '(a'}}"), [
        "5:29: brand: '(a' is not a regular expression: missing ), unterminated subpattern at position 0"]),
    (rule("when: {brand: {matches: '[[a]'}}"), [
        "5:29: brand: '[[a]' is not a regular expression: Possible nested set at position 1"]),
    (rule("when: {amount: {at_least: 6.00 EUR, at_most: 5.00 EUR}}"), [
        "5:12: amount: 'at least 6.00 EUR' and 'at most 5.00 EUR' contradict each other, so this line never strikes"]),
    (rule("when: {attempt: {is: 5, at_least: 6}}"), [
        "5:12: attempt: 'is 5' and 'at least 6' contradict each other, so this line never strikes"]),
    (rule("when: {attempt: {above: 5, below: 6}}"), [
        "5:12: attempt: 'above 5' and 'below 6' contradict each other, so this line never strikes"]),
    (rule("when: {brand: {one_of: [a, b], matches: 'c.*'}}"), [
        "5:12: brand: 'one of a or b' and 'matches c.*' contradict each other, so this line never strikes"]),
    (rule("when: {attempt: {at_least: 5, at_most: 5, is_not: 5}}"), [
        "5:12: attempt: these conditions contradict each other, so this line never strikes"]),
    (rule("when: {amount: {at_least: 5.00 EUR, at_most: 6.00 USD}}"), [
        "5:11: when: EUR and USD in one line; use one currency, or a line for each"]),
    (rule("when: {amount: [5.00 EUR, 5.00 USD]}"), [
        "5:11: when: EUR and USD in one line; use one currency, or a line for each"]),
    (rule("when: {brand: {matches: " + "a" * 501 + "}}"),
     ["5:29: brand: a regular expression has at most 500 characters"]),
    (rule("when: {amount: []}"), ["5:20: amount: an empty list never matches; name at least one value"]),
    (rule("when: {amount: {at_least: []}}"), ["5:31: amount: needs an amount such as 12.00 EUR, not a list"]),
    (rule("x" * 61 + ": 1"),
     [f"5:5: unknown key '{'x' * 60}' of a rule; known: from, name, nth, operation, per, then, times, until, when"]),
    # webhooks
    (HEAD + "webhooks: [{event: acme.payment.captred, deliver: {drop: true}}]", [
        "3:20: event: unknown event 'payment.captred' of acme; did you mean 'payment.captured'?"]),
    (HEAD + 'webhooks: [{event: "bolt.x*", deliver: {drop: true}}]', [
        NO_EVENT]),
    (HEAD + 'webhooks: [{event: "*.payment.captured", when: {amount: 5}, deliver: {drop: true}}]', [
        "3:49: 'amount' differs in kind among what '*.payment.captured' means; name one provider"]),
    (HEAD + "webhooks: [{event: acme.payment.captured, deliver: {}}]", [
        DELIVER_SAYS_NOTHING]),
    (HOOK + "{copies: 21, after: 5, order: reverse, drop: false}", [
        "5:21: copies: 21 is too large; 20 is the most",
        "5:32: after: '5' is not a duration; write PT4H1M, 2s, 250ms, 4h or 1d",
        "5:42: order: unknown value 'reverse'; did you mean 'reversed'?",
        "5:57: drop: can only be true; leave the key out instead"]),
    (HOOK + "{copies: 0, signature: wong, endpoint: {status: 99}}", [
        "5:21: copies: 0 is too small; 1 is the least",
        "5:35: signature: unknown value 'wong'; did you mean 'wrong'?",
        "5:51: 'endpoint' needs 'fails' (attempts) or 'down' (a duration)",
        "5:60: status: 99 is too small; 100 is the least"]),
    # faults
    (HEAD + "faults: [{operation: acme.refnd, then: {status: 500}}]", [
        "3:22: operation: unknown call 'refnd' of acme; did you mean 'refund'?"]),
    (HEAD + "faults:\n- operation: acme.refund\n  then: {latency: 61s, status: 600, after_effect: 1}", [
        "5:19: latency: '61s' is too long; PT1M is the most",
        "5:32: status: 600 is too large; 599 is the most",
        "5:51: after_effect: needs true or false, not 1"]),
    (HEAD + "faults:\n- operation: acme.refund\n  then: {drop: after, latency: 99999999999999999d}", [
        "5:16: drop: unknown value 'after'; known: after_effect, before_effect",
        "5:32: latency: '99999999999999999d' is longer than ten years"]),
    (HEAD + "faults:\n- operation: acme.refund\n  then: {drop: after_effect, status: 500}", [
        "5:30: status: nobody reads it after 'drop'; keep one of the two"]),
    (HEAD + "faults:\n- operation: acme.refund\n  then: {after_effect: true}", [
        "5:10: after_effect: says when 'status' is answered; add it, or write 'drop: after_effect'"]),
    (HEAD + "faults: [{operation: acme.refund, then: {}}]", [
        f"3:41: 'then' of a fault says nothing; give one of {', '.join(KEYS['failure'])}"]),
    # shoppers
    (HEAD + "shopper: [{at: acme.chekout, cancels: true}]", [
        "3:16: at: unknown place 'chekout' of acme; did you mean 'checkout'?"]),
    (HEAD + "shopper: [{at: acme.checkout}]", ["3:11: a shopper needs 'pays', 'cancels' or 'abandons'"]),
    (HEAD + "shopper: [{at: acme.checkout, cancels: true, pays: [{with: card}]}]", [
        "3:31: 'pays' and 'cancels' exclude each other; keep one"]),
    (HEAD + "shopper: [{at: acme.checkout, pays: []}]", ["3:37: needs at least one of its tenders"]),
    (HEAD + "shopper: [{at: acme.checkout, pays: [{with: crd}, {amount: 1.00 EUR}, {with: tap}]}]", [
        "3:45: with: unknown tender 'crd' at acme.checkout; did you mean 'card'?",
        "3:51: a tender needs 'with'",
        "3:78: with: unknown tender 'tap' at acme.checkout; known: card, voucher"]),
    (HEAD + "shopper: [{at: acme.checkout, pays: [{with: card, nummer: 1, amount: 0.00 EUR}]}]", [
        "3:51: unknown field 'nummer' of the tender 'card'; did you mean 'number'?",
        "3:70: amount: 0.00 EUR cannot be paid; write an amount above zero"]),
    (HEAD + "shopper: [{at: acme.checkout, when: {store: 5}, cancels: true}]", [
        "3:38: unknown fact 'store' of acme.checkout; known: amount, language, reference"]),
    (HEAD + "shopper: [{at: acme.checkout, after: [], pays: [5]}]", [
        "3:38: after: needs a duration such as 2s or PT4H, not a list",
        "3:49: a tender is a mapping with the keys with, amount; this is 5"]),
    # names, taken
    (HEAD + "rules:\n" + "- {name: a, operation: acme.charge, times: 1, then: {outcome: approved}}\n" * 2, [
        "5:10: the name 'a' is taken by line 4; choose another"]),
    (HEAD + "rules:\n- {name: 'rules[1]', operation: acme.charge, times: 1, then: {outcome: approved}}\n"
            "- {operation: acme.charge, times: 1, then: {outcome: approved}}", [
        "5:3: the name 'rules[1]' is taken by line 4; choose another"]),
    # the story
    (HEAD + "story: [5]",
     [("3:9: a step is a mapping with one of merchant, shopper, advance, at, clock, settle, endpoint, resend, "
       "account, back_office, scenario, expect; this is 5")]),
    (HEAD + "story: [{advnce: 2s}]", [
        ("3:9: a step needs one of merchant, shopper, advance, at, clock, settle, endpoint, resend, "
         "account, back_office, scenario, expect"),
        "3:10: unknown kind of step 'advnce'; did you mean 'advance'?"]),
    (HEAD + "story: [{advance: 2s, settle: true}]", [
        "3:23: 'advance' and 'settle' are two steps; give each an item of its own"]),
    (HEAD + "story: [{advance: soon}, {settle: false}]", [
        "3:19: advance: 'soon' is not a duration; write PT4H1M, 2s, 250ms, 4h or 1d",
        "3:35: settle: can only be true; leave the key out instead"]),
    (HEAD + "story: [{endpoint: acm, status: 42}, {endpoint: acme}]", [
        "3:20: endpoint: unknown provider 'acm'; did you mean 'acme'?",
        "3:33: status: 42 is too small; 100 is the least",
        "3:38: an endpoint step needs 'status', 'url' or 'urls'"]),
    (HEAD + "story: [{merchant: acme.create_chekout, as: 1x, path: [], query: {a: {}}, key: true, bdy: 1}]", [
        "3:20: merchant: unknown call 'create_chekout' of acme; did you mean 'create_checkout'?",
        "3:45: as: '1x' is not a label; use letters, digits, '_' and '-', starting with a letter",
        "3:55: path: needs a mapping, not a list",
        "3:70: query: a parameter is a value or a list of values, not a mapping",
        "3:80: key: needs text, not true; put it in quotes: 'true'",
        "3:86: unknown key 'bdy' of a merchant step; did you mean 'body'?"]),
    (HEAD + 'story:\n- {merchant: acme.refund, path: {id: "${pay.id}"}, as: pay}\n- {merchant: acme.refund, as: pay}', [
        "4:38: no step before this one has 'as: pay'"]),
    (HEAD + "story: [{merchant: acme.refund, as: origin}, {shopper: credentials, abandons: true}]", [
        "3:37: every story has 'origin' already; choose another label",
        "3:56: no step before this one has 'as: credentials'; known: origin"]),
    (HEAD + 'story: [{merchant: acme.refund, of: pya, amount: 5, body: {"${pay.id}": 1}}]', [
        "3:37: no step before this one has 'as: pya'",
        "3:50: amount: '5' is not an amount; write it like 12.00 EUR",
        "3:60: no step before this one has 'as: pay'"]),
    (HEAD + "story:\n- {merchant: acme.refund, as: pay}\n- {shopper: pya, cancels: true}\n- {shopper: pay}", [
        "5:13: no step before this one has 'as: pya'; did you mean 'pay'?",
        "6:3: a shopper needs 'pays', 'cancels' or 'abandons'"]),
    (HEAD + "story:\n- {merchant: acme.refund, as: pay}\n- {shopper: pay, pays: [{with: crd, number: '${x.y}'}]}", [
        "5:32: with: unknown tender 'crd' at acme; did you mean 'card'?",
        "5:45: no step before this one has 'as: x'; known: pay"]),
    (HEAD + "story: [{shopper: [], cancels: true}]", ["3:19: shopper: needs text, not a list"]),
    (HEAD + 'story: [{expect: {a: "${late[0].id}"}}]\nexpect: {b: ["${later}"]}', [
        "3:22: no step before this one has 'as: late'",
        "4:14: no step before this one has 'as: later'"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "problems"), BAD, ids=[problems[0][:60] for _, problems in BAD])
def test_bad_files(text: str, problems: list[str]) -> None:
    assert told(text) == [f"f.yaml:{problem}" for problem in problems]


ODD: dict[str, Any] = {
    "type": "object",
    "properties": {
        "exact": {"const": "this"},
        "code": {"type": "string", "pattern": "^[a-z]$"},
        "pair": {"type": "array", "prefixItems": [{"type": "string", "format": "money"}], "maxItems": 2},
        "either": {"oneOf": [{"title": "a card"}, {"const": "x"}, {"type": "null"}, True], "not": {"type": "integer"}},
        "amount": {"anyOf": [{"type": "string", "format": "money"}, {"type": "string"}]},
        "nested": {"type": "object", "patternProperties": {"^d_": {"format": "duration"}}, "properties": {"a": True}},
        "many": {"type": "object", "additionalProperties": {"$ref": "#/properties/loop"}},
        "loop": {"$ref": "#/properties/loop2"},
        "loop2": {"type": "string"},
        "empty": {"type": ["string", "null"], "default": None},
    },
}


def odd(world: str) -> Scenario:
    return load(f"{HEAD}world: {{acme: {{{world}}}}}", file="f.yaml", name="n", catalogues=odd_catalogues())


def odd_catalogues() -> dict[str, Catalogue]:
    return {"acme": replace(CATALOGUES["acme"], world=ODD)}


def test_schemas_may_use_what_json_schema_has() -> None:
    found = odd("exact: this, pair: [5 EUR, x], amount: 5 EUR, nested: {d_x: 2s, a: b}, many: {x: y}").world["acme"]
    assert found == {
        "exact": "this",
        "pair": [eur(5_00), "x"],
        "amount": eur(5_00),
        "nested": {"d_x": timedelta(seconds=2), "a": "b"},
        "many": {"x": "y"},
        "empty": None,
    }
    assert odd("amount: as much as possible").world["acme"]["amount"] == "as much as possible"


@pytest.mark.parametrize(
    ("world", "problem"),
    [
        ("exact: that", "3:23: exact: can only be this, not 'that'"),
        ("code: X", "3:22: code: 'X' does not fit; it has to match ^[a-z]$"),
        ("pair: [5 EUR, x, y]", "3:22: pair: a list is too long; it has at most 2"),
        ("pair: [5 EURO]", "3:23: '5 EURO' is not an amount; write it like 12.00 EUR"),
        ("either: x", "3:24: either: needs a card or x or nothing or another form, not 'x'"),
    ],
)
def test_problems_of_such_schemas(world: str, problem: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        odd(world)
    assert [str(each) for each in caught.value.problems] == [f"f.yaml:{problem}"]


def test_other_keywords_speak_for_themselves() -> None:
    with pytest.raises(ScenarioError, match=r"f.yaml:3:24: either: .*not"):
        odd("either: 5")


def test_a_reference_is_followed_in_paths_too() -> None:
    root = {"a": {"$ref": "#/b~1c"}, "b/c": {"x": 1}}
    assert provided._at(root, ["a", "$ref", "x"]) == 1
    assert provided._at({"a": [{"x": 2}]}, ["a", 0, "x"]) == 2
    assert provided._at(root, ["nowhere", 0]) == {}
    assert provided._resolve(root, "#/no/where") == {}


def test_compiled_schemas_are_kept_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provided, "_COMPILED", {})
    monkeypatch.setattr(provided, "_KEPT", 1)
    read(HEAD + "settings: {acme: {strict: true}, bolt: {slow: true}}")
    assert len(provided._COMPILED) == 1


def test_details_may_be_moments() -> None:
    charge = replace(CATALOGUES["acme"].operations["charge"], details={"until": "instant"})
    catalogues = {"acme": replace(CATALOGUES["acme"], operations={"charge": charge})}
    text = rule(then="{outcome: approved, until: 2026-07-01T00:00:00Z}")
    found = load(text, file="f", name="n", catalogues=catalogues).rules[0].details
    assert found == {"until": datetime(2026, 7, 1, tzinfo=UTC)}


def test_twenty_ranges_are_compared_and_no_more() -> None:
    lines = "".join(
        f"- {{operation: acme.charge, when: {{attempt: {{at_least: {200 - i}}}}}, then: {{outcome: approved}}}}\n"
        for i in range(21)
    )
    again = "- {operation: acme.charge, when: {attempt: {above: %d}}, then: {outcome: approved}}\n"
    assert len(told(HEAD + "rules:\n" + lines + again % 180)) == 1
    assert read(HEAD + "rules:\n" + lines + again % 179)


def shadowed(earlier: str, later: str) -> list[str]:
    text = f"{HEAD}rules:\n- {{operation: acme.charge, {earlier} then: {{outcome: approved}}}}\n"
    text += f"- {{operation: acme.charge, {later} then: {{outcome: refused}}}}\n"
    try:
        read(text)
    except ScenarioError as error:
        return [problem.message for problem in error.problems]
    return []


NEVER = (
    "this rule never strikes: 'rules[0]' in line 4 comes first and has no limit; "
    "put this one before it, or give that one 'times'"
)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("", ""),
        ("", "when: {brand: visa}, times: 1,"),
        ("when: {brand: visa},", "when: {brand: visa},"),
        ("when: {brand: visa},", "when: {attempt: 2, brand: visa}, nth: 3,"),
        ("when: {brand: [visa, mc]},", "when: {brand: visa},"),
        ("when: {brand: {is_not: mc}},", "when: {brand: visa},"),
        ("when: {brand: {matches: 'v.*'}},", "when: {brand: [visa, vpay]},"),
        ("when: {attempt: {at_least: 2}},", "when: {attempt: 3},"),
        ("when: {attempt: {at_least: 2}},", "when: {attempt: {above: 1, below: 9}},"),
        ("when: {attempt: {is_not: 1}},", "when: {attempt: {at_least: 2}},"),
        ("when: {attempt: {is_not: null}},", "when: {attempt: {at_least: 2}},"),
        ("when: {amount: {is_not: 1.00 USD}},", "when: {amount: {at_least: 1.00 EUR}},"),
        ("when: {attempt: {one_of: [1, 1]}},", "when: {attempt: 1},"),
        ("when: {attempt: 1},", "when: {attempt: {one_of: [1, 2], at_most: 1}},"),
        ("when: {amount: {at_least: 5.00 EUR}},", "when: {amount: {at_least: 6.00 EUR}},"),
    ],
)
def test_a_rule_that_comes_too_late(earlier: str, later: str) -> None:
    assert shadowed(earlier, later) == [NEVER]


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("times: 1,", ""),
        ("nth: 2,", ""),
        ("when: {brand: visa},", ""),
        ("when: {brand: visa},", "when: {brand: mc},"),
        ("when: {brand: visa},", "when: {attempt: 2},"),
        ("when: {attempt: {at_least: 2}},", "when: {attempt: {at_least: 1}},"),
        ("when: {attempt: {at_least: 2}},", "when: {attempt: {at_most: 9}},"),
        ("when: {attempt: {is_not: 3}},", "when: {attempt: {is_not: 4}},"),
        ("when: {attempt: 1},", "when: {attempt: {is_not: 4}},"),
        ("when: {attempt: 1},", "when: {attempt: {at_least: 1}},"),
        ("when: {attempt: [1, 2]},", "when: {attempt: [2, 3]},"),
        ("when: {attempt: {is_not: 3}},", "when: {attempt: {at_least: 2}},"),
        ("when: {brand: {matches: 'v.*'}},", "when: {brand: {matches: 'visa'}},"),
        ("when: {amount: {at_least: 5.00 EUR}},", "when: {amount: {at_least: 6.00 USD}},"),
    ],
)
def test_a_rule_that_still_has_its_moment(earlier: str, later: str) -> None:
    assert shadowed(earlier, later) == []


def test_patterns_shadow_what_they_mean() -> None:
    text = (
        f"{HEAD}webhooks:\n"
        '- {event: "acme.payment.*", deliver: {drop: true}}\n'
        "- {event: acme.payment.captured, deliver: {copies: 2}}\n"
        '- {event: "*", deliver: {copies: 3}}\n'
    )
    assert [problem.partition(":")[2][:40] for problem in told(text)] == ["5:3: this webhook line never strikes: 'w"]


def test_a_rule_that_could_not_be_read_shadows_nothing() -> None:
    assert len(shadowed("when: {brnd: visa},", "")) == 1


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    text = "titel: x\nseed: x\nrules: [{operation: acme.chrge, nth: 0}]\nmockpsp: 1\n"
    assert [problem.split(": ")[0] for problem in told(text)] == [
        "f.yaml:1:1", "f.yaml:1:1", "f.yaml:2:7", "f.yaml:3:9", "f.yaml:3:21", "f.yaml:3:38",
    ]  # fmt: skip


def test_a_file_where_everything_is_wrong_is_read_quickly() -> None:
    """Guessing the nearest word stops at some point; the problems do not."""
    lines = "".join(f"- {{operation: acme.chrge{i}, then: {{outcome: approved}}}}\n" for i in range(400))
    problems = told(HEAD + "rules:\n" + lines)
    assert len(problems) == 400
    assert "did you mean" in problems[0]
    assert "did you mean" not in problems[-1]


# --- inline values ---------------------------------------------------------------------------------------------------


def inline(value: object) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        load_value(value, name="n", catalogues=CATALOGUES)
    return [str(problem) for problem in caught.value.problems]


def test_an_inline_value_is_the_same_scenario() -> None:
    root = read_text(GOOD, Problems("f"))
    assert root is not None
    value = load_value(plain(root), name="n", catalogues=CATALOGUES)
    written = read(GOOD)
    for part in ("title", "seed", "clock", "tags", "settings", "world", "expect"):
        assert getattr(value, part) == getattr(written, part)
    for part in ("shopper", "rules", "webhooks", "faults", "story"):
        assert len(getattr(value, part)) == len(getattr(written, part))
    assert {line.line for line in value.rules} == {0}


def test_an_inline_value_needs_no_ceremony() -> None:
    assert load_value({}, name="mine", catalogues=CATALOGUES).title == "mine"


CYCLE: list[Any] = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (5, f"<inline>:/: a scenario is a mapping with the keys {KEYS_OF_A_SCENARIO}; this is 5"),
        (
            {"rules": [{"operation": "acme.charge", "then": 5}]},
            "<inline>:/rules/0/then: 'then' of a rule is a mapping with the keys outcome, reason; this is 5",
        ),
        ({"a~/b": 1}, "<inline>:/a~0~1b: unknown key 'a~/b' of a scenario"),
        (
            {"world": {"acme": {"wallets": [{"beneficiary": "1" * 11, "balance": 5}]}}},
            "<inline>:/world/acme/wallets/0/balance: balance: needs an amount such as 12.00 EUR, not 5",
        ),
        (
            {"expect": {"x": float("nan")}},
            "<inline>:/expect/x: a number this large is not kept exactly; send it as text",
        ),
        ({"expect": {"x": 10**30}}, "<inline>:/expect/x: a number this large is not kept exactly; send it as text"),
        ({"expect": {1: 2}}, "<inline>:/expect: the key 1 is not text"),
        ({"expect": {"x": b"a"}}, "<inline>:/expect/x: a bytes is not JSON"),
        (
            {"expect": {"x": "\ud800"}},
            "<inline>:/expect/x: half a character (a surrogate) is not text; write the whole character",
        ),
        ({"expect": CYCLE}, f"<inline>:/expect{'/0' * 60}: more than 60 levels deep"),
        ({"expect": [0] * 100_000}, "<inline>:/expect/99996: more than 100000 values; make the scenario smaller"),
        (
            {"rules": [{"name": "a", "operation": "acme.charge", "times": 1, "then": {"outcome": "approved"}}] * 2},
            "<inline>:/rules/1/name: the name 'a' is taken by /rules/0/name; choose another",
        ),
    ],
)
def test_bad_inline_values(value: object, problem: str) -> None:
    assert inline(value) == [problem]


# --- whatever comes in -----------------------------------------------------------------------------------------------


def problems_of(loading: Callable[[], object]) -> tuple[Problem, ...]:
    """None, or those of the ScenarioError; anything else goes through and fails the test."""
    try:
        loading()
    except ScenarioError as error:
        return error.problems or pytest.fail("an error without a problem")
    return ()


def survives(text: str | bytes) -> None:
    for problem in problems_of(lambda: read(text)):
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.message


ANY = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
CHARS = st.text(
    alphabet=st.one_of(st.sampled_from("&*!|>%@`'\"{}[],:?-# \t\n<~\\ab0.\x85\u2028\ufeff"), st.characters())
)


@ANY
@given(CHARS)
@example("a: &a [*a]")
@example("%YAML 3.0\n---\na: 1")
@example("- \r\n\x85- \u2028?")
def test_any_text_is_a_scenario_or_a_scenario_error(text: str) -> None:
    survives(text)


@ANY
@given(st.binary())
def test_any_bytes_are_a_scenario_or_a_scenario_error(raw: bytes) -> None:
    survives(raw)


@ANY
@given(st.integers(0, len(GOOD)), st.integers(0, 40), CHARS)
def test_a_good_file_with_a_piece_replaced(start: int, length: int, piece: str) -> None:
    survives(GOOD[:start] + piece + GOOD[start + length :])


LINES = GOOD.splitlines()


@ANY
@given(st.lists(st.sampled_from(LINES), max_size=30))
def test_lines_of_a_good_file_in_any_order(lines: list[str]) -> None:
    survives(HEAD + "\n".join(lines))


@ANY
@given(st.data())
def test_a_good_file_with_values_exchanged(data: st.DataObject) -> None:
    """Every kind of value in every place of the grammar."""
    root = read_text(GOOD, Problems("f"))
    assert root is not None
    value = plain(root)
    for _ in range(data.draw(st.integers(1, 3))):
        at: Any = value
        while True:
            keys = list(at) if isinstance(at, dict) else list(range(len(at)))
            if not keys:
                break
            key = data.draw(st.sampled_from(keys))
            if not isinstance(at[key], dict | list) or not at[key] or data.draw(st.booleans()):
                at[key] = data.draw(JSON)
                break
            at = at[key]
    for problem in problems_of(lambda: load_value(value, name="n", catalogues=CATALOGUES)):
        assert problem.message
        assert str(problem).startswith("<inline>:/")
    survives(json.dumps(value))


WORDS = st.sampled_from(
    ["5.00 EUR", "2s", "acme.charge", "acme.*", "visa", "${a.b}", "NO", "0 BTC", "P", "[", "9" * 30, "*", "acme."]
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), WORDS, st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from([*KEYS["rule"], *KEYS["condition"]]), st.text(max_size=3)), inner),
    ),
    max_leaves=6,
)


@ANY
@given(JSON)
def test_any_value_is_a_scenario_or_a_scenario_error(value: Any) -> None:
    problems_of(lambda: load_value(value, name="n", catalogues=CATALOGUES))


# --- the published grammar -------------------------------------------------------------------------------------------


def accepts(document: dict[str, Any], text: str) -> bool:
    from jsonschema_rs import Draft202012Validator

    root = read_text(text, Problems("f"))
    assert root is not None
    return bool(Draft202012Validator(document).is_valid(plain(root)))


def test_the_schema_is_one() -> None:
    from jsonschema_rs import meta

    assert meta.is_valid(schema(CATALOGUES))
    assert meta.is_valid(schema({}))


def test_the_schema_accepts_what_the_loader_accepts() -> None:
    assert accepts(schema(CATALOGUES), GOOD)
    assert accepts(schema({}), GOOD)


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "titel: x",
        "title: t",
        HEAD + "settings: {acmee: {}}",
        HEAD + "settings: {acme: {refund_windw: 2s}}",
        HEAD + "world: {acme: {wallets: [{beneficiary: '11111111111'}]}}",
        rule(operation="acme.chrge"),
        rule("when: {amont: 5.00 EUR}"),
        rule("when: {brand: {matchs: v}}"),
        rule("nth: 0"),
        rule(then="{outcome: refsed}"),
        rule(then="{outcome: refused, reason: expird}"),
        rule(then="{outcome: refused, cod: 1}"),
        rule(then="{outcome: approved, reason: limit}", operation="acme.card_complement")[:-1] + "\n    tims: 1",
        HEAD + "webhooks: [{event: acme.payment.captred, deliver: {drop: true}}]",
        HEAD + "webhooks: [{event: acme.payment.captured, deliver: {}}]",
        HEAD + "webhooks: [{event: acme.payment.captured, deliver: {copies: 21}}]",
        HEAD + "webhooks: [{event: acme.payment.captured, deliver: {after: 5}}]",
        HEAD + "faults: [{operation: acme.refund, then: {drop: after_effect, status: 500}}]",
        HEAD + "faults: [{operation: acme.refund, then: {after_effect: true}}]",
        HEAD + "shopper: [{at: acme.checkout}]",
        HEAD + "shopper: [{at: acme.checkout, cancels: true, abandons: true}]",
        HEAD + "shopper: [{at: acme.checkout, pays: [{with: tap}]}]",
        HEAD + "story: [{advance: 2s, settle: true}]",
        HEAD + "story: [{merchant: acme.refnd}]",
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(text: str) -> None:
    assert told(text)
    assert not accepts(schema(CATALOGUES), text)


def test_a_provider_s_references_lead_to_its_own_definitions() -> None:
    document = schema(CATALOGUES)
    wallets = document["$defs"]["acme.world"]["properties"]["wallets"]
    assert wallets["items"] == {"$ref": "#/$defs/acme.world/$defs/wallet"}


def test_the_published_schema_is_current() -> None:
    """If not: ``python -m mockpsp scenarios schema > mockpsp/scenario/schema.json``."""
    from mockpsp.providers import discover

    current = render(schema({name: provider.catalogue() for name, provider in discover().items()}))
    assert Path(mockpsp.scenario.__file__).with_name("schema.json").read_text(encoding="utf-8") == current


def test_bounds_are_what_the_messages_say() -> None:
    assert (yaml_nodes.MAX_BYTES, yaml_nodes.MAX_DEPTH, yaml_nodes.MAX_NODES) == (1_000_000, 60, 100_000)


def test_amounts_that_are_next_to_each_other_leave_a_way() -> None:
    when = "when: {amount: {above: 1.98 EUR, below: 2.00 EUR}}, then: {outcome: approved}"
    found = read(HEAD + f"rules:\n- {{operation: acme.charge, {when}}}\n")
    assert len(found.rules) == 1


def test_what_a_line_leaves_out_is_nothing() -> None:
    text = "faults:\n- {operation: acme.refund, then: {status: 503}}\nstory:\n- {merchant: acme.refund}\n"
    found = read(HEAD + text)
    assert found.faults[0].after_effect is False
    assert (found.story[0].path, found.story[0].headers, found.story[0].query) == ({}, {}, {})


def test_a_tender_that_several_places_take_has_the_fields_of_all() -> None:
    places = {**ACME.places, "kiosk": Place(title="The kiosk", facts={}, tenders={"card": ("number", "pin")})}
    words = Vocabulary({"acme": replace(ACME, places=places)}, Problems("file"))
    card = ("number", "cvc", "bank", "pin")
    assert words.tenders_of("acme") == {"voucher": ("beneficiary",), "card": card, "tap": ()}
