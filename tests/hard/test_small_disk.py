"""A disk that is really full: answers say so in the provider's shape, nothing is lost, and on it goes with new room."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.control import ControlledSandbox
from tests.support.hard import CARD
from tests.support.served import Served
from tests.support.worldline import Merchant

MEGABYTES = 12
DEFAULT = "/_mockpsp/sandboxes/default"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of few megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(folder)], capture_output=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("a small disk needs the command mount")
    if mounted.returncode:
        pytest.skip(f"a small disk may not be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def serve(disk: Path, tmp_path: Path) -> Iterator[Callable[[], Served]]:
    """Starts servers on the small disk."""
    started: list[Served] = []

    def start() -> Served:
        ready = tmp_path / f"ready{len(started)}.json"
        started.append(Served(ready, "--port", "0", "--state", str(disk / "state.db")))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.kill()


class Shop:
    """Pays at one server and remembers what it was told."""

    def __init__(self, served: Served) -> None:
        url = served.told["url"]
        told: dict[str, Any] = requests.get(f"{url}{DEFAULT}", timeout=30).json()
        self.merchant = Merchant(ControlledSandbox(url, told))
        self.base = f"/v2/{self.merchant.given['merchant_id']}/payments"

    def pay(self) -> requests.Response:
        return self.merchant.call("create_payment", CARD)

    def finds(self, id: str) -> bool:
        return self.merchant.send("GET", f"{self.base}/{id}").status_code == 200


def test_a_full_disk_is_told_loses_nothing_and_is_over_when_there_is_room(
    disk: Path, serve: Callable[[], Served]
) -> None:
    served = serve()
    shop = Shop(served)
    told = [shop.pay().json()["payment"]["id"]]
    ballast = disk / "ballast"
    with pytest.raises(OSError, match="No space left"):
        ballast.write_bytes(b"x" * MEGABYTES * 1024 * 1024)
    refused = None
    for _ in range(2_000):
        answer = shop.pay()
        if answer.status_code != 201:
            refused = answer
            break
        told.append(answer.json()["payment"]["id"])
    assert refused is not None, "the disk is never full"
    assert refused.status_code == 500
    assert {"errorId", "errors"} <= refused.json().keys()
    assert all(map(shop.finds, told)), "what is there can be read"
    control = requests.post(f"{served.told['url']}/_mockpsp/sandboxes", json={}, timeout=30)
    assert control.status_code in (201, 500)
    assert control.headers["Content-Type"].startswith("application/")
    ballast.unlink()
    told += [shop.pay().json()["payment"]["id"] for _ in range(5)]
    assert not any("Traceback" in line for line in served.lines)
    served.kill()

    again = Shop(serve())
    assert all(map(again.finds, told))
    assert len(set(told)) == len(told)
