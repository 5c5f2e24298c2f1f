"""What Adyen's Drop-in loads and tells beside the payments: frames, pictures, texts, BIN look-ups, analytics."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import requests

from mockpsp.edge.contract import Contract, read_openapi
from mockpsp.edge.pipeline import TRACE
from mockpsp.providers.adyen import bins, datasets, encryption
from mockpsp.providers.adyen.holdings import Holdings, WorldCard
from tests.support.control import ControlledSandbox
from tests.support.dropin import BASES, SHOP
from tests.support.server import Threaded

NewSandbox = Callable[..., ControlledSandbox]
CONTRACT = Contract(read_openapi("adyen"))
D = b64encode(SHOP.encode()).decode()
BRANDS = ["visa", "mc", "cartebancaire"]


def get(sandbox: ControlledSandbox, path: str, **headers: str) -> requests.Response:
    """As a page of the shop loads it."""
    return requests.get(f"{sandbox.url}{path}", headers={"Referer": f"{SHOP}/", **headers}, timeout=30)


def post(sandbox: ControlledSandbox, path: str, body: Any, **headers: str) -> requests.Response:
    """As a script of the shop's page calls it."""
    data = body if isinstance(body, bytes) else json.dumps(body)
    sent = {"Origin": SHOP, "Content-Type": "application/json", **headers}
    return requests.post(f"{sandbox.url}{path}", data=data, headers=sent, timeout=30)


def promised(operation: str, answer: requests.Response) -> Any:
    """The answer's body, as the contract has it; any page may read it."""
    responses = CONTRACT.operation(operation).responses
    known = CONTRACT.resolve(responses.get(str(answer.status_code)) or responses["default"])
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    content = known.get("content")
    if content is None:
        assert not answer.content
        return None
    body = answer.json()
    assert CONTRACT.validator(content["application/json"]["schema"]).is_valid(body), body
    return body


def refusal(answer: requests.Response) -> tuple[int, str, str, str]:
    """What a page is told of an error."""
    told = answer.json()
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.status_code == told["status"]
    return told["status"], told["errorCode"], told["message"], told["errorType"]


def entries(sandbox: ControlledSandbox) -> list[str]:
    """What the journal has of requests."""
    return [each["operation"] for each in sandbox.journal(kind="request")]


@pytest.fixture
def key(sandbox: ControlledSandbox) -> str:
    """The sandbox's client key."""
    return str(sandbox.credentials["adyen"]["client_key"])


UNAUTHORISED = (401, "000", "HTTP Status Response - Unauthorized", "security")


