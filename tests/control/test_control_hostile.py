"""What a stranger may send: scenarios that look for files, bodies that grow when they are opened, headers in names."""

from __future__ import annotations

import gzip
import http.client
import zlib
from pathlib import Path
from typing import Any

import pytest
import requests

from mockpsp.settings import Settings
from tests.support.control import ControlledSandbox
from tests.support.server import threaded

PLACES = (
    "/etc/passwd", "../../../../etc/passwd", "../default", "..%2f..%2fetc%2fpasswd", "/dev/zero", "file:///etc/passwd",
    "default.yaml", "adyen/../default", "~/x.yaml", "\\\\host\\share\\x.yaml", "C:\\x.yaml", "x\x00.yaml",
)  # fmt: skip


def problem(answer: requests.Response) -> Any:
    assert 400 <= answer.status_code < 500, answer.text
    return answer.json()


@pytest.fixture
def lure(tmp_path: Path) -> Path:
    """A sound scenario on this machine, and a link to a file that is none."""
    (tmp_path / "there.yaml").write_text("mockpsp: 1\ntitle: A file of this machine\n", encoding="utf-8")
    (tmp_path / "link.yaml").symlink_to("/etc/passwd")
    return tmp_path


def test_a_scenario_by_name_is_no_file(sandbox: ControlledSandbox, lure: Path) -> None:
    for name in (*PLACES, str(lure / "there.yaml"), str(lure / "link.yaml")):
        made = requests.post(f"{sandbox.url}/_mockpsp/sandboxes", json={"scenario": name}, timeout=30)
        assert problem(made)["type"] == "urn:mockpsp:problem:unknown-scenario", name
        put = requests.put(f"{sandbox.url}/_mockpsp/sandboxes/{sandbox.id}/scenario", json=name, timeout=30)
        assert problem(put)["type"] == "urn:mockpsp:problem:unknown-scenario", name


def test_a_scenario_extends_shipped_ones_only(sandbox: ControlledSandbox, lure: Path) -> None:
    for name in (*PLACES, str(lure / "there.yaml"), str(lure / "link.yaml")):
        given = {"mockpsp": 1, "title": "Looks for files", "extends": name}
        for answer in (
            requests.post(f"{sandbox.url}/_mockpsp/sandboxes", json={"scenario": given}, timeout=30),
            requests.put(f"{sandbox.url}/_mockpsp/sandboxes/{sandbox.id}/scenario", json=given, timeout=30),
        ):
            told = problem(answer)
            assert told["type"] in ("urn:mockpsp:problem:bad-scenario", "urn:mockpsp:problem:bad-body"), name
            assert "root:" not in answer.text
            assert "A file of this machine" not in answer.text


@pytest.mark.parametrize("path", [
    "/_mockpsp/scenarios/../../../etc/passwd", "/_mockpsp/scenarios/%2e%2e/%2e%2e/etc/passwd",
    "/_mockpsp/scenarios//etc/passwd", "/_mockpsp/static/../keys.py", "/_mockpsp/static/%2e%2e%2fkeys.py",
    "/_mockpsp/static/..%5ckeys.py", "/_mockpsp/static/%2fetc%2fpasswd", "/_mockpsp/static/",
    "/checkoutshopper/../../../etc/passwd", "/checkoutshopper/images/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/checkoutshopper/test/images/logos/..%2f..%2f..%2f__init__.py", "/checkoutshopper/translations/..%2f..%2fx.json",
    "/checkoutshopper/datasets/countries/..%2f..%2f..%2fetc%2fpasswd.json",
])  # fmt: skip
def test_no_path_leads_to_a_file(sandbox: ControlledSandbox, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(sandbox.url.rpartition(":")[2]), timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert 400 <= answer.status < 500
    assert b"root:" not in body
    assert b"import " not in body


def test_a_scenario_does_not_grow_when_it_is_read(sandbox: ControlledSandbox) -> None:
    """The billion laughs: ten anchors that each repeat the one before nine times."""
    lines = ["mockpsp: 1", "title: Laughs", "world: {a0: &a0 [x, x, x, x, x, x, x, x, x]}"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 11)]
    url = f"{sandbox.url}/_mockpsp/sandboxes/{sandbox.id}/scenario"
    answer = requests.put(url, "\n".join(lines), headers={"Content-Type": "application/yaml"}, timeout=30)
    assert problem(answer)["type"] == "urn:mockpsp:problem:bad-scenario"
    assert len(answer.content) < 100_000
    deep = requests.put(url, "[" * 100_000, headers={"Content-Type": "application/yaml"}, timeout=30)
    assert problem(deep)["type"] == "urn:mockpsp:problem:bad-scenario"


