"""What must not be shown is shown nowhere: card numbers, security codes, secrets, in any export, page or log line."""

from __future__ import annotations

import base64
import json
import re
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from mockpsp.cli import cli
from mockpsp.world.masking import luhn

STORIES = (
    "worldline/split-with-card",
    "adyen/voucher-then-card",
    "adyen/drop-in-voucher-then-card",
    "adyen/stored-card",
    "lyra/meal-card-holiday-vouchers-and-card",
)
CARD, CODE = "4556737586899855", "918"
"""No documented test number: a recording keeps those, so that it can be played."""
WRONG = "not-the-key-but-somebodys"


def run(*words: str) -> str:
    return CliRunner().invoke(cli, [*words]).output


def secrets(credentials: dict[str, Any]) -> list[str]:
    """What proves who one is; ids and logins are told."""
    lyra = credentials["lyra"]
    return [
        *(credentials["worldline"][name] for name in ("secret_api_key", "webhook_secret")),
        *(credentials["adyen"][name] for name in ("api_key", "hmac_key")),
        *(lyra[name] for name in ("password", "client_secret")),
        base64.b64encode(f"{lyra['login']}:{lyra['password']}".encode()).decode(),
    ]


def cards(text: str) -> set[str]:
    return {each for each in re.findall(r"(?<![0-9])[0-9]{12,19}(?![0-9])", text) if luhn(each)}


@pytest.mark.parametrize("form", ["text", "mermaid", "json", "har", "digest"])
@pytest.mark.parametrize("name", STORIES)
def test_a_story_is_told_without_them(name: str, form: str) -> None:
    told = run("play", name, "--format", form)
    assert len(told) > 50
    assert cards(told) == set()
    issued = json.loads(run("credentials", "--format", "json"))
    assert [each for each in secrets(issued) if each in told] == []


def attempts(url: str, credentials: dict[str, Any]) -> Iterator[requests.Response]:
    """Calls that carry a card number and secrets in every place that a client has put them so far."""
    adyen, lyra, worldline = (credentials[name] for name in ("adyen", "lyra", "worldline"))
    key = {"X-API-Key": adyen["api_key"]}
    card = {"type": "scheme", "number": CARD, "expiryMonth": "03", "expiryYear": "2030", "cvc": CODE}
    body = {
        "merchantAccount": adyen["merchant_account"],
        "reference": f"card {CARD} cvc: {CODE}",
        "paymentMethod": card,
        "returnUrl": "https://shop.example/back",
        "amount": {"currency": "EUR", "value": 1850},
    }
    yield requests.post(f"{url}/v72/payments", json=body, headers=key, timeout=30)
    yield requests.post(f"{url}/v72/payments", json=body, headers={"X-API-Key": WRONG}, timeout=30)
    yield requests.post(f"{url}/v72/payments", json={**body, "paymentMethod": {**card, "number": int(CARD)}},
                        headers=key, timeout=30)  # fmt: skip
    yield requests.post(f"{url}/v72/payments", data=f'{{"number": "{CARD}", "cvc": "{CODE}"', headers=key, timeout=30)
    yield requests.post(f"{url}/v72/payments?cardNumber={CARD}&password={WRONG}", headers=key, timeout=30)
    yield requests.post(f"{url}/v72/payments/{CARD}/captures", json={}, headers=key, timeout=30)
    for login in ((lyra["login"], lyra["password"]), (lyra["login"], WRONG)):
        yield requests.get(f"{url}/marketplace-test/orders", auth=login, timeout=30)
    yield requests.post(f"{url}/auth/realms/marketplace/protocol/openid-connect/token", timeout=30, data={
        "grant_type": "client_credentials", "client_id": lyra["client_id"], "client_secret": lyra["client_secret"],
    })  # fmt: skip
    signed = {"Authorization": f"GCS v1HMAC:{worldline['api_key_id']}:c2lnbmVk", "Cookie": f"session={WRONG}"}
    yield requests.post(f"{url}/v2/{worldline['merchant_id']}/payments", timeout=30, headers=signed, json={
        "cardPaymentMethodSpecificInput": {"card": {"cardNumber": CARD, "cvv": CODE, "expiryDate": "1230"}},
    })  # fmt: skip


def told(url: str) -> Iterator[tuple[str, str]]:
    """Everything that the server tells about the default sandbox, by where it stands."""
    for path in ("journal", "journal?kind=request", "webhooks", "recording", "checkouts", "accounts"):
        yield path, requests.get(f"{url}/_mockpsp/sandboxes/default/{path}", timeout=30).text
    yield "metrics", requests.get(f"{url}/_mockpsp/metrics", timeout=30).text
    entries = requests.get(f"{url}/_mockpsp/sandboxes/default/journal", timeout=30).json()["entries"]
    numbers = [each["id"] for each in entries]
    for number in numbers:
        yield f"entry {number}", requests.get(f"{url}/_mockpsp/sandboxes/default/journal/{number}", timeout=30).text
        yield f"page {number}", requests.get(f"{url}/_mockpsp/sandbox/default/journal/{number}", timeout=30).text
    for page in ("", "/payments", "/webhooks", "/webhooks/1", "/balances", f"?q={CARD[:6]}"):
        yield f"page {page}", requests.get(f"{url}/_mockpsp/sandbox/default{page}", timeout=30).text
    with requests.get(f"{url}/_mockpsp/sandboxes/default/events?after=0", stream=True, timeout=30) as stream:
        lines = []
        for line in stream.iter_lines(decode_unicode=True):
            lines.append(line)
            if line == f"id: {numbers[-1]}":
                break
    yield "stream", "\n".join(lines)


def test_what_a_client_sends_is_shown_nowhere(serve: Callable[..., Any], tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    served = serve("--state", str(state), "--webhook", "adyen=http://localhost:1/hooks", "--log", "json",
                   "--log-level", "debug", "--log-requests")  # fmt: skip
    url, credentials = served.told["url"], served.told["credentials"]
    served.wait_for_line("Ctrl+C")
    printed = len(served.lines)  # the credentials stand above
    answers = [each.status_code for each in attempts(url, credentials)]
    assert answers[0] == 200
    hidden = [CARD, WRONG, f'"{CODE}"', *secrets(credentials)]

    shown = dict(told(url))
    shown["log"] = "\n".join(served.lines[printed:])
    assert f"{CARD[:6]}******{CARD[-4:]}" in shown["journal"]
    assert {place: [each for each in hidden if each in text] for place, text in shown.items()
            if any(each in text for each in hidden)} == {}  # fmt: skip


def test_what_a_state_file_holds(serve: Callable[..., Any], tmp_path: Path) -> None:
    """It must hold what a restart needs: requests as they came. The README says so; nobody else may read it."""
    state = tmp_path / "state.db"
    served = serve("--state", str(state))
    next(attempts(served.told["url"], served.told["credentials"]))
    served.end()
    if sys.platform != "win32":
        assert {stat.S_IMODE(each.stat().st_mode) for each in tmp_path.glob("state.db*")} == {0o600}
    assert CARD.encode() in b"".join(each.read_bytes() for each in tmp_path.glob("state.db*"))
