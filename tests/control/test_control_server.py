"""Health, description, scenarios, sandboxes and clocks."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from acme_house import BROKEN_FILE, REFUSED_FILE, Api
from aiohttp import web

from mockpsp.control import calls
from mockpsp.control.routes import ROUTES
from mockpsp.edge.keys import COURIER, SETTINGS
from mockpsp.world.sandboxes import Sandbox
from mockpsp.world.world import Gone


async def test_health_names_what_runs(api: Api) -> None:
    assert await api.get("/health") == {
        "status": "ok",
        "version": __import__("mockpsp").__version__,
        "providers": ["acme"],
        "default_scenario": "default",
    }


async def test_the_description_is_served_with_this_origin_and_covers_exactly_the_routes(api: Api) -> None:
    document = await api.get("/openapi.json")
    assert document["servers"][0]["url"] == str(api.client.make_url("")).rstrip("/")
    assert list(document)[:3] == ["openapi", "info", "servers"]
    described = {
        raw["operationId"] for item in document["paths"].values() for raw in item.values() if isinstance(raw, dict)
    }
    assert described == {operation for _, _, operation, _ in ROUTES}


async def test_every_route_is_described_at_its_path(api: Api) -> None:
    paths = (await api.get("/openapi.json"))["paths"]
    described = {
        (method.upper(), path, raw["operationId"])
        for path, item in paths.items()
        for method, raw in item.items()
        if method in ("get", "post", "put", "delete")
    }
    routed = {
        (method, "/_mockpsp" + re.sub(r"(:[^{}]+)(?=})", "", path), operation) for method, path, operation, _ in ROUTES
    }
    assert described == routed


ABSURD = [
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    "",
    "x" * 3000,
    "\x00",
    "\ud800",
    [],
    [[]],
    [None],
    {},
    {"": 1},
    {"\ud800": "\ud800"},
    {"a": {"b": {}}},
]


@pytest.mark.parametrize("body", ABSURD, ids=lambda each: repr(each)[:20])
async def test_no_absurd_body_and_no_absurd_path_is_ever_a_fault(api: Api, body: Any) -> None:
    ref = await api.charge(await api.get("/sandboxes/default"))
    words = ("default", str(body)[:200], "%00", "..%2f", "%ff", "7")
    for method, pattern, _, _ in ROUTES:
        if method == "GET" or method == "DELETE":
            continue
        for word in words:
            path = re.sub(r"\{id\}", "default", pattern)
            path = re.sub(r"\{ref:[^{}]+\}", ref if "shopper" in path else "wallet/w1", path)
            path = re.sub(r"\{n:[^{}]+\}", "1", path).replace("{provider}", "acme")
            await api.call(method, path, body)
            if "{" in pattern:
                where = re.sub(r"\{\w+(:[^{}]+)?\}", quote(word, safe="%", errors="replace"), pattern)
                await api.call(method, where, body)


async def test_unknown_paths_and_methods_are_problems_that_help(api: Api) -> None:
    missing = await api.call("GET", "/helth")
    assert (missing.status, missing.body["hint"]) == (404, "did you mean '/_mockpsp/health'?")
    wrong = await api.call("POST", "/health")
    assert (wrong.status, wrong.headers["Allow"], wrong.body["hint"]) == (405, "GET", "possible: GET")


async def test_paths_of_the_provider_keep_its_dialect(api: Api) -> None:
    answer = await api.client.get("/acme/nowhere")
    assert (answer.status, list(await answer.json())) == (401, ["error"])


async def test_a_page_of_another_site_may_lead_here_and_neither_read_nor_touch(api: Api) -> None:
    for site in ("cross-site", "same-site"):
        headers = {"Sec-Fetch-Site": site}
        assert (await api.call("POST", "/sandboxes", headers=headers)).status == 403
        assert (await api.call("GET", "/sandboxes", headers=headers)).status == 403
        link = {**headers, "Sec-Fetch-Mode": "navigate"}
        assert (await api.call("GET", "/sandboxes", headers=link)).status == 200
        assert (await api.call("POST", "/sandboxes", headers=link)).status == 403
    for origin in ("https://evil.example", "null"):
        assert (await api.call("DELETE", "/sandboxes/default", headers={"Origin": origin})).status == 403


# -- scenarios -------------------------------------------------------------------------------------------------------


async def test_scenarios_are_listed_with_title_tags_or_what_is_wrong(api: Api) -> None:
    rows = {row["name"]: row for row in (await api.get("/scenarios"))["scenarios"]}
    assert list(rows) == ["acme/broken", "acme/refused", "default"]
    assert rows["default"] == {"name": "default", "title": "Two wallets", "tags": ["calm"]}
    assert rows["acme/broken"]["title"] is None
    assert any("rules" in each for each in rows["acme/broken"]["problems"])


async def test_a_scenario_is_shown_as_it_was_written(api: Api) -> None:
    reply = await api.call("GET", "/scenarios/acme/refused")
    assert (reply.status, reply.media, reply.body) == (200, "application/yaml", REFUSED_FILE)


@pytest.mark.parametrize(
    "name", ["acme/refusd", "nothing", "..%2F..%2Fetc%2Fpasswd", "%2e%2e%2fx", "a%00b", "x" * 5000]
)
async def test_a_name_that_is_no_scenario_is_404(api: Api, name: str) -> None:
    reply = await api.call("GET", f"/scenarios/{name}")
    assert reply.status == 404
    if name == "acme/refusd":
        assert reply.body["hint"] == "did you mean 'acme/refused'?"


async def test_no_file_of_the_machine_can_be_named_unless_the_server_was_started_with_it(
    api: Api, app: web.Application, tmp_path: Path
) -> None:
    mine = tmp_path / "elsewhere" / "mine.yml"
    mine.parent.mkdir()
    mine.write_text(REFUSED_FILE)
    assert (await api.call("POST", "/sandboxes", {"scenario": str(mine)})).status == 404
    object.__setattr__(app[SETTINGS], "scenarios", ("default", str(mine)))
    assert (await api.sandbox(scenario=str(mine)))["scenario"] == mine.name
    assert (await api.get("/health"))["default_scenario"] == f"default+{mine}"


# -- sandboxes -------------------------------------------------------------------------------------------------------


async def test_a_sandbox_has_credentials_addresses_scenario_seed_and_clock(api: Api) -> None:
    reply = await api.call("POST", "/sandboxes")
    assert reply.status == 201
    made = reply.body
    assert list(made) == ["id", "credentials", "base_urls", "scenario", "seed", "clock", "created"]
    keys = {"key": f"acme-{made['id']}", "secret": f"secret-of-{made['id']}"}
    assert made["credentials"] == {"acme": {**keys, "wallets": ["50.00 EUR", "0.00 EUR"]}}
    assert made["base_urls"] == {"acme": str(api.client.make_url("/acme"))}
    assert (made["scenario"], made["clock"]) == ("default", {"now": "2026-07-01T09:00:00.000Z", "mode": "manual"})
    assert await api.get(f"/sandboxes/{made['id']}") == made
    assert [each["id"] for each in (await api.get("/sandboxes"))["sandboxes"]] == ["default", made["id"]]


async def test_scenario_seed_and_clock_can_be_chosen(api: Api) -> None:
    made = await api.sandbox(scenario="acme/refused", seed=7, clock="2030-01-01T01:00:00+01:00")
    assert (made["scenario"], made["seed"], made["clock"]["now"]) == ("acme/refused", 7, "2030-01-01T00:00:00.000Z")


async def test_a_scenario_can_be_given_as_an_object(api: Api) -> None:
    made = await api.sandbox(scenario={"title": "Mine", "world": {"acme": {"wallets": [{"balance": "1.00 EUR"}]}}})
    accounts = (await api.get(f"/sandboxes/{made['id']}/accounts"))["accounts"]
    assert [each["balance"] for each in accounts] == ["1.00 EUR", None]


async def test_every_mistake_of_a_scenario_is_told(api: Api) -> None:
    reply = await api.call("POST", "/sandboxes", {"scenario": {"rulse": [], "wirld": {}}})
    assert reply.status == 400
    assert len(reply.body["problems"]) == 2
    assert len((await api.get("/sandboxes"))["sandboxes"]) == 1


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({"scenario": "defualt"}, 404, "did you mean 'default'"),
        ({"scenari": "default"}, 400, "did you mean 'scenario'"),
        ({"scenario": 7}, 400, "scenario"),
        ({"seed": "x"}, 400, "seed"),
        ({"seed": -1}, 400, "seed"),
        ({"seed": 10**400}, 400, "seed"),
        ({"seed": True}, 400, "seed"),
        ({"clock": "yesterday"}, 400, "2026-07-01T09:00:00Z"),
        ({"clock": "2026-07-01T09:00:00"}, 400, "offset"),
        ({"clock": "0001-01-01T00:00:00+14:00"}, 400, "clock"),
        ({"clock": "9999-12-31T23:59:59-14:00"}, 400, "clock"),
        ([], 400, "object"),
        (None, 400, "object"),
        ("x", 400, "object"),
    ],
)
async def test_a_sandbox_that_cannot_be_is_refused_with_what_to_change(
    api: Api, body: Any, status: int, word: str
) -> None:
    reply = await api.call("POST", "/sandboxes", body)
    assert reply.status == status
    assert word in f"{reply.body['detail']} {reply.body.get('hint')}"


@pytest.mark.parametrize(
    "raw", [b"{", b"\xff\xfe", b"[" * 100_000, b'{"seed": NaN}', b'{"seed": 1e999}', b"\x00", b'{"a": "\\ud800"}']
)
async def test_bytes_that_are_no_json_are_400(api: Api, raw: bytes) -> None:
    reply = await api.call("POST", "/sandboxes", data=raw)
    assert reply.status == 400


async def test_a_body_that_is_too_large_is_413(api: Api) -> None:
    reply = await api.call("POST", "/sandboxes", data=BytesIO(b" " * (3 * 1024 * 1024)))
    assert reply.status == 413


@pytest.mark.parametrize(
    "path", ["", "/clock", "/journal", "/journal/1", "/webhooks", "/accounts", "/checkouts", "/events"]
)
async def test_an_unknown_sandbox_is_404_everywhere(api: Api, path: str) -> None:
    reply = await api.call("GET", f"/sandboxes/defualt{path}")
    assert (reply.status, reply.body["hint"]) == (404, "did you mean 'default'?")


async def test_deletion_makes_the_credentials_unknown(api: Api) -> None:
    made = await api.sandbox()
    await api.charge(made)
    deleted = await api.call("DELETE", f"/sandboxes/{made['id']}")
    assert (deleted.status, deleted.body) == (204, "")
    assert (await api.merchant(made, {"amount": "1.00 EUR"})).status == 401
    assert (await api.call("DELETE", f"/sandboxes/{made['id']}")).status == 404
    assert (await api.call("GET", f"/sandboxes/{made['id']}")).status == 404


async def test_the_default_sandbox_stays(api: Api) -> None:
    assert (await api.call("DELETE", "/sandboxes/default")).status == 409
    assert (await api.get("/sandboxes/default"))["id"] == "default"


async def test_reset_goes_back_to_the_start_and_keeps_credentials_and_endpoints(api: Api) -> None:
    made = await api.sandbox()
    home = f"/sandboxes/{made['id']}"
    await api.put(f"{home}/webhook-endpoints/acme", {"url": "http://localhost:1/x"})
    first = await api.charge(made)
    await api.post(f"{home}/clock", {"advance": "PT1H"})
    again = await api.post(f"{home}/reset")
    assert again == made
    assert (await api.get(f"{home}/checkouts"))["checkouts"] == []
    assert await api.charge(made) == first, "the same seed gives the same ids"
    await api.post(f"{home}/checkouts/{first}/shopper", {"cancel": True})
    assert (await api.get(f"{home}/webhooks"))["webhooks"][0]["url"] == "http://localhost:1/x"


async def test_work_for_a_deleted_sandbox_is_called_off(
    api: Api, app: web.Application, inside: Callable[[str], Sandbox], caplog: pytest.LogCaptureFixture
) -> None:
    made = await api.sandbox()
    await api.post(f"/sandboxes/{made['id']}/clock", {"mode": "real"})
    await api.charge(made)
    world = inside(made["id"]).world
    assert made["id"] in app[COURIER]._alarms
    await api.call("DELETE", f"/sandboxes/{made['id']}")
    assert made["id"] not in app[COURIER]._alarms
    assert world.closed
    assert caplog.records == []


async def test_thirty_sandboxes_at_once_do_not_see_one_another(api: Api) -> None:
    async def one(number: int) -> tuple[str, Any]:
        made = await api.sandbox(seed=1)
        home = f"/sandboxes/{made['id']}"
        ref = await api.charge(made, f"{number + 1}.00 EUR")
        await api.post(f"{home}/checkouts/{ref}/shopper", {"pay": [{"with": "wallet"}]})
        await api.post(f"{home}/clock", {"advance": f"PT{number}M"})
        checks = [
            {"operation": "create_charge", "count": 1},
            {"kind": "event", "operation": "charge.Paid", "count": 1, "body": {"amount": f"{number + 1}.00 EUR"}},
            {"kind": "webhook", "count": 1},
        ]
        result = await api.post(f"{home}/journal/verify", checks)
        assert result["ok"], result
        accounts = (await api.get(f"{home}/accounts"))["accounts"]
        clock = await api.get(f"{home}/clock")
        return made["id"], (accounts[0]["balance"], clock["now"])

    found = dict(await asyncio.gather(*(one(number) for number in range(30))))
    assert len(found) == 30
    assert sorted(found.values()) == sorted(
        (f"{49 - number}.00 EUR", f"2026-07-01T09:{number:02d}:00.000Z") for number in range(30)
    )
    default = await api.get("/sandboxes/default/journal", params={"kind": "request"})
    assert default["entries"] == []


# -- another scenario ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("media", ["application/yaml", "text/yaml", "text/plain; charset=utf-8", None])
async def test_a_scenario_can_be_put_as_yaml(api: Api, media: str | None) -> None:
    made = await api.sandbox()
    headers = {"Content-Type": media} if media else None
    skip = [] if media else ["Content-Type"]
    reply = await api.call(
        "PUT", f"/sandboxes/{made['id']}/scenario", data=REFUSED_FILE.encode(), headers=headers, skip_auto_headers=skip
    )
    assert reply.status == 200, reply.body
    assert any("rules: 0 → 1" in each for each in reply.body["changes"])


async def test_a_scenario_can_be_put_as_an_object_or_by_name_and_keeps_what_is_under_way(api: Api) -> None:
    made = await api.sandbox()
    home = f"/sandboxes/{made['id']}"
    ref = await api.charge(made)
    changed = await api.put(f"{home}/scenario", "acme/refused")
    assert changed["scenario"] == "acme/refused"
    assert [each["ref"] for each in (await api.get(f"{home}/checkouts"))["checkouts"]] == [ref]
    changed = await api.put(f"{home}/scenario", {"title": "Nothing", "world": {}})
    assert changed["scenario"] == "inline"
    assert (await api.get(home))["scenario"] == "inline"


@pytest.mark.parametrize(
    ("data", "media", "status"),
    [
        (BROKEN_FILE.encode(), "application/yaml", 400),
        (b"\xff\xfe\x00", "application/yaml", 400),
        (b"", "application/yaml", 400),
        (b"- 1", "text/plain", 400),
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b"7", "application/json", 400),
        (b'"nobody"', "application/json", 404),
        (b"a=b", "application/x-www-form-urlencoded", 415),
        (b"<x/>", "text/xml", 415),
    ],
)
async def test_a_scenario_that_cannot_be_put_changes_nothing(api: Api, data: bytes, media: str, status: int) -> None:
    reply = await api.call("PUT", "/sandboxes/default/scenario", data=data, headers={"Content-Type": media})
    assert reply.status == status
    assert (await api.get("/sandboxes/default"))["scenario"] == "default"


# -- the clock -------------------------------------------------------------------------------------------------------


async def test_the_clock_tells_what_became_due(api: Api) -> None:
    made = await api.sandbox()
    home = f"/sandboxes/{made['id']}"
    ref = await api.charge(made)
    assert await api.get(f"{home}/clock") == {
        "now": "2026-07-01T09:00:00.000Z",
        "mode": "manual",
        "due": [],
        "next_due": "2026-07-02T09:00:00.000Z",
    }
    moved = await api.post(f"{home}/clock", {"advance": "PT23H59M"})
    assert (moved["now"], moved["due"]) == ("2026-07-02T08:59:00.000Z", [])
    moved = await api.post(f"{home}/clock", {"set": "2026-07-02T11:30:00+02:00"})
    assert moved["now"] == "2026-07-02T09:30:00.000Z"
    assert moved["due"] == [{"due": "2026-07-02T09:00:00.000Z", "what": f"acme.charge {ref}: Cancel"}]


async def test_the_clock_may_be_set_back_and_left_to_run(api: Api) -> None:
    made = await api.sandbox()
    home = f"/sandboxes/{made['id']}"
    assert (await api.post(f"{home}/clock", {"set": "2020-01-01T00:00:00Z"}))["now"] == "2020-01-01T00:00:00.000Z"
    assert (await api.post(f"{home}/clock", {"mode": "real"}))["mode"] == "real"
    assert (await api.post(f"{home}/clock", {"mode": "manual"}))["mode"] == "manual"
    assert (await api.get(f"{home}/clock"))["now"].startswith("2020-01-01T00:0")


async def test_two_movers_at_once_both_move(api: Api) -> None:
    made = await api.sandbox()
    home = f"/sandboxes/{made['id']}"
    await asyncio.gather(*(api.post(f"{home}/clock", {"advance": "1h"}) for _ in range(5)))
    assert (await api.get(f"{home}/clock"))["now"] == "2026-07-01T14:00:00.000Z"


@pytest.mark.parametrize(
    "body",
    [
        {"advance": "-PT1H"}, {"advance": ""}, {"advance": "soon"}, {"advance": 5}, {"advance": "9" * 60 + "d"},
        {"advance": "P99999999D"}, {"advance": "1" * 1000}, {"set": "now"}, {"set": "2026-07-01"}, {"set": None},
        {"set": "1969-12-31T23:59:59Z"}, {"set": "3000-01-01T00:00:00Z"}, {"mode": "fast"}, {}, [], None,
        {"advance": "1s", "set": "2026-07-02T00:00:00Z"}, {"advence": "1s"},
    ],
)  # fmt: skip
async def test_a_clock_cannot_be_moved_by_nonsense(api: Api, body: Any) -> None:
    before = await api.get("/sandboxes/default/clock")
    reply = await api.call("POST", "/sandboxes/default/clock", body)
    assert reply.status == 400
    assert await api.get("/sandboxes/default/clock") == before


async def test_a_clock_without_a_body_says_what_it_takes(api: Api) -> None:
    reply = await api.call("POST", "/sandboxes/default/clock")
    assert (reply.status, "exactly one" in reply.body["hint"]) == (400, True)


async def test_what_nobody_expected_is_a_problem_as_well(
    app: web.Application, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(call: Any) -> Any:
        raise RuntimeError("oh 4111111111111111")

    response = await calls.serve("health", broken)(_request(app))
    assert isinstance(response, web.Response)
    assert (response.status, response.content_type) == (500, "application/problem+json")
    assert b"4111111111111111" not in response.body  # type: ignore[operator]
    assert "a control request failed" in caplog.text


def _request(app: web.Application) -> web.Request:
    from aiohttp.test_utils import make_mocked_request

    return make_mocked_request("GET", "/_mockpsp/health", app=app)


async def test_credentials_tell_what_the_scenario_in_force_has(api: Api, inside: Callable[[str], Sandbox]) -> None:
    made = await api.sandbox()
    home = f"/sandboxes/{made['id']}"
    assert made["credentials"]["acme"]["wallets"] == ["50.00 EUR", "0.00 EUR"]
    await api.put(f"{home}/scenario", "acme/refused")
    changed = (await api.get(home))["credentials"]["acme"]
    assert changed["wallets"] == ["50.00 EUR", "5.00 EUR"]
    assert {**changed, "wallets": []} == {**made["credentials"]["acme"], "wallets": []}, "keys stay"
    assert await api.charge(made), "the application need not know"
    assert (await api.post(f"{home}/reset"))["credentials"]["acme"] == changed


async def test_a_world_that_was_reset_issues_no_more_credentials(api: Api, inside: Callable[[str], Sandbox]) -> None:
    made = await api.sandbox()
    sandbox = inside(made["id"])
    old = sandbox.world
    await api.post(f"/sandboxes/{made['id']}/reset")
    issued = sandbox.credentials
    with pytest.raises(Gone):
        await old.change_scenario(old.scenario)
    assert sandbox.credentials is issued
    assert old.on_scenario is None


def test_no_get_needs_a_query_or_a_body() -> None:
    """What brings neither is not checked against the contract, so that health answers before that is read."""
    contract = calls.contract()
    gets = [contract.operation(operation) for method, _, operation, _ in ROUTES if method == "GET"]
    assert gets
    for operation in gets:
        assert not operation.body_required, operation.name
        assert not [name for name, each in operation.parameters.items() if each.get("required")], operation.name


async def test_health_answers_without_the_contract(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def unread() -> None:
        raise AssertionError("the contract was read")

    monkeypatch.setattr(calls, "contract", unread)
    assert (await api.get("/health"))["status"] == "ok"
