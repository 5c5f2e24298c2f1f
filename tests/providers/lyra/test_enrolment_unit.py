"""Sellers' registrations in the pure core: tables, rules, reviews, the back office, and random lives."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mockpsp.domain.errors import Refusal
from mockpsp.domain.lifecycle import NATURAL as NATURAL_VERDICT
from mockpsp.domain.lifecycle import Verdict
from mockpsp.domain.machine import IllegalStep, follow
from mockpsp.edge.contract import Contract, read_openapi
from mockpsp.edge.multipart import Part
from mockpsp.providers.lyra import enrolment_commands as c
from mockpsp.providers.lyra import enrolment_facts as f
from mockpsp.providers.lyra import enrolment_wire as wire
from mockpsp.providers.lyra import holdings, sellers
from mockpsp.providers.lyra.enrolment import REGISTRATIONS, DocumentStatus, Registration, Status, external
from mockpsp.providers.lyra.enrolment_api import check_external_ref
from mockpsp.providers.lyra.enrolment_rules import ADDRESS, DOCUMENT_TYPES, IDENTITY, missing, needed
from mockpsp.providers.lyra.enrolment_states import DOCUMENT, REGISTRATION, evolve
from mockpsp.providers.lyra.enrolment_words import EVENTS, OPERATIONS
from mockpsp.providers.lyra.errors import Invalid, NotFound
from mockpsp.providers.lyra.office import OFFICE
from mockpsp.scenario.model import Condition, Op, Rule, Scenario, Trigger
from mockpsp.world.delivery import Courier
from mockpsp.world.journal import Journal
from mockpsp.world.sandboxes import Sandbox
from mockpsp.world.store import MemoryStore, Store
from mockpsp.world.targets import is_local
from mockpsp.world.world import Outcome, Setup, World

CONTRACT = Contract(read_openapi("lyra"))
START = datetime(2026, 1, 6, 9, 15, tzinfo=UTC)
MARKET = "0d6f3c52-8a41-4f0e-9b7d-2c5e1a90b3f4"
IBAN = "FR7630006000011234567890189"
MARIE: Mapping[str, Any] = {
    "role": "LEGAL_REP", "title": "MRS", "first_name": "Marie", "last_name": "Lefort", "birth_date": "1984-02-11",
    "birth_city": "Albi", "nationality": "FR", "email": "marie@example.test", "address": {"country": "FR"},
}  # fmt: skip
PAUL: Mapping[str, Any] = {**MARIE, "role": "BENEFICIARY", "first_name": "Paul", "email": "paul@example.test"}
BODY: Mapping[str, Any] = {
    "marketplace": MARKET, "person_type": "PM", "name": "Le Bistrot SARL", "description": "Cuisine du marché",
    "vat_number": "FR00123456782", "external_ref": "bistrot", "cashout_delay": "3", "reference": "MINE",
    "address": {"city": "Toulouse", "country": "FR"}, "board": [MARIE],
    "activities": [{"name": "Le Bistrot", "siret": "12345678200010"}],
    "ibans": [{"iban": IBAN, "currencies": ["EUR"]}],
    "vouchers": [{"contract_type": "CONECS", "contract_number": "1204477"}],
}  # fmt: skip
NATURAL = {"person_type": "PP", "title": "MRS", "first_name": "Marie", "last_name": "Lefort"}
EURO, FRANC = {"currency": "EUR"}, {"currency": "CHF"}
PDF = b"%PDF-1.7 a small one"


def scenario(rules: Sequence[Rule] = (), marketplace: Mapping[str, Any] | None = None, **chosen: Any) -> Scenario:
    """A marketplace with one seller of its own."""
    world = {"marketplace": dict(marketplace or {}), "sellers": [{"external_ref": "chez-lucie"}]}
    return Scenario(
        name="test", title="A test", seed=7, clock=START, settings={"lyra": chosen}, world={"lyra": world},
        rules=tuple(rules),
    )  # fmt: skip


def review(outcome: str, **facts: Any) -> Rule:
    """A rule about reviews."""
    when = tuple(Condition(fact, Op.IS, value) for fact, value in facts.items())
    return Rule(
        key="rules/1", name="the review", operation="lyra.registration_review", trigger=Trigger(when), outcome=outcome
    )


class Alone:
    """A provider that has registrations and nothing else."""

    name = "lyra"
    lifecycles = (REGISTRATIONS,)

    def setup(self, chosen: Scenario) -> Setup:
        """See Inhabitant."""
        return holdings.setup(chosen)


class Silent:
    """A webhook policy for webhooks that go nowhere."""

    timeout_seconds = 1.0
    in_order = False

    def retries(self, chosen: Any) -> Sequence[timedelta]:
        """None."""
        return ()

    def message(self, *_: Any) -> Any:
        """Never asked for."""
        raise AssertionError("nothing is sent")

    def accepted(self, status: int, body: bytes) -> bool:
        """Nobody answers."""
        return False

    def heard(self, *_: Any) -> None:
        """Nobody listens."""


class Desk:
    """One marketplace that enrols sellers."""

    def __init__(self, chosen: Scenario, store: Store | None = None) -> None:
        self.store = store or MemoryStore()
        self.world = World("desk", "00000000", chosen, (Alone(),), self.store, Journal())
        self.courier = Courier({"lyra": Silent()}, {}, is_local)
        self.sandbox = Sandbox(
            id="desk", key="00000000", credentials={"lyra": {"marketplace": MARKET}}, world=self.world, seed=None,
            start=None, created=START,
        )  # fmt: skip

    async def run(self, ref: str | None, command: c.Command) -> Outcome:
        """One command, as the API runs it."""

        def check(outcome: Outcome) -> None:
            check_external_ref(self.world, outcome)

        return await self.world.execute(REGISTRATIONS, ref, command, answer=check)

    async def create(self, **changes: Any) -> str:
        """POST /registrations."""
        body = {name: value for name, value in {**BODY, **changes}.items() if value is not ...}
        return (await self.run(None, c.CreateRegistration(MARKET, wire.read_form(body)))).ref

    async def update(self, ref: str, **body: Any) -> Registration:
        """PUT /registrations/{registration}."""
        return (await self.run(ref, c.UpdateRegistration(wire.read_form(body)))).state  # type: ignore[no-any-return]

    async def add(self, ref: str, kind: str, member: str | None = None) -> str:
        """POST …/documents: its uuid."""
        command = wire.read_document(parts(kind, board_member=member or ""))
        return str((await self.run(ref, command)).state.documents[-1].uuid)

    async def add_all(self, ref: str) -> tuple[str, ...]:
        """All mandatory documents, in the order identity, IBAN, KBIS."""
        form = self.state(ref).form
        identity = await self.add(ref, "PASSPORT", form.board[0].uuid)
        return (identity, *[await self.add(ref, kind) for kind in needed(form) if kind != "identity"])

    async def submit(self, ref: str) -> None:
        """POST …/submit."""
        await self.run(ref, c.SubmitRegistration())

    async def submitted(self, **changes: Any) -> str:
        """A registration under review, with all its documents."""
        ref = await self.create(**changes)
        await self.add_all(ref)
        await self.submit(ref)
        return ref

    async def force(self, ref: str, **body: str) -> Mapping[str, Any]:
        """The back office."""
        return await OFFICE.act(self.sandbox, ref, body, 0)

    async def advance(self, span: timedelta = timedelta(0)) -> None:
        """Move the clock on, and do what becomes due."""
        await self.courier.advance(self.sandbox, self.world.clock.now() + span)

    def state(self, ref: str) -> Registration:
        """A registration's present state."""
        found: Registration = self.world.state(REGISTRATIONS.name, ref)
        return found

    def status(self, ref: str) -> Status:
        """Its status."""
        return self.state(ref).status

    def documents(self, ref: str) -> list[DocumentStatus]:
        """The statuses of its documents."""
        return [each.status for each in self.state(ref).documents]

    def webhooks(self) -> list[tuple[str, str, bytes]]:
        """Kind, reference and body of every webhook so far."""
        told = [entry.data for entry in self.world.journal.since(0) if entry.kind == "webhook"]
        return [(each.kind, each.ref, each.content.content) for each in told]


