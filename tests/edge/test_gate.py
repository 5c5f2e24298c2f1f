"""Who is let in: by which names, on every route that there is, and what steering takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
import requests

from mockpsp.app import build_app
from mockpsp.edge.gate import Gate, is_loopback
from mockpsp.settings import Settings
from tests.support.server import Threaded, threaded

TOKEN = "a-token-for-tests"


# -- names -------------------------------------------------------------------------------------------------------------

STRICT = Gate(["checkoutshopper-test.adyen.com"])
OPEN = Gate(["0.0.0.0", "*.pay.example", "sandbox.example"], exposed=True)
LOOPBACK = ("localhost", "LOCALHOST:8080", "localhost.", "shop.localhost", "127.0.0.1", "127.8.8.8:80", "[::1]:8080")
PRIVATE = (
    *(
        "mockpsp",
        "mockpsp:8080",
        "my_service",
        "10.1.2.3",
        "192.168.0.7:80",
        "172.17.0.2",
        "100.64.1.1",
        "[fd00::1]:80",
    ),
    *("host.docker.internal", "box.local", "mockpsp.ns.svc", "mockpsp.ns.svc.cluster.local"),
)
STRANGE = (
    *("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "8.8.8.8", "[2001:4860::1]"),
    "sub.sandbox.example.evil",
)
NO_NAME = ("", "localhost@evil.example", "local host", "localhost:x", "[localhost]", "a/b", "\u212aocalhost")


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_names_always_lead_here(host: str) -> None:
    assert STRICT.goes_by(host)
    assert OPEN.goes_by(host)


@pytest.mark.parametrize("host", PRIVATE)
def test_names_of_private_networks_lead_here_where_others_get_in(host: str) -> None:
    assert OPEN.goes_by(host)
    assert not STRICT.goes_by(host)


@pytest.mark.parametrize("host", [*STRANGE, *NO_NAME])
def test_other_names_do_not(host: str) -> None:
    assert not STRICT.goes_by(host)
    assert not OPEN.goes_by(host)
    assert Gate(["*"]).goes_by(host) is (host in STRANGE)


def test_names_that_are_given() -> None:
    assert STRICT.goes_by("checkoutshopper-test.adyen.com:443")
    assert not STRICT.goes_by("evillocalhost")
    assert OPEN.goes_by("sandbox.example")
    assert OPEN.goes_by("eu.pay.example")
    assert not OPEN.goes_by("pay.example")
    assert not OPEN.goes_by("a.b.pay.example")


def test_only_so_many_headers_are_remembered() -> None:
    gate = Gate()

    class Asked:
        def __init__(self, host: str) -> None:
            self.headers = {"Host": host}

    for port in range(1, 3_000):
        assert gate.admits(Asked(f"localhost:{port}"))  # type: ignore[arg-type]
    assert len(gate.known) <= 1_000


@pytest.mark.parametrize(
    ("host", "here"), [("localhost", True), ("127.0.0.9", True), ("::1", True), ("0.0.0.0", False), ("box", False)]
)
def test_what_only_this_machine_reaches(host: str, here: bool) -> None:
    assert is_loopback(host) is here


def paths() -> list[tuple[str, str]]:
    """Every method and path that there is, with something in place of its variables."""
    found = set()
    for route in build_app(Settings()).router.routes():
        resource = route.resource
        patterns = getattr(resource, "_patterns", None) or [resource.canonical]  # a table has many
        for pattern in patterns:
            path = re.sub(r"\{n(:[^{}]*(\{[^{}]*\})?[^{}]*)?\}", "1", pattern)
            found.add(("GET" if route.method == "*" else route.method, re.sub(r"\{[^{}]*\}", "x", path)))
    return sorted(found)


def test_no_route_answers_to_a_strange_name(live: Threaded) -> None:
    """A route that forgets to ask would be open to DNS rebinding; this test finds it."""
    every = paths()
    assert len(every) > 300
    connection = HTTPConnection("127.0.0.1", live.port, timeout=30)
    open_ = []
    for method, path in every:
        connection.request(method, path, headers={"Host": "evil.example"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 421:
            open_.append((method, path, answer.status))
    connection.close()
    assert open_ == []


def test_a_refusal_says_what_to_do_and_is_counted_and_told_once(
    live: Threaded, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        answer = requests.get(f"{live.url}/v72/paymentMethods", headers={"Host": "sub.refused.example"}, timeout=30)
        assert answer.status_code == 421
        assert answer.json()["type"] == "urn:mockpsp:problem:unknown-host"
        assert "--allow-host sub.refused.example" in answer.json()["hint"]
    told = [
        each for each in caplog.records if "sub.refused.example" in each.getMessage() and each.levelname == "WARNING"
    ]
    assert len(told) == 1
    metrics = requests.get(f"{live.url}/_mockpsp/metrics", timeout=30).text
    assert re.search(r'mockpsp_turned_away_total\{reason="host"\} [1-9]', metrics)


def test_a_request_without_a_name_comes_from_no_browser(live: Threaded) -> None:
    connection = HTTPConnection("127.0.0.1", live.port, timeout=30)
    connection._http_vsn, connection._http_vsn_str = 10, "HTTP/1.0"
    connection.putrequest("GET", "/_mockpsp/health", skip_host=True)
    connection.endheaders()
    assert connection.getresponse().status == 200
    connection.close()


# -- steering ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded() -> Iterator[str]:
    """The address of a server whose control takes a token."""
    with threaded(Settings(control_token=TOKEN)) as server:
        yield server.url


def steered(url: str, **headers: str) -> int:
    return requests.get(f"{url}/_mockpsp/sandboxes", headers=headers, timeout=30).status_code


def test_steering_takes_the_token(guarded: str) -> None:
    assert steered(guarded, Authorization=f"Bearer {TOKEN}") == 200
    assert steered(guarded, Authorization=f"bearer  {TOKEN}") == 200
    for wrong in (f"Bearer {TOKEN}x", "Bearer", "Bearer ", f"Basic {TOKEN}", TOKEN, "Bearer \xe9"):
        assert steered(guarded, Authorization=wrong) == 401
    refused = requests.post(f"{guarded}/_mockpsp/sandboxes", timeout=30)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert "MOCKPSP_CONTROL_TOKEN" in refused.json()["hint"]
    assert TOKEN not in refused.text


def test_everything_but_health_and_assets_takes_it(guarded: str) -> None:
    connection = HTTPConnection("127.0.0.1", int(guarded.rpartition(":")[2]), timeout=30)
    free = {}
    for method, path in paths():
        if not path.startswith("/_mockpsp") or method == "HEAD":
            continue
        connection.request(method, path)
        answer = connection.getresponse()
        answer.read()
        to_sign_in = answer.status == 303 and "/sign-in?next=" in answer.headers["Location"]
        if answer.status != 401 and not to_sign_in:
            free[method, path] = answer.status
    connection.close()
    assert free == {
        ("GET", "/_mockpsp/health"): 200,
        ("GET", "/_mockpsp/sign-in"): 200,
        ("POST", "/_mockpsp/sign-out"): 303,
        ("GET", "/_mockpsp/static/x"): 404,
    }


def test_providers_take_their_own_credentials_only(guarded: str) -> None:
    answer = requests.post(f"{guarded}/v72/paymentMethods", json={}, timeout=30)
    assert (answer.status_code, answer.json()["errorType"]) == (401, "security")


def test_a_browser_signs_in_and_out(guarded: str) -> None:
    browser = requests.Session()
    asked = browser.get(f"{guarded}/_mockpsp/sandbox/default?kind=event", timeout=30)
    assert "Control token" in asked.text
    assert asked.url.endswith("/_mockpsp/sign-in?next=%2F_mockpsp%2Fsandbox%2Fdefault%3Fkind%3Devent")
    wrong = browser.post(f"{guarded}/_mockpsp/sign-in", {"token": "guess"}, timeout=30)
    assert (wrong.status_code, "This is not the token" in wrong.text) == (401, True)
    form = {"token": TOKEN, "next": "/_mockpsp/sandbox/default?kind=event"}
    led = browser.post(f"{guarded}/_mockpsp/sign-in", form, timeout=30, allow_redirects=False)
    assert (led.status_code, led.headers["Location"]) == (303, form["next"])
    cookie = led.headers["Set-Cookie"]
    assert all(each in cookie for each in ("HttpOnly", "SameSite=Strict", "Path=/_mockpsp"))
    assert TOKEN not in cookie
    assert browser.get(f"{guarded}/_mockpsp/sandbox/default", timeout=30).status_code == 200
    with browser.get(f"{guarded}/_mockpsp/sandboxes/default/events", stream=True, timeout=30) as stream:
        assert stream.status_code == 200
    assert "Sign out" in browser.get(f"{guarded}/_mockpsp/", timeout=30).text
    browser.post(f"{guarded}/_mockpsp/sign-out", timeout=30)
    assert browser.get(f"{guarded}/_mockpsp/sandboxes", timeout=30).status_code == 401


@pytest.mark.parametrize(
    "to", ["//evil.example", "https://evil.example/_mockpsp/", "/v72", "/_mockpsp/\r\nX: y", "/_mockpsp/\\evil", ""]
)
def test_signing_in_leads_nowhere_else(guarded: str, to: str) -> None:
    form = {"token": TOKEN, "next": to}
    led = requests.post(f"{guarded}/_mockpsp/sign-in", form, timeout=30, allow_redirects=False)
    assert led.headers["Location"] == "/_mockpsp/"


def test_a_link_on_another_site_is_followed_once_more(guarded: str) -> None:
    """Browsers keep a strict cookie back on the way from another site, and send it when the page asks again."""
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    page = requests.get(f"{guarded}/_mockpsp/sandbox/default", headers=headers, timeout=30)
    assert page.headers["Refresh"] == "0; url=/_mockpsp/sandbox/default"
    own = requests.get(f"{guarded}/_mockpsp/sandbox/default", headers={"Sec-Fetch-Site": "same-origin"}, timeout=30)
    assert "Refresh" not in own.headers


def test_a_form_elsewhere_cannot_sign_a_browser_in(guarded: str) -> None:
    headers = {"Origin": "https://evil.example"}
    sent = requests.post(f"{guarded}/_mockpsp/sign-in", {"token": TOKEN}, headers=headers, timeout=30)
    assert sent.status_code == 403
    assert "Set-Cookie" not in sent.headers
