"""The pytest plugin as a user has it: installed, nothing imported, in pytest processes of their own."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.support.served import Served

pytest_plugins = ("pytester",)

README = Path(__file__).parents[2] / "README.md"
SETTINGS = """
[pytest]
addopts = --strict-markers --strict-config -p no:randomly -p no:cacheprovider -p no:schemathesis -p no:hypothesispytest
filterwarnings = error
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
"""
SHOP = '''
import requests

CARD = {
    "type": "scheme", "number": "4111111111111111", "expiryMonth": "03", "expiryYear": "2030", "cvc": "737",
}


def pay(sandbox, cents=1000, **changes):
    """A card payment at Adyen, as a shop's backend sends it."""
    keys = sandbox.credentials["adyen"]
    body = {
        "merchantAccount": keys["merchant_account"], "reference": "SHOP-1", "paymentMethod": CARD,
        "amount": {"currency": "EUR", "value": cents}, "returnUrl": "https://shop.example/back", **changes,
    }
    url = sandbox.base_urls["adyen"] + "/v72/payments"
    answer = requests.post(url, json=body, headers={"X-API-Key": keys["api_key"]}, timeout=30)
    return answer.json()
'''


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A user's test suite, with a strict configuration and a shop that it tests."""
    monkeypatch.delenv("MOCKPSP_URL", raising=False)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makeini(SETTINGS)
    pytester.makepyfile(shop=SHOP)
    return pytester


def run(suite: pytest.Pytester, *options: str) -> pytest.RunResult:
    """Run the suite in a process of its own."""
    return suite.runpytest_subprocess(*options)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Served]:
    """A server that somebody has started with ``mockpsp serve``."""
    served = Served(tmp_path / "ready.json", "--port", "0")
    yield served
    served.end()


# -- one sandbox per test ----------------------------------------------------------------------------------------------


def test_every_test_has_a_sandbox_of_its_own(suite: pytest.Pytester) -> None:
    suite.makepyfile("""
        from shop import pay

        seen = set()

        def test_one(mockpsp, mockpsp_server):
            assert pay(mockpsp)["resultCode"] == "Authorised"
            seen.add(mockpsp.credentials["adyen"]["api_key"])
            assert mockpsp_server.sandbox().id == "default"

        async def test_two(mockpsp):
            assert mockpsp.journal("request") == ()
            assert pay(mockpsp)["resultCode"] == "Authorised"
            assert mockpsp.verify("payments", count=1) == mockpsp.verify(operation="adyen.pay*", status=200)
            seen.add(mockpsp.credentials["adyen"]["api_key"])

        def test_they_are_gone_afterwards(mockpsp_server):
            assert len(seen) == 2
            from mockpsp.testing.connection import ControlError
            import pytest
            with pytest.raises(ControlError, match="s1"):
                mockpsp_server.sandbox("s1")
    """)
    run(suite).assert_outcomes(passed=3)


def test_the_helpers_do_what_a_shops_test_needs(suite: pytest.Pytester) -> None:
    suite.makepyfile("""
        from datetime import timedelta
        import pytest
        from shop import CARD, pay

        def test_webhooks_arrive(mockpsp):
            inbox = mockpsp.inbox("adyen")
            inbox.answer(500)
            paid = pay(mockpsp)
            (first,) = inbox.received()
            assert first.answered == 500
            told = first.json()["notificationItems"][0]["NotificationRequestItem"]
            assert told["pspReference"] == paid["pspReference"]
            moved = mockpsp.advance(timedelta(minutes=10))
            assert moved.due
            assert [each.answered for each in inbox.received("adyen")][:2] == [500, 200]
            delivered = mockpsp.webhooks(provider="adyen", type="AUTHORISATION", reference=paid["pspReference"])
            assert [each.status for each in delivered] == ["delivered"]
            mockpsp.verify(kind="delivery", provider="adyen", order=[{"status": 500}, {"status": 200}])
            mockpsp.resend(delivered[0].n)
            assert len(inbox.received()) == 3

        def test_the_customer_acts(mockpsp):
            asked = pay(mockpsp, paymentMethod={**CARD, "number": "4212345678901237"})
            assert asked["resultCode"] == "RedirectShopper"
            (waiting,) = mockpsp.checkouts()
            assert waiting.provider == "adyen"
            assert mockpsp.shopper(pay=["card"])
            with pytest.raises(LookupError, match="there is none"):
                mockpsp.shopper(cancel=True)

        def test_balances(mockpsp):
            wallet = "worldline/wallet/77777777777"
            assert mockpsp.account(wallet).balance == "300.00 EUR"
            assert mockpsp.set_balance(wallet, "12.00 EUR").balance == "12.00 EUR"
            assert mockpsp.account(wallet) in mockpsp.accounts("worldline")
            with pytest.raises(LookupError, match="wallet/77777777777"):
                mockpsp.account("wallet/nobody")

        def test_another_scenario(mockpsp):
            assert mockpsp.load("adyen/full-voucher")
            assert mockpsp.scenario == "adyen/full-voucher"
            assert mockpsp.load({"mockpsp": 1, "title": "Nothing pays", "rules": [
                {"operation": "adyen.payments", "then": {"outcome": "refused", "reason": "block_card"}}]})
            refused = pay(mockpsp)
            assert refused["resultCode"] == "Refused"
            assert "rule" in mockpsp.explain(mockpsp.verify("payments")[0])
            mockpsp.reset()
            assert mockpsp.journal("request") == ()
    """)
    run(suite).assert_outcomes(passed=4)


def test_the_shop_may_live_in_the_tests_own_loop(suite: pytest.Pytester) -> None:
    suite.makepyfile("""
        from aiohttp import web
        from shop import pay

        async def test_webhooks_arrive(mockpsp, aiohttp_server):
            came = []

            async def take(request):
                came.append(await request.json())
                return web.Response(text="[accepted]")

            app = web.Application()
            app.router.add_post("/hook", take)
            server = await aiohttp_server(app)
            await mockpsp.aio.send_webhooks("adyen", str(server.make_url("/hook")))
            pay(mockpsp)
            assert await mockpsp.aio.settle() == 0
            assert len(came) == 1
            await mockpsp.aio.verify(kind="delivery", operation="AUTHORISATION", status=200, count=1)
    """)
    run(suite).assert_outcomes(passed=1)


# -- the marker --------------------------------------------------------------------------------------------------------


def test_the_marker_chooses_scenario_seed_and_clock(suite: pytest.Pytester) -> None:
    (suite.path / "refuses.yaml").write_text(
        "mockpsp: 1\ntitle: Everything is refused\nseed: 3\nclock: 2026-07-01T09:00:00+02:00\nrules:\n"
        "  - {operation: adyen.payments, then: {outcome: refused, reason: block_card}}\n",
        encoding="utf-8",
    )
    suite.makepyfile("""
        import pytest
        from shop import pay

        @pytest.mark.mockpsp("adyen/full-voucher", seed=5)
        class TestOne:
            def test_of_the_class(self, mockpsp):
                assert (mockpsp.scenario, mockpsp.seed) == ("adyen/full-voucher", 5)

            @pytest.mark.mockpsp(clock="2026-07-01T09:00:00Z")
            def test_of_both(self, mockpsp):
                assert (mockpsp.scenario, mockpsp.seed) == ("adyen/full-voucher", 5)
                assert mockpsp.clock().now.isoformat() == "2026-07-01T09:00:00+00:00"
                assert mockpsp.clock().mode == "manual"

        @pytest.mark.mockpsp("refuses.yaml")
        def test_a_file(mockpsp):
            assert mockpsp.seed == 3
            assert mockpsp.clock().now.isoformat() == "2026-07-01T07:00:00+00:00"
            assert pay(mockpsp)["resultCode"] == "Refused"

        @pytest.mark.mockpsp(scenario={"mockpsp": 1, "title": "A world in the test", "seed": 11})
        def test_a_mapping(mockpsp):
            assert mockpsp.seed == 11
    """)
    run(suite).assert_outcomes(passed=4)


def test_a_marker_that_cannot_be_kept_says_what_to_change(suite: pytest.Pytester) -> None:
    (suite.path / "wrong.yaml").write_text("mockpsp: 1\ntitle: Wrong\nruls: []\n", encoding="utf-8")
    suite.makepyfile("""
        import pytest

        @pytest.mark.mockpsp("adyen/ful-voucher")
        def test_name(mockpsp): ...

        @pytest.mark.mockpsp("wrong.yaml")
        def test_file(mockpsp): ...

        @pytest.mark.mockpsp("below/nowhere.yaml")
        def test_missing(mockpsp): ...

        @pytest.mark.mockpsp(sed=1)
        def test_word(mockpsp): ...

        @pytest.mark.mockpsp("default", 5)
        def test_place(mockpsp): ...
    """)
    result = run(suite)
    result.assert_outcomes(errors=5)
    said = result.stdout.str()
    assert "did you mean 'adyen/full-voucher'?" in said
    assert re.search(r"wrong\.yaml:3:1: .*ruls.*rules", said)
    assert "there is no scenario file 'below/nowhere.yaml' in" in said
    assert "the marker does not take sed; it is @pytest.mark.mockpsp(scenario, *, seed, clock)" in said
    assert "the marker does not take 5; " in said
    assert "Traceback" not in said


# -- failures ----------------------------------------------------------------------------------------------------------


def test_the_report_of_a_failure_has_the_timeline(suite: pytest.Pytester) -> None:
    suite.makepyfile("""
        import pytest
        from shop import pay

        def test_right(mockpsp):
            assert pay(mockpsp, 7777)

        def test_wrong(mockpsp):
            pay(mockpsp, 4242)
            mockpsp.verify("payments", body={"amount": {"value": 4343}})

        @pytest.fixture
        def paid(mockpsp):
            pay(mockpsp, 5555)
            raise RuntimeError("the shop is closed")

        def test_a_fixture_fails(paid): ...

        @pytest.fixture
        def left_open(mockpsp):
            yield
            assert pay(mockpsp, 6666) is None

        def test_an_end_fails(left_open): ...

        @pytest.mark.xfail(strict=True)
        def test_known(mockpsp):
            assert pay(mockpsp, 8888) is None
    """)
    result = run(suite)
    result.assert_outcomes(passed=2, failed=1, errors=2, xfailed=1)
    said = result.stdout.str()
    assert said.count("mockpsp timeline") == 3
    result.stdout.fnmatch_lines([
        "*_ test_wrong _*",
        "*expected at least 1 * request payments with a body like *4343*",
        "*nearest misses:*",
        "*body.amount.value: expected 4343, was 4242*",
        "*- mockpsp timeline -*",
        "<sandbox s* playing default>: * entries, * of them opening balances",
        "#* scenario *",
        "#* request * POST /v72/payments * 200 (adyen.payments)",
        "#*   decision *",
        "#*   event * 42.42 EUR",
        "#*   webhook * adyen AUTHORISATION * to nowhere",
    ])  # fmt: skip
    assert "checks.py" not in said
    assert "4111111111111111" not in said.partition("mockpsp timeline")[2]
    assert "77.77" not in said
    assert "88.88" not in said


def test_a_report_whose_server_is_gone_says_so(suite: pytest.Pytester, elsewhere: Served) -> None:
    suite.makepyfile("""
        import os, signal
        import pytest

        def test_wrong(mockpsp):
            pid = int(os.environ["SERVER_PID"])
            os.kill(pid, signal.SIGKILL)
            while True:
                mockpsp.clock()
    """)
    suite._monkeypatch.setenv("SERVER_PID", str(elsewhere.process.pid))
    result = run(suite, "--mockpsp-url", elsewhere.told["url"])
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*mockpsp timeline*", f"it cannot be read: no mockpsp answers at {elsewhere.told['url']}*"]
    )


# -- where the server is -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["option", "environment"])
def test_a_server_elsewhere(
    suite: pytest.Pytester, elsewhere: Served, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    url = elsewhere.told["url"]
    suite.makepyfile(f"""
        from shop import pay

        def test_it(mockpsp, mockpsp_server):
            assert mockpsp_server.url == {url!r}
            assert pay(mockpsp)["resultCode"] == "Authorised"
            assert len(mockpsp.inbox().received()) == 0
    """)
    if how == "environment":
        monkeypatch.setenv("MOCKPSP_URL", f"{url}/")
    run(suite, *([f"--mockpsp-url={url}"] if how == "option" else [])).assert_outcomes(passed=1)
    with urlopen(f"{url}/_mockpsp/sandboxes", timeout=30) as answer:
        assert [each["id"] for each in json.load(answer)["sandboxes"]] == ["default"]


@pytest.mark.parametrize("how", ["option", "environment", "neither"])
def test_a_server_elsewhere_may_take_a_token(
    how: str, suite: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite.makepyfile("def test_it(mockpsp):\n    mockpsp.verify('payments', count=0)\n")
    served = Served(tmp_path / "ready.json", "--port", "0", "--control-token", "token-of-the-test")
    try:
        if how == "environment":
            monkeypatch.setenv("MOCKPSP_CONTROL_TOKEN", "token-of-the-test")
        options = ["--mockpsp-token", "token-of-the-test"] if how == "option" else []
        result = run(suite, "--mockpsp-url", served.told["url"], *options)
    finally:
        served.end()
    result.assert_outcomes(**({"errors": 1} if how == "neither" else {"passed": 1}))
    if how == "neither":
        result.stdout.fnmatch_lines(["*no sandbox for this test: *control token*"])


def test_an_interrupted_run_leaves_nothing_behind_elsewhere(suite: pytest.Pytester, elsewhere: Served) -> None:
    suite.makepyfile("""
        def test_it(mockpsp):
            raise KeyboardInterrupt
    """)
    assert run(suite, "--mockpsp-url", elsewhere.told["url"]).ret == pytest.ExitCode.INTERRUPTED
    with urlopen(f"{elsewhere.told['url']}/_mockpsp/sandboxes", timeout=30) as answer:
        assert [each["id"] for each in json.load(answer)["sandboxes"]] == ["default"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:1", "no mockpsp answers at http://127.0.0.1:1: "),
        ("gopher://localhost", "'gopher://localhost' is no address; write it like http://localhost:8080"),
    ],
)
def test_an_address_where_nobody_answers(suite: pytest.Pytester, url: str, said: str) -> None:
    suite.makepyfile("def test_it(mockpsp): ...")
    result = run(suite, "--mockpsp-url", url)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*{said}*"])
    assert "mockpsp serve" in result.stdout.str()


@pytest.mark.parametrize("place", [pytest.param("here", marks=pytest.mark.long), "elsewhere"])
def test_two_workers_do_not_meet(suite: pytest.Pytester, place: str, request: pytest.FixtureRequest) -> None:
    suite.makepyfile("""
        import os
        from pathlib import Path
        import pytest
        from shop import pay

        @pytest.mark.parametrize("number", range(12))
        def test_it(mockpsp, number):
            inbox = mockpsp.inbox("adyen")
            for _ in range(3):
                assert pay(mockpsp)["resultCode"] == "Authorised"
            mockpsp.verify("payments", count=3)
            assert len(inbox.received()) == 3
            with Path(f"{os.environ['PYTEST_XDIST_WORKER']}.txt").open("a") as file:
                file.write(mockpsp.url + chr(10))
    """)
    options = [f"--mockpsp-url={request.getfixturevalue('elsewhere').told['url']}"] if place == "elsewhere" else []
    run(suite, "-n", "2", *options).assert_outcomes(passed=12)
    used = [set(file.read_text().split()) for file in suite.path.glob("gw*.txt")]
    assert len(used) == 2
    assert all(len(each) == 1 for each in used)
    assert len(set.union(*used)) == (2 if place == "here" else 1)


def test_the_server_can_be_told_how_to_run(suite: pytest.Pytester) -> None:
    suite.makeconftest("""
        import pytest
        from mockpsp import Settings

        @pytest.fixture(scope="session")
        def mockpsp_settings():
            return Settings(scenarios=("adyen/full-voucher",))
    """)
    suite.makepyfile("def test_it(mockpsp): assert mockpsp.scenario == 'adyen/full-voucher'")
    run(suite).assert_outcomes(passed=1)


def test_what_the_readme_shows(suite: pytest.Pytester) -> None:
    (shown,) = re.findall(r"<!-- runs: pytest -->\n```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    suite.makepyfile(test_shop=shown)
    run(suite).assert_outcomes(passed=2)


def test_pytest_tells_of_it(suite: pytest.Pytester) -> None:
    assert "--mockpsp-url=URL" in run(suite, "--help").stdout.str()
    assert "@pytest.mark.mockpsp(scenario, *, seed, clock)" in run(suite, "--markers").stdout.str()


def test_a_suite_that_does_not_use_it_pays_nothing(suite: pytest.Pytester) -> None:
    suite.makepyfile("""
        import sys

        def test_it():
            assert {"mockpsp.app", "mockpsp.testing.client", "mockpsp.settings"}.isdisjoint(sys.modules)
    """)
    run(suite).assert_outcomes(passed=1)
    assert os.environ.get("MOCKPSP_URL") is None
