"""Registrations: which facts follow from a command. Pure.

Sources: docs.lyra.com "Enrolling sellers", "Submitting the enrollment request", "Understanding and following up on the
evolution of the enrollment request". Which documents are mandatory, and what may change later, is inferred.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mockpsp.domain.lifecycle import Decision, Moment, Question, Verdict
from mockpsp.domain.machine import follow
from mockpsp.providers.lyra import enrolment_commands as c
from mockpsp.providers.lyra import enrolment_facts as f
from mockpsp.providers.lyra.enrolment_rules import (
    SELLERS_OWN,
    check_document,
    first_form,
    merged_form,
    missing,
    proves,
)
from mockpsp.providers.lyra.enrolment_states import (
    REGISTRATION,
    Document,
    DocumentStatus,
    Registration,
    Status,
    evolve,
)
from mockpsp.providers.lyra.errors import NotFound, wrong
from mockpsp.providers.lyra.holdings import CONECS
from mockpsp.providers.lyra.settings import LyraSettings

FIRST_REFERENCE = 300_000
"""Sellers that registered count from here; those of a scenario have lower numbers."""
REVIEW = "lyra.registration_review"


# -- by the marketplace ----------------------------------------------------------------------------------------------


def decide_create(command: c.CreateRegistration, moment: Moment) -> Decision:
    """A registration begins. Raises Invalid."""
    ref = moment.ids.uuid()
    form = first_form(command.given, moment.world.marketplace, moment.ids)
    created = f.RegistrationCreated(
        ref=ref,
        marketplace=command.marketplace,
        reference=f"SL{FIRST_REFERENCE + moment.ids.next('lyra.registration'):06d}",
        form=form,
        at=moment.now,
    )
    return Decision((created,), "the registration waits for its documents")


def decide_update(state: Registration, command: c.UpdateRegistration, moment: Moment) -> Decision:
    """What is given takes the place of what was said; after the success only what is the seller's own."""
    if state.status is Status.SUCCEEDED:
        return _update_seller(state, command, moment)
    follow(REGISTRATION, state.status, f.RegistrationUpdated)
    form = merged_form(state.form, command.given, moment.world.marketplace, moment.ids)
    updated = f.RegistrationUpdated(ref=state.ref, form=form, changed=_changed(state.form, form), at=moment.now)
    return Decision(_and_then(state, (updated,), moment), "a registration may be changed until it is submitted")


def _update_seller(state: Registration, command: c.UpdateRegistration, moment: Moment) -> Decision:
    given = {name: value for name, value in command.given.items() if name in SELLERS_OWN}
    form = merged_form(state.form, given, moment.world.marketplace, moment.ids)
    updated = f.SellerUpdated(ref=state.ref, form=form, changed=_changed(state.form, form), at=moment.now)
    ignored = [name for name in command.given if name not in SELLERS_OWN and _differs(state.form, command, name)]
    law = "a seller keeps all but its contracts, accounts and payout delay"
    return Decision((updated,), f"{law}; ignored: {', '.join(ignored)}" if ignored else law)


def _differs(form: f.Form, command: c.UpdateRegistration, name: str) -> bool:
    """Whether an update would change a field; of the lists of objects nobody can say without merging them."""
    return name not in ("board", "activities") and getattr(form, name) != command.given[name]


def _changed(before: f.Form, after: f.Form) -> tuple[str, ...]:
    return tuple(each for each in f.Form.__struct_fields__ if getattr(before, each) != getattr(after, each))


def decide_document(state: Registration, command: c.CreateDocument, moment: Moment) -> Decision:
    """A document is there; with the last mandatory one the registration can be submitted. Raises Invalid."""
    follow(REGISTRATION, state.status, f.DocumentAdded)
    check_document(state.form, command)
    added = f.DocumentAdded(
        ref=state.ref,
        document=moment.ids.uuid(),
        type=command.type,
        reference=command.reference,
        description=command.description,
        board_member=command.board_member,
        additional_data=command.additional_data,
        content_type=command.content_type,
        size=command.size,
        digest=command.digest,
        at=moment.now,
    )
    return Decision(_and_then(state, (added,), moment), "the document is kept by its digest")


def decide_submit(state: Registration, moment: Moment) -> Decision:
    """Compliance has it now; one that is complete need not be AWAITING_SUBMISSION. Raises Invalid, IllegalStep."""
    settings: LyraSettings = moment.settings
    events: list[f.Event] = []
    if state.status is Status.CREATED:
        lacking = missing(state, settings)
        if lacking:
            raise wrong("status", f"Documents are missing first: {', '.join(lacking)}.", "documents")
        events.append(f.RegistrationCompleted(ref=state.ref, at=moment.now))
    else:
        follow(REGISTRATION, state.status, f.RegistrationSubmitted)
    events.extend(
        f.DocumentTaken(ref=state.ref, document=each.uuid, at=moment.now)
        for each in state.documents
        if each.status in (DocumentStatus.UNKNOWN, DocumentStatus.CREATED)
    )
    if settings.review_status == "PENDING_VERIFICATION":
        events.append(f.RegistrationSubmittedForVerification(ref=state.ref, at=moment.now))
    else:
        events.append(f.RegistrationSubmitted(ref=state.ref, at=moment.now))
    return Decision(tuple(events), "the registration is under review", ("review_status",))


