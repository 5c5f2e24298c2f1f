"""Sellers' registrations over HTTP, as a marketplace enrols a restaurant: forms, documents, reviews, webhooks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import requests

from mockpsp.edge.contract import Contract, read_openapi
from tests.support.connection import compiled
from tests.support.control import ControlledSandbox
from tests.support.receiver import Receiver

NewSandbox = Callable[..., ControlledSandbox]
CONTRACT = Contract(read_openapi("lyra"))
BASES = ("/marketplace", "/marketplace/v1", "/marketplace-test", "/marketplace-test/v1")
IBAN = "FR7630006000011234567890189"
PDF = ("kbis.pdf", b"%PDF-1.7 a small one", "application/pdf")
STRANGE = "00000000-0000-4000-a000-000000000000"
SOON = {"registration_review": "automatic"}

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


class Marketplace:
    """A marketplace's server; every answer is checked against the contract."""

    def __init__(self, sandbox: ControlledSandbox, base: str = "/marketplace-test/v1") -> None:
        self.sandbox = sandbox
        self.base = base
        self.given = sandbox.credentials["lyra"]
        self.uuid: str = self.given["marketplace"]

    def request(self, operation: str, method: str, path: str, **sent: Any) -> requests.Response:
        """One call, by Basic authentication."""
        answer = requests.request(
            method,
            f"{self.sandbox.url}{self.base}{path}",
            auth=(self.given["login"], self.given["password"]),
            allow_redirects=False,
            timeout=30,
            **sent,
        )
        self._check(operation, answer)
        return answer

    def _check(self, operation: str, answer: requests.Response) -> None:
        described = CONTRACT.operation(operation).responses
        known = described.get(str(answer.status_code)) or described.get("default")
        assert known is not None, f"{operation} must not answer {answer.status_code}: {answer.text}"
        content = CONTRACT.resolve(known).get("content")
        if content is None:
            assert answer.content == b""
            return
        validator = compiled(CONTRACT, content["application/json"]["schema"])
        problems = [f"{list(each.instance_path)}: {each.message}" for each in validator.iter_errors(answer.json())]
        assert not problems, f"{operation} {answer.status_code}: {problems}\n{answer.text}"

    def call(self, operation: str, method: str, path: str, status: int = 200, **sent: Any) -> Any:
        """The body of an answer with this status."""
        answer = self.request(operation, method, path, **sent)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def create(self, status: int = 201, **changes: Any) -> Any:
        """POST /registrations."""
        body = {"marketplace": self.uuid, **BISTROT, **changes}
        body = {name: value for name, value in body.items() if value is not ...}
        return self.call("create_registration", "POST", "/registrations/", status, json=body)

    def get(self, uuid: str, status: int = 200) -> Any:
        """GET /registrations/{registration}."""
        return self.call("get_registration", "GET", f"/registrations/{uuid}", status)

    def update(self, registration: str, expected: int = 200, /, **body: Any) -> Any:
        """PUT /registrations/{registration}."""
        return self.call("update_registration", "PUT", f"/registrations/{registration}", expected, json=body)

    def submit(self, uuid: str, status: int = 204) -> Any:
        """POST /registrations/{registration}/submit."""
        return self.call("submit_registration", "POST", f"/registrations/{uuid}/submit", status)

    def upload(self, uuid: str, kind: str, member: str | None = None, status: int = 201, **changes: Any) -> Any:
        """POST /registrations/{registration}/documents."""
        form = {"type": kind, "reference": f"DOC-{kind}", **({"board_member": member} if member else {})}
        sent = {"data": form, "files": {"file": PDF}, **changes}
        return self.call("create_document", "POST", f"/registrations/{uuid}/documents", status, **sent)

    def upload_all(self, created: Mapping[str, Any]) -> list[str]:
        """The mandatory documents of a company: their uuids."""
        uuid, member = created["uuid"], created["board"][0]["uuid"]
        wanted = (("PASSPORT", member), ("IBAN", None), ("KBIS", None))
        return [self.upload(uuid, kind, owner)["uuid"] for kind, owner in wanted]

    def submitted(self, **changes: Any) -> str:
        """A registration under review: its uuid."""
        created = self.create(**changes)
        self.upload_all(created)
        self.submit(created["uuid"])
        return str(created["uuid"])

    def listed(self, path: str = "/registrations", operation: str = "list_registrations", **query: str) -> Any:
        """A page of a list."""
        return self.call(operation, "GET", path, params=query)

    def force(self, ref: str, expected: int = 200, /, **body: str) -> Any:
        """The provider's back office, by the control API."""
        return self.sandbox.call("POST", f"/back-office/lyra/{ref}", body, expected)


@pytest.fixture
def shop(sandbox: ControlledSandbox) -> Marketplace:
    """A marketplace with the default scenario."""
    sandbox.stand_still()
    return Marketplace(sandbox)


