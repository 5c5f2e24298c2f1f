"""Adyen's own OpenAPI data (github.com/Adyen/adyen-openapi), where it lies beside the checkout, and our answers by it.

The data is not ours to ship: ``../shared/specs/adyen/*.json`` next to the repository or further up, or the folder that
MOCKPSP_ADYEN_SPECS names. With it, every answer of the Checkout API and every webhook of any test is checked.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from aiohttp import web
from jsonschema_rs import Draft202012Validator

from mockpsp.edge import pipeline
from mockpsp.edge.contract import Contract, unknown_properties
from mockpsp.edge.exchange import Answer, Exchange
from mockpsp.edge.provider import Access, Route
from mockpsp.world.journal import Journal
from mockpsp.world.outbox import Outbox
from mockpsp.world.records import Queued

VARIABLE = "MOCKPSP_ADYEN_SPECS"
VERSIONS = ("v70", "v71", "v72")
BASE = re.compile(r"^(?:/checkout)?/(v\d+)(/.*)$")
ERROR = {"$ref": "#/components/schemas/ServiceError"}


class Deviation(NamedTuple):
    """Where we knowingly differ from the data: a pattern of the problem's whole text, and why."""

    pattern: str
    reason: str


DEVIATIONS: tuple[Deviation, ...] = (
    Deviation(
        r"webhook (ORDER_\w+|OFFER_CLOSED|PENDING): .*\.additionalData\.hmacSignature: not in the schema",
        "the data closes the generic item's additionalData without the signature that every webhook has; its own "
        "samples of ORDER_CLOSED fail by it (facts, trap 29)",
    ),
    Deviation(
        r"webhook ORDER_CLOSED: .*\.additionalData\.order-\d+-\w+: not in the schema",
        "the same: order-N-… are documented for ORDER_CLOSED, and the generic item does not list them (trap 29)",
    ),
    Deviation(
        r"webhook AUTHORISATION: .*\.additionalData\.metadata\.\w+: not in the schema",
        "the data names one property, metadata, where a webhook has metadata. and the merchant's own key (facts, 14.1)",
    ),
    Deviation(
        r'webhook PENDING: .*\.eventCode: "PENDING" is not one of .*',
        "PENDING is among the event codes of Adyen's libraries and missing in the data (facts, 14.2)",
    ),
)


def folder() -> Path | None:
    """Where the data is, or None."""
    named = os.environ.get(VARIABLE)
    above = [Path(named)] if named else [each / "shared/specs/adyen" for each in Path(__file__).resolve().parents]
    return next((each for each in above if (each / "Webhooks-v1.json").exists()), None)


def lacking() -> str:
    """Why a test that needs the data cannot run, or nothing."""
    return "" if folder() is not None else f"Adyen's OpenAPI data is not beside the checkout, nor named by {VARIABLE}"


class Spec:
    """One document of Adyen's, its validators compiled when they are first needed."""

    def __init__(self, name: str) -> None:
        found = folder()
        assert found is not None, lacking()
        document = json.loads((found / f"{name}.json").read_text(encoding="utf-8"))
        self.operations: Mapping[str, Mapping[str, Any]] = document.get("paths") or document["webhooks"]
        self.contract = Contract({**document, "paths": {}})
        self.components = document["components"]
        self._compiled: dict[str, Draft202012Validator] = {}

    def operation(self, method: str, path: str) -> Mapping[str, Any] | None:
        """What the document says of an operation; names of path parameters do not matter."""
        wanted = _nameless(path)
        found = next((each for name, each in self.operations.items() if _nameless(name) == wanted), {})
        return found.get(method.lower())

    def check(self, schema: Mapping[str, Any], body: Any) -> Iterator[str]:
        """What is wrong with a body: the schema's errors, formats included, and properties that it does not name."""
        key = json.dumps(schema, sort_keys=True)
        if key not in self._compiled:
            whole = {**schema, "components": self.components}
            self._compiled[key] = Draft202012Validator(whole, validate_formats=True)
        for error in self._compiled[key].iter_errors(body):
            place = _dotted(error.instance_path)
            strange = getattr(error.kind, "unexpected", None)
            if strange is None:
                yield f"{place}: {error.message}"
            else:
                yield from (f"{place}.{name}: not in the schema".lstrip(".") for name in strange)
        for name in unknown_properties(self.contract, schema, body):
            yield f"{name}: not in the schema"


