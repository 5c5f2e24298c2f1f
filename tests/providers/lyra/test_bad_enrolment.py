"""Bad registrations of sellers and bad documents (§ 5 of the facts). Texts are inferred, but for a currency's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any

import pytest
import requests

from tests.support import lyra_bad as scenes
from tests.support.lyra import IBAN, MARIE, PDF, STRANGE, Marketplace
from tests.support.lyra_bad import (
    BLANK,
    EUR_USD,
    GONE,
    NO_FLAG,
    NO_MATCH,
    NO_NULL,
    NO_TEXT,
    NO_UUID,
    NO_WHOLE,
    REQUIRED,
    RIGHTS,
    Begins,
    NewSandbox,
    Row,
    Scene,
    Spoilt,
    World,
    above,
    at,
    below,
    no_choice,
    no_object,
    no_pk,
    put,
    spoil,
    too_long,
)
from tests.support.server import Threaded

NO_DAY = ["Date has wrong format. Use one of these formats instead: YYYY-MM-DD."]
NO_LIST = ['Expected a list of items but got type "dict".']
OTHER_IBAN = "FR1420041010050500013M02606"
TOO_LONG = {
    "name": 255, "title": 63, "first_name": 63, "last_name": 63, "trading_name": 255, "nature": 255, "description": 255,
    "vat_number": 16, "external_ref": 50, "economic_agent": 255, "iban": 34, "reference": 255, "board.0.title": 63,
    "board.0.first_name": 63, "board.0.last_name": 63, "board.0.birth_city": 128, "board.0.phone_number": 32,
    "board.0.email": 150, "board.0.address.street_number": 5, "board.0.address.zipcode": 64, "activities.0.siret": 14,
    "activities.0.legal_identifier": 20, "activities.0.url": 200, "activities.0.naf": 5, "ibans.0.iban": 34,
    "vouchers.0.contract_number": 128,
}  # fmt: skip
NEEDED = ("marketplace", "person_type", "name", "description", "vat_number", "board", "activities")
MEMBER_NEEDS = ("title", "first_name", "last_name", "birth_date", "birth_city", "nationality", "address")


# -- fields ------------------------------------------------------------------------------------------------------------


def fields() -> Iterator[Spoilt]:
    """Fields that are wrong in a new registration and in a changed one."""
    yield from ((path, "x" * (most + 1), too_long(most)) for path, most in TOO_LONG.items())
    yield from ((path, None, NO_NULL) for path in NEEDED)
    yield from ((path, "", BLANK) for path in ("name", "description", "vat_number", "ibans.0.iban"))
    yield from ((path, 7, NO_TEXT) for path in ("name", "external_ref", "iban", "board.0.title", "activities.0.siret"))
    yield from ((path, {}, NO_LIST) for path in ("board", "activities", "ibans", "vouchers"))
    yield "marketplace", "x", NO_UUID
    yield "marketplace", STRANGE, no_pk(STRANGE)
    yield "person_type", "PX", no_choice("PX")
    yield "legal_form", 999, below(1000)
    yield "legal_form", 10_000, above(9999)
    yield "legal_form", "SARL", NO_WHOLE
    yield "turnover", -1, below(0)
    yield "cashout_delay", -1, below(0)
    yield "cashout_delay", "soon", NO_WHOLE
    yield "cashout_delay", None, NO_NULL
    yield "address", [], no_object("list")
    yield "address", {"country": "FRA"}, {"country": too_long(2)}


def part_fields() -> Iterator[Spoilt]:
    """Of board members, activities, accounts and voucher contracts."""
    yield "board.0.birth_date", "11/02/1984", NO_DAY
    yield "board.0.birth_date", "1984-13-01", NO_DAY
    yield "board.0.nationality", "FRA", NO_MATCH
    yield "board.0.nationality", "fr", NO_MATCH
    yield "board.0.role", "BOSS", no_choice("BOSS")
    yield "board.0.address", {"city": "Albi"}, {"country": REQUIRED}
    yield "board.0.address", "Albi", no_object("str")
    yield "activities", [], ["This list may not be empty."]
    yield "activities", [{"name": "a", "siret": "1"}] * 2, ["Ensure this field has no more than 1 elements."]
    yield "activities.0.name", GONE, REQUIRED
    yield "activities.0.mcc", "restaurant", NO_WHOLE
    yield "activities.0.registration_date", "2020", NO_DAY
    yield "activities.0.is_principal", "perhaps", NO_FLAG
    yield "ibans.0.currencies", GONE, REQUIRED
    yield "ibans.0.currencies", "EUR", ['Expected a list of items but got type "str".']
    yield "ibans.0.currencies", ["EUR", "euro"], [{}, {"non_field_errors": NO_MATCH}]
    yield "vouchers.0.contract_type", "EDENRED", no_choice("EDENRED")
    yield "vouchers.0.contract_number", GONE, REQUIRED
    yield "vouchers.0.contract_number", "", BLANK


def rules() -> Iterator[tuple[str, Mapping[str, Any], Any]]:
    """Changes of a right registration that its rules forbid: name, change, what is said."""
    currency = "Marketplace Demonstration marketplace does not support USD currency"
    yield "no account", {"ibans": [], "iban": None}, {"ibans": "A registration needs iban or ibans."}
    yield "both kinds of accounts", {"iban": IBAN}, {"iban": "A registration has iban or ibans, not both."}
    yield "a currency that is not the marketplace's", {"ibans": [account(IBAN, "USD")]}, {"ibans": currency}
    twice = [account(IBAN), account(f" {IBAN[:4]} {IBAN[4:].lower()}")]
    yield "an account twice", {"ibans": twice}, {"ibans": f"The account {twice[1]['iban']} appears twice."}
    two = [account(IBAN), account(OTHER_IBAN)]
    yield "a currency twice", {"ibans": two}, {"ibans": "The currency EUR appears twice."}
    yield (
        "a contract type twice",
        {"vouchers": [contract("1"), contract("2")]},
        at("vouchers.1.contract_type", "There is another contract number of type CONECS."),
    )
    yield (
        "neither siret nor legal_identifier",
        {"activities": [{"name": "Le Bistrot", "siret": None}]},
        at("activities.0.siret", "An activity needs siret or legal_identifier."),
    )
    needs = dict.fromkeys(("title", "first_name", "last_name"), "A natural person needs this field.")
    yield "a natural person without a name", {"person_type": "PP"}, needs
    yield (
        "a natural person without a title",
        {"person_type": "PP", "first_name": "M", "last_name": "L"},
        {"title": "A natural person needs this field."},
    )


def account(iban: str, *currencies: str) -> dict[str, Any]:
    """A bank account for these currencies, or for EUR."""
    return {"iban": iban, "currencies": list(currencies or ("EUR",))}


def contract(number: str, kind: str = "CONECS") -> dict[str, str]:
    """A voucher contract."""
    return {"contract_type": kind, "contract_number": number}


Changes = Callable[[World, Scene], Mapping[str, Any]]


def creating(name: str, changes: Mapping[str, Any] | Changes, told: Any, **more: Any) -> Row:
    """POST /registrations with changes."""

    def make(w: World, scene: Scene) -> requests.Response:
        given = changes(w, scene) if callable(changes) else changes
        return w.shop.answered("create_registration", {"marketplace": w.shop.uuid, **RIGHT, **given})

    return Row(f"a registration: {name}", make, 400, told, **more)


def changing(name: str, body: Mapping[str, Any] | Changes, told: Any, before: Any = scenes.registration) -> Row:
    """PUT of one."""

    def make(w: World, scene: Scene) -> requests.Response:
        given = body(w, scene) if callable(body) else body
        return w.shop.answered("update_registration", given, registration=scene["registration"])

    return Row(f"a changed registration: {name}", make, 400, told, lambda w: before(w.shop))


RIGHT: Mapping[str, Any] = {
    "person_type": "PM",
    "name": "Le Bistrot SARL",
    "description": "Cuisine du marché",
    "vat_number": "FR00123456782",
    "board": [MARIE],
    "activities": [{"name": "Le Bistrot", "siret": "12345678200010"}],
    "ibans": [account(IBAN)],
    "vouchers": [contract("1204477")],
}


def field_rows() -> Iterator[Row]:
    """Each field, each rule, in a new registration and, where it makes sense, in a changed one."""
    for path, value, told in chain(fields(), part_fields()):
        yield spoil("create_registration", path, value, told)
        head = path.partition(".")[0]
        body = put({head: RIGHT.get(head)} if "." in path else {}, path, value)
        yield changing(f"{path} {repr(value)[:60]} ({len(repr(value))})", body, at(path, told))
    yield from (spoil("create_registration", name, GONE, REQUIRED) for name in NEEDED)
    for name in MEMBER_NEEDS:
        yield spoil("create_registration", f"board.0.{name}", GONE, REQUIRED)
        newcomer = {key: value for key, value in MARIE.items() if key != name}
        yield changing(f"a newcomer without {name}", {"board": [newcomer]}, {"board": [{name: REQUIRED}]})
    for name, change, told in rules():
        yield creating(name, change, told)
        if "iban" not in change:  # the one takes the place of the other
            yield changing(name, change, told)


def more_rules() -> Iterator[Row]:
    """Rules that need another registration, another marketplace, or what was said before."""
    nobody = {"board": "A registration names one member of the board at least."}
    yield creating("nobody on the board", {"board": []}, nobody)
    mail = {"email": "Another member of the board has this e-mail address."}
    pair = [MARIE, {**MARIE, "first_name": "Paul", "email": "MARIE@example.test"}]
    yield creating("an e-mail address twice", {"board": pair}, {"board": [{}, mail]})
    yield changing("a newcomer with a known e-mail address", {"board": [MARIE]}, {"board": [{}, mail]})
    stranger = {"uuid": "Nobody of this registration's board has this uuid."}
    yield changing("an unknown member", {"board": [{"uuid": STRANGE, "title": "MR"}]}, {"board": [stranger]})
    taken = "Another seller or registration has the external_ref {}."
    yield creating(
        "the external_ref of a seller", {"external_ref": "seller1"}, {"external_ref": taken.format("seller1")}
    )
    yield changing(
        "the external_ref of a seller", {"external_ref": "seller2"}, {"external_ref": taken.format("seller2")}
    )
    own = {"before": lambda w: {"registration": w.shop.register(external_ref="mine")["uuid"]}}
    yield creating("another's external_ref", {"external_ref": "mine"}, {"external_ref": taken.format("mine")}, **own)
    fixed = {"external_ref": "It is set already and cannot be changed any more."}
    for value in ("other", None, ""):
        yield changing(
            f"its external_ref to {value!r}",
            {"external_ref": value},
            fixed,
            lambda shop: {"registration": shop.register(external_ref="mine")["uuid"]},
        )
    yield creating(
        "iban, of several currencies",
        {"ibans": [], "iban": IBAN},
        {"iban": "A marketplace with several currencies takes ibans instead."},
        market={"marketplace": EUR_USD},
    )
    yield creating(
        "an inactive currency",
        {"ibans": [account(IBAN, "GBP")]},
        {"ibans": "Marketplace Demonstration marketplace does not support GBP currency"},
        market={"marketplace": EUR_USD},
    )
    told = "Marketplace Demonstration marketplace does not accept vouchers of type CVCONNECT."
    yield creating(
        "a contract that the marketplace cannot use",
        {"vouchers": [contract("1", "CVCONNECT")]},
        {"vouchers": [{"contract_type": told}]},
        market={"marketplace": {"vouchers": ["CONECS"]}},
    )


# -- statuses ----------------------------------------------------------------------------------------------------------

CLOSED = ("CANCELLED", "FAILED", "ABANDONED", "CLOSED", "SUSPENDED", "REJECTED")


def statuses() -> Iterator[Row]:
    """What a status does not allow; the registration is read-only from its submission."""

    def without(*kinds: str) -> Callable[[Marketplace], Scene]:
        def before(shop: Marketplace) -> Scene:
            scene = scenes.registration(shop)
            for kind in kinds:
                shop.upload(scene["registration"], kind, scene["member"] if kind == "PASSPORT" else None)
            return scene

        return before

    def submit(w: World, scene: Scene) -> requests.Response:
        return w.shop.answered("submit_registration", registration=scene["registration"])

    lacking = (
        ((), "identity, IBAN, KBIS"),
        (("PASSPORT", "IBAN"), "KBIS"),
        (("KBIS",), "identity, IBAN"),
        (("IBAN", "KBIS", "JDD"), "identity"),
    )
    for kinds, what in lacking:
        yield Row(
            f"submitted without {what}",
            submit,
            400,
            {"status": f"Documents are missing first: {what}."},
            lambda w, kinds=kinds: without(*kinds)(w.shop),
            inferred="documents",
        )
    for status in ("PENDING_VALIDATION", *CLOSED):
        before = scenes.submitted if status == "PENDING_VALIDATION" else scenes.forced(status)
        told = {"status": f"This is not possible in status {status}."}
        yield changing(f"in status {status}", {"name": "Bistrot"}, told, before)
        yield Row(f"submitted in status {status}", submit, 400, told, lambda w, before=before: before(w.shop))
        yield Row(f"a document in status {status}", upload(), 400, told, lambda w, before=before: before(w.shop))
    yield Row(
        "submitted in status SUCCEEDED",
        submit,
        400,
        {"status": "This is not possible in status SUCCEEDED."},
        lambda w: scenes.forced("SUCCEEDED")(w.shop),
    )
    yield Row(
        "submitted twice under its other name",
        submit,
        400,
        {"status": "This is not possible in status PENDING_VERIFICATION."},
        lambda w: scenes.submitted(w.shop),
        settings={"review_status": "PENDING_VERIFICATION"},
    )


# -- documents ---------------------------------------------------------------------------------------------------------


def upload(file: Any = PDF, **fields: Any) -> Callable[[World, Scene], requests.Response]:
    """POST of a document with these fields; None leaves one out."""

    def make(w: World, scene: Scene) -> requests.Response:
        form = {"type": "KBIS", "reference": "DOC-1", **fields}
        sent = {name: value for name, value in form.items() if value is not None}
        files = {"file": file} if file is not None else {"other": ("x.txt", b"x", "text/plain")}
        return w.shop.answered("create_document", registration=scene["registration"], data=sent, files=files)

    return make


def raw(body: bytes, media: str = "multipart/form-data; boundary=x") -> Callable[[World, Scene], requests.Response]:
    """POST of these bytes as a document."""

    def make(w: World, scene: Scene) -> requests.Response:
        how = {"headers": {"Content-Type": media}, "registration": scene["registration"]}
        return w.shop.answered("create_document", body, **how)

    return make


def documents() -> Iterator[Row]:
    """Uploads that are none."""

    def row(name: str, make: Any, told: Any, status: int = 400) -> Row:
        return Row(f"a document: {name}", make, status, told, lambda w: scenes.registration(w.shop))

    yield row("no file", upload(None), {"file": REQUIRED})
    yield row("an empty file", upload(("kbis.pdf", b"", "application/pdf")), {"file": ["This file is empty."]})
    yield row(
        "no picture", upload(("kbis.txt", b"words", "text/plain")), {"file": ["A document is an image or a PDF."]}
    )
    yield row("no type", upload(type=None), {"type": REQUIRED})
    yield row("an empty type", upload(type=""), {"type": REQUIRED})
    yield row("an unknown type", upload(type="SELFIE"), {"type": no_choice("SELFIE")})
    yield row("a type in lower case", upload(type="kbis"), {"type": no_choice("kbis")})
    yield row("no reference", upload(reference=None), {"reference": REQUIRED})
    yield row("a long reference", upload(reference="x" * 256), {"reference": too_long(255)})
    yield row("a long description", upload(description="x" * 256), {"description": too_long(255)})
    everything = {"file": REQUIRED, "type": REQUIRED, "reference": REQUIRED}
    yield row("nothing at all", upload(None, type=None, reference=None), everything)
    for kind in ("PASSPORT", "IDENTITY_CARD", "RESIDENCE_PERMIT", "DRIVING_LICENSE_NEW_GENERATION", "HOUSING_TAX"):
        yield row(f"nobody's {kind}", upload(type=kind), {"board_member": REQUIRED})
    nobody = {"board_member": "Nobody of this registration's board has this uuid."}
    for member in (STRANGE, "x"):
        yield row(f"of the unknown member {member}", upload(type="PASSPORT", board_member=member), nobody)
    broken = {"detail": Begins("JSON parse error - ")}
    yield row("a form that ends early", raw(b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb"), broken)
    yield row("a form without a boundary", raw(b"--x--", "multipart/form-data"), broken)
    yield row("a part without a name", raw(b"--x\r\nContent-Type: text/plain\r\n\r\nb\r\n--x--\r\n"), broken)
    yield row("bytes that are no form", raw(b"\x00\xff"), broken)
    for media in ("application/json", "application/x-www-form-urlencoded", "multipart/mixed; boundary=x", "text/plain"):
        yield row(f"as {media}", raw(b"{}", media), {"detail": f'Unsupported media type "{media}" in request.'}, 415)


ROWS = [*field_rows(), *more_rules(), *statuses(), *documents()]


def test_no_row_stands_twice_and_the_right_one_is_right(live: Threaded, new_sandbox: NewSandbox) -> None:
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names), sorted(name for name in set(names) if names.count(name) > 1)
    shop = World(live, new_sandbox).shop
    assert shop.answered("create_registration", {"marketplace": shop.uuid, **RIGHT}).status_code == 201
    assert RIGHTS["create_document"].status == 201


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_bad_registration_is_refused_and_changes_nothing(row: Row, live: Threaded, new_sandbox: NewSandbox) -> None:
    row.check(World(live, new_sandbox, row.settings, row.market))