def with_settings(new_sandbox: NewSandbox, *rules: Mapping[str, Any], **settings: Any) -> Marketplace:
    """A marketplace whose scenario has these settings and rules."""
    told = {"mockpsp": 1, "title": "Other settings", "settings": {"lyra": settings}, "rules": list(rules)}
    sandbox = new_sandbox(scenario={name: value for name, value in told.items() if value})
    sandbox.stand_still()
    return Marketplace(sandbox)


def told_by(receiver: Receiver) -> list[dict[str, str]]:
    """The bodies of all webhooks so far."""
    return [json.loads(each.body) for each in receiver.received]


# -- forms -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", BASES)
def test_addresses_have_the_callers_own_prefix(sandbox: ControlledSandbox, base: str) -> None:
    shop = Marketplace(sandbox, base)
    created = shop.create()
    assert created["href"] == f"{sandbox.url}{base}/registrations/{created['uuid']}"
    assert created["links"] == {"documents": {"href": f"{created['href']}/documents"}}
    assert shop.get(created["uuid"]) == created
    for slash in ("", "/"):
        path = f"/registrations/{created['uuid']}/status{slash}"
        assert shop.call("get_registration_status", "GET", path) == created


def test_a_registration_begins(shop: Marketplace) -> None:
    created = shop.create()
    assert (created["status"], created["seller"], created["marketplace"]) == ("CREATED", None, shop.uuid)
    assert created["reference"] == "SL300001", "the caller's own reference is not kept"
    assert created["board"][0]["registration"] == created["uuid"]
    assert created["activities"][0]["is_principal"] is True


def test_business_errors_are_texts_and_schema_errors_are_lists(shop: Marketplace) -> None:
    assert isinstance(shop.create(400, board=[MARIE, MARIE])["board"][1]["email"], str)
    assert isinstance(shop.create(400, name=...)["name"], list)
    [problem] = shop.create(400, marketplace=STRANGE)["marketplace"]
    assert problem.startswith("Invalid pk")
    told = shop.create(400, ibans=[{"iban": IBAN, "currencies": ["USD"]}])["ibans"]
    assert told.startswith("Marketplace ")
    assert told.endswith(" does not support USD currency")


def test_an_external_ref_is_anothers(shop: Marketplace) -> None:
    shop.create()
    assert set(shop.create(400)) == {"external_ref"}
    other = shop.create(external_ref=...)["uuid"]
    assert set(shop.update(other, 400, external_ref="bistrot")) == {"external_ref"}
    assert shop.update(other, external_ref="mine")["external_ref"] == "mine"
    assert set(shop.update(other, 400, external_ref="yours")) == {"external_ref"}


def test_what_was_read_can_be_changed_and_sent_back(shop: Marketplace) -> None:
    created = shop.create()
    changed = shop.update(created["uuid"], **{**created, "trading_name": "Chez Marie"})
    assert {**changed, "trading_name": None} == created


def test_nobody_elses_registrations_are_seen(shop: Marketplace, new_sandbox: NewSandbox) -> None:
    created = shop.create()
    other = Marketplace(new_sandbox())
    other.get(created["uuid"], 404)
    other.update(created["uuid"], 404, name="Mine")
    other.submit(created["uuid"], 404)
    assert other.listed()["count"] == 0


# -- lists -------------------------------------------------------------------------------------------------------------


def test_lists_are_filtered_and_ordered(shop: Marketplace) -> None:
    names = ("Bar", "Auberge", "Café")
    made = {name: shop.create(name=name, external_ref=name) for name in names}
    own = f"/marketplaces/{shop.uuid}/registrations"
    for path, operation in (("/registrations/", "list_registrations"), (own, "list_marketplace_registrations")):
        assert [each["name"] for each in shop.listed(path, operation)["results"]] == ["Café", "Auberge", "Bar"]
        page = shop.listed(path, operation, ordering="name")
        assert [each["name"] for each in page["results"]] == ["Auberge", "Bar", "Café"]
        for query in (
            {"name": "Bar"},
            {"uuid": made["Bar"]["uuid"]},
            {"ref": made["Bar"]["reference"]},
        ):
            assert [each["name"] for each in shop.listed(path, operation, **query)["results"]] == ["Bar"]
        assert shop.listed(path, operation, status="CREATED", marketplace=shop.uuid)["count"] == 3
        assert shop.listed(path, operation, status="FAILED")["count"] == 0
    path = f"/marketplaces/{STRANGE}/registrations"
    shop.call("list_marketplace_registrations", "GET", path, 404)


# -- documents ---------------------------------------------------------------------------------------------------------


def test_documents_make_a_registration_complete(shop: Marketplace) -> None:
    created = shop.create()
    uuid = created["uuid"]
    assert set(shop.submit(uuid, 400)) == {"status"}
    uuids = shop.upload_all(created)
    assert shop.get(uuid)["status"] == "AWAITING_SUBMISSION"
    page = shop.call("list_documents", "GET", f"/registrations/{uuid}/documents/")
    assert [each["uuid"] for each in page["results"]] == uuids
    assert {each["status"] for each in page["results"]} == {"CREATED"}
    assert page["results"][0]["board_member"] == created["board"][0]["uuid"]


