"""A state file that takes no more: an error in the provider's shape, nothing changed, and on it goes with new space."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from mockpsp.settings import Settings
from mockpsp.testing.server import Server, running
from mockpsp.world.sandboxes import DEFAULT
from mockpsp.world.store_sqlite import SqliteStore

PAGES = "PRAGMA max_page_count"


async def order(server: Server, session: ClientSession) -> tuple[int, Any]:
    """An Adyen order with a reference so long that it needs new pages of the file soon."""
    given = server.sandboxes.get(DEFAULT).credentials["adyen"]
    body = {
        "merchantAccount": given["merchant_account"],
        "reference": "x" * 5_000,
        "amount": {"currency": "EUR", "value": 100},
    }
    async with session.post(f"{server.url}/v71/orders", json=body, headers={"X-API-Key": given["api_key"]}) as answer:
        return answer.status, await answer.json()


async def test_a_full_disk_is_an_error_and_changes_nothing(tmp_path: Path) -> None:
    async with running(Settings(state=str(tmp_path / "state.db"))) as server, ClientSession() as session:
        store = server.sandboxes.store
        assert isinstance(store, SqliteStore)
        world = server.sandboxes.get(DEFAULT).world
        assert (await order(server, session))[0] == 200
        (used,) = store._connection.execute("PRAGMA page_count").fetchone()
        store._connection.execute(f"{PAGES} = {used}")
        before = world.version, dict(world.objects["adyen.purchase"])
        status, told = await order(server, session)
        for _ in range(20):  # what is free inside the pages goes first
            if status != 200:
                break
            before = world.version, dict(world.objects["adyen.purchase"])
            status, told = await order(server, session)
        assert (status, told["errorType"]) == (500, "internal")
        assert set(told) == {"status", "errorCode", "message", "errorType", "pspReference"}
        assert (world.version, world.objects["adyen.purchase"]) == before
        store._connection.execute(f"{PAGES} = 1000000")
        assert (await order(server, session))[0] == 200
        assert world.version > before[0]
        assert (await store.noted(DEFAULT, 9_000))[-1].entry.number == world.journal.count, "the journal is whole again"
