"""What rules can compare: a question brings the facts that the catalogue promises, all of them, no others."""

from __future__ import annotations

from typing import Any

import pytest

from mockpsp.app import catalogues
from mockpsp.domain.lifecycle import Fact, Question
from mockpsp.domain.money import Money
from mockpsp.scenario.engine import Asked, Script
from mockpsp.testing.player import play
from tests.support.stories import STORIES, scenario

KINDS: dict[str, Any] = {"money": Money, "text": str, "number": int, "flag": bool}


@pytest.mark.parametrize("name", STORIES)
async def test_every_question_of_a_story_brings_the_facts_that_are_promised(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Question] = []
    ask = Script.ask

    def heard(script: Script, question: Question, *more: Any) -> Asked:
        asked.append(question)
        return ask(script, question, *more)

    monkeypatch.setattr(Script, "ask", heard)
    await play(scenario(name))

    wrong = [problem for question in asked for problem in problems(question)]
    assert sorted(set(wrong)) == []


def problems(question: Question) -> list[str]:
    provider, _, operation = question.operation.partition(".")
    operations = catalogues()[provider].operations
    if operation not in operations:
        return [f"{question.operation} is no operation"]
    promised = operations[operation].facts
    strange = [f"{question.operation} does not promise {fact}" for fact in question.facts.keys() - promised.keys()]
    lacking = [f"{question.operation} lacks {fact}" for fact in promised.keys() - question.facts.keys()]
    told = (
        f"{question.operation} says {fact} is {value!r}, promised as {promised[fact]}"
        for fact, value in question.facts.items()
        if fact in promised and not fits(value, promised[fact])
    )
    return [*strange, *lacking, *told]


def fits(value: Fact, kind: str) -> bool:
    """Whether a fact is of its kind; one that is not known is None."""
    return value is None or (isinstance(value, KINDS[kind]) and isinstance(value, bool) is (kind == "flag"))