@pytest.mark.parametrize("packed", [gzip.compress, zlib.compress], ids=["gzip", "deflate"])
def test_a_body_is_bounded_by_what_it_is_when_opened(packed: Any) -> None:
    bomb = packed(b" " * 50_000_000)
    assert len(bomb) < 60_000
    coding = "gzip" if packed is gzip.compress else "deflate"
    with threaded(Settings()) as server:
        for method, path in (
            ("POST", "/_mockpsp/sandboxes"),
            ("POST", "/v72/payments"),
            ("POST", "/v2/x/payments"),
            ("POST", "/marketplace-test/orders"),
            ("PUT", "/_mockpsp/sandboxes/default/scenario"),
        ):
            answer = requests.request(method, server.url + path, data=bomb, timeout=60, headers={
                "Content-Encoding": coding, "Content-Type": "application/json",
            })  # fmt: skip
            assert 400 <= answer.status_code < 500, path
        assert requests.get(f"{server.url}/_mockpsp/health", timeout=30).status_code == 200


@pytest.mark.parametrize("name", ["x\r\nSet-Cookie: a=b", "x\nX-Injected: 1", "\u2028x", "x\x00y"])
def test_no_name_becomes_a_header(sandbox: ControlledSandbox, name: str) -> None:
    key = sandbox.credentials["adyen"]
    body = {
        "merchantAccount": key["merchant_account"],
        "reference": name,
        "amount": {"currency": "EUR", "value": 100},
        "returnUrl": f"https://shop.example/{name}",
        "paymentMethod": {
            "type": "scheme",
            "number": "4917610000000000",
            "expiryMonth": "03",
            "expiryYear": "2030",
            "cvc": "737",
        },
    }
    answers = [
        requests.post(f"{sandbox.url}/v72/payments", json=body, timeout=30,
                      headers={"X-API-Key": key["api_key"], "Idempotency-Key": "k"}),
        requests.post(f"{sandbox.url}/_mockpsp/sandboxes", json={"scenario": name}, timeout=30),
        requests.get(f"{sandbox.url}/_mockpsp/sandbox/default", params={"reference": name}, timeout=30),
        requests.post(f"{sandbox.url}/_mockpsp/sign-in", {"next": f"/_mockpsp/{name}"}, timeout=30,
                      allow_redirects=False),
    ]  # fmt: skip
    action = answers[0].json().get("action", {})
    if "url" in action:
        answers.append(requests.get(action["url"], timeout=30, allow_redirects=False))
    for answer in answers:
        assert answer.status_code < 500
        assert not {"X-Injected", "Set-Cookie"} & set(answer.headers)


@pytest.mark.parametrize("odd", ["%0A", "a%0Ab", "%0D%0A"])
@pytest.mark.parametrize(("method", "path", "status"), [
    ("POST", "/_mockpsp/sandboxes/{id}/checkouts/{odd}/shopper", 404),
    ("PUT", "/_mockpsp/sandboxes/{id}/accounts/{odd}", 404),
    ("POST", "/_mockpsp/sandboxes/{id}/back-office/lyra/{odd}", 404),
    ("GET", "/_mockpsp/scenarios/{odd}", 404),
    ("POST", "/_mockpsp/sandboxes/{odd}", 405),
    ("GET", "/_mockpsp/{odd}", 404),
])  # fmt: skip
def test_a_line_break_in_an_address_is_refused_as_anything_else(
    sandbox: ControlledSandbox, method: str, path: str, status: int, odd: str
) -> None:
    body = {"balance": "1.00 EUR"} if method == "PUT" else {"act": "pay", "pay": [{"with": "card"}]}
    answer = requests.request(method, sandbox.url + path.format(id=sandbox.id, odd=odd), json=body, timeout=30)
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    assert problem(answer)["status"] == answer.status_code
    assert answer.status_code in (status, 400)


@pytest.mark.parametrize("path", ["/v72/%0A", "/v2/%0A", "/marketplace-test/%0A"])
def test_a_line_break_in_a_providers_address_is_refused_in_its_words(sandbox: ControlledSandbox, path: str) -> None:
    answer = requests.get(sandbox.url + path, timeout=30)
    assert answer.status_code in (401, 403, 404)
    assert "Mockpsp-Trace" in answer.headers, answer.text
