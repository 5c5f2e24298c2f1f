"""``python -m bench.kills [--kills N]``: a server that is killed again and again under load loses and doubles nothing.

``--state postgresql`` does the same with three processes on one database, of which one is killed at a time.

Merchants pay at Worldline and at Adyen, all the time, while the server is killed at random moments and started again
with the same ``--state``. A call that got no answer is repeated under its idempotence key, as a merchant should; a
shopper who got none looks first whether it was done. At the end everything that was answered must be there as it was
told, every payment once, every balance to the cent, and every webhook must have arrived, its repetitions alike.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, NamedTuple

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector, web

from bench.__main__ import answered, free_port
from bench.works import ADYEN, BODY, META
from mockpsp.providers.worldline.auth import SCHEME, credentials, data_to_sign, sign
from mockpsp.world.checkpoint import EVENTS_BETWEEN

DEFAULT = "/_mockpsp/sandboxes/default"
WORLDLINE = credentials("default")
VOUCHER = "5075990000009999"
WALLET = "11111111111"
ACCOUNTS = {"worldline": f"worldline/wallet/{WALLET}", "adyen": "adyen/meal_voucher/9999-500662"}
CENTS = 100
PATIENCE = ClientTimeout(total=20)
START_SECONDS = 300.0
"""On a machine that is busy with other things, reading a large state takes a while."""
_START = """
from mockpsp.world import checkpoint
checkpoint.EVENTS_BETWEEN = {between}
from mockpsp.cli import main
main()
"""
SCENARIO = f"""
mockpsp: 1
title: Merchants pay while the server is killed
world:
  worldline:
    wallets: [{{beneficiary: "{WALLET}", balance: 1000000.00 EUR}}]
  adyen:
    meal_vouchers:
      - {{brand: mealVoucher_FR_sodexo, number: "{VOUCHER}", expiry: 03/2030, cvc: "737",
         balance: 1000000.00 EUR, daily_limit: 1000000.00 EUR}}
