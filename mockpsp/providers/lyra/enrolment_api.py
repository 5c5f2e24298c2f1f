"""The API of sellers' registrations: from a checked request to a command, from its outcome to an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mockpsp.edge import multipart
from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.providers.lyra import enrolment_commands as c
from mockpsp.providers.lyra import enrolment_wire as wire
from mockpsp.providers.lyra.answers import answer, base
from mockpsp.providers.lyra.enrolment import REGISTRATIONS, Registration, external
from mockpsp.providers.lyra.errors import NotFound, UnsupportedMedia, wrong
from mockpsp.providers.lyra.finding import check_marketplace_body, check_marketplace_path
from mockpsp.providers.lyra.lists import listing, same
from mockpsp.providers.lyra.sellers import holdings
from mockpsp.world.world import Outcome, World

MULTIPART = "multipart/form-data"

_SORT_KEYS: Mapping[str, Callable[[Registration], Any]] = {
    "created_at": lambda each: each.created,
    "updated_at": lambda each: each.updated,
    "uuid": lambda each: each.ref,
    "name": lambda each: each.form.name,
    "reference": lambda each: each.reference,
    "external_ref": lambda each: each.form.external_ref or "",
    "status": lambda each: each.status.value,
}


def find(world: World, ref: str) -> Registration:
    """A registration by its uuid. Raises NotFound."""
    found: Registration | None = world.state(REGISTRATIONS.name, ref.lower())
    if found is None:
        raise NotFound(f"no registration has the uuid {ref[:80]!r}")
    return found


def check_external_ref(world: World, outcome: Outcome) -> None:
    """Refuse an ``external_ref`` that another registration or a seller of the scenario has. Raises Invalid.

    It is asked when the facts are decided and not yet committed, and again if another process was faster meanwhile.
    """
    named = outcome.state.form.external_ref
    if named is None:
        return
    owner = world.owner(REGISTRATIONS.name, external(named))
    if owner == outcome.ref:
        return
    if owner is not None or any(each.external_ref == named for each in holdings(world).sellers.values()):
        raise wrong("external_ref", f"Another seller or registration has the external_ref {named}.")


def _shown(x: Exchange, status: int) -> Callable[[Outcome], Answer]:
    """Renders the registration that a command led to, if nobody else has its external_ref."""

    def render(outcome: Outcome) -> Answer:
        check_external_ref(x.world, outcome)
        return answer(status, wire.registration(base(x), outcome.state))

    return render


# -- registrations ---------------------------------------------------------------------------------------------------


async def list_registrations(x: Exchange) -> Answer:
    """GET /registrations: the newest first."""
    query = x.query
    wanted = [
        each
        for each in reversed(x.world.objects[REGISTRATIONS.name].values())
        if same(query.get("uuid"), each.ref)
        and same(query.get("marketplace"), each.marketplace)
        and same(query.get("name"), each.form.name)
        and same(query.get("ref"), each.reference)
        and same(query.get("status"), each.status.value)
    ]
    start = base(x)
    return listing(x, wanted, lambda each: wire.registration(start, each), sort_keys=_SORT_KEYS)


async def list_marketplace_registrations(x: Exchange) -> Answer:
    """GET /marketplaces/{marketplace}/registrations."""
    check_marketplace_path(x)
    return await list_registrations(x)


async def create_registration(x: Exchange) -> Answer:
    """POST /registrations."""
    command = c.CreateRegistration(check_marketplace_body(x), wire.read_form(x.json))
    return await x.run(REGISTRATIONS, None, command, _shown(x, 201))


async def get_registration(x: Exchange) -> Answer:
    """GET /registrations/{registration}."""
    return answer(200, wire.registration(base(x), find(x.world, x.path["registration"])))


async def get_registration_status(x: Exchange) -> Answer:
    """GET /registrations/{registration}/status: the same, and deprecated."""
    return await get_registration(x)


async def update_registration(x: Exchange) -> Answer:
    """PUT /registrations/{registration}."""
    state = find(x.world, x.path["registration"])
    body = x.json or {}
    if body.get("marketplace") is not None:
        check_marketplace_body(x)
    command = c.UpdateRegistration(wire.read_form(body))
    return await x.run(REGISTRATIONS, state.ref, command, _shown(x, 200))


async def submit_registration(x: Exchange) -> Answer:
    """POST /registrations/{registration}/submit."""
    state = find(x.world, x.path["registration"])
    return await x.run(REGISTRATIONS, state.ref, c.SubmitRegistration(), lambda _: Answer(204))


# -- documents -------------------------------------------------------------------------------------------------------


async def list_documents(x: Exchange) -> Answer:
    """GET /registrations/{registration}/documents: as they were sent."""
    return listing(x, find(x.world, x.path["registration"]).documents, wire.document)


async def create_document(x: Exchange) -> Answer:
    """POST /registrations/{registration}/documents."""
    state = find(x.world, x.path["registration"])
    media = x.request.content_type
    if media != MULTIPART:
        raise UnsupportedMedia(media)
    command = wire.read_document(await multipart.parts(x))
    return await x.run(REGISTRATIONS, state.ref, command, _created_document)


def _created_document(outcome: Outcome) -> Answer:
    return answer(201, wire.document(outcome.state.documents[-1]))
