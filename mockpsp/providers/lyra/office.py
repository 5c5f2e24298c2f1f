"""What only Lyra's back office can do: set the status of a registration or of a document by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockpsp.providers.lyra import enrolment_commands as c
from mockpsp.providers.lyra.enrolment import REGISTRATIONS, Registration
from mockpsp.providers.lyra.enrolment_wire import summary
from mockpsp.providers.lyra.enrolment_words import BACK_OFFICE
from mockpsp.world.sandboxes import Sandbox


class Office:
    """Implements ``edge.provider.BackOffice``. ``schema`` is the JSON Schema of a body of ``act``."""

    schema: Mapping[str, Any] = BACK_OFFICE

    async def act(self, sandbox: Sandbox, ref: str, body: Mapping[str, Any], cause: int) -> Mapping[str, Any]:
        """Set a status; the registration as it is now. Raises LookupError when nothing has this reference."""
        world = sandbox.world
        command: c.Command
        if "document_status" in body:
            owner = world.owner(REGISTRATIONS.name, ref)
            state: Registration | None = world.state(REGISTRATIONS.name, owner) if owner is not None else None
            if state is None or state.document(ref) is None:
                raise LookupError(f"no document has the uuid {ref!r}")
            command = c.ForceDocument(ref, body["document_status"])
        else:
            owner = ref if world.state(REGISTRATIONS.name, ref) is not None else None
            command = c.ForceRegistration(body["status"])
        if owner is None:
            raise LookupError(f"no registration has the uuid {ref!r}")
        outcome = await world.execute(REGISTRATIONS, owner, command, cause=cause)
        return summary(outcome.state)


OFFICE = Office()