"""


class Lost(Exception):
    """The server was killed before it answered."""


class Found(NamedTuple):
    """What a run came to."""

    kills: int
    paid: dict[str, int]
    repeated: int
    webhooks: int
    again: int
    seconds: float


class Life:
    """One server process after the other, on one port and one state."""

    def __init__(self, folder: Path, webhooks: int, state: str, between: int) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        scenario = folder / "kills.yaml"
        scenario.write_text(SCENARIO, encoding="utf-8")
        hooks = [f"--webhook={name}=http://127.0.0.1:{webhooks}/{name}" for name in ("worldline", "adyen")]
        self._command = [
            sys.executable, "-c", _START.format(between=between), "serve", "--host", "127.0.0.1",
            "--port", str(self.port), "--scenario", str(scenario), "--state", state, *hooks,
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None
        self.up = asyncio.Event()

    async def start(self) -> None:
        """Return when it answers."""
        self._process = await asyncio.to_thread(subprocess.Popen, self._command, stdout=subprocess.DEVNULL)
        await asyncio.to_thread(answered, self.port, START_SECONDS)
        self.up.set()

    def kill(self) -> None:
        """No time to say anything."""
        self.up.clear()
        if self._process is None:
            return
        self._process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        self._process.wait(15)


class Lives:
    """Servers that go on living: one with a state of its own, or several that share theirs."""

    def __init__(self, lives: list[Life]) -> None:
        self.all = lives
        self._turn = 0

    def next(self) -> Life:
        """One after the other, those that are being started again left out where others are up."""
        self._turn += 1
        ahead = [self.all[(self._turn + each) % len(self.all)] for each in range(len(self.all))]
        return next((each for each in ahead if each.up.is_set()), ahead[0])


class Merchant:
    """Pays one after the other; remembers what it was told."""

    def __init__(self, name: str, lives: Lives, session: ClientSession, stop: asyncio.Event) -> None:
        self.name = name
        self.lives = lives
        self.session = session
        self.stop = stop
        self.told: list[str] = []
        self.repeated = 0
        self._number = 0

    async def run(self) -> None:
        """Until the end; the payment under way is brought to its end."""
        while not self.stop.is_set():
            self._number += 1
            self.told.append(await (self._worldline() if self.name.startswith("worldline") else self._adyen()))

    async def _send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
        life = self.lives.next()
        await life.up.wait()
        try:
            async with self.session.request(
                method, life.url + path, data=body or None, headers=headers, timeout=PATIENCE
            ) as answer:
                return answer.status, json.loads(await answer.read())
        except (ClientError, OSError, TimeoutError, ValueError) as error:
            raise Lost(str(error)) from error

    async def _sure(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
        while True:
            try:
                return await self._send(method, path, body, headers)
            except Lost:
                self.repeated += 1
                await asyncio.sleep(0.02)

    async def _adyen(self) -> str:
        reference = f"{self.name}-{self._number}"
        body = {
            "merchantAccount": ADYEN["merchant_account"], "reference": reference,
            "amount": {"currency": "EUR", "value": CENTS}, "returnUrl": "https://shop.example/",
            "paymentMethod": {
                "type": "mealVoucher_FR", "brand": "mealVoucher_FR_sodexo",
                "encryptedCardNumber": f"test_{VOUCHER}", "encryptedExpiryMonth": "test_03",
                "encryptedExpiryYear": "test_2030", "encryptedSecurityCode": "test_737",
            },
        }  # fmt: skip
        headers = {"X-API-Key": ADYEN["api_key"], "Content-Type": "application/json", "Idempotency-Key": reference}
        status, answer = await self._sure("POST", "/v72/payments", json.dumps(body).encode(), headers)
        assert (status, answer["resultCode"]) == (200, "Authorised"), answer
        psp: str = answer["pspReference"]
        return psp

    def _signed(self, method: str, path: str, kind: str, key: str) -> dict[str, str]:
        from email.utils import formatdate

        date = formatdate(usegmt=True)
        gcs = [("X-GCS-ServerMetaInfo", META), *([("X-GCS-Idempotence-Key", key)] if key else [])]
        signature = sign(WORLDLINE["secret_api_key"], data_to_sign(method, kind, date, gcs, path))
        told = {"Date": date, "Authorization": f"{SCHEME}{WORLDLINE['api_key_id']}:{signature}", **dict(gcs)}
        return {**told, "Content-Type": kind} if kind else told

    async def _worldline(self) -> str:
        path = f"/v2/{WORLDLINE['merchant_id']}/hostedcheckouts"
        body = json.loads(BODY)
        body["order"]["amountOfMoney"]["amount"] = CENTS
        body["order"]["references"]["merchantReference"] = f"{self.name}-{self._number}"
        headers = self._signed("POST", path, "application/json", f"{self.name}-{self._number}")
        status, created = await self._sure("POST", path, json.dumps(body).encode(), headers)
        assert status == 200, created
        ref: str = created["hostedCheckoutId"]
        while not await self._is_paid(f"{path}/{ref}"):
            act = json.dumps({"pay": [{"with": "cv_connect"}]}).encode()
            try:
                status, answer = await self._send(
                    "POST", f"{DEFAULT}/checkouts/{ref}/shopper", act, {"Content-Type": "application/json"}
                )
                assert status == 200, answer
            except Lost:
                self.repeated += 1
        return ref

    async def _is_paid(self, path: str) -> bool:
        status, found = await self._sure("GET", path, b"", self._signed("GET", path, "", ""))
        assert status == 200, found
        return bool(found["status"] == "PAYMENT_CREATED")


class Hooks:
    """Notes each webhook by its id; every repetition must be the same, byte for byte."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self.again = 0
        self.settled: set[str] = set()
        self.unlike: list[str] = []

    async def take(self, request: web.Request) -> web.Response:
        """Acknowledge."""
        body = await request.read()
        told = json.loads(body)
        if request.path == "/adyen":
            item = told["notificationItems"][0]["NotificationRequestItem"]
            id = f"{item['eventCode']} {item['pspReference']}"
            self.settled.add(item["pspReference"])
        else:
            id = told["id"]
            if told["type"] == "payment.captured":
                self.settled.add(told["payment"]["hostedCheckoutSpecificOutput"]["hostedCheckoutId"])
        self.again += id in self.bodies
        if self.bodies.setdefault(id, body) != body:
            self.unlike.append(id)
        return web.Response(text="[accepted]")


@contextmanager
def _folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


