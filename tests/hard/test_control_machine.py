"""Anybody may call the control API in any order and with odd values: no fault, as described, and nothing else moves."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import requests
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mockpsp.domain.ledger import OUTSIDE
from tests.support.control import ControlledSandbox
from tests.support.hard import contract
from tests.support.server import Threaded, threaded
from tests.support.state import state_of
from tests.support.worldline import Merchant, checkout_body

LONG = int(os.environ.get("MOCKPSP_HARD_EXAMPLES", "0"))
START = "2026-07-01T09:00:00Z"
BASE = "/_mockpsp/sandboxes"
_server: list[Threaded] = []

indices = st.integers(0, 5)
texts = st.one_of(
    st.sampled_from(
        ["", "0", "-1", "999999999999999999999", "default", "worldline", "ADYEN", "\x00", "é", "../..", "%2F", "1e9"]
    ),
    st.text(max_size=12),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)
spans = st.sampled_from(["PT0S", "PT1S", "1h", "PT4H1M", "P1D", "P30D", "-PT1S", "P99999999D", "soon", ""])
moments = st.sampled_from(
    ["2026-07-01T08:00:00Z", "2026-07-02T00:00:00+02:00", "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z",
     "9999-12-31T23:59:59Z", "2026-02-30T00:00:00Z", "2026-07-01", "", "2036-01-01T00:00:00Z"]
)  # fmt: skip
moves = st.one_of(
    st.builds(lambda span: {"advance": span}, spans),
    st.builds(lambda moment: {"set": moment}, moments),
    st.sampled_from([{"mode": "manual"}, {"mode": "real"}, {"mode": "odd"}, {}, {"advance": "1h", "set": START}]),
    values,
)
rules = st.sampled_from(
    [
        {"operation": "worldline.cv_connect", "then": {"outcome": "refused"}},
        {"operation": "worldline.cv_connect", "times": 1, "then": {"outcome": "pending"}},
        {"operation": "worldline.nothing", "then": {"outcome": "refused"}},
        {"operation": "worldline.card_complement", "nth": 0, "then": {"outcome": "refused"}},
        {"operation": "worldline.cv_connect", "when": {"amount": "x"}, "then": {}},
    ]
)
scenarios = st.one_of(
    st.builds(
        lambda made: {"mockpsp": 1, "title": "t", "extends": "default", "rules": made}, st.lists(rules, max_size=3)
    ),
    st.builds(lambda made: {"mockpsp": 1, "title": "t", "world": made}, values),
    st.sampled_from(["default", "worldline/split-with-card", "nowhere"]),
    values,
)
acts = st.one_of(
    st.sampled_from(
        [{"pay": [{"with": "cv_connect"}]}, {"pay": [{"with": "cv_connect", "amount": "10.00 EUR"}, {"with": "card"}]},
         {"cancel": True}, {"abandon": True}, {"refuse": True}, {"pay": [{"with": "card", "number": "1"}]}, {"pay": []}]
    ),
    values,
)  # fmt: skip
queries = st.dictionaries(
    st.sampled_from(["kind", "provider", "operation", "reference", "after", "limit", "odd"]),
    st.one_of(texts, st.sampled_from(["request", "event", "0", "5", "-1", "adyen", "*"])),
    max_size=3,
)


class Callers(RuleBasedStateMachine):
    """Several sandboxes; after each call the untouched ones are as they were, and all books are right."""

    @initialize()
    def begin(self) -> None:
        self.live = _server[0]
        self.http = requests.Session()
        self.open: list[ControlledSandbox] = []
        self.bystander = ControlledSandbox.create(self.live.url, clock=START)
        Merchant(self.bystander).call("create_hosted_checkout", checkout_body())
        self.bystander.settle()
        self.before = self._state(self.bystander)
        self.open.append(ControlledSandbox.create(self.live.url, clock=START))

    # -- calls ---------------------------------------------------------------------------------------------------------

    def call(self, operation: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        """One call, whose answer must be one that the contract describes."""
        told = contract("control").operation(operation)
        data = None if body is None and told.method in ("GET", "DELETE") else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data is not None else {}
        url = f"{self.live.url}{BASE}{path}"
        answer = self.http.request(told.method, url, data=data, headers=headers, timeout=60, **more)
        why = f"{told.method} {path} {str(body)[:300]} {more}: {answer.status_code} {answer.text[:500]}"
        assert answer.status_code < 500, why
        described = told.responses.get(str(answer.status_code)) or told.responses.get("default")
        assert described is not None, why
        content = contract("control").resolve(described).get("content", {})
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        assert kind in content or not (content or answer.content), why
        if "json" in kind:
            problems = [
                each.message
                for each in contract("control").validator(content[kind]["schema"]).iter_errors(answer.json())
            ]
            assert not problems, f"{why}: {problems}"
        return answer

    def at(self, index: int) -> str:
        """One of the sandboxes, or one that is not there."""
        return f"/{self.open[index % len(self.open)].id}" if self.open else "/nowhere"

    @precondition(lambda self: len(self.open) < 4)
    @rule(
        scenario=scenarios,
        clock=st.one_of(st.none(), st.just(START), moments),
        seed=st.one_of(st.none(), st.integers(-1, 9)),
    )
    def create(self, scenario: Any, clock: str | None, seed: int | None) -> None:
        given = {"scenario": scenario, "clock": clock, "seed": seed}
        answer = self.call("create_sandbox", "", {name: each for name, each in given.items() if each is not None})
        if answer.status_code == 201:
            self.open.append(ControlledSandbox(self.live.url, answer.json()))

    @rule(index=indices)
    def delete(self, index: int) -> None:
        at = self.at(index)
        if self.call("delete_sandbox", at).status_code == 204:
            self.open = [each for each in self.open if f"/{each.id}" != at]
            assert self.call("show_sandbox", at).status_code == 404

    @rule(index=indices)
    def reset(self, index: int) -> None:
        self.call("reset_sandbox", f"{self.at(index)}/reset")

    @rule(index=indices, scenario=scenarios)
    def change_scenario(self, index: int, scenario: Any) -> None:
        self.call("change_scenario", f"{self.at(index)}/scenario", scenario)

    @rule(index=indices, how=moves)
    def move(self, index: int, how: Any) -> None:
        self.call("move_clock", f"{self.at(index)}/clock", how)

    @precondition(lambda self: self.open)
    @rule(index=indices, amount=st.integers(1, 200_000))
    def buy(self, index: int, amount: int) -> None:
        """A checkout, as far as the sandbox's scenario and clock allow one."""
        sandbox = self.open[index % len(self.open)]
        merchant = Merchant(sandbox)
        path = f"/v2/{merchant.given['merchant_id']}/hostedcheckouts"
        assert merchant.send("POST", path, json.dumps(checkout_body(amount)).encode()).status_code < 500

    @rule(index=indices, which=indices, act=acts, odd=st.one_of(st.none(), texts))
    def shop(self, index: int, which: int, act: Any, odd: str | None) -> None:
        found = self.call("list_checkouts", f"{self.at(index)}/checkouts")
        refs = [each["ref"] for each in found.json().get("checkouts", ())] or ["nowhere"]
        ref = quote(odd or refs[which % len(refs)], safe="")
        self.call("act_as_shopper", f"{self.at(index)}/checkouts/{ref or 'x'}/shopper", act)

    @rule(index=indices, n=st.one_of(st.integers(0, 9), st.just(10**25)), body=st.one_of(st.none(), values))
    def resend(self, index: int, n: int, body: Any) -> None:
        self.call("resend_webhook", f"{self.at(index)}/webhooks/{n}/resend", body)

    @rule(index=indices, provider=st.sampled_from(["worldline", "adyen", "lyra", "nobody"]), body=st.one_of(
        values, st.sampled_from([{"url": None}, {"url": "http://127.0.0.1:9/"}, {"urls": []}, {"url": "ftp://x"}])
    ))  # fmt: skip
    def endpoint(self, index: int, provider: str, body: Any) -> None:
        self.call("change_endpoint", f"{self.at(index)}/webhook-endpoints/{provider}", body)

    @rule(
        index=indices,
        balance=st.sampled_from(["12.00 EUR", "0.00 EUR", "-1.00 EUR", "1 USD", "x", "99999999999999999999.00 EUR"]),
    )
    def set_balance(self, index: int, balance: str) -> None:
        ref = "worldline/wallet/11111111111"
        self.call("set_balance", f"{self.at(index)}/accounts/{ref}", {"balance": balance})

    @rule(index=indices, query=queries)
    def journal(self, index: int, query: dict[str, str]) -> None:
        self.call("list_journal", f"{self.at(index)}/journal", params=query)

    @rule(index=indices, n=st.one_of(st.integers(0, 60), st.just(10**30)))
    def entry(self, index: int, n: int) -> None:
        self.call("show_entry", f"{self.at(index)}/journal/{n}")

    @rule(index=indices, check=st.one_of(
        values, st.sampled_from([{"operation": "*"}, {"count": 0}, [{"kind": "event"}], {"body": {"a": 1}}])
    ))  # fmt: skip
    def verify(self, index: int, check: Any) -> None:
        self.call("verify", f"{self.at(index)}/journal/verify", check)

    @rule(index=indices, part=st.sampled_from([
        ("show_sandbox", ""), ("show_clock", "/clock"), ("record_sandbox", "/recording"),
        ("list_webhooks", "/webhooks"),
        ("list_accounts", "/accounts"),
    ]))  # fmt: skip
    def look(self, index: int, part: tuple[str, str]) -> None:
        self.call(part[0], f"{self.at(index)}{part[1]}")

    # -- what must hold ------------------------------------------------------------------------------------------------

    def _state(self, sandbox: ControlledSandbox) -> dict[str, Any]:
        return self.live.call(lambda: state_of(self.live.server.sandboxes.get(sandbox.id)))

    @invariant()
    def others_are_untouched(self) -> None:
        if hasattr(self, "before"):
            assert self._state(self.bystander) == self.before

    @invariant()
    def books_are_right(self) -> None:
        if not hasattr(self, "open"):
            return
        for sandbox in self.open:
            ledger = self.live.call(
                lambda id=sandbox.id: dict(self.live.server.sandboxes.get(id).world.ledger.balances())
            )
            sums: dict[str, int] = {}
            for (account, currency), minor in ledger.items():
                sums[currency] = sums.get(currency, 0) + minor
                assert minor >= 0 or account.startswith(OUTSIDE), (account, minor)
            assert not any(sums.values()), sums

    def teardown(self) -> None:
        for sandbox in (*self.open, self.bystander):
            sandbox.delete()


@contextmanager
def _serving() -> Iterator[None]:
    with threaded() as server:
        _server.append(server)
        try:
            yield
        finally:
            _server.clear()


def test_the_control_api_bears_any_calls_in_any_order() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    with _serving():
        run_state_machine_as_test(
            Callers,
            settings=settings(
                max_examples=LONG or 50,
                stateful_step_count=15,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