# -- frames ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("version", ["4.10.0", "6.3.0", "99.0.0-beta.1"])
def test_one_page_serves_every_version_of_the_fields(
    sandbox: ControlledSandbox, key: str, base: str, version: str
) -> None:
    answer = get(sandbox, f"{base}/securedfields/{key}/{version}/securedFields.html?type=card&d={D}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "frame-ancestors" not in policy
    assert "X-Frame-Options" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    assert "<script>" not in answer.text
    assert '"kty": "RSA"'.replace('"', "&quot;") in answer.text


def test_frames_and_their_files_are_no_entries_of_the_journal(sandbox: ControlledSandbox, key: str) -> None:
    page = get(sandbox, f"{BASES[0]}/securedfields/{key}/6.3.0/securedFields.html?type=card&d={D}")
    device = get(sandbox, f"{BASES[0]}/assets/html/{key}/dfp.1.0.0.html")
    assert TRACE not in page.headers
    assert "device.js" in device.text
    for name in ("field.js", "rules.js", "seal.js", "device.js", "field.css"):
        file = get(sandbox, f"/checkoutshopper/assets/fields/{name}")
        assert (file.status_code, file.headers["X-Content-Type-Options"]) == (200, "nosniff"), name
    assert entries(sandbox) == []


def test_without_the_package_that_opens_them_fields_are_given_no_key(
    sandbox: ControlledSandbox, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mockpsp.edge.errors import NotSupported
    from mockpsp.providers.adyen import dropin

    def missing() -> None:
        raise NotSupported("jwcrypto is not installed")

    monkeypatch.setattr(dropin, "key_pair", missing)
    page = get(sandbox, f"{BASES[0]}/securedfields/{key}/6.3.0/securedFields.html?type=card&d={D}")
    assert 'data-key=""' in page.text


@pytest.mark.parametrize(
    "d", ["", "%%%", "aHR0cHM", b64encode(b"javascript:x").decode(), b64encode(b"https://a/b").decode()]
)
def test_a_frame_must_know_whose_it_is(sandbox: ControlledSandbox, key: str, d: str) -> None:
    answer = get(sandbox, f"{BASES[0]}/securedfields/{key}/6.3.0/securedFields.html?type=card&d={d}")
    assert refusal(answer) == (422, "702", "Field 'd' is not valid.", "validation")
    assert answer.headers[TRACE]
    assert entries(sandbox) == ["secured_fields"]


@pytest.mark.parametrize(
    "path",
    [
        "/checkoutshopper/assets/fields/securedFields.html",
        "/checkoutshopper/assets/fields/..%2Ftell.js",
        "/checkoutshopper/assets/fields/none.js",
        "/checkoutshopper/test/images/logos/..%2F..%2Fx.svg",
        "/checkoutshopper/test/images/flags/fr.svg",
        "/checkoutshopper/test/images/logos/visa.exe",
        "/checkoutshopper/test/sdk/6.45.2/translations/french",
        "/checkoutshopper/test/datasets/planets/en-US.json",
        "/checkoutshopper/test/datasets/states/FRA/en-US.json",
        "/checkoutshopper/test/datasets/cities.json",
        "/checkoutanalytics/v2/anything",
    ],
)
def test_what_there_is_not(sandbox: ControlledSandbox, path: str) -> None:
    assert refusal(get(sandbox, path)) == (404, "SIM_NOT_FOUND", "Not found", "validation")


# -- client keys and origins -------------------------------------------------------------------------------------------


KEYED: list[tuple[str, str, Any]] = [
    ("GET", f"{BASES[0]}/securedfields/{{key}}/6.3.0/securedFields.html?type=card&d={D}", None),
    ("GET", f"{BASES[0]}/assets/html/{{key}}/dfp.1.0.0.html", None),
    ("POST", f"{BASES[0]}/v3/bin/binLookup?token={{key}}", {"encryptedBin": "test_41111111111", "requestId": "1"}),
    ("POST", "/checkoutanalytics/v3/analytics?clientKey={key}", {}),
    ("POST", "/checkoutanalytics/v3/analytics/x?clientKey={key}", {"logs": []}),
]
NAMES = ["fields", "device", "look-up", "analytics", "events"]


def call(sandbox: ControlledSandbox, method: str, path: str, body: Any, **headers: str) -> requests.Response:
    return get(sandbox, path, **headers) if method == "GET" else post(sandbox, path, body, **headers)


@pytest.mark.parametrize(("method", "path", "body"), KEYED, ids=NAMES)
def test_an_unknown_client_key_opens_nothing(sandbox: ControlledSandbox, method: str, path: str, body: Any) -> None:
    assert refusal(call(sandbox, method, path.format(key="test_NOBODYS"), body)) == UNAUTHORISED


@pytest.mark.parametrize(("method", "path", "body"), KEYED, ids=NAMES)
def test_a_client_key_may_be_for_some_origins_only(new_sandbox: NewSandbox, method: str, path: str, body: Any) -> None:
    settings = {"adyen": {"allowed_origins": [SHOP, "http://localhost:3000"]}}
    sandbox = new_sandbox(scenario={"mockpsp": 1, "title": "One shop", "settings": settings})
    target = path.format(key=sandbox.credentials["adyen"]["client_key"])
    asked = call(sandbox, method, target, body)
    assert asked.ok
    if "securedfields" in path:
        assert asked.headers["Content-Security-Policy"].endswith(f"frame-ancestors {SHOP} http://localhost:3000")
        foreign = target.replace(D, b64encode(b"https://evil.example").decode())
        assert refusal(call(sandbox, method, foreign, body)) == UNAUTHORISED
    headers = {"Referer": "https://evil.example/", "Origin": "https://evil.example"}
    assert refusal(call(sandbox, method, target, body, **headers)) == UNAUTHORISED


@pytest.mark.parametrize("origin", ["https://shop.example/", "shop.example", "https://a b", "https://a;script-src *"])
def test_what_is_no_origin_is_a_mistake_of_the_scenario(live: Threaded, origin: str) -> None:
    settings = {"adyen": {"allowed_origins": [origin]}}
    scenario = {"mockpsp": 1, "title": "One shop", "settings": settings}
    answer = requests.post(f"{live.url}/_mockpsp/sandboxes", json={"scenario": scenario}, timeout=30)
    assert answer.status_code == 400
    assert "/settings/adyen/allowed_origins/0" in answer.text


@pytest.mark.parametrize("path", [f"{base}/v3/bin/binLookup" for base in BASES] + ["/checkoutanalytics/v3/analytics"])
def test_a_browser_may_ask_before_it_calls(sandbox: ControlledSandbox, path: str) -> None:
    headers = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    answer = requests.options(f"{sandbox.url}{path}", headers={"Origin": SHOP, **headers}, timeout=30)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (204, "*")
    assert "content-type" in answer.headers["Access-Control-Allow-Headers"].lower()
    assert entries(sandbox) == []


# -- pictures, texts, data sets ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("folder", "name", "size"),
    [
        ("logos", "visa", "40"),
        ("logos", "nocard", "40"),
        ("logos", "mealVoucher_FR_sodexo", "40"),
        ("logos", "givex", "40"),
        ("logos", "a_method_of_tomorrow", "40"),
        ("components", "bento_lock", "16"),
        ("components", "success", "16"),
        ("components", "never_heard_of", "16"),
    ],
)
@pytest.mark.parametrize("ending", ["svg", "gif"])
def test_every_picture_is_a_small_drawing(
    sandbox: ControlledSandbox, folder: str, name: str, size: str, ending: str
) -> None:
    answer = get(sandbox, f"{BASES[1]}/images/{folder}/{name}.{ending}")
    assert answer.headers["Content-Type"] == "image/svg+xml"
    assert ET.fromstring(answer.content).get("width") == size
    assert entries(sandbox) == []


def test_french_texts_and_no_others(sandbox: ControlledSandbox) -> None:
    def texts(locale: str) -> Any:
        return promised("translations", get(sandbox, f"{BASES[0]}/sdk/6.45.2/translations/{locale}.json"))

    assert texts("fr-FR")["payButton"] == "Payer"
    assert texts("fr-CA") == texts("fr-FR")
    assert texts("de-DE") == texts("en-US") == {}


def test_lists_for_forms(sandbox: ControlledSandbox) -> None:
    def rows(path: str) -> Any:
        return promised("dataset", get(sandbox, f"{BASES[0]}/datasets/{path}"))

    assert {"id": "DE", "name": "Allemagne"} in rows("countries/fr-FR.json")
    assert {"id": "DE", "name": "Germany"} in rows("countries/en-US.json")
    assert {"id": "FR", "prefix": "+33"} in rows("phonenumbers.json")
    assert {"id": "QC", "name": "Quebec"} in rows("states/CA/en-US.json")
    assert rows("states/FR/en-US.json") == []


def test_no_list_names_anything_twice() -> None:
    countries = datasets.dataset("countries", "", "en-US.json") or []
    assert len({each["id"] for each in countries}) == len(countries)
    for code in ("AU", "BR", "CA", "US"):
        states = datasets.dataset("states", code, "en-US.json") or []
        assert len({each["id"] for each in states}) == len(states) > 7
        assert all(each["name"] and len(each["id"]) in (2, 3) for each in states)


# -- BIN look-up -------------------------------------------------------------------------------------------------------


def look_up(sandbox: ControlledSandbox, bin_: str, base: str = BASES[0], **more: Any) -> Any:
    """What the form learns of a card."""
    key = sandbox.credentials["adyen"]["client_key"]
    body = {"type": "card", "supportedBrands": BRANDS, "encryptedBin": bin_, "requestId": "4711", **more}
    return promised("bin_lookup", post(sandbox, f"{base}/v3/bin/binLookup?token={key}", body))


@pytest.mark.parametrize("base", BASES)
def test_a_french_visa_is_of_two_brands(sandbox: ControlledSandbox, base: str) -> None:
    told = look_up(sandbox, "test_41111111111", base)
    assert (told["requestId"], told["issuingCountryCode"]) == ("4711", "FR")
    assert [each["brand"] for each in told["brands"]] == ["visa", "cartebancaire"]
    assert told["brands"][0] == {
        "brand": "visa",
        "supported": True,
        "cvcPolicy": "required",
        "expiryDatePolicy": "required",
        "enableLuhnCheck": True,
        "paymentMethodVariant": "visa",
        "panLength": 16,
    }


@pytest.mark.parametrize("bin_", ["test_99999999999", "test_41111", "test_not-digits", "eyJhbGciOiJub25lIn0.a.b.c.d"])
def test_of_an_unknown_bin_nothing_is_told(sandbox: ControlledSandbox, bin_: str) -> None:
    assert look_up(sandbox, bin_) == {"requestId": "4711"}


def test_the_journal_has_the_look_up_and_no_card_number(sandbox: ControlledSandbox) -> None:
    look_up(sandbox, "test_4111111111111111")
    [entry] = sandbox.journal(kind="request")
    assert entry["operation"] == "bin_lookup"
    assert entry["body"]["encryptedBin"] == "test_411111******1111"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"encryptedBin": None}, (422, "702", "Required field 'encryptedBin' is not provided.", "validation")),
        ({"requestId": None}, (422, "702", "Required field 'requestId' is not provided.", "validation")),
        ({"encryptedBin": "41111111111"}, (422, "174", "Unable to decrypt data", "validation")),
        ({"supportedBrands": "visa"}, (400, "702", None, "validation")),
    ],
)
def test_a_wrong_look_up(
    sandbox: ControlledSandbox, key: str, change: dict[str, Any], message: tuple[Any, ...]
) -> None:
    body = {"encryptedBin": "test_41111111111", "requestId": "1", "supportedBrands": BRANDS, **change}
    answer = post(sandbox, f"{BASES[0]}/v3/bin/binLookup?token={key}", {k: v for k, v in body.items() if v is not None})
    told = refusal(answer)
    assert told == tuple(told[place] if each is None else each for place, each in enumerate(message))


