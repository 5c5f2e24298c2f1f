"""What a shopper's browser may do in a session: its sessionData, and payments that it leaves for others. Pure.

Source: ``core/CheckoutSession`` of adyen-web: every call carries the newest sessionData, every answer may renew it.
That an old one is refused is inferred (setting ``stale_session_data``).
"""

from __future__ import annotations

from mockpsp.domain.lifecycle import Moment
from mockpsp.providers.adyen import commands as c
from mockpsp.providers.adyen import events as e
from mockpsp.providers.adyen import tokens
from mockpsp.providers.adyen.checkouts import active_checkout
from mockpsp.providers.adyen.errors import InvalidSessionData, StaleSessionData, UnknownSession
from mockpsp.providers.adyen.states import Purchase, Status, evolve

_LEFT = (Status.AWAITING_SHOPPER, Status.AUTHENTICATED)


def admitted(state: Purchase | None, command: c.Browse, moment: Moment) -> tuple[Purchase, list[e.Event]]:
    """The session as the browser's command meets it, and the facts that come before.

    A shopper who pays again has left the bank's page, or the app, where an earlier payment waits: that one is given up.
    Raises UnknownSession, InvalidSessionData, StaleSessionData, CheckoutClosed.
    """
    if state is None or state.session is None:
        raise UnknownSession("no session has this id")
    number = tokens.session_data_number(command.data, state.ref, state.secret)
    if number is None or number > state.data_number:
        raise InvalidSessionData("it was not given out for this session")
    looks = command.does is None  # with any: version 5 sets a session up again with the first one after each order
    if number < state.data_oldest and not looks and moment.settings.stale_session_data == "refused":
        raise StaleSessionData(f"it is number {number}, the session is at {state.data_number}")
    if isinstance(command.does, c.Complete):  # the result of what was paid in time
        return state, []
    active_checkout(state)
    if not isinstance(command.does, c.Pay | c.OpenOrder):
        return state, []
    left: list[e.Event] = [
        e.Abandoned(ref=state.ref, payment=each.ref, at=moment.now) for each in state.round if each.status in _LEFT
    ]
    for each in left:
        state = evolve(state, each)
    return state, left


def goes_on(session: Purchase, command: c.Browse) -> bool:
    """Whether an order is asked for that is open already: after a refused payment the form asks anew."""
    return isinstance(command.does, c.OpenOrder) and session.open_order is not None


def renewed(session: Purchase, moment: Moment, *, changed: bool = True) -> e.SessionDataRenewed:
    """A new sessionData; after a change those before count no more."""
    number = session.data_number + 1
    oldest = number if changed else session.data_oldest
    return e.SessionDataRenewed(ref=session.ref, number=number, oldest=oldest, at=moment.now)
