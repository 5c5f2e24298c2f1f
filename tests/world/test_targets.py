"""Where webhooks may go, by the text of an address and by what its name leads to."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp.resolver import ThreadedResolver

from mockpsp.world.delivery import Courier
from mockpsp.world.targets import NotLocal, Targets, guarded, is_local, leads_here

LOCAL = ("http://localhost:9000/x", "https://127.0.0.1", "http://[::1]:80", "http://10.0.0.8", "http://192.168.1.1",
         "http://[fd12::1]", "http://shop:3000", "http://a.localhost", "http://host.docker.internal", "http://box.local",
         "http://[::ffff:10.0.0.1]", "http://0.0.0.0:9000")  # fmt: skip
ELSEWHERE = ("http://example.com", "http://8.8.8.8", "http://169.254.169.254/latest/meta-data", "http://[fe80::1]",
             "http://[fd00:ec2::254]/latest", "http://192.0.0.192/opc", "http://[::ffff:169.254.169.254]",
             "http://[::ffff:8.8.8.8]", "http://224.0.0.1", "http://[64:ff9b::a9fe:a9fe]", "ftp://localhost/x",
             "file:///etc/passwd", "gopher://localhost", "//localhost/x", "", "http://127.0.0.1.evil.example",
             "http://localhost@evil.example/")  # fmt: skip


@pytest.mark.parametrize("url", LOCAL)
def test_this_machine_and_private_networks_get_webhooks(url: str) -> None:
    assert is_local(url)


@pytest.mark.parametrize("url", ELSEWHERE)
def test_others_do_not(url: str) -> None:
    assert not is_local(url)


def test_what_is_named_does() -> None:
    named = Targets(["Hooks.example.com", "169.254.169.254"])
    assert named.allow("https://hooks.example.com/x")
    assert named.allow("http://169.254.169.254/")
    assert not named.allow("ftp://hooks.example.com/x")
    assert not named.allow("https://example.com/x")
    assert named.reach("hooks.example.com", "93.184.216.34")
    assert not named.reach("shop", "93.184.216.34")
    assert Targets(["*"]).allow("http://example.com")
    assert not Targets(["*"]).allow("file:///etc/passwd")


@pytest.mark.parametrize(
    ("address", "here"),
    [("127.0.0.1", True), ("10.2.3.4", True), ("fe80::1%eth0", False), ("1.1.1.1", False), ("nonsense", False)],
)
def test_an_address_that_a_name_leads_to(address: str, here: bool) -> None:
    assert leads_here("shop", address) is here


class Found:
    """Names and what they lead to, in the place of DNS."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(self, _: Any, host: str, port: int = 0, family: int = 0) -> list[dict[str, Any]]:
        return [
            {"hostname": host, "host": each, "port": port, "family": 2, "proto": 0, "flags": 0}
            for each in self.addresses
        ]


async def test_a_name_is_judged_by_its_addresses_whenever_it_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Found("10.0.0.1", "93.184.216.34")
    monkeypatch.setattr(ThreadedResolver, "resolve", lambda own, *args, **more: found.resolve(own, *args, **more))
    resolver = guarded(leads_here)
    assert [each["host"] for each in await resolver.resolve("shop", 80)] == ["10.0.0.1"]
    found.addresses = ("93.184.216.34",)
    with pytest.raises(NotLocal, match=r"shop leads to 93\.184\.216\.34"):
        await resolver.resolve("shop", 80)
    found.addresses = ("169.254.169.254",)
    with pytest.raises(NotLocal):
        await resolver.resolve("metadata.google.internal", 80)
    await resolver.close()


async def test_a_private_name_that_leads_elsewhere_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name passes when the endpoint is given; the connection is what is refused."""
    found = Found("93.184.216.34")
    monkeypatch.setattr(ThreadedResolver, "resolve", lambda own, *args, **more: found.resolve(own, *args, **more))
    courier = Courier({}, {}, Targets().allow, Targets().reach)
    assert courier.allows("http://shop:3000/hooks")
    status, error, _ = await courier._post("http://shop:3000/hooks", b"{}", {}, 5.0)
    await courier.close()
    assert status is None
    assert error is not None
    assert "shop leads to 93.184.216.34, which is not on this machine or network" in error
