"""What a registration must say, how an update is merged into it, and which documents it needs. Pure.

Sources: docs.lyra.com "Registration object details", "Entering the IBANs", "Registering voucher contracts", "Modifying
the enrollment request before submission", "Transmitting your KYC documents".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from msgspec.structs import replace

from mockpsp.domain.ids import Ids
from mockpsp.providers.lyra import enrolment_facts as f
from mockpsp.providers.lyra.enrolment_commands import CreateDocument, Given
from mockpsp.providers.lyra.enrolment_states import Document, Registration
from mockpsp.providers.lyra.errors import BAD_DATE, Invalid, wrong, wrong_in
from mockpsp.providers.lyra.holdings import Marketplace
from mockpsp.providers.lyra.settings import LyraSettings

IDENTITY = (
    "IDENTITY_CARD",
    "PASSPORT",
    "RESIDENCE_PERMIT",
    "DRIVING_LICENSE_OLD_GENERATION",
    "DRIVING_LICENSE_NEW_GENERATION",
    "IDENTITY_OTHER",
)
ADDRESS = ("PROOF_OF_RESIDENCY", "HOUSING_TAX", "ENERGY_PHONE_BILL", "ADDRESS_OTHER")
COMPANY = ("IBAN", "KBIS", "BALANCE", "COMPANY_BALANCE_SHEET", "STATUS", "COMPANY_OTHER", "JDD")
DOCUMENT_TYPES = (*IDENTITY, *ADDRESS, *COMPANY)
"""The union of what the guide and the Swagger file name."""

SELLERS_OWN = ("vouchers", "cashout_delay", "iban", "ibans", "external_ref")
"""What may be changed once there is a seller, and is the seller's at once."""

LEGAL_REP = "LEGAL_REP"
REQUIRED = "This field is required."


# -- forms -----------------------------------------------------------------------------------------------------------


def first_form(given: Mapping[str, Any], marketplace: Marketplace, ids: Ids) -> f.Form:
    """The form of a new registration. Raises Invalid."""
    rest = {name: value for name, value in given.items() if name not in ("board", "activities")}
    board = tuple(f.Member(uuid=ids.uuid(), **each.values) for each in given.get("board", ()))
    if not board:
        raise wrong("board", "A registration names one member of the board at least.")
    activity = _only_activity(given.get("activities", ()))
    activities = (f.Activity(uuid=ids.uuid(), **activity.values),)
    form = f.Form(**{**rest, "board": board, "activities": activities})
    _check(form, given, marketplace)
    return form


def merged_form(form: f.Form, given: Mapping[str, Any], marketplace: Marketplace, ids: Ids) -> f.Form:
    """The form after an update: what is not given stays. Raises Invalid."""
    changes = {name: value for name, value in given.items() if name not in ("board", "activities")}
    known = form.external_ref
    if known is not None and changes.get("external_ref", known) != known:
        raise wrong("external_ref", "It is set already and cannot be changed any more.")
    if given.get("board"):
        changes["board"] = _merged_board(form.board, given["board"], ids)
    if "activities" in given:
        changes["activities"] = (_merged_activity(form.activities[0], _only_activity(given["activities"])),)
    changes.update(_other_way_of_payout(given))
    merged = replace(form, **changes)
    _check(merged, given, marketplace)
    return merged