def parts(kind: str = "KBIS", data: bytes = PDF, media: str = "application/pdf", **texts: str) -> dict[str, Part]:
    """A multipart body."""
    told = {"type": kind, "reference": "DOC-1", **texts}
    found = {
        name: Part(name=name, filename=None, content_type="text/plain", data=text.encode())
        for name, text in told.items()
    }
    return {**found, "file": Part(name="file", filename="it.pdf", content_type=media, data=data)}


def assert_is(schema: str, body: Any) -> None:
    """The body is what the contract calls so."""
    problems = [
        each.message for each in CONTRACT.validator({"$ref": f"#/components/schemas/{schema}"}).iter_errors(body)
    ]
    assert problems == []


async def desk(*rules: Rule, marketplace: Mapping[str, Any] | None = None, **chosen: Any) -> Desk:
    """A marketplace whose scenario says this."""
    made = Desk(scenario(rules, marketplace, **chosen))
    await made.world.open()
    return made


# -- tables ------------------------------------------------------------------------------------------------------------

TABLES: Mapping[str, tuple[Mapping[Any, Mapping[type[Any], Any]], Any]] = {
    "registration": (REGISTRATION, Status),
    "document": (DOCUMENT, DocumentStatus),
}
BY_HAND: Mapping[str, set[Any]] = {
    "registration": {Status.CANCELLED, Status.ABANDONED, Status.CLOSED, Status.SUSPENDED, Status.REJECTED},
    "document": {DocumentStatus.UNKNOWN, DocumentStatus.EXPIRED},
}
"""Only the back office leads there."""
FINAL: Mapping[str, set[Any]] = {
    "registration": BY_HAND["registration"] | {Status.FAILED},
    "document": {DocumentStatus.REJECTED, DocumentStatus.EXPIRED},
}


@pytest.mark.parametrize("name", TABLES)
def test_every_status_has_a_row_and_a_way_there(name: str) -> None:
    table, statuses = TABLES[name]
    assert set(table) == set(statuses)
    targets = {target for row in table.values() for target in row.values()}
    assert targets | BY_HAND[name] | {statuses.CREATED} == set(statuses)
    assert not targets & BY_HAND[name]


@pytest.mark.parametrize("name", TABLES)
def test_final_statuses_refuse_every_step(name: str) -> None:
    table, _ = TABLES[name]
    assert {status for status, row in table.items() if not row} == FINAL[name]
    for step in {step for row in table.values() for step in row}:
        for status in FINAL[name]:
            with pytest.raises(IllegalStep):
                follow(table, status, step)


@pytest.mark.parametrize("name", TABLES)
def test_steps_are_facts_of_a_registration(name: str) -> None:
    table, _ = TABLES[name]
    facts = {fact for each in get_args(f.Event) for fact in (get_args(each) or (each,))}
    assert {step for row in table.values() for step in row} <= facts


def test_the_words_of_a_scenario() -> None:
    assert set(OPERATIONS) == {"registration_review"}
    assert set(EVENTS) == {"registration", "kyc"}


# -- beginning ---------------------------------------------------------------------------------------------------------


