"""Whatever a file holds: a scenario or a ScenarioError, every problem with a place inside the file, and never for long.

``MOCKPSP_FUZZ_SECONDS=300 make fuzz`` goes on for five minutes; without it each test takes a second or two.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import monotonic, process_time
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped,unused-ignore]
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockpsp.app import catalogues
from mockpsp.scenario.library import Library
from mockpsp.scenario.loader import Problem, ScenarioError

LIBRARY = Library(catalogues)
TEXTS = [LIBRARY.path(name).read_text(encoding="utf-8") for name in LIBRARY.names()]
VALUES = [yaml.safe_load(text) for text in TEXTS]
BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What ends a line in YAML."""
SECONDS = float(os.environ.get("MOCKPSP_FUZZ_SECONDS", "0"))
BOUND = 10.0
"""Seconds of the processor for one file, the machine's worst day included."""

ODD: list[Any] = [
    None, True, False, 0, -1, 2**63, 10**400, 1.5, float("inf"), "", " ", "é", "\U0001f600", "\u202e", "x" * 10_000,
    "12.00 EUR", "-0.01 EUR", "999999999999999.99 EUR", "PT4H", "P9999999D", "2026-02-30T00:00:00Z", "+4h", "+", "*",
    "worldline.*", "adyen.payments", "${x.y}", "${", "(a+)+$", "[", [], {}, [[]], [None], {"": ""}, {"a": {"b": {}}},
]  # fmt: skip
KEYS = "extends per from until nth times when then deliver throttle latency body <<".split()
SNIPPETS = [
    "\t", "\n", ": ", "- ", "&a ", "*a", "<<: *a", "{", "}", "[", "]", "'", '"', "#", "|", ">", "? ", "@", "`", "é",
    "---\n", "...\n", "%YAML 1.1\n", "\0", "\r", "\x85", "\u2028", "\ufeff", "9" * 400, "{" * 100, "- " * 100,
    "!!python/object:os.system ",
]  # fmt: skip
EXTENDS = st.sampled_from(["default", "adyen/throttled-once", "worldline/family-campsite", "nobody", "../x.yaml", "\0"])


def examples(seconds: float) -> Callable[[Any], Any]:
    """A few examples, or as many as fit into some time."""
    count = 60 if not seconds else 1_000_000
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
    return settings(max_examples=count, deadline=None, suppress_health_check=checks, derandomize=not seconds)


class Enough(Exception):
    """The time is over."""


def problems(read: Callable[[], Any]) -> tuple[Problem, ...]:
    """What is wrong, if anything is; the clock is the processor's, which other work hardly disturbs."""
    began = process_time()
    found: tuple[Problem, ...] = ()
    try:
        read()
    except ScenarioError as error:
        found = error.problems or (Problem("", 0, 0, ""),)
    assert process_time() - began < BOUND
    assert all(each.message for each in found)
    return found


def check(text: str | bytes) -> None:
    """A scenario or a refusal with places."""
    rows = BREAK.split((text.decode("utf-8", "replace") if isinstance(text, bytes) else text).removeprefix("\ufeff"))
    for each in problems(lambda: LIBRARY.parse(text, file="f.yaml", name="f")):
        assert 1 <= each.line <= len(rows), each
        assert 1 <= each.column <= len(rows[each.line - 1]) + 1, each


