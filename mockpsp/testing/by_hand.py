"""What a story does beside the provider's API, as a person does it through the control API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from mockpsp.domain.errors import Refusal
from mockpsp.edge import by_hand
from mockpsp.edge.provider import Provider
from mockpsp.scenario.model import Step
from mockpsp.testing.expect import account_named, accounts_of
from mockpsp.world.outbox import Delivery
from mockpsp.world.plain import plain
from mockpsp.world.resending import NoEndpoint, send_again
from mockpsp.world.sandboxes import Sandbox


class Impossible(Exception):
    """There is nothing that the step could be done to; the story ends there."""


class Done(NamedTuple):
    """What a step did, in words; whether the provider refused; what it told, if it tells anything."""

    says: str
    refused: bool = False
    answer: Any = None


async def staff_acts(sandbox: Sandbox, providers: Mapping[str, Provider], step: Step) -> Done:
    """The back office acts. Raises Impossible when it has nothing of this name."""
    office = providers[step.operation].back_office
    if office is None:
        raise Impossible(f"{step.operation} has no back office")
    says = f"{step.operation}: {', '.join(f'{key}: {value}' for key, value in step.body.items())} at {step.ref}"
    try:
        told = await by_hand.staff_acts(sandbox, step.operation, office, step.ref, step.body)
    except Refusal as refusal:
        return Done(f"{says}: refused: {refusal}", refused=True)
    except LookupError as error:
        raise Impossible(str(error) or f"{step.operation} has nothing called {step.ref!r}") from error
    return Done(says, answer=plain(dict(told)))


async def set_balance(sandbox: Sandbox, providers: Mapping[str, Provider], step: Step) -> Done:
    """An account holds this much from now on. Raises Impossible for one that is not there, or holds other money."""
    balance, world = step.amount, sandbox.world
    assert balance is not None, "an account step has a balance"
    known = accounts_of(world, providers)
    account = account_named(step.ref, known)
    if account is None:
        raise Impossible(f"no account is called {step.ref}; known: {', '.join(known)}")
    if account.balance is None or account.balance.currency != balance.currency:
        holds = "pays whatever is asked" if account.balance is None else f"is in {account.balance.currency}"
        raise Impossible(f"{account.ref} {holds}; it cannot hold {balance}")
    await world.set_balance(account.ledger, balance)
    return Done(f"{account.ref} holds {balance} from now on, and no longer {account.balance}")


async def resend(sandbox: Sandbox, providers: Mapping[str, Provider], step: Step) -> Done:
    """A webhook is sent once more. Raises Impossible when there is none, or nowhere to send it to."""
    del providers
    world = sandbox.world
    meant = [each for each in world.outbox.deliveries.values() if _is_meant(each, step)]
    number = step.nth or len(meant)
    about = f"{step.operation} {step.ref}".strip()
    if not 0 < number <= len(meant):
        raise Impossible(f"there are {len(meant)} webhooks {about}")
    queued, url = meant[number - 1].queued, step.urls[0] if step.urls else ""
    try:
        await send_again(world, queued, url)
    except NoEndpoint as none:
        raise Impossible(str(none)) from none
    return Done(f"sends {queued.kind} {queued.ref} once more" + (f", to {url}" if url else ""))


def _is_meant(delivery: Delivery, step: Step) -> bool:
    queued = delivery.queued
    named = f"{queued.provider}.{queued.kind}" == step.operation
    return named and step.ref in ("", queued.ref, queued.owner)
