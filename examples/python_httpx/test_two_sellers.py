"""A marketplace at Lyra, with httpx in asyncio. Run it: pip install mockpsp pytest httpx; pytest"""

import httpx
import pytest

pytestmark = pytest.mark.anyio  # the plugin that comes with httpx


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
async def lyra(mockpsp):
    """A client with the credentials of this test's own sandbox."""
    keys = mockpsp.credentials["lyra"]
    async with httpx.AsyncClient(
        base_url=mockpsp.base_urls["lyra"], auth=(keys["login"], keys["password"]), timeout=10
    ) as client:
        yield client


async def new_order(lyra, marketplace):
    """An order of two sellers; meal vouchers may pay a part of each item."""
    made = await lyra.post(
        "/orders",
        params={"expand": "items"},
        json={
            "marketplace": marketplace,
            "reference": "ORDER 1",
            "currency": "EUR",
            "buyer": {"type": "PRIVATE", "email": "buyer@example.test", "phone_number": "+33 1 00 00 00 00"},
            "items": [
                {
                    "seller_external_ref": "seller1",
                    "reference": "Buffet",
                    "description": "Buffet",
                    "amount": 6000,
                    "vouchers": [{"contract_type": "CONECS", "eligible_amount": 1400}, {"contract_type": "CVCONNECT"}],
                },
                {
                    "seller_external_ref": "seller2",
                    "reference": "Menu",
                    "description": "Menu",
                    "amount": 2000,
                    "vouchers": [{"contract_type": "CONECS", "eligible_amount": 1900}],
                },
            ],
        },
    )
    made.raise_for_status()
    return made.json()


async def test_the_bank_captures_an_order_of_two_sellers(lyra, mockpsp):
    order = await new_order(lyra, mockpsp.credentials["lyra"]["marketplace"])
    (await lyra.get(order["links"]["execute"]["href"])).raise_for_status()

    # `mockpsp.aio` has the same helpers for asyncio: this test's event loop goes on while the server works.
    await mockpsp.aio.shopper(order["uuid"], pay=["conecs", {"with": "cv_connect", "amount": "30.00 EUR"}, "card"])
    assert (await lyra.get(f"/orders/{order['uuid']}")).json()["status"] == "PENDING"

    await mockpsp.aio.advance("PT2H")
    assert (await lyra.get(f"/orders/{order['uuid']}")).json()["status"] == "SUCCEEDED"
    await mockpsp.aio.verify(kind="shopper", reference=order["uuid"], count=1)


async def test_a_buyer_who_leaves_pays_nothing(lyra, mockpsp):
    order = await new_order(lyra, mockpsp.credentials["lyra"]["marketplace"])
    (await lyra.get(order["links"]["execute"]["href"])).raise_for_status()
    before = await mockpsp.aio.accounts("lyra")

    await mockpsp.aio.shopper(cancel=True)  # the only checkout that waits

    assert (await lyra.get(f"/orders/{order['uuid']}")).json()["status"] != "SUCCEEDED"
    assert await mockpsp.aio.accounts("lyra") == before
