"""The worked examples of Lyra's marketplace, played against the server: the same requests, the same answers.

The files in ``examples/`` are data, put together from Lyra's guides. Ids, times and addresses differ with every run,
yet not at will: what is the same in the examples must be the same with us, so that an item's ``order`` is the ``uuid``
of the order around it. An answer has the keys of its example and no other, at every depth, with the same values and
types; an example that is shortened has fewer.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.control import ControlledSandbox
from tests.support.lyra import Marketplace
from tests.support.receiver import Receiver

HERE = Path(__file__).parent / "examples"
EXAMPLES: Mapping[str, Any] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(HERE.glob("*.json"))
}
ORIGIN = "https://secure.lyra.com"
MARKETPLACE = EXAMPLES["order"]["marketplace"]
ORDER, REGISTRATION = EXAMPLES["order"]["uuid"], EXAMPLES["registration"]["uuid"]
LUCIE, BASILE, OPERATOR = (EXAMPLES["order"]["items"][index]["seller"] for index in (0, 2, 3))
MEAL_CARD, WALLET = "5017670000001900", "11111111111"
SCENARIO = {
    "mockpsp": 1,
    "title": "The marketplace of the examples",
    "clock": "2025-03-07T10:00:01Z",
    "world": {
        "lyra": {
            "sellers": [
                {
                    "uuid": LUCIE,
                    "external_ref": "resto-lucie",
                    "vouchers": {"CONECS": "1204477", "CVCONNECT": "30012345"},
                },
                {"uuid": BASILE, "external_ref": "resto-basile", "vouchers": {"CONECS": "1999011"}},
                {"uuid": OPERATOR, "operator": True},
            ],
            "meal_cards": [{"number": MEAL_CARD, "balance": "500.00 EUR", "daily_limit": "19.00 EUR"}],
            "wallets": [{"beneficiary": WALLET, "balance": "1000.00 EUR"}],
            "cards": [{"number": "4970100000000000", "scheme": "CB"}],
        }
    },
}
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}")
SHAPES: Mapping[str, str] = {
    "created_at": r"2025-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z",
    "updated_at": r"2025-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z",
    "auto_code": r"[0-9a-f]{5,6}",
    "payment_url": (
        r"http://localhost:\d+/vads-payment/exec\.refresh\.a;jsessionid=[0-9A-Za-z]{24}\.vadpayment01\?cacheId=\d{21}"
    ),
    "form_token": r"[0-9A-Za-z]{24,}",
}
"""Generated values and their form."""


class Names:
    """Which of our generated texts stands for which text of the examples."""

    def __init__(self, url: str, marketplace: str) -> None:
        self.url = url
        self.ours = {MARKETPLACE: marketplace, LUCIE: LUCIE, BASILE: BASILE, OPERATOR: OPERATOR}

    def fill(self, value: Any) -> Any:
        """An example's value with our texts where the example has its own."""
        if isinstance(value, dict):
            return {key: self.fill(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.fill(each) for each in value]
        if not isinstance(value, str):
            return value
        return UUID.sub(lambda found: self.ours.get(found[0], found[0]), value.replace(ORIGIN, self.url))

    def differences(self, example: Any, ours: Any, *, exact: bool = True, path: str = "") -> list[str]:
        """Where ours is not what the example says; with ``exact`` also keys that the example does not have."""
        if isinstance(example, dict) and isinstance(ours, dict):
            found = [f"{path}.{key} is missing" for key in example if key not in ours]
            found += [f"{path}.{key} is one too many" for key in ours if exact and key not in example]
            for key in [key for key in example if key in ours]:
                found += self._property(key, example[key], ours[key], exact=exact, path=f"{path}.{key}")
            return found
        if isinstance(example, list) and isinstance(ours, list) and len(example) == len(ours):
            pairs = enumerate(zip(example, ours, strict=True))
            return [each for at, pair in pairs for each in self.differences(*pair, exact=exact, path=f"{path}[{at}]")]
        if isinstance(example, str) and isinstance(ours, str) and UUID.fullmatch(example):
            wrong = self._stands(example, ours, path)
            return [wrong] if wrong else []
        expected = self.fill(example)
        same = expected == ours and type(expected) is type(ours)
        return [] if same else [f"{path} is {ours!r}, not {expected!r}"]

    def _property(self, key: str, example: Any, ours: Any, *, exact: bool, path: str) -> list[str]:
        shape = SHAPES.get(key)
        if key == "reference" and re.fullmatch(r"SL\d{6}", str(example)):
            shape = r"SL\d{6}"
        if shape is None:
            return self.differences(example, ours, exact=exact, path=path)
        return [] if re.fullmatch(shape, str(ours)) else [f"{path} has not the form of one: {ours!r}"]

    def _stands(self, example: str, ours: str, path: str) -> str:
        if len(ours) != len(example) or not UUID.fullmatch(ours):
            return f"{path} has not the form of one: {ours!r}"
        known = self.ours.setdefault(example, ours)
        others = [name for name, text in self.ours.items() if text == ours and name != example]
        if known != ours:
            return f"{path} is {ours}, and {example} has been {known}"
        return f"{path} is {ours}, which has been {others[0]}" if others else ""


class Stage:
    """A sandbox with the sellers of the examples, whose clock stands still, and a webhook endpoint."""

    def __init__(self, sandbox: ControlledSandbox, receiver: Receiver) -> None:
        self.sandbox = sandbox
        self.receiver = receiver
        self.shop = Marketplace(sandbox)
        self.names = Names(sandbox.url, self.shop.uuid)
        self.taken: set[str] = set()

    def send(self, method: str, path: str, body: Any = None, status: int = 200, *, version: str = "") -> Any:
        """The answer to a request, in which names of the examples mean ours."""
        self.shop.base = f"/marketplace-test{version}"
        answer = self.shop.request(method, self.names.fill(path), self.names.fill(body))
        assert answer.status_code == status, f"{answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def take(self, name: str, answer: Any, *, exact: bool = True) -> Any:
        """Compare an answer with its example, and learn its names; returns the answer."""
        found = self.names.differences(EXAMPLES[name], answer, exact=exact)
        assert not found, f"{name}: {found}\n{json.dumps(answer, indent=1)}"
        self.taken.add(name)
        return answer

    def asked(self, name: str) -> Any:
        """A request of the examples."""
        self.taken.add(name)
        return EXAMPLES[name]

    def at(self, moment: str) -> None:
        """Go to this time."""
        self.sandbox.call("POST", "/clock", {"set": moment})

    def listens(self) -> None:
        """The marketplace names its endpoint for orders."""
        asked = {**self.asked("webhook-settings"), "target": self.receiver.url}
        assert self.send("POST", f"/marketplaces/{MARKETPLACE}/webhooks", asked) == asked
        [probe] = self.receiver.received
        assert probe.body == b""

    def ordered(self) -> Any:
        """Section 18.4: the order of four items."""
        return self.take("order", self.send("POST", "/orders?expand=items", self.asked("order-request"), 201))

    def executed(self) -> None:
        """Section 18.5."""
        self.ordered()
        self.take("execute", self.send("GET", f"/orders/{ORDER}/execute"))

    def paid(self) -> Any:
        """Section 18.6: 19.00 by meal card, 30.00 by holiday vouchers, the rest by card."""
        self.executed()
        ref = self.names.ours[ORDER]
        tenders = ({"with": "conecs"}, {"with": "cv_connect", "amount": "30.00 EUR"}, {"with": "card"})
        for moment, tender in zip(("10:03:10", "10:04:02", "10:04:55"), tenders, strict=True):
            self.at(f"2025-03-07T{moment}Z")
            self.sandbox.shopper(ref, {"pay": [tender]})
        self.sandbox.settle()
        return self.send("GET", f"/orders/{ORDER}?expand=items,transactions")


def vouchers(order: Any) -> list[dict[str, Any]]:
    """All vouchers of an order's items."""
    return [voucher for item in order["items"] for voucher in item["vouchers"]]


# -- orders ----------------------------------------------------------------------------------------------------------


def order(on: Stage) -> None:
    on.ordered()
    read = on.send("GET", f"/orders/{ORDER}?expand=items")
    assert not on.names.differences(EXAMPLES["order"], read), "it reads as it was created"


def execute(on: Stage) -> None:
    on.executed()
    read = on.send("GET", f"/orders/{ORDER}?expand=items")
    chosen = [(each["contract_type"], each["is_selected"]) for each in vouchers(read)]
    assert chosen == [("CVCONNECT", True), ("CONECS", True), ("CONECS", True), ("CONECS", False)]
    on.take("voucher-selected", vouchers(read)[0])
    assert (read["status"], read["amount"], read["initial_amount"]) == ("CREATED", 16400, 16400)


def execute_embedded(on: Stage) -> None:
    on.ordered()
    on.take("execute-embedded", on.send("GET", f"/orders/{ORDER}/execute-embedded"))


def paid(on: Stage) -> None:
    on.listens()
    told = on.paid()
    meal = [each["actual_amount"] for each in vouchers(told) if each.get("actual_amount", 3000) != 3000]
    assert meal in ([1400, 500], [800, 1100]), "spread over Lucie's items, whichever comes first"
    shown = copy.deepcopy(told)
    first, second = (item["vouchers"][-1] for item in shown["items"][:2])
    first["actual_amount"], second["actual_amount"] = 1400, 500
    on.take("order-paid", shown, exact=False)
    for name, exact in (("transactions", True), ("items", False)):
        assert not on.names.differences(EXAMPLES["order-paid"][name], shown[name], exact=exact)
    assert not on.names.differences(vouchers(EXAMPLES["order-paid"]), vouchers(shown))
    _, webhook = on.receiver.received
    on.take("webhook-order", json.loads(webhook.body))
    assert ("Content-Type", "application/json") in webhook.headers


def refund(on: Stage) -> None:
    on.names.differences(EXAMPLES["order-paid"], on.paid(), exact=False)  # which teaches the names of transactions
    on.at("2025-03-12T08:30:00Z")
    on.take("refund", on.send("POST", "/refunds/", on.asked("refund-request"), 201))


# -- registrations, tokens -------------------------------------------------------------------------------------------


def registration(on: Stage) -> None:
    """The sellers of the scenario are of another marketplace: there, nobody is called resto-lucie yet."""
    sandbox = ControlledSandbox.create(on.sandbox.url, clock="2025-03-03T09:12:44Z")
    try:
        alone = Stage(sandbox, on.receiver)
        asked = alone.asked("registration-request")
        alone.take("registration", alone.send("POST", "/registrations/", asked, 201, version="/v1"))
        read = alone.send("GET", f"/registrations/{REGISTRATION}", version="/v1")
        assert not alone.names.differences(EXAMPLES["registration"], read)
    finally:
        sandbox.delete()
    on.taken |= alone.taken


def token(on: Stage) -> None:
    asked = {"marketplace": MARKETPLACE, "buyer": EXAMPLES["order-request"]["buyer"]}
    on.take("token", on.send("POST", "/tokens/", asked, 201))
    del on.names.ours[EXAMPLES["token"]["token"]]
    on.take("token-embedded", on.send("POST", "/tokens/embedded/", asked, 201))


# -- errors ----------------------------------------------------------------------------------------------------------


def nothing_to_pay(on: Stage) -> None:
    made = on.send("POST", "/orders", EXAMPLES["order-request"], 201)
    assert made["items"] == [], "without expand the items are not read"
    on.take("error-no-amount", on.send("GET", f"/orders/{made['uuid']}/execute", status=400))


def cancelled_while_paying(on: Stage) -> None:
    on.executed()
    on.take("error-cancel-executed", on.send("DELETE", f"/orders/{ORDER}", status=400))


def schema(on: Stage) -> None:
    body = copy.deepcopy(EXAMPLES["order-request"])
    del body["buyer"]["email"]
    body["items"][1]["reference"] = "Buffet 2"
    on.take("error-schema", on.send("POST", "/orders?expand=items", body, 400))


def access(on: Stage) -> None:
    on.take("error-page", on.send("GET", "/orders/?page=2", status=404))
    on.take("error-not-found", on.send("GET", f"/orders/{ORDER}", status=404))
    stranger = on.shop.request("GET", "/orders", auth=None)
    assert stranger.status_code == 401
    on.take("error-unauthorized", stranger.json())


def webhook_target(on: Stage) -> None:
    on.receiver.status = 404
    asked = {**EXAMPLES["webhook-settings"], "target": on.receiver.url}
    told = on.send("POST", f"/marketplaces/{MARKETPLACE}/webhooks", asked, 400)
    on.take("error-webhook-target", {"error": told["error"].replace(on.receiver.url, "https://...")})


def iban_currency(on: Stage) -> None:
    body = copy.deepcopy(EXAMPLES["registration-request"])
    body["ibans"][0]["currencies"] = ["USD"]
    told = on.send("POST", "/registrations/", body, 400)
    name = on.send("GET", f"/marketplaces/{MARKETPLACE}")["description"]
    text = told["ibans"].replace(name, "{marketplacename}").replace("USD", "{currency}")
    on.take("error-iban-currency", {**told, "ibans": text})


PLAYED: Mapping[str, Callable[[Stage], None]] = {
    "an order": order,
    "executed": execute,
    "executed for a form in the shop's page": execute_embedded,
    "paid in three ways": paid,
    "a refund": refund,
    "a registration": registration,
    "tokens": token,
    "nothing to pay": nothing_to_pay,
    "cancelled while the shopper pays": cancelled_while_paying,
    "schema errors": schema,
    "access": access,
    "a webhook target that does not answer 200": webhook_target,
    "an IBAN in a currency that is not there": iban_currency,
}


@pytest.fixture
def stage(new_sandbox: Callable[..., ControlledSandbox], receiver: Receiver) -> Stage:
    """A fresh one."""
    return Stage(new_sandbox(scenario=SCENARIO), receiver)


@pytest.mark.parametrize("story", PLAYED)
def test_the_example_is_reproduced(stage: Stage, story: str) -> None:
    PLAYED[story](stage)


def test_every_example_is_played(new_sandbox: Callable[..., ControlledSandbox], receiver: Receiver) -> None:
    taken: set[str] = set()
    for play in PLAYED.values():
        receiver.status = 200
        receiver.received.clear()
        stage = Stage(new_sandbox(scenario=SCENARIO), receiver)
        play(stage)
        taken |= stage.taken
    assert taken == set(EXAMPLES)