def test_a_fault_of_the_scenario_strikes_a_look_up(new_sandbox: NewSandbox) -> None:
    faults = [{"operation": "adyen.bin_lookup", "times": 1, "then": {"status": 503}}]
    sandbox = new_sandbox(scenario={"mockpsp": 1, "title": "No look-up", "faults": faults})
    key = sandbox.credentials["adyen"]["client_key"]
    body = {"encryptedBin": "test_41111111111", "requestId": "1"}
    assert refusal(post(sandbox, f"{BASES[0]}/v3/bin/binLookup?token={key}", body))[0] == 503


@pytest.mark.parametrize(
    ("digits", "brand", "code", "length"),
    [
        ("51000000000", "mc", "required", 16),
        ("37000000000", "amex", "required", 15),
        ("67034444444", "bcmc", "hidden", None),
        ("67060000000", "maestro", "optional", None),
        ("40000000000", "visa", "required", 16),
    ],
)
def test_what_a_brand_needs(digits: str, brand: str, code: str, length: int | None) -> None:
    told = bins.looked_up(digits, [], Holdings())
    [found] = told["brands"]
    assert (found["brand"], found["cvcPolicy"], found.get("panLength")) == (brand, code, length)
    assert found["supported"] is False


def test_a_card_of_the_scenario_speaks_for_itself() -> None:
    card = WorldCard("4000000000000001", brand="cartebancaire", country="BE")
    told = bins.looked_up("40000000000", ["cartebancaire"], Holdings(cards={card.number: card}))
    assert told["issuingCountryCode"] == "BE"
    [found] = told["brands"]
    assert (found["brand"], found["enableLuhnCheck"], found["supported"]) == ("cartebancaire", False, True)


