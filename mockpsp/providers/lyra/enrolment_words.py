"""The words that scenarios may use of registrations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockpsp.scenario.catalogue import Operation

OPERATIONS: Mapping[str, Operation] = {
    "registration_review": Operation(
        title="an automatic review of a submitted registration ends; document_rejected sends it back to its beginning",
        facts={"name": "text", "external_ref": "text", "person_type": "text", "conecs": "text"},
        outcomes={"accepted": (), "refused": (), "document_rejected": ()},
    ),
}

EVENTS: Mapping[str, str] = {
    "registration": "a registration has another status",
    "kyc": "a document of a registration has another status",
}

EVENT_FACTS: Mapping[str, str] = {"external_ref": "text", "status": "text"}
"""What lines about these webhooks can compare: the marketplace's own reference, and the new status."""

STATUSES = (
    "CREATED",
    "AWAITING_SUBMISSION",
    "PENDING_VALIDATION",
    "PENDING_VERIFICATION",
    "SUCCEEDED",
    "CANCELLED",
    "FAILED",
    "ABANDONED",
    "CLOSED",
    "SUSPENDED",
    "REJECTED",
)
DOCUMENT_STATUSES = ("UNKNOWN", "CREATED", "PENDING", "REJECTED", "VALIDATED", "EXPIRED")
"""The states have them as well; scenarios are read without these."""

BACK_OFFICE: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 1,
    "properties": {
        "status": {
            "description": "A registration's status, by the registration's uuid.",
            "enum": list(STATUSES),
        },
        "document_status": {
            "description": "A document's status, by the document's uuid.",
            "enum": list(DOCUMENT_STATUSES),
        },
    },
}
