"""Statuses, transition tables and the state of a seller's registration with its documents.

Sources: docs.lyra.com "Enrolling sellers" and "Understanding and following up on the evolution of the enrollment
request"; the Swagger file of API version 3.10.8. They name the state under review differently; we know both names.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from msgspec.structs import replace

from mockpsp.domain.machine import follow
from mockpsp.domain.value import Value
from mockpsp.providers.lyra import enrolment_facts as f
from mockpsp.providers.lyra.holdings import Seller


class Status(Enum):
    """Where a registration stands."""

    CREATED = "CREATED"
    AWAITING_SUBMISSION = "AWAITING_SUBMISSION"
    PENDING_VALIDATION = "PENDING_VALIDATION"
    PENDING_VERIFICATION = "PENDING_VERIFICATION"
    SUCCEEDED = "SUCCEEDED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    ABANDONED = "ABANDONED"
    CLOSED = "CLOSED"
    SUSPENDED = "SUSPENDED"
    REJECTED = "REJECTED"


_REVIEW: Mapping[type[Any], Status] = {
    f.RegistrationAccepted: Status.SUCCEEDED,
    f.RegistrationRefused: Status.FAILED,
    f.RegistrationReopened: Status.CREATED,
}

REGISTRATION: Mapping[Status, Mapping[type[Any], Status]] = {
    Status.CREATED: {
        f.RegistrationUpdated: Status.CREATED,
        f.DocumentAdded: Status.CREATED,
        f.RegistrationCompleted: Status.AWAITING_SUBMISSION,
    },
    Status.AWAITING_SUBMISSION: {
        f.RegistrationUpdated: Status.AWAITING_SUBMISSION,
        f.DocumentAdded: Status.AWAITING_SUBMISSION,
        f.RegistrationReopened: Status.CREATED,
        f.RegistrationSubmitted: Status.PENDING_VALIDATION,
        f.RegistrationSubmittedForVerification: Status.PENDING_VERIFICATION,
    },
    Status.PENDING_VALIDATION: _REVIEW,
    Status.PENDING_VERIFICATION: _REVIEW,
    Status.SUCCEEDED: {f.SellerUpdated: Status.SUCCEEDED, f.DocumentAdded: Status.SUCCEEDED},
    Status.CANCELLED: {},
    Status.FAILED: {},
    Status.ABANDONED: {},
    Status.CLOSED: {},
    Status.SUSPENDED: {},
    Status.REJECTED: {},
}
"""Steps of a registration. Lyra's back office (``RegistrationForced``) may go from any status to any other."""

UNDER_REVIEW = (Status.PENDING_VALIDATION, Status.PENDING_VERIFICATION)


class DocumentStatus(Enum):
    """Where a document stands."""

    UNKNOWN = "UNKNOWN"
    CREATED = "CREATED"
    PENDING = "PENDING"
    REJECTED = "REJECTED"
    VALIDATED = "VALIDATED"
    EXPIRED = "EXPIRED"


_JUDGED: Mapping[type[Any], DocumentStatus] = {
    f.DocumentValidated: DocumentStatus.VALIDATED,
    f.DocumentRejected: DocumentStatus.REJECTED,
}

DOCUMENT: Mapping[DocumentStatus, Mapping[type[Any], DocumentStatus]] = {
    DocumentStatus.UNKNOWN: {f.DocumentTaken: DocumentStatus.PENDING, **_JUDGED},
    DocumentStatus.CREATED: {f.DocumentTaken: DocumentStatus.PENDING, **_JUDGED},
    DocumentStatus.PENDING: _JUDGED,
    DocumentStatus.VALIDATED: {f.DocumentRejected: DocumentStatus.REJECTED},
    DocumentStatus.REJECTED: {},
    DocumentStatus.EXPIRED: {},
}
"""Steps of a document. Lyra's back office (``DocumentForced``) may go from any status to any other."""