def _nameless(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def _dotted(path: Any) -> str:
    return "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in path).lstrip(".")


@cache
def spec(name: str) -> Spec:
    """One document, read once."""
    return Spec(name)


def problems(version: str, method: str, path: str, status: int, body: Any) -> list[str]:
    """What is wrong with an answer, deviations included. ``path`` is the route's, behind the version.

    Statuses that the data does not declare (404, 409, 501 and others) have the form of every error.
    """
    document = spec(f"CheckoutService-{version}")
    operation = document.operation(method, path)
    if operation is None:
        schema: Mapping[str, Any] = ERROR
    else:
        declared = operation["responses"].get(str(status), {})
        if declared and "content" not in declared and body is None:
            return []
        content = declared.get("content", {})
        schema = content.get("application/json", {}).get("schema", ERROR)
    told = f"{version} {method} {path} {status}"
    if schema == ERROR and status < 400:
        return [f"{told}: not a status of this operation"]
    found = list(dict.fromkeys(document.check(schema, body)))
    if schema == ERROR:
        found += [f"{name}: missing in an error" for name in ("status", "errorCode", "message") if name not in body]
        if body.get("status") != status:
            found.append(f"status: {body.get('status')} in the body")
    return [f"{told}: {each}" for each in found]


def webhook_problems(body: Any) -> list[str]:
    """What is wrong with a webhook, deviations included. Event codes without a schema have the generic one."""
    document = spec("Webhooks-v1")
    item = body["notificationItems"][0]["NotificationRequestItem"]
    code = item["eventCode"]
    operation = document.operation("POST", f"/{code}")
    schema: Mapping[str, Any] = {"$ref": "#/components/schemas/NotificationRequest"}
    if operation is not None:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
    found = list(dict.fromkeys(document.check(schema, body)))
    if len(body["notificationItems"]) != 1:
        found.append("notificationItems: a JSON webhook holds exactly one")
    return [f"webhook {code}: {each}" for each in found]


def deviation(problem: str) -> Deviation | None:
    """The deviation that a problem is."""
    return next((each for each in DEVIATIONS if re.fullmatch(each.pattern, problem)), None)


class Watch:
    """Collects what is wrong with the answers and webhooks of the servers in this process, deviations left out."""

    def __init__(self) -> None:
        self.answers = 0
        self.webhooks = 0
        self._found: list[str] = []

    def take(self) -> list[str]:
        """What was found since the last time."""
        found, self._found = list(dict.fromkeys(self._found)), []
        return found

    def answer(self, route: Route | None, answer: Answer) -> None:
        """Check an answer of the Checkout API."""
        base = BASE.match(route.path) if route is not None else None
        if route is None or base is None or route.access is not Access.API or not answer.body:
            return
        self.answers += 1
        self._note(problems(base[1], route.method, base[2], answer.status, json.loads(answer.body)), answer.body)

    def webhook(self, queued: Queued) -> None:
        """Check a webhook; the signature is added when it is sent."""
        body = json.loads(queued.body)
        body["notificationItems"][0]["NotificationRequestItem"]["additionalData"]["hmacSignature"] = "="
        self.webhooks += 1
        self._note(webhook_problems(body), queued.body)

    def _note(self, found: list[str], body: bytes) -> None:
        self._found += [f"{each}\n    {body.decode()}" for each in found if deviation(each) is None]


@contextmanager
def watching() -> Iterator[Watch]:
    """Look at every answer as it is concluded and at every webhook as it is queued."""
    watch = Watch()
    conclude, queue = pipeline.conclude, Outbox.queue

    def concluded(x: Exchange, door: pipeline.Door, journal: Journal, answer: Answer) -> web.StreamResponse:
        spoilt = any("half of the body" in note for note in x.record.notes)  # a scenario's fault, no answer of Adyen's
        if x.provider.name == "adyen" and not spoilt:
            watch.answer(x.route, answer)
        return conclude(x, door, journal, answer)

    def queued(outbox: Outbox, row: Queued, cause: int = 0) -> None:
        if row.provider == "adyen":
            watch.webhook(row)
        queue(outbox, row, cause)

    with mock.patch.object(pipeline, "conclude", concluded), mock.patch.object(Outbox, "queue", queued):
        yield watch


__all__ = ["DEVIATIONS", "VERSIONS", "deviation", "lacking", "problems", "watching", "webhook_problems"]
