"""The words that scenarios may use of registrations."""

from __future__ import annotations

from collections.abc import Mapping

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