def check_value(value: Any) -> None:
    """The same for an object that came as JSON: places are JSON pointers."""
    for each in problems(lambda: LIBRARY.from_value(value)):
        assert each.path == "" or each.path.startswith("/"), each


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a value."""
    found = [path]
    for key, each in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        found += places(each, (*path, key))
    return found


def changed(value: Any, path: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    """A value with something else at one place."""
    if not path:
        return change(value)
    key, *rest = path
    if isinstance(value, dict):
        return {name: changed(each, tuple(rest), change) if name == key else each for name, each in value.items()}
    return [changed(each, tuple(rest), change) if index == key else each for index, each in enumerate(value)]


@st.composite
def mutants(draw: st.DrawFn) -> Any:
    """A shipped scenario with a few places changed: a value, a key, a type, a level more."""
    value = draw(st.sampled_from(VALUES))
    if draw(st.booleans()):
        value = {**value, "extends": draw(EXTENDS | st.lists(EXTENDS, max_size=3))}
    for _ in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from(places(value)))
        odd, key = draw(st.sampled_from(ODD)), draw(st.sampled_from(KEYS) | st.text(max_size=5))
        change = partial(draw(st.sampled_from(CHANGES)), odd=odd, key=key, levels=draw(st.integers(1, 70)))
        value = changed(value, path, change)
    return value


def other(old: Any, *, odd: Any, key: str, levels: int) -> Any:
    """Something else."""
    return odd


def wrapped(old: Any, *, odd: Any, key: str, levels: int) -> Any:
    """A level more, under a key."""
    return {key: old}


def twice(old: Any, *, odd: Any, key: str, levels: int) -> Any:
    """A list of it."""
    return [old, old]


def as_text(old: Any, *, odd: Any, key: str, levels: int) -> Any:
    """Another type."""
    return str(old)


def deep(old: Any, *, odd: Any, key: str, levels: int) -> Any:
    """Some levels down."""
    for _ in range(levels):
        old = [old]
    return old


def more(old: Any, *, odd: Any, key: str, levels: int) -> Any:
    """One key more."""
    return {**old, key: odd} if isinstance(old, dict) else odd


def less(old: Any, *, odd: Any, key: str, levels: int) -> Any:
    """One key less."""
    return dict(list(old.items())[1:]) if isinstance(old, dict) else odd


CHANGES = [other, wrapped, twice, as_text, deep, more, less]


@st.composite
def scribbles(draw: st.DrawFn) -> str:
    """The text of a shipped scenario, scribbled on."""
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(text)))
        cut = draw(st.integers(0, 20))
        text = text[:at] + draw(st.sampled_from(SNIPPETS) | st.text(max_size=8)) + text[at + cut :]
    return text


TEXT = st.text(st.sampled_from(" \n\t:-?[]{}&*!|>'\"%@`#,.ae0123456789é\U0001f600") | st.characters(), max_size=300)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(ODD),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=30,
)
HEAD = "mockpsp: 1\ntitle: t\n"
INPUTS: dict[str, st.SearchStrategy[Any]] = {
    "mutants": mutants().map(lambda value: yaml.safe_dump(value, allow_unicode=True)),
    "scribbles": scribbles(),
    "text": TEXT,
    "text below a head": TEXT.map(lambda text: HEAD + text),
    "bytes": st.binary(max_size=300).map(lambda raw: HEAD.encode() + raw),
}
VALUED: dict[str, st.SearchStrategy[Any]] = {"mutants": mutants(), "json": JSON}


def keep_at_it(strategy: st.SearchStrategy[Any], look: Callable[[Any], None], share: int) -> None:
    """Look at examples, until the share of the time is over."""
    until = monotonic() + SECONDS / share

    @examples(SECONDS)
    @given(strategy)
    def run(example: Any) -> None:
        if SECONDS and monotonic() > until:
            raise Enough
        look(example)

    try:
        run()
    except Enough:
        return
    except BaseExceptionGroup as group:  # Hypothesis tries again what it takes for a flaky failure
        if group.subgroup(Enough) is None:
            raise


@pytest.mark.parametrize("kind", INPUTS)
def test_any_file_is_a_scenario_or_is_told_where_it_is_not(kind: str) -> None:
    keep_at_it(INPUTS[kind], check, len(INPUTS) + len(VALUED))


@pytest.mark.parametrize("kind", VALUED)
def test_any_object_is_a_scenario_or_is_told_where_it_is_not(kind: str) -> None:
    keep_at_it(VALUED[kind], check_value, len(INPUTS) + len(VALUED))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000, "{a: " * 100_000, "- " * 100_000, "&a [*a, *a]", "a: &a [x]\n" + "b: [*a]\n" * 50_000,
        "\n".join([f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" if n else "a0: &a0 [x]" for n in range(40)]),
        HEAD + "rules:\n" + "- {operation: worldline.refund, times: 1, then: {outcome: refused}}\n" * 5_000,
        HEAD + "rules:\n" + "- {operation: worldline.refnd, then: {outcome: refusd}}\n" * 5_000,
        HEAD + "extends:\n" + "- default\n" * 200,
        HEAD + "tags: [" + "9" * 900_000 + "]",
    ],
    ids=lambda text: text[:30],
)  # fmt: skip
def test_large_and_deep_files_take_no_time(text: str) -> None:
    check(text)


def test_files_of_a_family_are_as_safe(tmp_path: Path) -> None:
    """A parent that is a folder, a broken file, or goes back and forth."""
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "broken.yaml").write_bytes(b"\xff\xfe")
    for name in ("folder.yaml", "broken.yaml", "./" * 3000 + "broken.yaml", "a/../../" * 10 + "x.yaml"):
        with pytest.raises(ScenarioError) as caught:
            LIBRARY.parse(f"{HEAD}extends: {name}", file="f", name="f", at=tmp_path / "f.yaml")
        assert {(each.line, each.column) for each in caught.value.problems} == {(3, 10)}
