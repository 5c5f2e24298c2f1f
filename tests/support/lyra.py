"""A Lyra marketplace's server in tests: plain HTTP, by password or access token; every answer fits our contract."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import requests

from mockpsp.edge.contract import Contract, read_openapi
from mockpsp.providers.lyra.auth import TOKEN_PATH
from tests.support.connection import compiled, session
from tests.support.control import ControlledSandbox
from tests.support.receiver import Receiver

CONTRACT = Contract(read_openapi("lyra"))
BASES = ("/marketplace", "/marketplace/v1", "/marketplace-test", "/marketplace-test/v1")
V1 = "/marketplace-test/v1"
STRANGE = "00000000-0000-4000-a000-000000000000"
"""A uuid that nothing has."""
ALIAS = "0a6e1f7c2d9b4835a1c0e5f384b7d962"
"""The stored card of the default scenario."""
SHOP = "https://shop.example/back?cart=77"
IBAN = "FR7630006000011234567890189"
PDF = ("kbis.pdf", b"%PDF-1.7 a small one", "application/pdf")
PAUL: Mapping[str, Any] = {"type": "PRIVATE", "email": "paul@example.test", "phone_number": "+33 6 00 00 00 00"}
CARD: Mapping[str, Any] = {"with": "card"}
"""Tenders of ``Marketplace.pay``; more fields may be added, ``amount`` among them (``"18.50 EUR"``)."""
MEAL_CARD: Mapping[str, Any] = {"with": "conecs"}
HOLIDAY: Mapping[str, Any] = {"with": "cv_connect"}


def check_answer(operation: str, answer: requests.Response) -> None:
    """The answer is one that our contract promises for this operation and status, its headers included."""
    status, body = answer.status_code, answer.content
    described = CONTRACT.operation(operation).responses
    known = described.get(str(status)) or described.get("default")
    assert known is not None, f"{operation} must not answer {status}: {body!r}"
    response = CONTRACT.resolve(known)
    for name, header in response.get("headers", {}).items():
        assert name in answer.headers or not CONTRACT.resolve(header).get("required"), (
            f"{operation} {status}: no {name}"
        )
    content = response.get("content")
    if content is None:
        assert body == b"", f"{operation} {status} has no body: {body!r}"
        return
    assert answer.headers["Content-Type"].partition(";")[0] in content, f"{operation} {status}: {answer.headers}"
    validator = compiled(CONTRACT, content["application/json"]["schema"])
    problems = [f"{list(each.instance_path)}: {each.message}" for each in validator.iter_errors(json.loads(body))]
    assert not problems, f"{operation} {status}: {problems}\n{body!r}"


def operation_at(method: str, path: str) -> str | None:
    """The operation of our contract that a path leads to, with its base and whatever query; None for no operation."""
    plain = path.partition("?")[0]
    for base in sorted(BASES, key=len, reverse=True):
        if plain.startswith(f"{base}/"):
            plain = plain.removeprefix(base)
            break
    parts = plain.removesuffix("/").replace("/embedded-execute", "/execute-embedded").split("/")[1:]
    fitting = []
    for name in CONTRACT.names():
        operation = CONTRACT.operation(name)
        theirs = operation.path.split("/")[1:]
        fits = len(theirs) == len(parts) and all(
            one.startswith("{") or one == other for one, other in zip(theirs, parts, strict=True)
        )
        if fits and operation.method == method:
            fitting.append((sum(each.startswith("{") for each in theirs), name))
    return min(fitting)[1] if fitting else None


class Marketplace:
    """Calls of one sandbox's marketplace. ``bearer`` calls by access token, ``changed`` are credentials of its own."""

    def __init__(self, sandbox: ControlledSandbox, base: str = V1, *, bearer: bool = False, **changed: str) -> None:
        self.sandbox = sandbox
        self.base = base
        self.bearer = bearer
        self.given: dict[str, Any] = {**sandbox.credentials["lyra"], **changed}
        self.uuid: str = self.given["marketplace"]
        self._sellers = {each["external_ref"]: str(each["uuid"]) for each in sandbox.credentials["lyra"]["sellers"]}

    def seller(self, external_ref: str = "seller1") -> str:
        """The uuid of one of the scenario's sellers."""
        return self._sellers[external_ref]

    # -- requests ----------------------------------------------------------------------------------------------------

    def token(self) -> str:
        """A fresh access token."""
        form = {name: self.given[name] for name in ("client_id", "client_secret")}
        answer = session().post(
            f"{self.sandbox.url}{TOKEN_PATH}", data={"grant_type": "client_credentials", **form}, timeout=30
        )
        assert answer.status_code == 200, answer.text
        check_answer("get_access_token", answer)
        return str(answer.json()["access_token"])

    def request(self, method: str, path: str, body: Any = None, **how: Any) -> requests.Response:
        """One call below the base, or to a whole address. Bodies that are text or bytes are sent as they are, others
        as JSON. ``headers``, ``files`` and ``data`` (both of a form), ``params`` and ``auth`` as requests has them.
        Redirects are not followed."""
        url = path if path.startswith("http") else f"{self.sandbox.url}{self.base}{path}"
        headers = dict(how.pop("headers", {}))
        if "auth" not in how:
            if self.bearer:
                headers.setdefault("Authorization", f"Bearer {self.token()}")
            elif "Authorization" not in headers:
                how["auth"] = (self.given["login"], self.given["password"])
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
            how["data"] = body if isinstance(body, str | bytes) else json.dumps(body)
        answer = session().request(method, url, headers=headers, allow_redirects=False, timeout=30, **how)
        operation = operation_at(method, url.removeprefix(self.sandbox.url))
        if operation is not None:
            check_answer(operation, answer)
        assert answer.headers["Mockpsp-Trace"].isdigit(), "every answer has one"
        return answer

    def answered(
        self,
        operation: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        slash: bool = False,
        **how: Any,
    ) -> requests.Response:
        """One call of an operation by its name in the contract, whatever comes back. Parameters of the path, such as
        ``order``, are among ``how``; the marketplace is this one unless named."""
        described = CONTRACT.operation(operation)
        wanted: list[str] = re.findall(r"\{([a-z_]+)\}", described.path)
        values = {"marketplace": self.uuid, **{name: how.pop(name) for name in wanted if name in how}}
        path = described.path.format(**values) + ("/" if slash else "")
        return self.request(described.method, f"{path}?{urlencode(query)}" if query else path, body, **how)

    def call(self, operation: str, body: Any = None, *, status: int | None = None, **how: Any) -> Any:
        """The JSON of an answer (None without a body) with this status, or with any that is no refusal."""
        answer = self.answered(operation, body, **how)
        good = answer.status_code == status if status is not None else answer.status_code < 400
        assert good, f"{operation}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def refused(self, operation: str, body: Any = None, **how: Any) -> tuple[int, Any]:
        """Status and JSON of an answer that must be a refusal."""
        answer = self.answered(operation, body, **how)
        assert answer.status_code >= 400, f"{operation} was not refused: {answer.status_code} {answer.text}"
        return answer.status_code, answer.json()

    # -- what a marketplace does -------------------------------------------------------------------------------------

    def order_body(self, *items: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
        """What ``order`` sends. A change to None leaves a key out."""
        body: dict[str, Any] = {
            "marketplace": self.uuid,
            "reference": "CMD-1001",
            "description": "Table 4",
            "currency": "EUR",
            "language": "fr",
            "url_return": SHOP,
            "buyer": dict(PAUL),
            "items": [dict(each) for each in items or (meal(), wine())],
            **changes,
        }
        return {name: each for name, each in body.items() if each is not None}

    def order(self, *items: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
        """POST /orders: by default a meal of 25 EUR, 14 of which are eligible, and a wine of 18.50 EUR, all seller1's.

        The answer has its items.
        """
        made: dict[str, Any] = self.call(
            "create_order", self.order_body(*items, **changes), status=201, query={"expand": "items"}
        )
        return made

    def execute(self, order: Mapping[str, Any] | str, way: str = "execute") -> str:
        """Start the payment by ``execute``, ``execute_token``, ``execute_embedded`` or ``execute_embedded_token``:
        the payment page's address, or the form token."""
        told = self.call(way, status=200, order=uuid_of(order))
        return str(told["form_token" if "embedded" in way else "payment_url"])

    def pay(self, order: Mapping[str, Any] | str, *tenders: Mapping[str, Any]) -> dict[str, Any]:
        """What the shopper does at the page of an executed order, by default with a card; the order afterwards."""
        self.sandbox.shopper(uuid_of(order), {"pay": [dict(each) for each in tenders or (CARD,)]})
        return self.read(order)

    def paid(self, *items: Mapping[str, Any], tenders: tuple[Mapping[str, Any], ...] = (), **changes: Any) -> Any:
        """A new order, executed and paid, with items and transactions: PENDING until its capture."""
        made = self.order(*items, **changes)
        self.execute(made)
        told = self.pay(made, *tenders)
        assert told["status"] == "PENDING", told
        return told

    def captured(self, *items: Mapping[str, Any], **how: Any) -> Any:
        """The same, after its capture: SUCCEEDED."""
        made = self.paid(*items, **how)
        self.sandbox.advance("P1D")
        told = self.read(made)
        assert told["status"] == "SUCCEEDED", told
        return told

    def read(self, order: Mapping[str, Any] | str) -> dict[str, Any]:
        """GET of an order with its items and transactions."""
        told: dict[str, Any] = self.call("get_order", order=uuid_of(order), query={"expand": "items,transactions"})
        return told

    def status(self, order: Mapping[str, Any] | str) -> str:
        """An order's status."""
        return str(self.read(order)["status"])

    def refund_body(self, order: Mapping[str, Any] | str, amount: int = 500, **changes: Any) -> dict[str, Any]:
        """A refund of a seller's share of an order. A change to None leaves a key out."""
        line = {"seller": self.seller(), "reference": "r1", "amount": amount}
        body = {"order": uuid_of(order), "reference": "REFUND-1", "currency": "EUR", "items": [line], **changes}
        return {name: each for name, each in body.items() if each is not None}

    def refund(self, order: Mapping[str, Any] | str, amount: int = 500, **changes: Any) -> dict[str, Any]:
        """POST /refunds."""
        made: dict[str, Any] = self.call("create_refund", self.refund_body(order, amount, **changes), status=201)
        return made

    def registration_body(self, **changes: Any) -> dict[str, Any]:
        """A restaurant that wants to sell. A change to None leaves a key out."""
        body = {"marketplace": self.uuid, **BISTROT, **changes}
        return {name: each for name, each in body.items() if each is not None}

    def register(self, **changes: Any) -> dict[str, Any]:
        """POST /registrations."""
        made: dict[str, Any] = self.call("create_registration", self.registration_body(**changes), status=201)
        return made

    def upload(self, registration: str, kind: str = "KBIS", member: str | None = None) -> dict[str, Any]:
        """POST /registrations/{registration}/documents."""
        form = {"type": kind, "reference": f"DOC-{kind}", **({"board_member": member} if member else {})}
        made: dict[str, Any] = self.call(
            "create_document", status=201, registration=registration, data=form, files={"file": PDF}
        )
        return made

    def register_card(self, **changes: Any) -> dict[str, Any]:
        """POST /tokens: ``token`` and ``payment_url``."""
        made: dict[str, Any] = self.call("create_token", self.token_body(**changes), status=201)
        return made

    def token_body(self, **changes: Any) -> dict[str, Any]:
        """What ``register_card`` sends. A change to None leaves a key out."""
        buyer = {**PAUL, "first_name": "Paul", "last_name": "Bertin"}
        body = {"marketplace": self.uuid, "buyer": buyer, "currency": "EUR", **changes}
        return {name: each for name, each in body.items() if each is not None}


MARIE: Mapping[str, Any] = {
    "role": "LEGAL_REP",
    "title": "MRS",
    "first_name": "Marie",
    "last_name": "Lefort",
    "birth_date": "1984-02-11",
    "birth_city": "Albi",
    "nationality": "FR",
    "email": "marie@example.test",
    "address": {"city": "Toulouse", "country": "FR"},
}
BISTROT: Mapping[str, Any] = {
    "person_type": "PM",
    "name": "Le Bistrot SARL",
    "description": "Cuisine du marché",
    "vat_number": "FR00123456782",
    "external_ref": "bistrot",
    "reference": "MINE",
    "board": [MARIE],
    "activities": [{"name": "Le Bistrot", "siret": "12345678200010"}],
    "ibans": [{"iban": IBAN, "currencies": ["EUR"]}],
    "vouchers": [{"contract_type": "CONECS", "contract_number": "1204477"}],
}


def uuid_of(order: Mapping[str, Any] | str) -> str:
    """An order by its answer, or by its uuid."""
    return order if isinstance(order, str) else str(order["uuid"])


def item(amount: int, **more: Any) -> dict[str, Any]:
    """An item of seller1's, unless it names another by ``seller`` or ``seller_external_ref``. None leaves a key out."""
    own = {} if "seller" in more else {"seller_external_ref": "seller1"}
    told = {**own, "reference": "item", "description": "Something", "amount": amount, **more}
    return {name: each for name, each in told.items() if each is not None}


def meal(amount: int = 2500, eligible: int = 1400, **more: Any) -> dict[str, Any]:
    """An item that a meal card may pay, this much of it."""
    return item(amount, **{"reference": "meal", "description": "Menu du midi", "vouchers": [conecs(eligible)], **more})


def night(amount: int = 5500, **more: Any) -> dict[str, Any]:
    """An item that holiday vouchers may pay."""
    return item(amount, **{"reference": "night", "description": "Une nuit", "vouchers": [holiday()], **more})


def wine(amount: int = 1850, **more: Any) -> dict[str, Any]:
    """An item that only a card may pay."""
    return item(amount, **{"reference": "wine", "description": "Une bouteille", **more})


def conecs(eligible: int | None = None) -> dict[str, Any]:
    """A voucher of an item: meal cards."""
    return {"contract_type": "CONECS", **({} if eligible is None else {"eligible_amount": eligible})}


def holiday(eligible: int | None = None) -> dict[str, Any]:
    """A voucher of an item: holiday vouchers."""
    return {"contract_type": "CVCONNECT", **({} if eligible is None else {"eligible_amount": eligible})}


MEAL_CARDS: Mapping[str, str] = {
    "rich": "5017670000009999", "19 a day": "5017670000001900", "25 a day": "5017670000002500",
}  # fmt: skip
WORLD: Mapping[str, Any] = {
    "sellers": [
        {
            "external_ref": "seller1",
            "vouchers": {"CONECS": "1999011", "CVCONNECT": "30012345"},
            "reserve": "1000.00 EUR",
        },
        {
            "external_ref": "seller2",
            "vouchers": {"CONECS": "1204477", "CVCONNECT": "30067890"},
            "reserve": "1000.00 EUR",
            "cashout_delay": 3,
        },
        {"external_ref": "cardonly", "reserve": "1000.00 EUR"},
        {"external_ref": "closed", "status": "INACTIVE"},
        {"external_ref": "operator", "operator": True, "reserve": "1000.00 EUR"},
    ],
    "meal_cards": [
        {"number": MEAL_CARDS["rich"], "balance": "10000.00 EUR", "daily_limit": "10000.00 EUR"},
        {"number": MEAL_CARDS["19 a day"], "balance": "1000.00 EUR", "daily_limit": "19.00 EUR"},
        {"number": MEAL_CARDS["25 a day"], "balance": "1000.00 EUR"},
    ],
    "wallets": [{"beneficiary": "11111111111", "balance": "10000.00 EUR"}],
    "cards": [{"number": "4970100000000000", "scheme": "CB"}],
    "stored_cards": [{"alias": ALIAS, "number": "4970100000000000"}],
}
"""Two sellers with contracts of both types, one with none, one that is closed, and the marketplace's own."""


def scenario(*rules: Mapping[str, Any], world: Mapping[str, Any] = WORLD, **settings: Any) -> dict[str, Any]:
    """A scenario with this world, these rules and settings."""
    told = {"world": {"lyra": dict(world)}, "settings": {"lyra": settings} if settings else {}, "rules": [*rules]}
    return {"mockpsp": 1, "title": "Other settings", **{name: each for name, each in told.items() if each}}


class Inbox:
    """A marketplace's webhook endpoint: what arrived, as (event, uuid)."""

    def __init__(self, sandbox: ControlledSandbox, receiver: Receiver) -> None:
        self.sandbox = sandbox
        self.receiver = receiver
        sandbox.endpoint("lyra", receiver.url)

    def told(self, *events: str) -> list[tuple[str, str]]:
        """Of these events or of all, after everything that is due has been sent."""
        self.sandbox.settle()
        bodies = [json.loads(each.body) for each in self.receiver.received]
        pairs = [(str(event), str(uuid)) for body in bodies for event, uuid in body.items()]
        return [pair for pair in pairs if not events or pair[0] in events]
