"""Faults over real sockets: what clients see of throttled calls, spread latency, and bodies that are spoilt."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
import requests
import urllib3

from mockpsp.edge import pipeline, reply
from tests.support.control import ControlledSandbox
from tests.support.server import Threaded
from tests.support.worldline import Merchant, checkout_body

New = Callable[..., ControlledSandbox]
CREATE = "create_hosted_checkout"


def broken(new_sandbox: New, then: dict[str, Any], **line: Any) -> Merchant:
    """A merchant whose checkouts meet this fault."""
    fault = {"name": "it", "operation": f"worldline.{CREATE}", **line, "then": then}
    return Merchant(new_sandbox(scenario={"faults": [fault], "clock": "2026-07-01T09:00:00Z"}))


def create(merchant: Merchant, reference: str = "A-1", **headers: str) -> requests.Response:
    body = checkout_body()
    body["order"]["references"]["merchantReference"] = reference
    target = merchant.target(CREATE, {}, {})
    return merchant.send("POST", target, json.dumps(body).encode(), headers)


def notes(merchant: Merchant) -> list[str]:
    entries = merchant.sandbox.call("GET", "/journal?kind=request")["entries"]
    found: list[str] = entries[-1]["notes"]
    return found


class Naps:
    """Takes the place of ``asyncio.sleep``: remembers, and does not wait."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.taken.append(round(seconds, 6))


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> Naps:
    """Nobody sleeps in the pipeline, nor between pieces of a body."""
    found = Naps()
    for module in (pipeline, reply):
        monkeypatch.setattr(module, "asyncio", found)
    return found


# -- throttling ----------------------------------------------------------------------------------------------------


def test_a_throttled_call_hears_when_to_come_again(new_sandbox: New) -> None:
    merchant = broken(new_sandbox, {"status": 429, "throttle": {"calls": 2, "per": "60s"}})
    assert [create(merchant).status_code for _ in range(2)] == [200, 200]
    merchant.sandbox.advance("PT45S")
    third = create(merchant)
    assert (third.status_code, third.headers["Retry-After"]) == (429, "15")
    merchant.sandbox.advance("PT15S")
    assert create(merchant).status_code == 200


def test_a_throttle_may_count_each_order_for_itself(new_sandbox: New) -> None:
    throttle = {"calls": 1, "per": "60s"}
    merchant = broken(new_sandbox, {"status": 503, "throttle": throttle}, per="merchant_reference")
    statuses = [create(merchant, reference).status_code for reference in ("A", "B", "A", "B", "C")]
    assert statuses == [200, 200, 503, 503, 200]


def test_a_status_that_is_no_throttling_says_nothing_of_coming_again(new_sandbox: New) -> None:
    answer = create(broken(new_sandbox, {"status": 503}))
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, False)


async def test_calls_at_once_see_each_other(new_sandbox: New) -> None:
    merchant = broken(new_sandbox, {"status": 429, "throttle": {"calls": 3, "per": "60s"}})
    statuses = await asyncio.gather(*(asyncio.to_thread(lambda: create(merchant).status_code) for _ in range(8)))
    assert sorted(statuses) == [200] * 3 + [429] * 5


# -- latency -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spread", [{"from": "1s", "to": "3s"}, {"median": "100ms", "p99": "3s"}], ids=str)
def test_the_same_seed_waits_the_same(new_sandbox: New, naps: Naps, spread: dict[str, str]) -> None:
    taken = []
    for seed in (7, 7, 8):
        fault = {"operation": f"worldline.{CREATE}", "then": {"latency": spread}}
        merchant = Merchant(new_sandbox(scenario={"faults": [fault]}, seed=seed))
        naps.taken.clear()
        assert [create(merchant).status_code for _ in range(4)] == [200] * 4
        taken.append(tuple(naps.taken))
    assert taken[0] == taken[1] != taken[2]
    assert len(set(taken[0])) == 4


def test_the_journal_tells_how_long_a_call_waited(new_sandbox: New, naps: Naps) -> None:
    merchant = broken(new_sandbox, {"latency": "2s"})
    assert create(merchant).status_code == 200
    assert naps.taken == [2.0]
    assert "fault 'it': 2 s of latency" in notes(merchant)


# -- bodies --------------------------------------------------------------------------------------------------------


