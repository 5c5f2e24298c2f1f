"""One sandbox of a running server, worked on as one provider's merchant, whoever that provider is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

import requests

from mockpsp.edge.contract import Contract
from mockpsp.edge.keys import CONTRACTS
from mockpsp.edge.pipeline import TRACE
from mockpsp.edge.provider import Provider
from mockpsp.world.journal import Entry, Reasoning
from mockpsp.world.records import Queued
from mockpsp.world.sandboxes import Sandbox
from tests.conformance.subject import Ask, Subject
from tests.support.connection import compiled
from tests.support.control import ControlledSandbox
from tests.support.plainhttp import Answer, exchange, message
from tests.support.server import Threaded
from tests.support.state import state_of

CLOCK = "2026-07-01T09:00:00Z"
HOST = "localhost:8080"


@dataclass(frozen=True)
class Bench:
    """``controlled`` steers the sandbox from outside, ``sandbox`` is the thing itself, in the server's thread."""

    live: Threaded
    provider: Provider
    subject: Subject
    controlled: ControlledSandbox
    sandbox: Sandbox

    @property
    def keyed(self) -> bool:
        """Whether the provider's API has idempotence keys."""
        return any(route.idempotent for route in self.provider.routes)

    # -- calling -----------------------------------------------------------------------------------------------------

    def request(self, ask: Ask, key: str | None = None) -> tuple[bytes, str]:
        """The bytes of a call and its method."""

        def make() -> tuple[str, str, dict[str, str], bytes | None]:
            return self.provider.merchant().request(
                self.sandbox,
                ask.operation,
                path=ask.path,
                query=ask.query,
                body=ask.body,
                key=key,
                headers={},
                now=self.sandbox.world.clock.now(),
            )

        method, target, headers, body = self.live.call(make)
        sent = [("Host", HOST), *headers.items(), ("Connection", "close")]
        if body is not None:
            sent.append(("Content-Length", str(len(body))))
        return message(method, target, sent, body or b""), method

    def raw(self, ask: Ask, key: str | None = None) -> Answer:
        """The answer to a call, whatever it is. Raises an HTTPException when the connection was cut."""
        return exchange(self.live.port, *self.request(ask, key))

    def call(self, ask: Ask, key: str | None = None) -> Answer:
        """The same; the answer must be one that the contract promises, and the journal must explain it."""
        answer = self.raw(ask, key)
        problem = promised(self.contract, ask.operation, answer)
        assert problem is None, problem
        assert answer.headers[TRACE], "every answer carries a trace"
        return answer

    def made(self, ask: Ask, key: str | None = None) -> Any:
        """The JSON of an answer that is not a refusal; all that follows from it has happened."""
        answer = self.call(ask, key)
        assert answer.status < 300, answer.text
        self.settle()
        return answer.json()

    def cut(self, ask: Ask, key: str | None = None) -> None:
        """A call whose connection must be cut before an answer comes."""
        try:
            answer = self.raw(ask, key)
        except (HTTPException, ConnectionError):
            return
        raise AssertionError(f"an answer came: {answer.status} {answer.text}")

    def shop(self, ref: str, action: Mapping[str, Any]) -> int:
        """Act in the shopper's place; the status of the control API's answer."""
        url = f"{self.live.url}/_mockpsp/sandboxes/{self.controlled.id}/checkouts/{ref}/shopper"
        return requests.post(url, json=action, timeout=30).status_code

    def settle(self) -> None:
        """Let everything happen that is due."""
        self.controlled.settle()

    # -- looking -----------------------------------------------------------------------------------------------------

    @property
    def contract(self) -> Contract:
        """The provider's contract."""
        contract: Contract = self.live.server.app[CONTRACTS][self.provider.name]
        return contract

    def state(self) -> dict[str, Any]:
        """All that the sandbox is."""
        return self.live.call(lambda: state_of(self.sandbox))

    def objects(self) -> int:
        """How many objects there are."""
        return sum(len(each) for each in self.state()["objects"].values())

    def entries(self) -> list[Entry]:
        """The journal."""
        return self.live.call(lambda: list(self.sandbox.world.journal.since(0)))

    def webhooks(self) -> list[Queued]:
        """Every webhook so far."""
        return [row[0] for row in self.state()["outbox"].values()]

    def decided_by(self, rule: str) -> list[str]:
        """The operations that a rule decided."""
        found = [each for each in self.entries() if isinstance(each.data, Reasoning) and each.data.rule == rule]
        return [each.operation.partition(".")[2] for each in found]


def promised(contract: Contract, operation: str, answer: Answer) -> str | None:
    """What is wrong with an answer, by the contract; None when nothing is."""
    responses = contract.operation(operation).responses
    known = responses.get(str(answer.status)) or responses.get("default")
    if known is None:
        return f"{operation} must not answer {answer.status}: {answer.text}"
    content = contract.resolve(known).get("content")
    if content is None:
        return None if answer.body == b"" else f"{operation} {answer.status} has no body: {answer.text}"
    wrong = compiled(contract, content["application/json"]["schema"]).iter_errors(answer.json())
    problems = [f"{list(each.instance_path)}: {each.message}" for each in wrong]
    return f"{operation} {answer.status}: {problems} {answer.text}" if problems else None
