"""What can be asked of a registration: by the marketplace's API calls, by the clock, by Lyra's back office."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockpsp.domain.value import Value


class Given(Value, frozen=True):
    """An object of a list as a request gives it: its uuid (empty for a new one), and the fields that are there."""

    uuid: str
    values: Mapping[str, Any]


class CreateRegistration(Value, frozen=True):
    """``POST /registrations``. ``given`` are fields of ``Form``; ``board`` and ``activities`` are tuples of Given."""

    marketplace: str
    given: Mapping[str, Any]


class UpdateRegistration(Value, frozen=True):
    """``PUT /registrations/{registration}``: what is not in ``given`` stays as it is."""

    given: Mapping[str, Any]


class CreateDocument(Value, frozen=True, kw_only=True):
    """``POST /registrations/{registration}/documents``, with what is kept of the file (``size`` in bytes)."""

    type: str
    reference: str
    description: str | None
    board_member: str | None
    additional_data: str | None
    content_type: str
    size: int
    digest: str


class SubmitRegistration(Value, frozen=True):
    """``POST /registrations/{registration}/submit``."""


class CompleteRegistration(Value, frozen=True):
    """Lyra looks whether all that it needs is there."""


class ReviewRegistration(Value, frozen=True):
    """The review of a submission ends, unless it is no longer under review."""

    submission: int


class ForceRegistration(Value, frozen=True):
    """Lyra's back office sets the status."""

    status: str


class ForceDocument(Value, frozen=True):
    """Lyra's back office sets a document's status."""

    document: str
    status: str


Command = (
    CreateRegistration
    | UpdateRegistration
    | CreateDocument
    | SubmitRegistration
    | CompleteRegistration
    | ReviewRegistration
    | ForceRegistration
    | ForceDocument
)
