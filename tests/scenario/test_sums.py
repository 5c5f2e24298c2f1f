"""What ``check`` says of amounts that stand in one story and contradict each other, and of those that only seem to."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped,unused-ignore]
from hypothesis import given, settings
from hypothesis import strategies as st

from mockpsp.app import catalogues
from mockpsp.scenario.library import Library
from mockpsp.scenario.loader import ScenarioError, load, load_value

CATALOGUES = catalogues()
LIBRARY = Library(catalogues)
STORIES = [yaml.safe_load(LIBRARY.path(name).read_bytes()) for name in LIBRARY.names()]

CHECKOUT = "{merchant: worldline.create_hosted_checkout, amount: 120.00 EUR, as: checkout}"
ORDER = "{merchant: adyen.create_order, amount: 43.50 EUR, as: order}"
MARKET = "{merchant: lyra.create_order, amount: 80.00 EUR, as: order}"
EXECUTE = "{merchant: lyra.execute, of: order}"


def told(*steps: str, more: str = "") -> list[str]:
    """What is wrong with a story of these steps, one a line from line 4 on: its place and the sentence."""
    text = "\n".join(["mockpsp: 1", "title: t", "story:", *(f"- {each}" for each in steps), more])
    try:
        load(text, file="f", name="n", catalogues=CATALOGUES)
    except ScenarioError as error:
        return [f"{each.line}:{each.column}: {each.message}" for each in error.problems]
    return []


def body(of: str, call: str, expected: str) -> str:
    """A step that looks at something and expects this body."""
    return f"{{merchant: {call}, of: {of}, expect: {{body: {{{expected}}}}}}}"


def state(name: str, expected: str) -> str:
    """A step that expects this state of something."""
    return f"{{expect: {{state: {{{name}: {{{expected}}}}}}}}}"


def pay(amount: str, left: str = "", *, of: str = "order", more: str = "") -> str:
    """A payment of an Adyen order, which leaves so much of it."""
    expected = f", expect: {{body: {{order: {{remainingAmount: {left}}}}}}}" if left else ""
    return f"{{merchant: adyen.payments, of: {of}, amount: {amount}{more}{expected}}}"


def shown(*amounts: int) -> str:
    """A Lyra order of 80.00 EUR as it is read, with these transactions."""
    listed = ", ".join(f"{{amount: {each}}}" for each in amounts)
    return body("order", "lyra.get_order", f"amount: 8000, transactions: [{listed}]")


# -- one object --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        # Lyra: the items are the order, and so are the transactions once it is paid.
        ([shown(1100, 3000, 3900)],
         ""),
        ([shown(1100, 3000, 3800)],
         "transactions: 1100 + 3000 + 3800 are 7900, and 'amount' is 8000; they have to add up to it"),
        ([body("order", "lyra.get_order", "amount: 8000, items: [{amount: 8100}]")],
         "items: 8100, and 'amount' is 8000; they have to add up to it"),
        ([MARKET, body("order", "lyra.get_order", "status: PENDING, transactions: [{amount: 8001}]")],
         "transactions: 80.01 EUR, and the amount is 80.00 EUR; they have to add up to it"),
        ([MARKET, state("order", "status: PENDING, transactions: [{amount: 41.00 EUR}, {amount: 38.00 EUR}]")],
         "transactions: 41.00 EUR + 38.00 EUR are 79.00 EUR, and the amount is 80.00 EUR; they have to add up to it"),
        # Of an order that failed the transactions are those that were given back.
        ([MARKET, state("order", "status: FAILED, transactions: [{amount: 41.00 EUR}]")], ""),
        ([MARKET, state("order", "transactions: [{amount: 41.00 EUR, status: CANCELLED}]")], ""),
        ([body("order", "lyra.get_order", "amount: 8000, transactions: [{amount: 4100, status: CANCELLED}]")], ""),
        # One that does not tell its amount may be anything, and a list of one kind may tell of a part.
        ([body("order", "lyra.get_order", "amount: 8000, transactions: [{amount: 1100}, {}]")], ""),
        ([body("order", "lyra.get_order", "amount: 8000, transactions: [{amount: 8100}, {}]")],
         "transactions: 8100, and 'amount' is 8000; they have to add up to it"),
        ([body("order", "lyra.get_order", "amount: {at_least: 1}, transactions: [{amount: 8100}]")], ""),
        ([body("order", "lyra.get_order",
               "items: [{amount: 4000, vouchers: [{actual_amount: 3000}, {actual_amount: 1001}]}]")],
         "vouchers: 3000 + 1001 are 4001, and 'amount' is 4000; they cannot be more than it"),
        ([body("order", "lyra.get_order",
               "items: [{amount: 4000, vouchers: [{actual_amount: 3000}, {actual_amount: {absent: true}}]}]")], ""),
        ([MARKET, state("order", "items: [{amount: 4 EUR, vouchers: {CONECS: {actual: 4.01 EUR}}}, {amount: 76 EUR}]")],
         "vouchers: 4.01 EUR, and 'amount' is 4.00 EUR; they cannot be more than it"),
        # Worldline: what was acquired is at most the order, what was captured at most what was acquired.
        ([body("checkout", "worldline.get_payment",
               "paymentOutput: {amountOfMoney: 120.00 EUR, acquiredAmount: 130.00 EUR}")],
         "acquiredAmount: 130.00 EUR, and 'amountOfMoney' is 120.00 EUR; it cannot be more"),
        ([body("checkout", "worldline.get_payment",
               "paymentOutput: {amountOfMoney: {amount: 12000, currencyCode: EUR}, acquiredAmount: 120.01 EUR}")],
         "acquiredAmount: 120.01 EUR, and 'amountOfMoney' is 120.00 EUR; it cannot be more"),
        ([body("checkout", "worldline.get_payment_details",
               "paymentOutput: {acquiredAmount: 120.00 EUR}, Operations: ["
               "{status: PENDING_CAPTURE, amountOfMoney: 120.00 EUR}, {status: CAPTURED, amountOfMoney: 80.00 EUR}, "
               "{status: CAPTURED, amountOfMoney: 40.00 EUR}]")], ""),
        ([body("checkout", "worldline.get_payment_details",
               "paymentOutput: {acquiredAmount: 120.00 EUR}, Operations: ["
               "{status: CAPTURED, amountOfMoney: 80.00 EUR}, {status: CAPTURED, amountOfMoney: 40.01 EUR}]")],
         "Operations: 80.00 EUR + 40.01 EUR are 120.01 EUR, and 'paymentOutput.acquiredAmount' is 120.00 EUR"),
        ([CHECKOUT, state("checkout", "tenders: [{captured: 100.00 EUR}, {captured: 20.01 EUR}]")],
         "tenders: 100.00 EUR + 20.01 EUR are 120.01 EUR, and the amount is 120.00 EUR; they cannot be more than it"),
        # Adyen: some payments of an order may be refused, the others add up to it.
        ([ORDER, state("order", "order: paid, payments: [{amount: 25.00 EUR}, {amount: 18.50 EUR}]")], ""),
        ([ORDER, state("order", "order: paid, payments: [{amount: 1 EUR}, {amount: 25 EUR}, {amount: 18.50 EUR}]")],
         ""),
        ([ORDER, state("order", "order: paid, payments: [{amount: 25.00 EUR}, {amount: 18.40 EUR}]")],
         "payments: 25.00 EUR + 18.40 EUR are 43.40 EUR, and the amount is 43.50 EUR; no choice of them adds up to it"),
        ([ORDER, state("order", "order: open, payments: [{amount: 25.00 EUR}]")], ""),
        ([ORDER, state("order", "total: 43.50 EUR, remaining: 43.60 EUR")],
         "remaining: 43.60 EUR, and 'total' is 43.50 EUR; it cannot be more"),
        ([ORDER, state("order", "captured: 20.00 EUR, refunded: 20.01 EUR")],
         "refunded: 20.01 EUR, and 'captured' is 20.00 EUR; it cannot be more"),
        ([ORDER.replace("as: order", "expect: {body: {amount: 5.00 EUR, remainingAmount: 5.01 EUR}}")],
         "remainingAmount: 5.01 EUR, and 'amount' is 5.00 EUR; it cannot be more"),
        # Two currencies are another mistake, and not this one.
        ([ORDER, state("order", "captured: 20.00 EUR, refunded: 20.01 USD")], ""),
    ],
)  # fmt: skip
def test_an_amount_and_its_parts_agree(steps: list[str], problem: str) -> None:
    call, label = ("worldline.create_payment", "checkout") if "checkout" in steps[0] else ("lyra.create_order", "order")
    opened = [] if steps[0] in (CHECKOUT, ORDER, MARKET) else [f"{{merchant: {call}, as: {label}}}"]
    found = told(*opened, *steps)
    assert len(found) == bool(problem), found
    assert problem in "".join(found)


def test_the_place_is_that_of_the_parts() -> None:
    step = body("order", "lyra.get_order", "amount: 8000, transactions: [{amount: 7000}]")
    [found] = told(MARKET, step)
    assert found.startswith(f"5:{step.index('transactions') + 3}: ")
    [found] = told(MARKET, more="expect: {state: {order: {status: PENDING, transactions: [{amount: 7.00 EUR}]}}}")
    assert found.startswith("5:43: transactions: ")


def test_an_inline_value_gets_a_pointer() -> None:
    story = [{"merchant": "lyra.create_order", "amount": "80.00 EUR", "body": {"items": [{"amount": 7000}]}}]
    with pytest.raises(ScenarioError) as caught:
        load_value({"story": story}, name="n", catalogues=CATALOGUES)
    assert [each.path for each in caught.value.problems] == ["/story/0/body/items"]


# -- requests ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        ("{merchant: lyra.create_order, amount: 80.00 EUR, body: {items: [{amount: 5000}, {amount: 3000}]}}", ""),
        ("{merchant: lyra.create_order, amount: 80.00 EUR, body: {items: [{amount: 5000}, {amount: 2000}]}}",
         "items: 50.00 EUR + 20.00 EUR are 70.00 EUR, and the amount is 80.00 EUR; they have to add up to it"),
        ("{merchant: lyra.create_order, amount: 80.00 EUR, body: {items: [{amount: 7000}]}, expect: {status: 400}}",
         ""),
        ("{merchant: lyra.create_order, body: {items: [{amount: 4000, vouchers: [{eligible_amount: 4001}]}]}}",
         "vouchers: 4001, and 'amount' is 4000; it cannot be more"),
        ("{merchant: lyra.create_order, body: {items: [{amount: 4000, commission_amount: 4001}]}}",
         "commission_amount: 4001, and 'amount' is 4000; it cannot be more"),
        ("{merchant: lyra.create_order, body: {items: [{amount: '${order.amount}'}]}}", "no step before this one"),
    ],
)  # fmt: skip
def test_a_request_agrees_with_itself(step: str, problem: str) -> None:
    found = told(step)
    assert len(found) == bool(problem), found
    assert problem in "".join(found)


# -- captures and refunds ----------------------------------------------------------------------------------------------


def take(call: str, amount: str, of: str = "checkout", **more: str) -> str:
    """A capture or a refund."""
    said = "".join(f", {key}: {value}" for key, value in more.items())
    return f"{{merchant: {call}, of: {of}, amount: {amount}{said}}}"


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ([take("worldline.capture", "120.00 EUR")], ""),
        ([take("worldline.capture", "120.01 EUR")],
         "120.01 EUR is more than the 120.00 EUR of 'checkout'; lower it, or expect the refusal by its 'status'"),
        ([take("worldline.capture", "120.01 EUR", expect="{status: 201}")], "120.01 EUR is more than the 120.00 EUR"),
        ([take("worldline.capture", "120.01 EUR", expect="{status: 400}")], ""),
        ([take("worldline.capture", "120.01 EUR", expect="{status: {above: 201}}")], ""),
        ([take("worldline.capture", "120.01 EUR", expect="{status: dropped}")], ""),
        ([take("worldline.capture", "80.00 EUR"), take("worldline.capture", "40.01 EUR")],
         "amount: 40.01 EUR and the 80.00 EUR captured before are more than the 120.00 EUR of 'checkout'"),
        ([take("worldline.capture", "80.00 EUR"), take("worldline.refund", "120.00 EUR")], ""),
        ([take("worldline.capture", "80.00 EUR", key="k"), take("worldline.capture", "80.00 EUR", key="k")], ""),
        ([take("worldline.capture", "80.00 EUR", expect="{status: 503}"), take("worldline.capture", "80.00 EUR")],
         ""),
        ([take("worldline.refund", each) for each in ("80.00 EUR", "40.00 EUR", "0.01 EUR")],
         "0.01 EUR and the 120.00 EUR refunded before are more than the 120.00 EUR"),
        ([take("worldline.refund", "120.01 USD")], ""),
        (["{merchant: worldline.capture, of: checkout, body: {amount: 12001}}"],
         "body: 120.01 EUR is more than the 120.00 EUR of 'checkout'"),
    ],
)  # fmt: skip
def test_nothing_is_captured_or_refunded_that_was_not_paid(steps: list[str], problem: str) -> None:
    found = told(CHECKOUT, *steps)
    assert len(found) == bool(problem), found
    assert problem in "".join(found)


@pytest.mark.parametrize(
    "line",
    [
        "rules: [{operation: worldline.capture, nth: 1, then: {outcome: refused}}]",
        "faults: [{operation: worldline.capture, nth: 1, then: {status: 500}}]",
        "extends: worldline/family-campsite",
    ],
)
def test_where_a_line_may_let_the_first_capture_fail_a_second_one_may_follow(line: str) -> None:
    steps = [CHECKOUT, take("worldline.capture", "120.00 EUR"), take("worldline.capture", "120.00 EUR")]
    text = "\n".join(["mockpsp: 1", "title: t", line, "story:", *(f"- {each}" for each in steps)])
    assert LIBRARY.parse(text, file="f", name="n").story
    assert len(told(*steps)) == 1


def test_a_body_that_says_the_whole_amount_is_read() -> None:
    money = "{order: {amountOfMoney: {amount: 5000, currencyCode: EUR}}}"
    opened = f"{{merchant: worldline.create_payment, as: checkout, body: {money}}}"
    assert len(told(opened, take("worldline.capture", "50.01 EUR"))) == 1
    assert told(opened, take("worldline.capture", "50.00 EUR")) == []
    assert told(opened.replace("5000", "'${endpoint.worldline}'"), take("worldline.capture", "50.01 EUR")) == []


@pytest.mark.parametrize("call", ["capture", "refund"])
def test_what_adyen_answers_as_received_may_be_too_much_where_the_file_says_so(call: str) -> None:
    paid = "{merchant: adyen.payments, amount: 50.00 EUR, as: checkout}"
    [found] = told(paid, take(f"adyen.{call}", "50.01 EUR"))
    assert found.endswith("lower it, or say by 'status' that it is received all the same")
    assert told(paid, take(f"adyen.{call}", "50.01 EUR", expect="{status: 201}")) == []
    assert told(paid, take(f"adyen.{call}", "50.00 EUR"), take(f"adyen.{call}", "50.00 EUR")) == []
    assert told(paid, take("adyen.amount_update", "60.00 EUR"), take(f"adyen.{call}", "60.00 EUR")) == []


def test_a_refund_of_an_order_that_was_changed_meanwhile_is_not_judged() -> None:
    refund = take("lyra.create_refund", "80.01 EUR", of="order")
    assert len(told(MARKET, refund)) == 1
    changed = "{merchant: lyra.update_item, path: {item: '${order.items[0].uuid}'}, body: {amount: 9000}}"
    assert told(MARKET, changed, refund) == []


# -- shares ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ([pay("43.50 EUR")], ""),
        ([pay("43.51 EUR")],
         "amount: 43.51 EUR is more than the 43.50 EUR of 'order'; lower it, or expect the refusal by its 'status'"),
        ([pay("43.51 EUR", more=", expect: {status: 422}")], ""),
        ([pay("5.00 USD")], "amount: 5.00 USD cannot pay 43.50 EUR; use one currency"),
        ([pay("25.00 EUR", "18.50 EUR")], ""),
        ([pay("25.00 EUR", "18.40 EUR")],
         "remainingAmount: 18.40 EUR cannot be left of 43.50 EUR after 25.00 EUR; one of these amounts is wrong"),
        # Refused, it leaves all of it.
        ([pay("25.00 EUR", "43.50 EUR")], ""),
        ([pay("25.00 EUR", more=", as: first"),
          pay("10.00 EUR", of="first", more=", as: second"),
          state("second", "remaining: 8.50 EUR")], ""),
        ([pay("25.00 EUR", more=", as: first"),
          pay("10.00 EUR", of="first"), state("order", "remaining: 9.50 EUR")],
         "remaining: 9.50 EUR cannot be left of 43.50 EUR after 25.00 EUR, 10.00 EUR"),
        ([pay("25.00 EUR", more=", as: first"), state("order", "order: paid")],
         "order: the tenders so far are 25.00 EUR and there are 43.50 EUR to pay; add one that pays the rest"),
        ([pay("25.00 EUR", more=", as: first"),
          "{merchant: adyen.payments, of: first}", state("order", "order: paid")], ""),
        ([pay("25.00 EUR"),
          "{merchant: adyen.payments, body: {order: {orderData: '${order.orderData}'}}}",
          state("order", "order: paid")], ""),
    ],
)  # fmt: skip
def test_payments_of_an_order_add_up(steps: list[str], problem: str) -> None:
    found = told(ORDER, *steps)
    assert len(found) == bool(problem), found
    assert problem in "".join(found)


@pytest.mark.parametrize(
    ("pays", "expected", "problem"),
    [
        ("{with: conecs, amount: 11.00 EUR}, {with: cv_connect, amount: 30.00 EUR}", "remaining: 39.00 EUR", ""),
        ("{with: conecs, amount: 11.00 EUR}, {with: cv_connect, amount: 30.00 EUR}", "remaining: 38.00 EUR",
         "remaining: 38.00 EUR cannot be left of 80.00 EUR after 11.00 EUR, 30.00 EUR; one of these amounts is wrong"),
        ("{with: conecs, amount: 11.00 EUR}, {with: cv_connect, amount: 30.00 EUR}", "remaining: 50.00 EUR", ""),
        ("{with: conecs}, {with: cv_connect, amount: 30.00 EUR}", "remaining: 38.00 EUR", ""),
        ("{with: conecs, amount: 11.00 EUR}, {with: cv_connect, amount: 30.00 EUR}", "status: PENDING",
         "status: the tenders so far are 41.00 EUR and there are 80.00 EUR to pay; add one that pays the rest"),
        ("{with: conecs, amount: 11.00 EUR}, {with: card}", "status: PENDING", ""),
        ("{with: conecs, amount: 11.00 EUR}, {with: card, amount: 69.00 EUR}", "status: SUCCEEDED", ""),
        ("{with: conecs, amount: 11.00 EUR}, {with: card, amount: 70.00 EUR}", "status: CREATED",
         "pays: 81.00 EUR is more than the 80.00 EUR that there is to pay"),
    ],
)  # fmt: skip
def test_tenders_of_a_page_add_up(pays: str, expected: str, problem: str) -> None:
    step = f"{{shopper: order, pays: [{pays}], expect: {{state: {{order: {{{expected}}}}}}}}}"
    found = told(MARKET, EXECUTE, step)
    assert len(found) == bool(problem), found
    assert problem in "".join(found)


def test_a_shopper_of_the_file_may_have_paid_as_well() -> None:
    step = "{shopper: order, pays: [{with: conecs, amount: 11.00 EUR}], expect: {state: {order: {status: PENDING}}}}"
    scripted = "shopper: [{at: lyra.payment_page, pays: [{with: card}]}]"
    assert told(MARKET, EXECUTE, step, more=scripted) == []


def test_the_items_of_an_order_are_what_there_is_to_pay() -> None:
    order = "{merchant: lyra.create_order, amount: 80.00 EUR, body: {items: [{amount: 8000}]}, as: order}"
    [found] = told(order, EXECUTE, "{shopper: order, pays: [{with: card, amount: 80.01 EUR}]}")
    assert found.startswith("6:26: pays: 80.01 EUR is more than the 80.00 EUR")


def test_an_unknown_call_is_one_mistake() -> None:
    found = told(
        "{merchant: worldline.create_checkout, amount: 5.00 EUR, as: checkout}", take("worldline.capture", "9 EUR")
    )
    assert [each.partition(": ")[2][:22] for each in found] == ["merchant: unknown call"]


def test_a_label_that_is_given_again_stands_for_the_later_answer() -> None:
    again = CHECKOUT.replace("120.00", "10.00")
    assert told(CHECKOUT, again, take("worldline.capture", "10.00 EUR")) == []
    assert len(told(CHECKOUT, again, take("worldline.capture", "10.01 EUR"))) == 1
    refused = "{merchant: worldline.create_payment, amount: 5.00 EUR, as: checkout, expect: {status: 400}}"
    assert told(CHECKOUT, refused, take("worldline.capture", "500.00 EUR")) == []


# -- whatever a file says ----------------------------------------------------------------------------------------------

ODD: list[Any] = [
    None, True, -1, 0, 8000, 2**62, 1.5, "", "12.00 EUR", "-0.01 EUR", "12 JPY", "999999999999999.99 EUR",
    "${order.amount}", [], {}, {"amount": 5, "currency": "EUR"}, {"value": 5, "currencyCode": "X"},
    {"amount": {}, "currency": []},
    {"at_least": "1.00 EUR"}, [[{"amount": 5}]], {"amount": 1, "items": [{"amount": "2.00 EUR"}, {"amount": 1}]},
]  # fmt: skip
MONEY = frozenset(
    "amount total remaining captured refunded acquired items transactions payments vouchers actual_amount "
    "eligible_amount amountOfMoney acquiredAmount Operations remainingAmount pays key of status order".split()
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a story where money may be spoken of."""
    found = []
    for key, child in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if key in MONEY:
            found.append((value, key))
        found += places(child)
    return found


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_whatever_amounts_a_story_has_it_is_read_or_refused(data: st.DataObject) -> None:
    value = json.loads(json.dumps(data.draw(st.sampled_from(STORIES)), default=datetime.isoformat))
    value.pop("extends", None)
    spoken = places({"story": value.get("story", []), "expect": value.get("expect", {})})
    for _ in range(data.draw(st.integers(1, 4)) if spoken else 0):
        where, key = data.draw(st.sampled_from(spoken))
        where[key] = data.draw(st.sampled_from(ODD))
    problems = ()
    try:
        load_value(value, name="n", catalogues=CATALOGUES)
    except ScenarioError as error:
        problems = error.problems
    assert all(each.message and each.path.startswith("/") for each in problems)
