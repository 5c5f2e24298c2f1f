"""The drawings: every transition table of every provider can be laid out, and nothing covers anything."""

from __future__ import annotations

import re
from enum import Enum
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockpsp.domain.portrait import Machine, Track
from mockpsp.providers.adyen import portrait as adyen
from mockpsp.providers.lyra import cashouts, vault
from mockpsp.providers.lyra import portrait as lyra
from mockpsp.providers.worldline import portrait as worldline
from mockpsp.providers.worldline import vault as worldline_vault
from mockpsp.web import graph
from mockpsp.web.story import Way

MODULES = (adyen, lyra, cashouts, vault, worldline, worldline_vault)
MACHINES = {
    f"{module.__name__.rpartition('providers.')[2]} {each.name}": each
    for module in MODULES
    for value in vars(module).values()
    for each in (value.values() if isinstance(value, dict) else (value,))
    if isinstance(each, Machine)
}


def way(machine: Machine, *states: Enum) -> Way:
    taken = list(states) or [next(iter(machine.steps))]
    return Way(Track(machine=machine, ref="R", state=taken[-1]), taken, [f"fact {each.value}" for each in taken])


_POINTS = re.compile(r"([-0-9.]+) [-0-9.]+")
"""The places of a path, without their heights."""


def covers(one: graph.Node, other: graph.Node) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


def check(drawing: graph.Graph) -> None:
    assert not [(one.word, other.word) for one, other in combinations(drawing.nodes, 2) if covers(one, other)]
    assert all(each.x >= 0 and each.x + each.width <= drawing.width for each in drawing.nodes)
    assert all(each.y >= 0 and each.y + each.height <= drawing.height for each in drawing.nodes)
    for arrow in drawing.arrows:
        assert all(0 <= float(x) <= drawing.width for x in _POINTS.findall(arrow.path)), "an arrow leaves the drawing"


@pytest.mark.parametrize("name", MACHINES)
def test_every_state_of_every_table_has_its_place(name: str) -> None:
    machine = MACHINES[name]
    drawing = graph.draw(way(machine))
    check(drawing)
    assert [each.word for each in drawing.nodes if each.now] == [machine.word(next(iter(machine.steps)))]
    assert sorted(each.word for each in drawing.nodes) == sorted(map(machine.word, machine.steps))
    assert {each.word for each in drawing.nodes if each.final} == {
        machine.word(each) for each in machine.steps if machine.final(each)
    }
    steps = {(one, after) for one, row in machine.steps.items() for after in row.values() if after is not one}
    assert len(drawing.arrows) == len(steps)


@pytest.mark.parametrize("name", MACHINES)
def test_good_and_bad_are_states_of_the_table(name: str) -> None:
    machine = MACHINES[name]
    assert machine.good | machine.bad <= set(machine.steps)
    assert not machine.good & machine.bad
    assert {machine.tone(each) for each in machine.steps} <= {"good", "bad", "wait", "quiet"}


def test_the_way_is_highlighted_with_its_facts() -> None:
    machine = MACHINES["adyen.portrait payment"]
    started, waiting, _, _, authorised, *_ = machine.steps
    drawing = graph.draw(way(machine, started, waiting, authorised))
    assert [each.label for each in drawing.arrows if each.taken] == ["fact awaiting shopper", "fact authorised"]
    assert [each.word for each in drawing.nodes if each.seen] == ["started", "awaiting shopper", "authorised"]
    assert drawing.way == [
        "started (fact started)",
        "awaiting shopper (fact awaiting shopper)",
        "authorised (fact authorised)",
    ]


def test_a_step_that_no_table_has_is_drawn_where_it_was_taken() -> None:
    """A sale is captured at once; Lyra's back office goes from anywhere to anywhere."""
    machine = MACHINES["lyra.portrait registration"]
    created, *_, closed, _, _ = machine.steps
    drawing = graph.draw(way(machine, created, closed))
    check(drawing)
    assert [each.title for each in drawing.arrows if each.taken] == ["fact CLOSED"]


@given(st.data())
def test_any_table_can_be_drawn(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 9))
    states = list(Enum("State", {f"S{number}": f"state {number}" for number in range(count)}))
    facts = [type(f"Fact{number}", (), {}) for number in range(4)]
    steps = {
        state: {fact: data.draw(st.sampled_from(states)) for fact in data.draw(st.sets(st.sampled_from(facts)))}
        for state in states
    }
    taken = data.draw(st.lists(st.sampled_from(states), min_size=1, max_size=6))
    drawing = graph.draw(way(Machine(name="any", steps=steps), *taken))
    check(drawing)
    assert len(drawing.nodes) == count
