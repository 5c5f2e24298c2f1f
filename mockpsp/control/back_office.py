"""The back office: what a provider's own staff does, and no call of the provider's API can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mockpsp.control.calls import Call, check_by, reply
from mockpsp.control.errors import ControlError
from mockpsp.edge.by_hand import staff_acts
from mockpsp.world.masking import mask
from mockpsp.world.plain import plain

if TYPE_CHECKING:
    from aiohttp import web

    from mockpsp.edge.provider import BackOffice


async def act(call: Call) -> web.Response:
    """Do at an object of a provider what its staff would do there, on record."""
    name, ref = call.provider(call.path("provider")).name, call.path("ref")
    office = _office(call, name)
    check_by(office.schema, call.body)
    try:
        told = await staff_acts(call.sandbox, name, office, ref, call.body)
    except (KeyError, IndexError):  # mistakes of ours
        raise
    except LookupError as error:
        raise ControlError(
            404, "unknown-object", str(error) or f"{name} has nothing called {ref[:200]!r} for its back office"
        ) from error
    return reply(mask(plain(dict(told))))


def _office(call: Call, name: str) -> BackOffice:
    office = call.providers[name].back_office
    if office is None:
        staffed = [each.name for each in call.providers.values() if each.back_office is not None]
        hint = f"possible for {', '.join(staffed)}" if staffed else None
        raise ControlError(404, "no-back-office", f"{name} has no back office here", hint=hint)
    return office