def test_fields_and_server_agree_on_the_encryption() -> None:
    text = (dropin_files() / "seal.js").read_text("utf-8")
    assert all(f'"{name}"' in text for name in encryption.ALGORITHMS)


def dropin_files() -> Any:
    """Where the scripts of the frames lie."""
    from mockpsp.providers.adyen import views

    return views.STATIC / "fields"


# -- analytics ---------------------------------------------------------------------------------------------------------


def test_an_attempt_keeps_its_id(sandbox: ControlledSandbox, key: str) -> None:
    path = f"/checkoutanalytics/v3/analytics?clientKey={key}"
    first = promised("analytics", post(sandbox, path, {"channel": "Web", "level": "all"}))["checkoutAttemptId"]
    again = promised("analytics", post(sandbox, path, {"flavor": "dropin", "checkoutAttemptId": first}))
    assert again == {"checkoutAttemptId": first}
    other = promised("analytics", post(sandbox, path, {"channel": "Web", "level": "initial"}))["checkoutAttemptId"]
    assert other not in ("", first)
    events = post(sandbox, f"/checkoutanalytics/v3/analytics/{first}?clientKey={key}", {"info": [{"type": "rendered"}]})
    assert (events.status_code, promised("analytics_events", events)) == (204, None)
    assert entries(sandbox) == []


@pytest.mark.parametrize("path", ["", "/4711"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"7", b'{"checkoutAttemptId": 7, "logs": {}}'])
def test_wrong_analytics(sandbox: ControlledSandbox, key: str, path: str, body: bytes) -> None:
    answer = post(sandbox, f"/checkoutanalytics/v3/analytics{path}?clientKey={key}", body)
    assert refusal(answer)[:2] == (400, "702")
    promised("analytics_events" if path else "analytics", answer)


def test_an_endless_attempt_id_is_refused(sandbox: ControlledSandbox, key: str) -> None:
    answer = post(sandbox, f"/checkoutanalytics/v3/analytics?clientKey={key}", {"checkoutAttemptId": "x" * 101})
    assert refusal(answer) == (422, "702", "Field 'checkoutAttemptId' is not valid.", "validation")
