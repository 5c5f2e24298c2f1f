"""Stored cards over the server's API: the list of a shopper's, and forgetting one."""

from __future__ import annotations

from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.providers.adyen import auth, stored, stored_wire
from mockpsp.providers.adyen import commands as c
from mockpsp.providers.adyen.api import answer
from mockpsp.providers.adyen.errors import UnknownStoredMethod
from mockpsp.providers.adyen.purchases import PURCHASES


async def get_stored_payment_methods(x: Exchange) -> Answer:
    """GET /storedPaymentMethods: a shopper whom nobody knows has none."""
    merchant = auth.check_merchant(x, x.query.get("merchantAccount"))
    shopper = x.query["shopperReference"]
    found = [stored_wire.resource(each) for each in stored_wire.cards_of(x.world, shopper)]
    return answer(200, {"merchantAccount": merchant, "shopperReference": shopper, "storedPaymentMethods": found})


async def delete_stored_payment_method(x: Exchange) -> Answer:
    """DELETE /storedPaymentMethods/{id}: payments that are under way are not touched."""
    auth.check_merchant(x, x.query.get("merchantAccount"))
    await forget(x, x.path["storedPaymentMethodId"], x.query["shopperReference"])
    return Answer(204)


async def forget(x: Exchange, token: str, shopper: str) -> None:
    """Keep a shopper's card no longer. Raises UnknownStoredMethod."""
    owner = x.world.owner(PURCHASES.name, stored.by_token(token))
    if owner is None or stored_wire.find(x.world, token, shopper) is None:
        raise UnknownStoredMethod("the shopper has no card under this id")
    outcome = await x.world.execute(PURCHASES, owner, c.Forget(token), cause=x.entry.number)
    x.entry.reference = x.entry.reference or outcome.ref