async def endure(
    kills: int,
    seed: int,
    merchants: int = 4,
    state: str = "",
    processes: int = 1,
    between: int = EVENTS_BETWEEN,
) -> Found:
    """Let it be killed so often. Raises AssertionError when anything was lost, doubled or told otherwise.

    ``state`` is the address of a database that so many processes share; without one it is a file, for one process.
    ``between`` is how many events there are between two checkpoints.
    """
    began, chance, hooks = perf_counter(), random.Random(seed), Hooks()
    app = web.Application()
    app.router.add_post("/{provider}", hooks.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        with _folder() as folder:
            kept = state or str(folder / "state.db")
            lives = Lives([Life(folder, runner.addresses[0][1], kept, between) for _ in range(processes)])
            try:
                for each in lives.all:
                    await each.start()
                return await _endure(kills, chance, merchants, lives, hooks, began)
            finally:
                for each in lives.all:
                    each.kill()
    finally:
        await runner.cleanup()


async def _endure(kills: int, chance: random.Random, merchants: int, lives: Lives, hooks: Hooks, began: float) -> Found:
    stop = asyncio.Event()
    async with ClientSession(connector=TCPConnector(limit=0)) as session:
        names = [f"{provider}{number}" for provider in ("worldline", "adyen") for number in range(merchants // 2)]
        crowd = [Merchant(name, lives, session, stop) for name in names]
        tasks = [asyncio.create_task(each.run()) for each in crowd]
        for number in range(kills):
            if number and not number % 20:
                print(f"{number} kills so far, {perf_counter() - began:.0f} s", file=sys.stderr)
            await asyncio.sleep(chance.uniform(0.02, 1.0))
            life = chance.choice(lives.all)
            life.kill()
            await life.start()
        stop.set()
        await asyncio.gather(*tasks)
        await _check(session, lives.next(), crowd, hooks)
    paid = {
        name: sum(len(each.told) for each in crowd if each.name.startswith(name)) for name in ("worldline", "adyen")
    }
    repeated = sum(each.repeated for each in crowd)
    return Found(kills, paid, repeated, len(hooks.bodies), hooks.again, perf_counter() - began)


async def _check(session: ClientSession, life: Life, crowd: list[Merchant], hooks: Hooks) -> None:
    async def control(path: str, method: str = "GET") -> Any:
        async with session.request(method, f"{life.url}{DEFAULT}{path}", timeout=ClientTimeout(total=120)) as answer:
            return json.loads(await answer.read())

    await control("/webhooks/settle", "POST")
    told = [ref for each in crowd for ref in each.told]
    assert len(set(told)) == len(told), "one payment was told twice"
    assert not hooks.unlike, f"came again with another body: {hooks.unlike[:5]}"
    lost = [ref for ref in told if ref not in hooks.settled]
    assert not lost, f"no webhook ever came for {lost[:5]}"
    assert hooks.settled == set(told), f"payments that nobody was told of: {hooks.settled - set(told)}"
    balances = {each["ref"]: each["balance"] for each in (await control("/accounts"))["accounts"]}
    for provider, account in ACCOUNTS.items():
        paid = CENTS * sum(len(each.told) for each in crowd if each.name.startswith(provider))
        left = f"{(100_000_000 - paid) / 100:.2f} EUR"
        assert balances[account] == left, f"{account} holds {balances[account]} where {left} is right"


def main() -> None:
    """Print what a run came to."""
    parser = argparse.ArgumentParser(prog="bench.kills")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--state", default="", help="postgresql for a server of its own, or the address of a database")
    parser.add_argument("--processes", type=int, default=3, help="that share the database")
    parser.add_argument("--between", type=int, default=EVENTS_BETWEEN, help="events between two checkpoints")
    given = parser.parse_args()
    run = partial(endure, given.kills, given.seed, between=given.between)
    if not given.state:
        found = asyncio.run(run())
    elif given.state != "postgresql":
        found = asyncio.run(run(state=given.state, processes=given.processes))
    else:
        from tests.support.postgres import running  # only here: it is the tests' own

        with running() as server:
            found = asyncio.run(run(state=server.fresh(), processes=given.processes))
    print(
        f"killed {found.kills} times in {found.seconds:.0f} s: {found.paid} payments as they were told, "
        f"{found.repeated} calls repeated; {found.webhooks} webhooks, {found.again} came again, byte for byte alike"
    )


if __name__ == "__main__":
    main()