def test_a_truncated_body_breaks_off_after_the_effect(new_sandbox: New) -> None:
    merchant = broken(new_sandbox, {"body": "truncated"}, nth=1)
    with pytest.raises(requests.exceptions.RequestException) as caught:
        create(merchant)
    assert isinstance(caught.value, requests.exceptions.ChunkedEncodingError | requests.exceptions.ConnectionError)
    assert "fault 'it' cuts the connection in the middle of the body" in notes(merchant)
    assert create(merchant).status_code == 200


def test_the_same_idempotence_key_finds_the_answer_that_was_cut(new_sandbox: New) -> None:
    merchant = broken(new_sandbox, {"body": "truncated"}, nth=1)
    with pytest.raises(requests.exceptions.RequestException):
        create(merchant, **{"X-GCS-Idempotence-Key": "once"})
    again = create(merchant, **{"X-GCS-Idempotence-Key": "once"})
    assert (again.status_code, "X-GCS-Idempotence-Request-Timestamp" in again.headers) == (200, True)


def test_urllib3_misses_the_other_half(new_sandbox: New, live: Threaded) -> None:
    merchant = broken(new_sandbox, {"body": "truncated"})
    target = merchant.target(CREATE, {}, {})
    payload = json.dumps(checkout_body()).encode()
    with urllib3.PoolManager(retries=False) as pool:
        answer = pool.request(
            "POST", f"{live.url}{target}", body=payload, headers=merchant.headers("POST", target, payload, {}),
            preload_content=False,
        )  # fmt: skip
        promised = int(answer.headers["Content-Length"])
        with pytest.raises(urllib3.exceptions.HTTPError, match=r"IncompleteRead|Connection broken"):
            answer.read()
        assert answer.status == 200
        assert promised > 0


async def test_aiohttp_gets_the_head_and_an_incomplete_payload(new_sandbox: New, live: Threaded) -> None:
    merchant = broken(new_sandbox, {"body": "truncated"})
    target = merchant.target(CREATE, {}, {})
    payload = json.dumps(checkout_body()).encode()
    headers = merchant.headers("POST", target, payload, {})
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{live.url}{target}", data=payload, headers=headers) as answer,
    ):
        assert answer.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


def test_a_malformed_body_is_whole_for_http_and_no_json(new_sandbox: New) -> None:
    merchant = broken(new_sandbox, {"body": "malformed"})
    answer = create(merchant)
    assert answer.status_code == 200
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    with pytest.raises(ValueError, match=r"Expecting|Unterminated|Invalid"):
        json.loads(answer.text)
    assert any("leaves half of the body" in note for note in notes(merchant))


@pytest.mark.parametrize("headers", [{}, {"Connection": "close"}], ids=["open", "close"])
def test_a_slow_body_comes_whole_and_in_pieces(new_sandbox: New, naps: Naps, headers: dict[str, str]) -> None:
    merchant = broken(new_sandbox, {"slow_body": "5s", "latency": "1s"})
    first, second = create(merchant, **headers), create(merchant, **headers)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json()["hostedCheckoutId"] != second.json()["hostedCheckoutId"]
    assert first.headers.get("Connection") == headers.get("Connection")
    assert naps.taken == [1.0] + [0.5] * 10 + [1.0] + [0.5] * 10


def test_slow_and_truncated_go_together(new_sandbox: New, naps: Naps) -> None:
    merchant = broken(new_sandbox, {"slow_body": "5s", "body": "truncated"})
    with pytest.raises(requests.exceptions.RequestException):
        create(merchant)
    assert sum(naps.taken) == pytest.approx(5)


def test_an_answer_without_a_body_stays_as_it_is(new_sandbox: New) -> None:
    fault = {"name": "it", "operation": "worldline.delete_token", "then": {"body": "truncated"}}
    merchant = Merchant(new_sandbox(scenario={"faults": [fault]}))
    card = {"cardNumber": "4012000033330026", "expiryDate": "1230"}
    token = merchant.call("create_token", {"paymentProductId": 1, "card": {"data": {"card": card}}}).json()["token"]
    answer = merchant.call("delete_token", tokenId=token)
    assert answer.status_code == 204
    assert "fault 'it' finds no body to spoil" in notes(merchant)