class Document(Value, frozen=True):
    """A document about the seller."""

    added: f.DocumentAdded
    status: DocumentStatus
    updated: datetime

    @property
    def uuid(self) -> str:
        """Its uuid."""
        return self.added.document

    @property
    def type(self) -> str:
        """What it proves."""
        return self.added.type

    @property
    def usable(self) -> bool:
        """Whether it counts: it is neither rejected nor expired."""
        return self.status not in (DocumentStatus.REJECTED, DocumentStatus.EXPIRED)


class Registration(Value, frozen=True):
    """A seller's registration. ``seller_uuid`` is empty until it has succeeded once, ``enrolled`` is when it did.

    ``submissions`` counts how often it was submitted, so that a review knows which one it is about.
    """

    ref: str
    marketplace: str
    reference: str
    form: f.Form
    status: Status
    created: datetime
    updated: datetime
    documents: tuple[Document, ...] = ()
    submissions: int = 0
    seller_uuid: str = ""
    enrolled: datetime | None = None

    @property
    def seller(self) -> Seller | None:
        """The seller that it has become; active as long as the registration is SUCCEEDED."""
        if self.enrolled is None:
            return None
        form = self.form
        return Seller(
            uuid=self.seller_uuid,
            external_ref=form.external_ref,
            reference=self.reference,
            description=form.description,
            vouchers={each.contract_type: each.contract_number for each in form.vouchers},
            cashout_delay=form.cashout_delay,
            status="ACTIVE" if self.status is Status.SUCCEEDED else "INACTIVE",
            iban=form.iban or (form.ibans[0].iban if form.ibans else ""),
            created=self.enrolled,
            updated=self.updated,
        )

    @property
    def under_review(self) -> bool:
        """Whether compliance looks at it, so that nobody else may change it."""
        return self.status in UNDER_REVIEW

    def document(self, uuid: str) -> Document | None:
        """One of its documents."""
        return next((each for each in self.documents if each.uuid == uuid), None)


def external(ref: str) -> str:
    """The part under which the registration with this ``external_ref`` is found."""
    return f"external/{ref}"


def evolve(state: Registration | None, event: f.Event) -> Registration:
    """The registration after one fact."""
    if state is None:
        return _begun(event)
    match event:
        case f.DocumentAdded():
            document = Document(event, DocumentStatus.CREATED, event.at)
            status = follow(REGISTRATION, state.status, f.DocumentAdded)
            return replace(state, status=status, documents=(*state.documents, document))
        case f.DocumentTaken() | f.DocumentValidated() | f.DocumentRejected() | f.DocumentForced():
            return _judged(state, event)
        case f.RegistrationForced():
            return _enrolled(replace(state, status=Status(event.status), updated=event.at), event.seller, event.at)
        case _:
            return _followed(state, event)


def _begun(event: f.Event) -> Registration:
    if not isinstance(event, f.RegistrationCreated):
        raise TypeError(f"no registration begins with {type(event).__name__}")
    return Registration(event.ref, event.marketplace, event.reference, event.form, Status.CREATED, event.at, event.at)


def _followed(state: Registration, event: f.Event) -> Registration:
    """A step of the table."""
    moved = replace(state, status=follow(REGISTRATION, state.status, type(event)), updated=event.at)
    match event:
        case f.RegistrationUpdated() | f.SellerUpdated():
            return replace(moved, form=event.form)
        case f.RegistrationSubmitted() | f.RegistrationSubmittedForVerification():
            return replace(moved, submissions=state.submissions + 1)
        case f.RegistrationAccepted():
            return _enrolled(moved, event.seller, event.at)
        case _:
            return moved


def _enrolled(state: Registration, seller: str, at: datetime) -> Registration:
    """With its seller, who stays the same from the first time on."""
    return state if not seller or state.enrolled is not None else replace(state, seller_uuid=seller, enrolled=at)


def _judged(state: Registration, event: f.DocumentStep) -> Registration:
    document = state.document(event.document)
    assert document is not None, "facts about a document follow its upload"
    if isinstance(event, f.DocumentForced):
        status = DocumentStatus(event.status)
    else:
        status = follow(DOCUMENT, document.status, type(event))
    changed = replace(document, status=status, updated=event.at)
    return replace(state, documents=tuple(changed if each.uuid == changed.uuid else each for each in state.documents))