# -- by the clock ----------------------------------------------------------------------------------------------------


def decide_completion(state: Registration, moment: Moment) -> Decision:
    """Where no document is missing a registration can be submitted soon after it began, or began again."""
    return Decision(_and_then(state, (), moment), "Lyra looks whether documents are missing", ("documents",))


def _is_due(state: Registration, command: c.ReviewRegistration) -> bool:
    return state.under_review and state.submissions == command.submission


def question_review(state: Registration, command: c.ReviewRegistration) -> Question | None:
    """What the review comes to; None when there is nothing to review any more."""
    if not _is_due(state, command):
        return None
    form = state.form
    return Question(
        REVIEW,
        {
            "name": form.name,
            "external_ref": form.external_ref,
            "person_type": form.person_type,
            "conecs": form.contract(CONECS),
        },
    )


def decide_review(state: Registration, command: c.ReviewRegistration, verdict: Verdict, moment: Moment) -> Decision:
    """Accepted, unless a rule or a contract number that is for shops only says otherwise."""
    settings: LyraSettings = moment.settings
    if not _is_due(state, command):
        return Decision((), "there is nothing to review any more")
    in_store = settings.in_store_contracts == "refused" and state.form.contract(CONECS).startswith("C")
    match verdict.outcome or ("refused" if in_store else "accepted"):
        case "accepted":
            return Decision(_accepted(state, moment), "compliance accepts what is complete")
        case "refused":
            refused = f.RegistrationRefused(ref=state.ref, at=moment.now)
            inferred = ("in_store_contracts",) if verdict.outcome is None else ()
            return Decision((refused,), "the CONECS contract is for shops only", inferred)
        case "document_rejected":
            return Decision(_sent_back(state, moment), "a document is not good")
        case other:
            raise ValueError(f"{other!r} is no outcome of a review")


def _accepted(state: Registration, moment: Moment) -> tuple[f.Event, ...]:
    seller = state.seller_uuid or moment.ids.uuid()
    accepted = f.RegistrationAccepted(ref=state.ref, seller=seller, at=moment.now)
    return (*_validated(state, moment), accepted)


def _validated(state: Registration, moment: Moment) -> tuple[f.Event, ...]:
    return tuple(
        f.DocumentValidated(ref=state.ref, document=each.uuid, at=moment.now)
        for each in state.documents
        if each.usable and each.status is not DocumentStatus.VALIDATED
    )


def _sent_back(state: Registration, moment: Moment) -> tuple[f.Event, ...]:
    """The first mandatory document is rejected, else the first of all, and the registration begins again."""
    usable = [each for each in state.documents if each.usable]
    mandatory = [each for each in usable if proves(state.form, each)]
    found: Sequence[Document] = (mandatory or usable)[:1]
    rejected = [f.DocumentRejected(ref=state.ref, document=each.uuid, at=moment.now) for each in found]
    document = found[0].uuid if found else ""
    return (*rejected, f.RegistrationReopened(ref=state.ref, document=document, at=moment.now))


# -- by the back office ----------------------------------------------------------------------------------------------


def decide_force(state: Registration, command: c.ForceRegistration, moment: Moment) -> Decision:
    """Any status, whatever the table says; with the first success the seller comes into being."""
    status = Status(command.status)
    if status is state.status:
        return Decision((), "it has this status already")
    seller, validated = state.seller_uuid, tuple[f.Event, ...]()
    if status is Status.SUCCEEDED:
        seller = seller or moment.ids.uuid()
        validated = _validated(state, moment) if state.under_review else ()
    forced = f.RegistrationForced(ref=state.ref, status=status.value, seller=seller, at=moment.now)
    return Decision((*validated, forced), "the back office decides")


def decide_force_document(state: Registration, command: c.ForceDocument, moment: Moment) -> Decision:
    """Any status; a mandatory document that is no longer good sends the registration back. Raises NotFound."""
    document = state.document(command.document)
    if document is None:
        raise NotFound(f"no document has the uuid {command.document!r}")
    status = DocumentStatus(command.status)
    if status is document.status:
        return Decision((), "it has this status already")
    forced = f.DocumentForced(ref=state.ref, document=document.uuid, status=status.value, at=moment.now)
    bad = status in (DocumentStatus.REJECTED, DocumentStatus.EXPIRED)
    if state.under_review and bad and proves(state.form, document):
        reopened = f.RegistrationReopened(ref=state.ref, document=document.uuid, at=moment.now)
        return Decision((forced, reopened), "a mandatory document is not good")
    return Decision(_and_then(state, (forced,), moment, document.uuid), "the back office decides")


def _and_then(
    state: Registration, events: tuple[f.Event, ...], moment: Moment, document: str = ""
) -> tuple[f.Event, ...]:
    """The facts, and the step that follows when they complete a registration or take a needed document from it."""
    after: Any = state
    for each in events:
        after = evolve(after, each)
    lacking = missing(after, moment.settings)
    if after.status is Status.CREATED and not lacking:
        return (*events, f.RegistrationCompleted(ref=state.ref, at=moment.now))
    if after.status is Status.AWAITING_SUBMISSION and lacking and not missing(state, moment.settings):
        return (*events, f.RegistrationReopened(ref=state.ref, document=document, at=moment.now))
    return events