def _other_way_of_payout(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """One account for all, or accounts by currency: the way that is given takes the place of the other."""
    if given.get("ibans") and not given.get("iban"):
        return {"iban": None}
    return {"ibans": ()} if given.get("iban") and not given.get("ibans") else {}


def _merged_board(board: tuple[f.Member, ...], given: Sequence[Given], ids: Ids) -> tuple[f.Member, ...]:
    """Members with a uuid are updated, those without are new, and nobody leaves."""
    members = {each.uuid: each for each in board}
    for index, each in enumerate(given):
        if not each.uuid:
            new = f.Member(uuid=ids.uuid(), **each.values)
            members[new.uuid] = new
        elif each.uuid in members:
            members[each.uuid] = replace(members[each.uuid], **each.values)
        else:
            raise wrong_in("board", index, {"uuid": "Nobody of this registration's board has this uuid."})
    return tuple(members.values())


def _only_activity(given: Sequence[Given]) -> Given:
    if len(given) != 1:
        raise wrong("activities", f"A registration has exactly one activity, not {len(given)}.")
    return given[0]


def _merged_activity(activity: f.Activity, given: Given) -> f.Activity:
    return replace(activity, **given.values)


def _check(form: f.Form, given: Mapping[str, Any], marketplace: Marketplace) -> None:
    _check_person(form)
    _check_activity(form.activities[0])
    _check_mails(form.board)
    _check_dates(form)
    _check_payout(form, given, marketplace)
    if "vouchers" in given:
        _check_vouchers(form.vouchers, marketplace)


def _check_person(form: f.Form) -> None:
    if form.person_type != "PP":
        return
    missing = [name for name in ("title", "first_name", "last_name") if not getattr(form, name)]
    if missing:
        raise Invalid(dict.fromkeys(missing, "A natural person needs this field."))


def _check_activity(activity: f.Activity) -> None:
    if not activity.siret and not activity.legal_identifier:
        raise wrong_in("activities", 0, {"siret": "An activity needs siret or legal_identifier."})


def _check_dates(form: f.Form) -> None:
    """Dates that the calendar has; their form is the contract's business."""
    for index, member in enumerate(form.board):
        if not _is_date(member.birth_date):
            raise wrong_in("board", index, {"birth_date": [BAD_DATE]})
    for index, activity in enumerate(form.activities):
        if activity.registration_date is not None and not _is_date(activity.registration_date):
            raise wrong_in("activities", index, {"registration_date": [BAD_DATE]})


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _check_mails(board: Iterable[f.Member]) -> None:
    """No e-mail address twice; the index is the member's place on the whole board."""
    seen: set[str] = set()
    for index, member in enumerate(board):
        mail = (member.email or "").lower()
        if mail and mail in seen:
            raise wrong_in("board", index, {"email": "Another member of the board has this e-mail address."})
        seen.add(mail)


def _check_payout(form: f.Form, given: Mapping[str, Any], marketplace: Marketplace) -> None:
    if not form.iban and not form.ibans:
        raise wrong("ibans", "A registration needs iban or ibans.")
    if form.iban and form.ibans:
        raise wrong("iban", "A registration has iban or ibans, not both.")
    active = [each for each in marketplace.currencies if each.is_active]
    if given.get("iban") and len(active) > 1:
        raise wrong("iban", "A marketplace with several currencies takes ibans instead.")
    if "ibans" in given:
        _check_ibans(form.ibans, marketplace)


def _check_ibans(ibans: Iterable[f.Iban], marketplace: Marketplace) -> None:
    accounts: set[str] = set()
    currencies: set[str] = set()
    for each in ibans:
        account = each.iban.replace(" ", "").upper()
        if account in accounts:
            raise wrong("ibans", f"The account {each.iban} appears twice.")
        accounts.add(account)
        for currency in each.currencies:
            if marketplace.currency(currency) is None:
                text = f"Marketplace {marketplace.description} does not support {currency} currency"
                raise wrong("ibans", text)
            if currency in currencies:
                raise wrong("ibans", f"The currency {currency} appears twice.")
            currencies.add(currency)


def _check_vouchers(vouchers: Iterable[f.Contract], marketplace: Marketplace) -> None:
    seen: set[str] = set()
    for index, each in enumerate(vouchers):
        if each.contract_type not in marketplace.vouchers:
            text = f"Marketplace {marketplace.description} does not accept vouchers of type {each.contract_type}."
            raise wrong_in("vouchers", index, {"contract_type": text})
        if each.contract_type in seen:
            text = f"There is another contract number of type {each.contract_type}."
            raise wrong_in("vouchers", index, {"contract_type": text})
        seen.add(each.contract_type)


# -- documents -------------------------------------------------------------------------------------------------------


def check_document(form: f.Form, command: CreateDocument) -> None:
    """Whose document it is must be known where it is somebody's. Raises Invalid."""
    if command.board_member is not None:
        if form.member(command.board_member) is None:
            raise wrong("board_member", "Nobody of this registration's board has this uuid.")
    elif command.type in IDENTITY or command.type in ADDRESS:
        raise Invalid({"board_member": [REQUIRED]})


def needed(form: f.Form) -> tuple[str, ...]:
    """What documents must prove before a registration can be submitted (inferred, see the setting ``documents``)."""
    usual = ("identity", "IBAN")
    return (*usual, "KBIS") if form.person_type == "PM" else usual


def proves(form: f.Form, document: Document) -> str:
    """Which of the needed things a document proves; empty for none.

    An identity is the legal representative's; where nobody is called that, anybody's of the board.
    """
    if document.type not in IDENTITY:
        return document.type if document.type in needed(form) else ""
    representatives = {each.uuid for each in form.board if each.role == LEGAL_REP}
    ours = document.added.board_member in representatives or not representatives
    return "identity" if ours else ""


def missing(state: Registration, settings: LyraSettings) -> tuple[str, ...]:
    """What is not proved yet; nothing where the setting ``documents`` asks for nothing."""
    if settings.documents == "optional":
        return ()
    proved = {proves(state.form, each) for each in state.documents if each.usable}
    return tuple(each for each in needed(state.form) if each not in proved)
