"""``python -m shop.buy holiday|lunch|basket``: one purchase by a scripted shopper, through the pages, to the very end.

Exit code 0: the shop said what it should. 1: it did not; a line says what. 2: the command line or a setting is wrong.
``SHOP_URL`` or ``--shop`` names a shop that runs; without it one is started for the purchase, on ``--port``.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from shop.bugs import UnknownBug, care_with
from shop.catalogue import PRODUCTS
from shop.settings import MissingSetting, Settings
from shop.visitor import NotThere, Visitor

Facts = Mapping[str, Any]
Step = tuple[str, dict[str, str]]
MORE_VOUCHERS = [f"507599000000{cents}" for cents in range(2501, 2701)]
"""Of the simulator's series; each of them pays 25 euros a day, and a sandbox may have seen purchases today."""
SECOND_THOUGHTS_SECONDS = 1.0
"""So long a shopper looks at a card that was refused."""


class Wrong(Exception):
    """The shop did not say what it should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """What the shopper types on a provider's page, step by step; ``refused`` in the place of ``last``."""

    first: Sequence[Step]
    last: Step
    refused: Step


def _card(step: str, number: str, names: Sequence[str], code: str = "123") -> Step:
    return step, dict(zip(names, (number, "CAMILLE MARTIN", "12/30", code), strict=True))