async def test_a_registration_begins_without_a_seller_and_without_a_webhook() -> None:
    psp = await desk()
    ref = await psp.create()
    await psp.advance()
    state = psp.state(ref)
    assert (state.status, state.seller, state.reference) == (Status.CREATED, None, "SL300001")
    assert state.form.cashout_delay == 3, "numbers may arrive as text"
    assert psp.webhooks() == []
    assert psp.state(await psp.create(external_ref="another")).reference == "SL300002"


async def test_a_registration_as_it_is_answered() -> None:
    psp = await desk()
    ref = await psp.create()
    told = wire.registration("http://localhost:8080/marketplace/v1", psp.state(ref))
    assert list(told) == [
        "uuid", "seller", "href", "created_at", "updated_at", "marketplace", "person_type", "name", "title",
        "first_name", "last_name", "trading_name", "nature", "reference", "description", "iban", "status", "legal_form",
        "economic_agent", "vat_number", "cashout_delay", "external_ref", "turnover", "address", "board", "activities",
        "ibans", "vouchers", "links",
    ]  # fmt: skip
    assert told["href"] == f"http://localhost:8080/marketplace/v1/registrations/{ref}"
    assert told["links"] == {"documents": {"href": f"{told['href']}/documents"}}
    assert told["created_at"] == "2026-01-06T09:15:00.000000Z"
    assert told["address"] == {
        "street_number": None, "street": None, "district": None, "zipcode": None, "city": "Toulouse", "state": None,
        "country": "FR",
    }  # fmt: skip
    [member], [activity] = told["board"], told["activities"]
    assert list(member) == [
        "uuid", "registration", "role", "title", "first_name", "last_name", "birth_date", "birth_city", "nationality",
        "email", "phone_number", "address", "status",
    ]  # fmt: skip
    assert (member["registration"], member["status"], member["phone_number"]) == (ref, "ACTIVE", None)
    assert list(activity) == [
        "uuid", "registration", "name", "url", "registration_date", "siret", "legal_identifier", "mcc", "naf",
        "is_principal",
    ]  # fmt: skip
    assert told["ibans"] == BODY["ibans"]
    assert told["vouchers"] == [{"contract_number": "1204477", "contract_type": "CONECS"}]


CONECS, ANCV = BODY["vouchers"][0], {"contract_type": "CVCONNECT", "contract_number": "30012345"}
REFUSED: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "no activity": ({"activities": []}, {"activities": ...}),
    "two activities": ({"activities": [BODY["activities"][0]] * 2}, {"activities": ...}),
    "no siret": ({"activities": [{"name": "Le Bistrot"}]}, {"activities": [{"siret": ...}]}),
    "no board": ({"board": []}, {"board": ...}),
    "an e-mail address twice": (
        {"board": [MARIE, {**PAUL, "email": "Marie@Example.test"}]}, {"board": [{}, {"email": ...}]},
    ),
    "two contracts of a type": ({"vouchers": [CONECS, CONECS]}, {"vouchers": [{}, {"contract_type": ...}]}),
    "no account": ({"ibans": ...}, {"ibans": ...}),
    "an account for all and one by currency": ({"iban": IBAN}, {"iban": ...}),
    "an account twice": (
        {"ibans": [{"iban": IBAN, "currencies": ["EUR"]}, {"iban": f"{IBAN[:4]} {IBAN[4:]}", "currencies": []}]},
        {"ibans": ...},
    ),
    "a currency twice": (
        {"ibans": [{"iban": IBAN, "currencies": ["EUR"]}, {"iban": "DE1", "currencies": ["EUR"]}]}, {"ibans": ...},
    ),
    "a strange currency": (
        {"ibans": [{"iban": IBAN, "currencies": ["EUR", "USD"]}]},
        {"ibans": "Marketplace Demonstration marketplace does not support USD currency"},
    ),
    "a natural person without a name": (
        {"person_type": "PP", "last_name": "Lefort"}, {"title": ..., "first_name": ...},
    ),
    "an external_ref of the scenario": ({"external_ref": "chez-lucie"}, {"external_ref": ...}),
    "an external_ref of another registration": ({"external_ref": "taken"}, {"external_ref": ...}),
    "a delay that is no number": ({"cashout_delay": "soon"}, {"cashout_delay": ["A valid integer is required."]}),
}  # fmt: skip


def shape(body: Any) -> Any:
    """A body of an error with its texts left out."""
    match body:
        case dict():
            return {name: shape(each) for name, each in body.items()}
        case list():
            return [shape(each) for each in body]
        case _:
            return ...


@pytest.mark.parametrize("name", REFUSED)
async def test_a_registration_is_refused_with(name: str) -> None:
    changes, expected = REFUSED[name]
    psp = await desk()
    await psp.create(external_ref="taken")
    version = psp.world.version
    with pytest.raises(Invalid) as refused:
        await psp.create(**changes)
    assert refused.value.body == expected or shape(refused.value.body) == expected
    assert psp.world.version == version


async def test_a_voucher_type_must_be_the_marketplaces() -> None:
    psp = await desk(marketplace={"vouchers": ["CONECS"]})
    with pytest.raises(Invalid) as refused:
        await psp.create(vouchers=[CONECS, ANCV])
    assert shape(refused.value.body) == {"vouchers": [{}, {"contract_type": ...}]}


async def test_a_marketplace_with_two_currencies_wants_to_know_which_account_is_for_which() -> None:
    psp = await desk(marketplace={"currencies": [EURO, FRANC]})
    with pytest.raises(Invalid):
        await psp.create(ibans=..., iban=IBAN)
    both = [{"iban": IBAN, "currencies": ["EUR"]}, {"iban": "CH1", "currencies": ["CHF"]}]
    assert [each.iban for each in psp.state(await psp.create(ibans=both)).form.ibans] == [IBAN, "CH1"]


