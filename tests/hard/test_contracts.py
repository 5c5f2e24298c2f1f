"""Schemathesis reads our four OpenAPI documents and sends what they allow and what they forbid.

No answer may be a fault, each must be one that the document describes, and what is refused must change nothing. A few
examples of each operation here; ``make hard EXAMPLES=200`` takes longer.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

from mockpsp.edge.contract import read_openapi
from mockpsp.providers import discover
from tests.support.control import ControlledSandbox
from tests.support.hard import DOCUMENTS, START, Rough, operations
from tests.support.server import Threaded

EXAMPLES = int(os.environ.get("MOCKPSP_HARD_EXAMPLES", "0"))
FEW = 3
log = logging.getLogger(__name__)
PARTS = 3
"""Each document is tried in so many parts, so that workers share the work."""


@cache
def _schema(document: str) -> Any:
    import schemathesis  # late: it takes a while, and few tests need it

    return schemathesis.openapi.from_dict(dict(read_openapi(document)))


def _judge(case: Any, unsupported: bool) -> Callable[[requests.Response], str]:
    """What is wrong with an answer."""
    from schemathesis.core.failures import FailureGroup
    from schemathesis.specs.openapi import checks

    wanted = [
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_headers_conformance,
        checks.response_schema_conformance,
    ]

    def judged(answer: requests.Response) -> str:
        if answer.status_code >= 500 and not unsupported:
            return "no request may lead to that"
        told = wanted[:-1] if "yaml" in answer.headers.get("Content-Type", "") else wanted  # a text, not what is in it
        try:
            case.validate_response(answer, checks=told)
        except FailureGroup as found:
            return "; ".join(f"{each.title}: {each.message}" for each in found.exceptions)
        return ""

    return judged


def _try(rough: Rough, operation: Any, unsupported: bool) -> None:
    """Examples that the contract allows, and as many that it forbids."""
    from schemathesis import GenerationMode

    for mode in GenerationMode:
        try:
            cases = operation.as_strategy(generation_mode=mode)

            @settings(
                max_examples=EXAMPLES or FEW,
                derandomize=not EXAMPLES,
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=cases)
            def send(case: Any) -> None:
                rough.judge(case, _judge(case, unsupported))

            send()
        except Unsatisfiable:  # nothing is forbidden that a client could send
            continue


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_operation_answers_as_described_and_refusals_change_nothing(
    live: Threaded, new_sandbox: Callable[..., ControlledSandbox], document: str, part: int
) -> None:
    rough = Rough(live, new_sandbox(clock=START), document)
    provider = discover().get(document)
    left_out = {each.operation for each in provider.unsupported} if provider is not None else set()
    wanted = [each for index, each in enumerate(operations(document)) if index % PARTS == part]
    for name, method, path in wanted:
        _try(rough, _schema(document)[path][method], name in left_out)
    log.info("%s: %d operations, %d requests, %s", document, len(wanted), rough.sent, sorted(rough.statuses.items()))
    assert not rough.problems, f"{len(rough.problems)} problems:\n" + "\n".join(rough.problems[:20])
    assert rough.sent > len(wanted)
