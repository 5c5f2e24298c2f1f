"""A merchant who sends whatever the contracts can be read to allow, and what they forbid, with valid credentials."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from email.utils import format_datetime
from functools import cache
from itertools import count
from typing import Any

import requests

from mockpsp.edge.contract import Contract, read_openapi
from mockpsp.providers.worldline.auth import SCHEME, data_to_sign, sign
from mockpsp.world.records import Answered
from tests.support.control import ControlledSandbox
from tests.support.server import Threaded

DOCUMENTS = ("worldline", "adyen", "lyra", "control")
START = "2026-07-01T09:00:00Z"
ENDLESS = {"stream_journal"}
"""Operations that answer for as long as somebody reads."""
CHANGES_ANYWAY = {("worldline", 402)}
"""A refusal that is a payment: Worldline keeps what an issuer has rejected."""
CARD = {
    "cardPaymentMethodSpecificInput": {
        "paymentProductId": 1,
        "authorizationMode": "SALE",
        "card": {"cardNumber": "4012000033330026", "expiryDate": "1230", "cvv": "123", "cardholderName": "C. MARTIN"},
    },
    "order": {"amountOfMoney": {"amount": 1250, "currencyCode": "EUR"}},
}


@cache
def contract(name: str) -> Contract:
    """One of our documents."""
    return Contract(read_openapi(name))


class Rough:
    """One sandbox whose clock stands still, and requests to it that bear the right credentials."""

    def __init__(self, live: Threaded, sandbox: ControlledSandbox, document: str) -> None:
        self.live = live
        self.controlled = sandbox
        self.document = document
        self.world = live.call(lambda: live.server.sandboxes.get(sandbox.id)).world
        self.http = requests.Session()
        self.sent = 0
        self.statuses: dict[int, int] = {}
        self.problems: list[str] = []
        self._turn = count()
        self._known = self._objects()

    def _objects(self) -> Mapping[str, list[str]]:
        """What path variables may be called, so that calls meet something now and then."""
        given = self.controlled.credentials
        known = {
            "id": [self.controlled.id],
            "merchantId": [given["worldline"]["merchant_id"]],
            "provider": ["worldline", "adyen", "lyra"],
            "name": ["default", "worldline/split-with-card"],
            "n": ["1", "2"],
            "marketplace": [given["lyra"]["marketplace"]],
            "seller": [each["uuid"] for each in given["lyra"]["sellers"]],
        }
        if self.document == "worldline":
            made = self.send("POST", f"/v2/{given['worldline']['merchant_id']}/payments", CARD).json()
            known["paymentId"] = [made["payment"]["id"]]
        return known

    def path(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Path variables, of which those that are known by name are real ones three times of four."""
        found = dict(variables)
        for name in variables:
            real = self._known.get(name, ())
            turn = next(self._turn)
            if real and (turn % 4 or name in ("merchantId", "id")):
                found[name] = real[turn % len(real)]
        return found

    def send(self, method: str, path: str, json: Any = None, **more: Any) -> requests.Response:
        """One request with credentials; ``more`` as in ``requests.Request``."""
        asked = requests.Request(method, f"{self.live.url}{path}", json=json, **more).prepare()
        for name, value in self._proof(asked).items():
            asked.headers[name] = value
        return self.http.send(asked, timeout=60, allow_redirects=False)

    def _proof(self, asked: requests.PreparedRequest) -> dict[str, str]:
        given = self.controlled.credentials
        match self.document:
            case "adyen":
                return {"X-API-Key": given["adyen"]["api_key"]}
            case "lyra":
                pair = f"{given['lyra']['login']}:{given['lyra']['password']}"
                return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
            case "worldline":
                return self._signed(asked, given["worldline"])
        return {}

    def _signed(self, asked: requests.PreparedRequest, given: Mapping[str, str]) -> dict[str, str]:
        date = format_datetime(self.live.call(self.world.clock.now), usegmt=True)
        named = [(name, str(value)) for name, value in asked.headers.items() if name.lower().startswith("x-gcs")]
        kind = str(asked.headers.get("Content-Type", ""))
        proof = sign(given["secret_api_key"], data_to_sign(asked.method or "", kind, date, named, asked.path_url))
        return {"Date": date, "Authorization": f"{SCHEME}{given['api_key_id']}:{proof}"}

    def version(self) -> int:
        """How many events there are."""
        return self.live.call(lambda: self.world.version)

    def _changes(self, since: int) -> list[str]:
        """What has happened since that version, besides that a refusal is kept for its idempotence key."""
        events = self.live.run(self.world.store.read(self.world.name, since))
        return [repr(each)[:300] for each in events if not isinstance(each, Answered)]

    def settle(self) -> None:
        """Let everything happen that is due at the present moment."""
        self.controlled.settle()

    def judge(self, case: Any, judged: Callable[[requests.Response], str]) -> None:
        """Send one case; write down what is wrong with its answer, or with what it changed."""
        case.path_parameters = self.path(case.path_parameters or {})
        if self.document == "control" and case.method.upper() == "DELETE":
            case.path_parameters = {"id": ControlledSandbox.create(self.live.url).id}
        more = case.as_transport_kwargs(base_url="")
        more.pop("timeout", None)
        more.pop("json_encoder", None)
        method, path = more.pop("method"), more.pop("url")
        if "clientKey" in (more.get("params") or {}) and next(self._turn) % 4:
            more["params"]["clientKey"] = self.controlled.credentials["adyen"]["client_key"]
        before = self.version()
        try:
            answer = self.send(method, path, **more)
        except (requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL, UnicodeError):
            return  # the client library would not send that; tests/hard/test_wire.py does
        self.sent += 1
        self.statuses[answer.status_code] = self.statuses.get(answer.status_code, 0) + 1
        refused = answer.status_code >= 400 and (self.document, answer.status_code) not in CHANGES_ANYWAY
        changed = self._changes(before) if refused else []
        if changed:
            self._complain(case, answer, f"it was refused and changed the sandbox: {changed}")
        wrong = judged(answer)
        if wrong:
            self._complain(case, answer, wrong)
        if self.version() != before:
            self.settle()

    def _complain(self, case: Any, answer: requests.Response, why: str) -> None:
        asked = f"{case.method} {answer.request.path_url[:300]} {str(answer.request.body)[:600]}"
        self.problems.append(f"{asked}\n  {answer.status_code} {answer.text[:300]}\n  {why[:1500]}")


def operations(document: str) -> Iterator[tuple[str, str, str]]:
    """Name, method and path of each operation that ends."""
    found = contract(document)
    for name in found.names():
        if name not in ENDLESS:
            operation = found.operation(name)
            yield name, operation.method, operation.path