async def test_a_natural_person_needs_no_kbis() -> None:
    psp = await desk()
    ref = await psp.create(**NATURAL)
    assert len(await psp.add_all(ref)) == 2
    assert psp.status(ref) is Status.AWAITING_SUBMISSION


async def test_two_processes_do_not_give_the_same_external_ref_away() -> None:
    fast = await desk()
    slow = Desk(fast.world.scenario, fast.store)
    await slow.world.catch_up()
    await fast.create()
    with pytest.raises(Invalid) as refused:
        await slow.create()
    assert set(refused.value.body) == {"external_ref"}
    assert len(slow.world.objects[REGISTRATIONS.name]) == 1


# -- changing ----------------------------------------------------------------------------------------------------------


async def test_an_update_changes_what_it_names() -> None:
    psp = await desk()
    ref = await psp.create()
    before = psp.state(ref)
    after = await psp.update(ref, trading_name="Chez Marie", board=[], turnover=100, cashout_delay=None)
    assert (after.form.trading_name, after.form.turnover, after.form.name) == ("Chez Marie", 100, "Le Bistrot SARL")
    assert after.form.cashout_delay == 0
    assert after.form.board == before.form.board
    assert after.reference == before.reference


@pytest.mark.parametrize("changes", [{}, {**NATURAL, "address": ..., "external_ref": ..., "ibans": ..., "iban": IBAN}])
async def test_what_was_read_can_be_sent_back(changes: Mapping[str, Any]) -> None:
    psp = await desk()
    ref = await psp.create(**changes)
    before = psp.state(ref)
    told = wire.registration("http://localhost/marketplace", before)
    assert_is("Registration", told)
    assert_is("UpdateRegistrationRequest", told)
    assert (await psp.update(ref, **told)).form == before.form


async def test_members_are_updated_by_uuid_and_created_without() -> None:
    psp = await desk()
    ref = await psp.create()
    [marie] = psp.state(ref).form.board
    told = {**MARIE, "uuid": marie.uuid, "last_name": "Lefort-Roux"}
    after = await psp.update(ref, board=[told, PAUL])
    assert [each.last_name for each in after.form.board] == ["Lefort-Roux", "Lefort"]
    assert after.form.board[0].uuid == marie.uuid
    assert [each.first_name for each in (await psp.update(ref, board=[told])).form.board] == ["Marie", "Paul"]
    for board in ([MARIE], [{**MARIE, "uuid": MARKET}]):
        with pytest.raises(Invalid):
            await psp.update(ref, board=board)


async def test_the_activity_stays_the_same_one() -> None:
    psp = await desk()
    ref = await psp.create()
    [before] = psp.state(ref).form.activities
    [after] = (await psp.update(ref, activities=[{"name": "Le Bistrot", "mcc": "5812"}])).form.activities
    assert (after.uuid, after.siret, after.mcc) == (before.uuid, "12345678200010", 5812)


async def test_one_way_of_payout_takes_the_place_of_the_other() -> None:
    psp = await desk()
    ref = await psp.create()
    assert (await psp.update(ref, iban="FR11")).form.ibans == ()
    assert (await psp.update(ref, ibans=BODY["ibans"])).form.iban is None
    with pytest.raises(Invalid):
        await psp.update(ref, ibans=[])


async def test_an_external_ref_can_be_added_and_never_changed() -> None:
    psp = await desk()
    ref, other = await psp.create(external_ref=""), await psp.create()
    assert psp.state(ref).form.external_ref is None
    with pytest.raises(Invalid):
        await psp.update(ref, external_ref="bistrot")
    assert (await psp.update(ref, external_ref="mine")).form.external_ref == "mine"
    for changed in ("yours", None):
        with pytest.raises(Invalid):
            await psp.update(ref, external_ref=changed)
    assert psp.world.owner(REGISTRATIONS.name, external("mine")) == ref
    assert psp.world.owner(REGISTRATIONS.name, external("bistrot")) == other


async def test_a_change_that_needs_another_document_takes_the_submission_back() -> None:
    psp = await desk()
    ref = await psp.create(**NATURAL)
    await psp.add_all(ref)
    assert (await psp.update(ref, person_type="PM")).status is Status.CREATED
    assert (await psp.update(ref, person_type="PP")).status is Status.AWAITING_SUBMISSION
    assert [kind for kind, _, _ in psp.webhooks()] == ["registration"] * 3


async def test_nothing_changes_while_under_review() -> None:
    psp = await desk()
    ref = await psp.submitted()
    with pytest.raises(IllegalStep):
        await psp.update(ref, name="Other")
    with pytest.raises(IllegalStep):
        await psp.add(ref, "JDD")
    with pytest.raises(IllegalStep):
        await psp.submit(ref)


# -- documents ---------------------------------------------------------------------------------------------------------


def test_all_types_of_both_sources_are_known() -> None:
    guide = "IDENTITY_CARD PASSPORT RESIDENCE_PERMIT IBAN KBIS COMPANY_BALANCE_SHEET JDD".split()
    swagger = (
        "IBAN KBIS BALANCE STATUS COMPANY_OTHER PROOF_OF_RESIDENCY HOUSING_TAX ENERGY_PHONE_BILL ADDRESS_OTHER JDD "
        "IDENTITY_CARD PASSPORT RESIDENCE_PERMIT DRIVING_LICENSE_OLD_GENERATION DRIVING_LICENSE_NEW_GENERATION "
        "IDENTITY_OTHER"
    ).split()
    assert set(DOCUMENT_TYPES) == {*guide, *swagger}
    assert len(DOCUMENT_TYPES) == len(set(DOCUMENT_TYPES))


