"""Registrations and documents as JSON, and what a request says of them as values of ours.

Sources: docs.lyra.com "Registration object details", "Creating an enrollment request" and "Transmitting your KYC
documents"; the Swagger file of API version 3.10.8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict

from mockpsp.providers.lyra import enrolment_facts as f
from mockpsp.providers.lyra.answers import href, stamp
from mockpsp.providers.lyra.enrolment_commands import CreateDocument, Given
from mockpsp.providers.lyra.enrolment_rules import DOCUMENT_TYPES, REQUIRED
from mockpsp.providers.lyra.enrolment_states import Document, Registration
from mockpsp.providers.lyra.errors import Invalid, sentence

if TYPE_CHECKING:
    from mockpsp.edge.multipart import Part

Json = dict[str, Any]


# -- showing ---------------------------------------------------------------------------------------------------------


def registration(base: str, state: Registration) -> Json:
    """A registration; ``base`` is origin and prefix of its addresses."""
    form, address = state.form, f"{base}/registrations/{state.ref}"
    return {
        "uuid": state.ref,
        "seller": state.seller_uuid or None,
        "href": address,
        "created_at": stamp(state.created),
        "updated_at": stamp(state.updated),
        "marketplace": state.marketplace,
        "person_type": form.person_type,
        "name": form.name,
        "title": form.title,
        "first_name": form.first_name,
        "last_name": form.last_name,
        "trading_name": form.trading_name,
        "nature": form.nature,
        "reference": state.reference,
        "description": form.description,
        "iban": form.iban,
        "status": state.status.value,
        "legal_form": form.legal_form,
        "economic_agent": form.economic_agent,
        "vat_number": form.vat_number,
        "cashout_delay": form.cashout_delay,
        "external_ref": form.external_ref,
        "turnover": form.turnover,
        "address": _address(form.address),
        "board": [_member(state.ref, each) for each in form.board],
        "activities": [_owned(state.ref, each) for each in form.activities],
        "ibans": [{"iban": each.iban, "currencies": list(each.currencies)} for each in form.ibans],
        "vouchers": [
            {"contract_number": each.contract_number, "contract_type": each.contract_type} for each in form.vouchers
        ],
        "links": {"documents": href(f"{address}/documents")},
    }


def _address(address: f.Address | None) -> Json | None:
    return None if address is None else asdict(address)


def _owned(ref: str, part: f.Member | f.Activity) -> Json:
    told = asdict(part)
    return {"uuid": told.pop("uuid"), "registration": ref, **told}


def _member(ref: str, member: f.Member) -> Json:
    return {**_owned(ref, member), "address": _address(member.address)}


def document(found: Document) -> Json:
    """A document; its file is never given back."""
    added = found.added
    return {
        "uuid": added.document,
        "created_at": stamp(added.at),
        "updated_at": stamp(found.updated),
        "registration": added.ref,
        "board_member": added.board_member,
        "type": added.type,
        "reference": added.reference,
        "additional_data": added.additional_data,
        "description": added.description,
        "status": found.status.value,
    }


def summary(state: Registration) -> Json:
    """What views and the back office tell of a registration."""
    return {
        "registration": state.ref,
        "reference": state.reference,
        "external_ref": state.form.external_ref,
        "name": state.form.name,
        "status": state.status.value,
        "seller": state.seller_uuid or None,
        "documents": [
            {"document": each.uuid, "type": each.type, "status": each.status.value} for each in state.documents
        ],
    }


# -- reading a registration ------------------------------------------------------------------------------------------

_WHOLE = "integer"
_ALWAYS = ("person_type", "name", "description", "vat_number")
_TEXTS = ("title", "first_name", "last_name", "trading_name", "nature", "economic_agent")
_UNSET_BY_NOTHING = ("external_ref", "iban")
_COUNTS = ("legal_form", "turnover", "cashout_delay")
_ADDRESS = f.Address.__struct_fields__
_MEMBER_ALWAYS = ("title", "first_name", "last_name", "birth_date", "birth_city", "nationality", "status")
_MEMBER_TEXTS = ("role", "email", "phone_number")
_ACTIVITY_ALWAYS = ("name", "is_principal")
_ACTIVITY_TEXTS = ("url", "registration_date", "siret", "legal_identifier", "naf")


def read_form(body: Mapping[str, Any]) -> Json:
    """What a request sets of a registration. Read-only and unknown fields are left out. Raises Invalid."""
    given: Json = {name: body[name] for name in _ALWAYS if body.get(name) is not None}
    given.update({name: body[name] for name in _TEXTS if name in body})
    given.update({name: body[name] or None for name in _UNSET_BY_NOTHING if name in body})
    given.update({name: _whole(name, body[name]) for name in _COUNTS if name in body})
    if "cashout_delay" in given:
        given["cashout_delay"] = given["cashout_delay"] or 0
    for name, read in _LISTS.items():
        if name in body:
            given[name] = tuple(read(body[name] or ()))
    if "address" in body:
        given["address"] = _read_address(body["address"])
    for name, part in _PARTS.items():
        if body.get(name) is not None:
            given[name] = tuple(Given((each.get("uuid") or "").lower(), part(each)) for each in body[name])
    return given


def _whole(name: str, value: Any) -> int | None:
    """A whole number, also as text; null stays none. Raises Invalid."""
    if value is None or isinstance(value, int):
        return value
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise Invalid({name: [sentence("type", _WHOLE, value)]})
    return int(text)


def _read_address(given: Mapping[str, Any] | None) -> f.Address | None:
    return None if given is None else f.Address(**{name: given.get(name) for name in _ADDRESS})


def _read_ibans(given: Iterable[Mapping[str, Any]]) -> Iterable[f.Iban]:
    return (f.Iban(each["iban"], tuple(each.get("currencies") or ())) for each in given)


def _read_vouchers(given: Iterable[Mapping[str, Any]]) -> Iterable[f.Contract]:
    return (f.Contract(each["contract_type"], each["contract_number"]) for each in given)


def _read_member(given: Mapping[str, Any]) -> Json:
    told: Json = {name: given[name] for name in _MEMBER_ALWAYS if given.get(name) is not None}
    told.update({name: given[name] or None for name in _MEMBER_TEXTS if name in given})
    address = _read_address(given.get("address"))
    return told if address is None else {**told, "address": address}


def _read_activity(given: Mapping[str, Any]) -> Json:
    told: Json = {name: given[name] for name in _ACTIVITY_ALWAYS if given.get(name) is not None}
    told.update({name: given[name] for name in _ACTIVITY_TEXTS if name in given})
    if "mcc" in given:
        told["mcc"] = _whole("mcc", given["mcc"])
    return told


_LISTS: Mapping[str, Callable[[Iterable[Mapping[str, Any]]], Iterable[Any]]] = {
    "ibans": _read_ibans,
    "vouchers": _read_vouchers,
}
_PARTS: Mapping[str, Callable[[Mapping[str, Any]], Json]] = {"board": _read_member, "activities": _read_activity}


# -- reading a document ----------------------------------------------------------------------------------------------

_LONGEST = 255
_PDF = "application/pdf"
_STARTS: Mapping[bytes, str] = {
    b"%PDF-": _PDF,
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"BM": "image/bmp",
    b"II*\x00": "image/tiff",
    b"MM\x00*": "image/tiff",
}


def read_document(parts: Mapping[str, Part]) -> CreateDocument:
    """A document out of the parts of a multipart body. Raises Invalid."""
    texts = {name: part.data.decode("utf-8", "replace") for name, part in parts.items() if name != "file"}
    problems = {
        "file": _wrong_file(parts.get("file")),
        "type": _wrong_type(texts.get("type", "")),
        "reference": "" if texts.get("reference") else REQUIRED,
    }
    problems.update(
        {
            name: sentence("maxLength", _LONGEST, texts[name])
            for name in ("reference", "description")
            if len(texts.get(name, "")) > _LONGEST
        }
    )
    if any(problems.values()):
        raise Invalid({name: [text] for name, text in problems.items() if text})
    file = parts["file"]
    return CreateDocument(
        type=texts["type"],
        reference=texts["reference"],
        description=texts.get("description") or None,
        board_member=texts.get("board_member", "").lower() or None,
        additional_data=texts.get("additional_data") or None,
        content_type=_media_of(file),
        size=len(file.data),
        digest=sha256(file.data).hexdigest(),
    )


def _wrong_type(kind: str) -> str:
    if not kind:
        return REQUIRED
    return "" if kind in DOCUMENT_TYPES else sentence("enum", DOCUMENT_TYPES, kind)


def _wrong_file(file: Part | None) -> str:
    if file is None or file.filename is None:
        return REQUIRED
    if not file.data:
        return "This file is empty."
    return "" if _media_of(file) else "A document is an image or a PDF."


def _media_of(file: Part) -> str:
    """An image's or a PDF's type, as it was declared or as the first bytes have it; empty for anything else."""
    if file.content_type == _PDF or file.content_type.startswith("image/"):
        return file.content_type
    return next((media for start, media in _STARTS.items() if file.data.startswith(start)), "")