def test_a_documents_file_is_not_kept(shop: Marketplace) -> None:
    created = shop.create()
    document = shop.upload(created["uuid"], "KBIS")
    assert "file" not in document
    shop.upload(created["uuid"], "KBIS", files={"file": ("it.png", b"\x89PNG\r\n\x1a\nmore", "text/plain")})


def test_documents_that_are_none(shop: Marketplace) -> None:
    uuid = shop.create()["uuid"]
    assert set(shop.upload(uuid, "SELFIE", status=400)) == {"type"}
    assert set(shop.upload(uuid, "PASSPORT", status=400)) == {"board_member"}
    assert set(shop.upload(uuid, "PASSPORT", STRANGE, status=400)) == {"board_member"}
    text = {"file": ("it.txt", b"hello", "text/plain")}
    assert set(shop.upload(uuid, "KBIS", status=400, files=text)) == {"file"}
    shop.upload(STRANGE, "KBIS", status=404)
    path = f"/registrations/{uuid}/documents"
    shop.call("create_document", "POST", path, 415, json={"type": "KBIS"})


# -- reviews -----------------------------------------------------------------------------------------------------------


def test_nobody_reviews_a_test(shop: Marketplace) -> None:
    uuid = shop.submitted()
    shop.sandbox.advance("30d")
    assert shop.get(uuid)["status"] == "PENDING_VALIDATION"
    shop.update(uuid, 400, name="Other")
    shop.submit(uuid, 400)


def test_a_review_makes_a_seller_and_tells_so(new_sandbox: NewSandbox, receiver: Receiver) -> None:
    shop = with_settings(new_sandbox, **SOON, review_delay="2h")
    shop.sandbox.endpoint("lyra", receiver.url)
    uuid = shop.submitted()
    page = shop.call("list_documents", "GET", f"/registrations/{uuid}/documents")
    documents = [{"kyc": each["uuid"]} for each in page["results"]]
    shop.sandbox.settle()
    own = {"registration": uuid}
    assert told_by(receiver) == [own, *documents, own]
    receiver.received.clear()
    shop.sandbox.advance("2h")
    found = shop.get(uuid)
    assert found["status"] == "SUCCEEDED"
    assert found["seller"] not in (None, uuid)
    assert told_by(receiver) == [*documents, own]


def test_a_seller_gets_new_contracts_by_its_registration(new_sandbox: NewSandbox) -> None:
    shop = with_settings(new_sandbox, **SOON)
    uuid = shop.submitted()
    shop.sandbox.settle()
    before = shop.get(uuid)
    vouchers = [{"contract_type": "CVCONNECT", "contract_number": "30012345"}]
    after = shop.update(uuid, **{**before, "name": "Other", "vouchers": vouchers, "cashout_delay": "7"})
    assert (after["vouchers"], after["cashout_delay"], after["name"]) == (vouchers, 7, before["name"])


@pytest.mark.parametrize(("outcome", "status"), [("refused", "FAILED"), ("document_rejected", "CREATED")])
def test_a_rule_decides_a_review(new_sandbox: NewSandbox, outcome: str, status: str) -> None:
    rule = {
        "name": "the review",
        "operation": "lyra.registration_review",
        "when": {"external_ref": "bistrot"},
        "then": {"outcome": outcome},
    }
    shop = with_settings(new_sandbox, rule, **SOON)
    uuid = shop.submitted()
    shop.sandbox.settle()
    assert shop.get(uuid)["status"] == status


def test_a_contract_for_shops_only_is_refused_by_a_setting(new_sandbox: NewSandbox) -> None:
    shop = with_settings(new_sandbox, **SOON, in_store_contracts="refused")
    uuid = shop.submitted(vouchers=[{"contract_type": "CONECS", "contract_number": "C204477"}])
    shop.sandbox.settle()
    assert (shop.get(uuid)["status"], shop.get(uuid)["seller"]) == ("FAILED", None)


# -- the back office ---------------------------------------------------------------------------------------------------


def test_the_back_office_decides(shop: Marketplace) -> None:
    created = shop.create()
    uuid = created["uuid"]
    passport, *_ = shop.upload_all(created)
    shop.submit(uuid)
    assert shop.force(passport, document_status="REJECTED")["status"] == "CREATED"
    assert shop.get(uuid)["status"] == "CREATED"
    seller = shop.force(uuid, status="SUCCEEDED")["seller"]
    assert shop.get(uuid)["seller"] == seller
    assert shop.force(uuid, status="SUSPENDED")["seller"] == seller
    shop.force(STRANGE, 404, status="FAILED")
    shop.force(uuid, 400, status="STRANGE")


def test_a_date_must_be_in_the_calendar(shop: Marketplace) -> None:
    told = ["Date has wrong format. Use one of these formats instead: YYYY-MM-DD."]
    born = shop.create(400, board=[{**MARIE, "birth_date": "1984-02-31"}])
    assert born == {"board": [{"birth_date": told}]}
    begun = {"name": "Le Bistrot", "siret": "12345678200010", "registration_date": "2023-02-29"}
    assert shop.create(400, activities=[begun]) == {"activities": [{"registration_date": told}]}