_WORLDLINE = ("card_number", "card_holder", "expiry", "cvv")
PURSES: Mapping[str, Purse] = {
    "holiday": Purse(
        first=(
            ("choose", {"product": "5412"}),
            ("confirm", {"beneficiary": "11111111111"}),
            ("voucher", {"voucher_amount": "300.00"}),
        ),
        last=_card("card", "4330264936344675", _WORLDLINE),
        refused=_card("card", "4321456998744563", _WORLDLINE),
    ),
    "lunch": Purse(
        first=(
            ("choose", {"method": "mealVoucher_FR_sodexo"}),
            ("balance", {"number": "5075990000006120", "expiry": "03/30", "cvc": "737"}),
            ("redeem", {}),
            ("choose", {"method": "scheme"}),
        ),
        last=_card("card", "4111111111111111", ("number", "holder", "expiry", "cvc"), "737"),
        refused=("card", {"number": "4111111111111111", "holder": "DECLINED", "expiry": "03/30", "cvc": "737"}),
    ),
    "basket": Purse(
        first=(
            ("choose", {"method": "conecs"}),
            ("conecs", {"number": "5017670000009999", "expiry": "12/30", "cvv": "123", "amount": "25.00"}),
            ("choose", {"method": "card"}),
        ),
        last=_card("card", "4970100000000000", ("number", "holder", "expiry", "cvv")),
        refused=_card("card", "4970100000000098", ("number", "holder", "expiry", "cvv")),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What shall be done: a purchase, perhaps refused at the card, perhaps refunded. Times are in seconds.

    ``again``: a shopper whose card is refused tries it once more.
    ``impatient``: the button for a refund is pressed twice.
    ``wait`` for the shop to know, ``settle`` for webhooks that may be lost, ``linger`` for those that come again.
    """

    kind: str
    refuse: bool = False
    refund: bool = False
    again: bool = False
    impatient: bool = False
    wait: float = 20.0
    settle: float = 3.0
    linger: float = 1.0
    say: Callable[[str], object] = field(default=lambda _: None)


async def purchase(shop: str, wish: Wish) -> Facts:
    """Buy, and return what the shop says at the end. Raises Wrong, and NotThere when a page lacks something."""
    async with Visitor() as shopper:
        await shopper.open(f"{shop}/{wish.kind}")
        await shopper.click("buy")
        purse = PURSES[wish.kind]
        await _fill_in(shopper, (*purse.first, purse.refused if wish.refuse else purse.last), wish)
        if wish.refuse:
            return await _refused(shopper, shop, wish)
        facts = await _until(shopper, wish, "paid", lambda it: it["state"] == "paid" and it["shipments"] > 0)
        await asyncio.sleep(wish.linger)  # what is delivered again comes in the meantime
        facts = await _facts(shopper)
        _expect(facts, "state", "paid")
        _expect(facts, "paid", PRODUCTS[wish.kind].total)
        _expect(facts, "shipments", 1)
        if wish.kind == "lunch":  # the capture's webhook is on its way; where webhooks are lost, it never comes
            facts = await _until(shopper, wish, "captured", lambda it: it["captured"] == it["total"], wish.settle)
        return await _refund(shopper, shop, facts, wish) if wish.refund else facts


async def _fill_in(shopper: Visitor, steps: Sequence[Step], wish: Wish) -> None:
    """Go through the provider's pages, and come back to the shop."""
    desktop = ""
    for step, typed in steps:
        form = shopper.step(step)
        if form is None and step == "choose":  # where there is no choice, nobody is asked
            continue
        if form is None:  # the portal shows a QR code; here is the link that it contains
            desktop = shopper.url
            form = (await shopper.click("open-phone")).step(step)
        if form is None:
            raise NotThere(f"no form for {step!r} at {shopper.url} ({shopper.status})")
        wish.say(f"{step} at {shopper.url.partition('?')[0]}")
        await shopper.submit(form, **typed)
        if step == "balance":
            await _other_voucher(shopper, typed)
    last, typed = steps[-1]
    if wish.again and (form := shopper.step(last)) is not None:  # it was refused, and is asked for again
        wish.say(f"{last} once more")
        await asyncio.sleep(SECOND_THOUGHTS_SECONDS)
        await shopper.submit(form, **typed)
    if "give-up" in shopper.page.marked:  # the card was refused, and this shopper has no other
        await shopper.click("give-up")
    if "return" in shopper.page.marked:
        await shopper.click("return")
    elif desktop:  # the computer's page follows what was done on the phone
        await shopper.open(desktop)


async def _other_voucher(shopper: Visitor, typed: dict[str, str]) -> None:
    for number in MORE_VOUCHERS:
        form = shopper.step("balance")
        if form is None:
            return
        await shopper.submit(form, **{**typed, "number": number})


async def _refused(shopper: Visitor, shop: str, wish: Wish) -> Facts:
    """The card was refused: the shopper gives up, at the provider or in the shop, and nothing may be kept."""
    order = await _newest(shopper, shop)
    await shopper.open(order)
    if "cancel" in shopper.page.marked and wish.kind == "lunch":
        await shopper.click("cancel")
        await shopper.open(order)
    facts = await _until(shopper, wish, "ended", lambda it: it["state"] == "ended" and not it["pending"])
    _expect(facts, "state", "ended")
    _expect(facts, "shipments", 0)
    _expect({**facts, "kept": facts["paid"] - facts["refunded"]}, "kept", 0)
    return facts


async def _newest(shopper: Visitor, shop: str) -> str:
    await shopper.open(f"{shop}/merchant")
    row = shopper.page.marked.get("row")
    if row is None:
        raise Wrong("the shop knows no order")
    await shopper.open(f"/merchant/{row['data-order']}")
    return shopper.page.marked["as-shopper"]["href"]


async def _refund(shopper: Visitor, shop: str, facts: Facts, wish: Wish) -> Facts:
    """The merchant gives back what can be given back, and presses the button once, or in haste twice."""
    order = shopper.url
    await shopper.open(f"{shop}/merchant/{facts['id']}")
    form = next((each for each in shopper.page.forms if "refund" in each.buttons), None)
    if form is None:
        raise Wrong("the shop offers no refund")
    for _ in range(2 if wish.impatient else 1):
        await shopper.submit(form)
        if shopper.status >= 400:
            raise Wrong(shopper.text("problem"))
    cents = int(form.fields["amount"].replace(".", ""))  # what the shop proposes; of a lunch, the card's part
    await shopper.open(order)
    told = await _until(shopper, wish, "refunded", lambda it: it["refunded"] + it["pending"] >= cents)
    _expect({**told, "back": told["refunded"] + told["pending"]}, "back", cents)
    return told


async def _until(
    shopper: Visitor, wish: Wish, what: str, holds: Callable[[Facts], bool], wait: float | None = None
) -> Facts:
    """The order's facts once they are as hoped, or when waiting is over."""
    if "/orders/" not in shopper.url:
        raise Wrong(f"not back in the shop but at {shopper.url.partition('?')[0]}")
    end = asyncio.get_running_loop().time() + (wish.wait if wait is None else wait)
    while True:
        facts = await _facts(shopper)
        if holds(facts) or asyncio.get_running_loop().time() > end:
            wish.say(f"{facts['id']}: {facts['shown']} (waiting to be {what})")
            return facts
        await asyncio.sleep(0.1)


async def _facts(shopper: Visitor) -> Facts:
    async with shopper._session.get(f"{shopper.url.partition('?')[0]}/facts") as answer:  # noqa: SLF001 - its cookies
        found: Facts = await answer.json()
        return found


def _expect(facts: Facts, name: str, value: object) -> None:
    if facts[name] != value:
        raise Wrong(f"{name} is {facts[name]!r} and should be {value!r}: {dict(facts)}")


# -- the command -------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def shop_of(environment: Mapping[str, str], bugs: Sequence[str], port: int) -> AsyncIterator[str]:
    """The address of a shop that runs meanwhile. Raises UnknownBug, MissingSetting, and OSError for a taken port."""
    from shop.web import build

    with socket.create_server(("127.0.0.1", port)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        app = build(Settings.read(environment, url), care_with(bugs))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.SockSite(runner, listening).start()
            yield url
        finally:
            await runner.cleanup()


async def _run(options: argparse.Namespace) -> int:
    wish = Wish(
        kind=options.product, refuse=options.refuse_card, refund=options.refund, again=options.again,
        impatient=options.impatient, wait=options.wait, linger=options.linger,
        say=lambda line: sys.stdout.write(f"{line}\n"),
    )  # fmt: skip
    try:
        if options.shop:
            facts = await purchase(options.shop.rstrip("/"), wish)
        else:
            async with shop_of(os.environ, options.bug, options.port) as shop:
                facts = await purchase(shop, wish)
    except (UnknownBug, MissingSetting, ValueError) as error:
        sys.stderr.write(f"{error.args[0]}\n")
        return 2
    except (Wrong, NotThere, aiohttp.ClientError, OSError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    sys.stdout.write(f"as it should be: {dict(facts)}\n")
    return 0


def main(given: list[str] | None = None) -> int:
    """Returns the exit code."""
    reader = argparse.ArgumentParser(prog="python -m shop.buy", description=__doc__.partition("\n")[0])
    reader.add_argument("product", choices=list(PRODUCTS))
    reader.add_argument("--refund", action="store_true", help="give the money back afterwards")
    reader.add_argument("--refuse-card", action="store_true", help="the card for the rest is refused; cancel then")
    reader.add_argument("--again", action="store_true", help="a card that is refused is tried once more")
    reader.add_argument("--impatient", action="store_true", help="the button for the refund is pressed twice")
    reader.add_argument("--shop", default=os.environ.get("SHOP_URL", ""), help="a shop that runs (SHOP_URL)")
    reader.add_argument("--port", type=int, default=int(os.environ.get("SHOP_PORT", "8081")), help="(SHOP_PORT)")
    reader.add_argument("--bug", action="append", default=[], metavar="NAME", help="for the shop that is started")
    reader.add_argument("--wait", type=float, default=20.0, metavar="SECONDS", help="for the shop to say it (20)")
    reader.add_argument("--linger", type=float, default=1.0, metavar="SECONDS", help="for what comes again (1)")
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    return asyncio.run(_run(reader.parse_args(given)))


if __name__ == "__main__":
    sys.exit(main())