async def test_with_the_last_document_the_registration_can_be_submitted() -> None:
    psp = await desk()
    ref = await psp.create()
    [marie] = psp.state(ref).form.board
    for kind, member, status in (
        ("KBIS", None, Status.CREATED),
        ("HOUSING_TAX", marie.uuid, Status.CREATED),
        ("IBAN", None, Status.CREATED),
        ("IDENTITY_CARD", marie.uuid, Status.AWAITING_SUBMISSION),
    ):
        await psp.add(ref, kind, member)
        assert psp.status(ref) is status
    assert psp.documents(ref) == [DocumentStatus.CREATED] * 4
    assert psp.webhooks() == [("registration", ref, f'{{"registration":"{ref}"}}'.encode())]


async def test_an_identity_must_be_the_representatives() -> None:
    psp = await desk()
    ref = await psp.create(board=[PAUL, MARIE])
    paul, marie = psp.state(ref).form.board
    for kind, member in (("KBIS", None), ("IBAN", None), ("PASSPORT", paul.uuid)):
        await psp.add(ref, kind, member)
    with pytest.raises(Invalid, match="identity"):
        await psp.submit(ref)
    await psp.add(ref, "PASSPORT", marie.uuid)
    assert psp.status(ref) is Status.AWAITING_SUBMISSION


async def test_where_nobody_represents_anybodys_identity_will_do() -> None:
    psp = await desk()
    ref = await psp.create(board=[PAUL])
    await psp.add_all(ref)
    assert psp.status(ref) is Status.AWAITING_SUBMISSION


@pytest.mark.parametrize("kind", [*IDENTITY, *ADDRESS])
async def test_somebodys_document_names_its_owner(kind: str) -> None:
    psp = await desk()
    ref = await psp.create()
    with pytest.raises(Invalid) as refused:
        await psp.add(ref, kind)
    assert shape(refused.value.body) == {"board_member": [...]}
    with pytest.raises(Invalid) as refused:
        await psp.add(ref, kind, MARKET)
    assert shape(refused.value.body) == {"board_member": ...}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "SELFIE"}, "type"),
        ({"kind": ""}, "type"),
        ({"reference": ""}, "reference"),
        ({"reference": "x" * 256}, "reference"),
        ({"description": "x" * 256}, "description"),
        ({"data": b""}, "file"),
        ({"data": b"MZ", "media": "application/octet-stream"}, "file"),
    ],
)
def test_a_document_that_is_none(changes: Mapping[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        wire.read_document(parts(**changes))
    assert shape(refused.value.body) == {field: [...]}


def test_a_document_without_a_file() -> None:
    with pytest.raises(Invalid) as refused:
        wire.read_document({name: part for name, part in parts().items() if name == "reference"})
    assert set(refused.value.body) == {"file", "type"}
    with pytest.raises(Invalid) as refused:
        wire.read_document({**parts(), "file": Part("file", None, "application/pdf", PDF)})
    assert shape(refused.value.body) == {"file": [...]}


@pytest.mark.parametrize(
    ("data", "declared", "media"),
    [
        (b"anything", "image/heic", "image/heic"),
        (b"anything", "application/pdf", "application/pdf"),
        (PDF, "application/octet-stream", "application/pdf"),
        (b"\x89PNG\r\n\x1a\nmore", "", "image/png"),
        (b"\xff\xd8\xff\xe0", "text/plain", "image/jpeg"),
    ],
)
def test_an_image_or_a_pdf_by_name_or_by_its_first_bytes(data: bytes, declared: str, media: str) -> None:
    read = wire.read_document(parts(data=data, media=declared))
    assert (read.content_type, read.size, len(read.digest)) == (media, len(data), 64)


async def test_a_document_as_it_is_answered() -> None:
    psp = await desk()
    ref = await psp.create()
    uuid = await psp.add(ref, "KBIS")
    assert_is("Document", wire.document(psp.state(ref).documents[0]))
    assert wire.document(psp.state(ref).documents[0]) == {
        "uuid": uuid, "created_at": "2026-01-06T09:15:00.000000Z", "updated_at": "2026-01-06T09:15:00.000000Z",
        "registration": ref, "board_member": None, "type": "KBIS", "reference": "DOC-1", "additional_data": None,
        "description": None, "status": "CREATED",
    }  # fmt: skip


# -- submitting and reviewing ------------------------------------------------------------------------------------------


async def test_a_submission_is_never_reviewed_by_itself_as_in_the_test_environment() -> None:
    psp = await desk()
    ref = await psp.submitted()
    await psp.advance(timedelta(days=365))
    assert (psp.status(ref), psp.state(ref).seller) == (Status.PENDING_VALIDATION, None)
    assert psp.documents(ref) == [DocumentStatus.PENDING] * 3
    assert [kind for kind, _, _ in psp.webhooks()] == ["registration", "kyc", "kyc", "kyc", "registration"]


async def test_the_state_under_review_has_another_name_by_a_setting() -> None:
    psp = await desk(review_status="PENDING_VERIFICATION", registration_review="automatic")
    ref = await psp.submitted()
    assert psp.status(ref) is Status.PENDING_VERIFICATION
    await psp.advance()
    assert psp.status(ref) is Status.SUCCEEDED


async def test_an_incomplete_registration_cannot_be_submitted() -> None:
    psp = await desk()
    ref = await psp.create()
    with pytest.raises(Invalid, match="identity, IBAN, KBIS") as refused:
        await psp.submit(ref)
    assert refused.value.setting == "documents"


async def test_where_documents_are_optional_there_is_nothing_to_wait_for() -> None:
    psp = await desk(documents="optional")
    ref = await psp.create()
    assert psp.status(ref) is Status.CREATED
    await psp.advance()
    assert psp.status(ref) is Status.AWAITING_SUBMISSION
    hurried = await psp.create(external_ref="hurried")
    await psp.submit(hurried)
    await psp.advance()
    assert psp.status(hurried) is Status.PENDING_VALIDATION


async def test_a_review_makes_a_seller() -> None:
    psp = await desk(registration_review="automatic", review_delay=timedelta(hours=2))
    ref = await psp.submitted()
    await psp.advance(timedelta(hours=1))
    assert sellers.find_by_external_ref(psp.world, "bistrot") is None
    await psp.advance(timedelta(hours=1))
    assert psp.status(ref) is Status.SUCCEEDED
    assert psp.documents(ref) == [DocumentStatus.VALIDATED] * 3
    seller = psp.state(ref).seller
    assert seller is not None
    assert seller.uuid != ref
    assert (seller.reference, seller.external_ref, seller.description) == ("SL300001", "bistrot", "Cuisine du marché")
    assert (seller.status, seller.cashout_delay, seller.iban) == ("ACTIVE", 3, IBAN)
    assert seller.vouchers == {"CONECS": "1204477"}
    assert seller.created == START + timedelta(hours=2)
    assert sellers.find_seller(psp.world, seller.uuid) == seller
    assert sellers.find_by_external_ref(psp.world, "bistrot") == seller
    assert [each.external_ref for each in sellers.all_sellers(psp.world)] == ["bistrot", "chez-lucie", "operator"]


@pytest.mark.parametrize(("setting", "status"), [("refused", Status.FAILED), ("accepted", Status.SUCCEEDED)])
async def test_a_contract_for_shops_only(setting: str, status: Status) -> None:
    psp = await desk(registration_review="automatic", in_store_contracts=setting)
    ref = await psp.submitted(vouchers=[{"contract_type": "CONECS", "contract_number": "C204477"}])
    await psp.advance()
    assert psp.status(ref) is status
    assert (psp.state(ref).seller is None) == (status is Status.FAILED)


async def test_a_rule_decides_a_review_by_its_facts() -> None:
    facts = {"name": "Le Bistrot SARL", "external_ref": "bistrot", "person_type": "PM", "conecs": "1204477"}
    psp = await desk(review("refused", **facts), registration_review="automatic")
    ref, other = await psp.submitted(), await psp.submitted(external_ref="other")
    await psp.advance()
    assert (psp.status(ref), psp.status(other)) == (Status.FAILED, Status.SUCCEEDED)


async def test_a_rejected_document_begins_the_cycle_again() -> None:
    rejected = review("document_rejected", external_ref="bistrot")
    psp = await desk(rejected, registration_review="automatic")
    ref = await psp.submitted()
    await psp.advance()
    assert psp.status(ref) is Status.CREATED
    assert psp.documents(ref) == [DocumentStatus.REJECTED, DocumentStatus.PENDING, DocumentStatus.PENDING]
    with pytest.raises(Invalid, match="identity"):
        await psp.submit(ref)
    await psp.add(ref, "PASSPORT", psp.state(ref).form.board[0].uuid)
    await psp.submit(ref)
    assert psp.state(ref).submissions == 2


async def test_without_any_document_there_is_none_to_reject() -> None:
    psp = await desk(review("document_rejected"), registration_review="automatic", documents="optional")
    ref = await psp.create()
    await psp.submit(ref)
    await psp.advance()
    assert psp.status(ref) is Status.AWAITING_SUBMISSION
    assert [kind for kind, _, _ in psp.webhooks()] == ["registration"] * 4


async def test_a_review_of_an_earlier_submission_comes_to_nothing() -> None:
    psp = await desk(registration_review="automatic", review_delay=timedelta(hours=2))
    ref = await psp.submitted()
    await psp.advance(timedelta(hours=1))
    await psp.force(ref, status="AWAITING_SUBMISSION")
    await psp.submit(ref)
    await psp.advance(timedelta(hours=1))
    assert psp.status(ref) is Status.PENDING_VALIDATION
    await psp.advance(timedelta(hours=1))
    assert psp.status(ref) is Status.SUCCEEDED


# -- after the success -------------------------------------------------------------------------------------------------


async def test_a_seller_gets_new_contracts_accounts_and_delays_at_once() -> None:
    psp = await desk(registration_review="automatic")
    ref = await psp.submitted(external_ref=...)
    await psp.advance()
    await psp.update(
        ref, name="Other", vouchers=[ANCV], cashout_delay=7, external_ref="late",
        ibans=[{"iban": "FR99", "currencies": ["EUR"]}],
    )  # fmt: skip
    seller = sellers.find_by_external_ref(psp.world, "late")
    assert seller is not None
    assert (seller.vouchers, seller.cashout_delay, seller.iban) == ({"CVCONNECT": "30012345"}, 7, "FR99")
    assert psp.state(ref).form.name == "Le Bistrot SARL"
    told = [entry.data.law for entry in psp.world.journal.since(0) if entry.kind == "decision"]
    assert told[-1].endswith("; ignored: name")
    with pytest.raises(Invalid):
        await psp.update(ref, vouchers=[CONECS, CONECS])
    assert await psp.add(ref, "IBAN")


async def test_a_second_review_finds_the_same_seller() -> None:
    psp = await desk(registration_review="automatic")
    ref = await psp.submitted()
    await psp.advance()
    before = psp.state(ref).seller
    assert before is not None
    await psp.force(ref, status="AWAITING_SUBMISSION")
    await psp.advance(timedelta(days=1))
    await psp.submit(ref)
    await psp.advance()
    after = psp.state(ref).seller
    assert after is not None
    assert (after.uuid, after.created, after.status) == (before.uuid, before.created, "ACTIVE")
    accepted = [entry.data for entry in psp.world.journal.since(0) if isinstance(entry.data, f.RegistrationAccepted)]
    assert [each.seller for each in accepted] == [before.uuid] * 2


# -- the back office ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", Status)
async def test_the_back_office_sets_any_status(status: Status) -> None:
    psp = await desk()
    ref = await psp.create()
    told = await psp.force(ref, status=status.value)
    assert (told["status"], psp.status(ref)) == (status.value, status)
    assert (psp.state(ref).seller is not None) == (status is Status.SUCCEEDED)
    assert len(psp.webhooks()) == (status is not Status.CREATED), "the same status again is no change"


async def test_a_submission_that_the_back_office_accepts_is_accepted_with_its_documents() -> None:
    psp = await desk()
    ref = await psp.submitted()
    told = await psp.force(ref, status="SUCCEEDED")
    assert psp.documents(ref) == [DocumentStatus.VALIDATED] * 3
    seller = psp.state(ref).seller
    assert seller is not None
    assert told["seller"] == seller.uuid


@pytest.mark.parametrize("status", ["SUSPENDED", "CLOSED"])
async def test_a_seller_lives_and_ends_with_its_registration(status: str) -> None:
    psp = await desk()
    ref = await psp.create()
    before = (await psp.force(ref, status="SUCCEEDED"))["seller"]
    assert (await psp.force(ref, status=status))["seller"] == before
    found = sellers.find_seller(psp.world, before)
    assert found is not None
    assert found.status == "INACTIVE"
    await psp.force(ref, status="SUCCEEDED")
    found = sellers.find_seller(psp.world, before)
    assert found is not None
    assert found.status == "ACTIVE"


@pytest.mark.parametrize("status", DocumentStatus)
async def test_the_back_office_sets_any_status_of_a_document(status: DocumentStatus) -> None:
    psp = await desk()
    ref = await psp.create()
    uuid = await psp.add(ref, "KBIS")
    await psp.force(uuid, document_status=status.value)
    assert psp.documents(ref) == [status]
    told = [("kyc", uuid, f'{{"kyc":"{uuid}"}}'.encode())]
    assert psp.webhooks() == (told if status is not DocumentStatus.CREATED else [])


@pytest.mark.parametrize("status", ["REJECTED", "EXPIRED"])
async def test_a_mandatory_document_that_is_no_longer_good_sends_the_registration_back(status: str) -> None:
    psp = await desk()
    ref = await psp.create()
    more = await psp.add(ref, "JDD")
    _, account, _ = await psp.add_all(ref)
    await psp.force(account, document_status=status)
    assert psp.status(ref) is Status.CREATED, "also before it was submitted"
    await psp.force(account, document_status="CREATED")
    assert psp.status(ref) is Status.AWAITING_SUBMISSION
    await psp.submit(ref)
    await psp.force(more, document_status=status)
    assert psp.status(ref) is Status.PENDING_VALIDATION
    await psp.force(account, document_status=status)
    assert psp.status(ref) is Status.CREATED


async def test_where_another_document_proves_the_same_the_cycle_is_short() -> None:
    psp = await desk()
    ref = await psp.create()
    account = await psp.add(ref, "IBAN")
    await psp.add_all(ref)
    await psp.submit(ref)
    await psp.force(account, document_status="REJECTED")
    assert psp.status(ref) is Status.CREATED
    await psp.advance()
    assert psp.status(ref) is Status.AWAITING_SUBMISSION


async def test_the_back_office_knows_who_is_meant() -> None:
    psp = await desk()
    ref = await psp.create()
    uuid = await psp.add(ref, "KBIS")
    for wrong, body in (
        ("strange", {"status": "FAILED"}), (uuid, {"status": "FAILED"}), ("strange", {"document_status": "REJECTED"}),
        (ref, {"document_status": "REJECTED"}),
    ):  # fmt: skip
        with pytest.raises(LookupError):
            await psp.force(wrong, **body)


async def test_commands_need_a_registration() -> None:
    psp = await desk()
    for command in (
        c.UpdateRegistration({}), c.SubmitRegistration(), c.CompleteRegistration(), c.ReviewRegistration(1),
        c.ForceRegistration("FAILED"), c.ForceDocument("", "REJECTED"), wire.read_document(parts()),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            await psp.run("strange", command)
    ref = await psp.create()
    with pytest.raises(NotFound):
        await psp.run(ref, c.ForceDocument("strange", "REJECTED"))


def test_what_no_registration_knows() -> None:
    strange: Any = object()
    moment = Desk(scenario()).world.moment("lyra")
    with pytest.raises(TypeError):
        REGISTRATIONS.decide(None, strange, NATURAL_VERDICT, moment)
    with pytest.raises(TypeError):
        REGISTRATIONS.evolve(None, strange)


async def test_a_review_has_no_other_outcome() -> None:
    psp = await desk()
    ref = await psp.submitted()
    with pytest.raises(ValueError, match="perhaps"):
        REGISTRATIONS.decide(
            psp.state(ref), c.ReviewRegistration(1), Verdict(outcome="perhaps"), psp.world.moment("lyra")
        )


# -- random lives ------------------------------------------------------------------------------------------------------

KINDS = ("IBAN", "KBIS", "PASSPORT", "HOUSING_TAX", "JDD", "IBAN", "KBIS", "PASSPORT")
TOLD = (
    f.RegistrationCompleted, f.RegistrationReopened, f.RegistrationSubmitted, f.RegistrationSubmittedForVerification,
    f.RegistrationAccepted, f.RegistrationRefused, f.RegistrationForced,
)  # fmt: skip
BODIES: Sequence[dict[str, Any]] = (
    {"name": "Other"}, {"person_type": "PP"}, {**NATURAL}, {"person_type": "PM"}, {"cashout_delay": 9},
    {"vouchers": [ANCV]}, {"board": [PAUL]}, {"board": [MARIE]}, {"ibans": []}, {"iban": "FR11"}, {"activities": []},
    {"external_ref": "second"}, {"board": [{**MARIE, "uuid": MARKET}]},
)  # fmt: skip
chosen_settings = st.fixed_dictionaries(
    {
        "registration_review": st.sampled_from(["automatic", "automatic", "never"]),
        "review_delay": st.sampled_from([timedelta(0), timedelta(hours=2)]),
        "review_status": st.sampled_from(["PENDING_VALIDATION", "PENDING_VERIFICATION"]),
        "documents": st.sampled_from(["required", "required", "optional"]),
        "in_store_contracts": st.sampled_from(["accepted", "refused"]),
    }
)
verdicts = st.sampled_from([(), (), (review("refused"),), (review("document_rejected"),)])


class LivesOfRegistrations(RuleBasedStateMachine):
    """Marketplace, clock and back office act in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.forced = False
        self.seller = ""

    @initialize(chosen=chosen_settings, rules=verdicts, number=st.sampled_from(["1204477", "C204477"]))
    def begin(self, chosen: dict[str, Any], rules: tuple[Rule, ...], number: str) -> None:
        self.psp = Desk(scenario(rules, **chosen))
        self.runner.run(self.psp.world.open())
        contract = {"contract_type": "CONECS", "contract_number": number}
        self.ref = self.runner.run(self.psp.create(vouchers=[contract]))

    def teardown(self) -> None:
        self.runner.close()

    @property
    def state(self) -> Registration:
        """The registration."""
        return self.psp.state(self.ref)

    def do(self, work: Any) -> None:
        """Try something. If it is refused, nothing at all may have changed."""
        before = self.psp.world.version, self.state
        try:
            self.runner.run(work)
        except Refusal:
            assert (self.psp.world.version, self.state) == before

    @rule(body=st.sampled_from(BODIES))
    def update(self, body: dict[str, Any]) -> None:
        self.do(self.psp.update(self.ref, **body))

    @rule(kind=st.sampled_from(KINDS), index=st.integers(0, 2))
    def add(self, kind: str, index: int) -> None:
        board = self.state.form.board
        member = board[index % len(board)].uuid if kind in (*IDENTITY, *ADDRESS) else None
        self.do(self.psp.add(self.ref, kind, member))

    @precondition(lambda self: self.state.status is Status.CREATED)
    @rule()
    def add_all(self) -> None:
        self.runner.run(self.psp.add(self.ref, "PASSPORT", self.state.form.board[0].uuid))
        for kind in ("IBAN", "KBIS"):
            self.do(self.psp.add(self.ref, kind))

    @rule()
    def submit(self) -> None:
        self.do(self.psp.submit(self.ref))

    @rule(hours=st.sampled_from([0, 1, 2]))
    def wait(self, hours: int) -> None:
        self.runner.run(self.psp.advance(timedelta(hours=hours)))

    @rule(status=st.sampled_from(Status))
    def force(self, status: Status) -> None:
        self.forced = True
        self.runner.run(self.psp.force(self.ref, status=status.value))
        assert self.state.status is status

    @precondition(lambda self: self.state.documents)
    @rule(index=st.integers(0, 9), status=st.sampled_from(DocumentStatus))
    def force_document(self, index: int, status: DocumentStatus) -> None:
        document = self.state.documents[index % len(self.state.documents)]
        self.runner.run(self.psp.force(document.uuid, document_status=status.value))
        changed = self.state.document(document.uuid)
        assert changed is not None
        assert changed.status is status

    @invariant()
    def every_step_is_one_of_the_table(self) -> None:
        entries = list(self.psp.world.journal.since(0))
        state: Registration | None = None
        webhooks: Counter[str] = Counter()
        for event in [entry.data for entry in entries if entry.kind == "event"]:
            before, state = state, evolve(state, event)
            if before is not None and not isinstance(event, f.RegistrationForced):
                steps = set(REGISTRATION[before.status].values()) | {before.status}
                assert state.status in steps
            webhooks["registration"] += isinstance(event, TOLD)
            webhooks["kyc"] += isinstance(event, get_args(f.DocumentStep))
        assert state == self.state
        assert Counter(entry.data.kind for entry in entries if entry.kind == "webhook") == +webhooks

    @invariant()
    def a_seller_stays_the_same(self) -> None:
        state = self.state
        seller = state.seller
        if self.seller or state.status is Status.SUCCEEDED:
            assert seller is not None
            assert self.seller in ("", seller.uuid)
            assert (seller.status == "ACTIVE") == (state.status is Status.SUCCEEDED)
            assert sellers.find_seller(self.psp.world, seller.uuid) == seller
            assert sellers.find_by_external_ref(self.psp.world, "bistrot") == seller
            self.seller = seller.uuid
        else:
            assert seller is None

    @invariant()
    def what_waits_for_its_submission_is_complete(self) -> None:
        state = self.state
        lacking = missing(state, self.psp.world.setups["lyra"].settings)
        if self.forced:
            return
        if state.status is Status.AWAITING_SUBMISSION or state.under_review:
            assert not lacking
        if state.status is Status.CREATED:
            assert lacking or self.psp.world.outbox.next_due() == self.psp.world.clock.now(), "nobody looks again"


TestLivesOfRegistrations = LivesOfRegistrations.TestCase
TestLivesOfRegistrations.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
