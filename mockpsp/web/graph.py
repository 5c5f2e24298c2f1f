"""Draws a transition table: a small layered layout of its states from top to bottom, and the way that was taken.

States are put below those that lead to them; steps back up are drawn beside. Where a step passes a layer, a bend of its
own keeps a place free for it there. The template ``graph.html`` turns the result into SVG.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from msgspec import Struct

from mockpsp.domain.portrait import Machine
from mockpsp.web import words
from mockpsp.web.story import Way

_HEIGHT = 30.0
_APART = 22.0
_BETWEEN = 44.0
_MARGIN = 14.0
_PER_LETTER = 7.3
_PADDING = 22.0
_BEND = 10.0
_ROW = 4
"""States that no step leads to or from stand in rows of this many."""


class Node(NamedTuple):
    """A state as a box; ``tone`` colours the present one."""

    x: float
    y: float
    width: float
    height: float
    word: str
    seen: bool
    now: bool
    final: bool
    tone: str


class Arrow(NamedTuple):
    """A step as a path of SVG; ``label`` and its place are given on the way that was taken."""

    path: str
    taken: bool
    title: str
    label: str
    x: float
    y: float


class Graph(NamedTuple):
    """The whole drawing, and the same in words: every step of the table, and the way."""

    width: float
    height: float
    nodes: list[Node]
    arrows: list[Arrow]
    steps: list[str]
    way: list[str]


class _Place(Struct, eq=False):
    """A state, or a bend of a long step, on its way to a place."""

    state: Any
    width: float
    layer: int
    order: float = 0.0
    x: float = 0.0

    def y(self) -> float:
        return _MARGIN + self.layer * (_HEIGHT + _BETWEEN)


def draw(way: Way) -> Graph:
    """The table of a track with its way through it."""
    machine = way.machine
    taken = _taken(way)
    names = _names(machine, way)
    states = list(dict.fromkeys([*machine.steps, *way.states]))
    linked = {each for step in names for each in step} | set(way.states)
    layout = _Layout([each for each in states if each in linked], list(names), machine)
    rest = layout.put_below([each for each in states if each not in linked], machine)
    nodes = [_node(place, machine, way) for place in (*layout.states.values(), *rest)]
    arrows = [layout.arrow(step, told, taken.get(step)) for step, told in names.items()]
    width = max((node.x + node.width for node in nodes), default=0.0) + _MARGIN
    right = max((*(arrow.x for arrow in arrows), *layout.turns()), default=0.0)
    height = max((node.y + node.height for node in nodes), default=0.0) + _MARGIN
    return Graph(max(width, right + _MARGIN), height, nodes, arrows, _steps(names, machine), _told(way))


def _taken(way: Way) -> dict[tuple[Any, Any], str]:
    """The steps that were taken, with the facts that led from one state to the other."""
    taken: dict[tuple[Any, Any], dict[str, None]] = {}
    for step, fact in zip(pairwise(way.states), way.steps[1:], strict=False):
        taken.setdefault(step, {})[fact] = None
    return {step: ", ".join(facts) for step, facts in taken.items()}


def _names(machine: Machine, way: Way) -> dict[tuple[Any, Any], list[str]]:
    """What leads from one state to another; the way may have taken steps that the table does not hold."""
    names: dict[tuple[Any, Any], list[str]] = {}
    for before, row in machine.steps.items():
        for fact, after in row.items():
            if after is not before:
                names.setdefault((before, after), []).append(words.spoken(fact.__name__))
    for number, step in enumerate(pairwise(way.states), 1):
        names.setdefault(step, way.steps[number : number + 1])
    return names


def _node(place: _Place, machine: Machine, way: Way) -> Node:
    state = place.state
    return Node(
        x=place.x,
        y=place.y(),
        width=place.width,
        height=_HEIGHT,
        word=machine.word(state),
        seen=state in way.states,
        now=state is way.track.state,
        final=machine.final(state),
        tone=machine.tone(state),
    )


def _steps(names: Mapping[tuple[Any, Any], list[str]], machine: Machine) -> list[str]:
    return [
        f"{machine.word(before)} → {machine.word(after)}: {', '.join(told)}" for (before, after), told in names.items()
    ]


def _told(way: Way) -> list[str]:
    facts = [*way.steps, *[""] * (len(way.states) - len(way.steps))]
    return [
        f"{way.machine.word(state)}{f' ({fact})' if fact else ''}"
        for state, fact in zip(way.states, facts, strict=False)
    ]


class _Layout:
    """Layers, an order in each of them with few crossings, and places."""

    def __init__(self, states: Sequence[Any], steps: Sequence[tuple[Any, Any]], machine: Machine) -> None:
        self.back = _back_steps(states, steps)
        down = [step for step in steps if step not in self.back]
        layers = _layers(states, down)
        self.states = {each: _Place(each, _wide(machine.word(each)), layers[each]) for each in states}
        self.bends: dict[tuple[Any, Any], list[_Place]] = {
            (before, after): [_Place(None, _BEND, layer) for layer in range(layers[before] + 1, layers[after])]
            for before, after in down
        }
        self.depth = max(layers.values(), default=-1) + 1
        self._rows: list[list[_Place]] = [[] for _ in range(self.depth)]
        for place in (*self.states.values(), *(each for bends in self.bends.values() for each in bends)):
            self._rows[place.layer].append(place)
        self._sort(down)
        self._set(down)

    def _neighbours(self, down: Iterable[tuple[Any, Any]]) -> list[tuple[_Place, _Place]]:
        """Every piece of a step from one layer to the next."""
        pieces = []
        for before, after in down:
            chain = [self.states[before], *self.bends[before, after], self.states[after]]
            pieces += list(pairwise(chain))
        return pieces

    def _sort(self, down: Sequence[tuple[Any, Any]]) -> None:
        """Order each layer by where its neighbours stand, downwards and upwards in turn."""
        above: dict[int, list[_Place]] = {}
        below: dict[int, list[_Place]] = {}
        for upper, lower in self._neighbours(down):
            above.setdefault(id(lower), []).append(upper)
            below.setdefault(id(upper), []).append(lower)
        for row in self._rows:
            _number(row)
        for turn in range(6):
            rows, near = (self._rows, above) if turn % 2 == 0 else (self._rows[::-1], below)
            for row in rows:
                row.sort(key=lambda place: _middle(near.get(id(place), ()), place.order))
                _number(row)

    def _set(self, down: Sequence[tuple[Any, Any]]) -> None:
        """Side by side first; then each is drawn towards those that it is linked with, its order kept."""
        near: dict[int, list[_Place]] = {}
        for upper, lower in self._neighbours(down):
            near.setdefault(id(lower), []).append(upper)
            near.setdefault(id(upper), []).append(lower)
        for row in self._rows:
            x = 0.0
            for place in row:
                place.x = x
                x += place.width + _APART
        for turn in range(12):
            for row in self._rows if turn % 2 == 0 else self._rows[::-1]:
                _draw_near(row, [_wanted(place, near.get(id(place), ())) for place in row])
        left = min((place.x for row in self._rows for place in row), default=0.0)
        for place in (each for row in self._rows for each in row):
            place.x += _MARGIN - left

    def put_below(self, states: Sequence[Any], machine: Machine) -> list[_Place]:
        """States that nothing leads to by itself, in rows below the others."""
        places = []
        for start in range(0, len(states), _ROW):
            x = _MARGIN
            for state in states[start : start + _ROW]:
                place = _Place(state, _wide(machine.word(state)), self.depth + start // _ROW, x=x)
                x += place.width + _APART
                places.append(place)
        return places

    def turns(self) -> Iterator[float]:
        """Where arrows pass by states that they have nothing to do with."""
        return (each.x + each.width / 2 for bends in self.bends.values() for each in bends)

    def arrow(self, step: tuple[Any, Any], names: Sequence[str], fact: str | None) -> Arrow:
        """A step as curves through its bends, or beside everything when it leads back up; the fact if it was taken."""
        before, after = self.states[step[0]], self.states[step[1]]
        title, label, taken = ", ".join(names), fact or "", fact is not None
        if step in self.back:
            return self._up(before, after, taken, title, label)
        points = [(before.x + before.width / 2, before.y() + _HEIGHT)]
        points += [(each.x + each.width / 2, each.y() + _HEIGHT / 2) for each in self.bends[step]]
        points += [(after.x + after.width / 2, after.y())]
        path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
        for (x, y), (to_x, to_y) in pairwise(points):
            half = (y + to_y) / 2
            path += f" C{x:.1f} {half:.1f} {to_x:.1f} {half:.1f} {to_x:.1f} {to_y:.1f}"
        (x, y), (to_x, to_y) = points[0], points[1]
        return Arrow(path, taken, title, label, (x + to_x) / 2, (y + to_y) / 2)

    def _up(self, before: _Place, after: _Place, taken: bool, title: str, label: str) -> Arrow:
        x, y = before.x + before.width, before.y() + _HEIGHT / 2
        to_x, to_y = after.x + after.width, after.y() + _HEIGHT / 2
        out = max(x, to_x) + _APART
        path = f"M{x:.1f} {y:.1f} C{out:.1f} {y:.1f} {out:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"
        return Arrow(path, taken, title, label, out, (y + to_y) / 2)


def _wide(word: str) -> float:
    return len(word) * _PER_LETTER + _PADDING


def _number(row: Iterable[_Place]) -> None:
    for order, place in enumerate(row):
        place.order = float(order)


def _wanted(place: _Place, near: Sequence[_Place]) -> float:
    """Where a place would stand if it were alone in its layer: right below or above the middle of its neighbours."""
    if not near:
        return place.x
    return sum(each.x + each.width / 2 for each in near) / len(near) - place.width / 2


def _draw_near(row: Sequence[_Place], wanted: Sequence[float]) -> None:
    """As near to where they want to be as room allows: once pushed from the left, once from the right, the mean."""
    rightwards, leftwards = list(wanted), list(wanted)
    for index in range(1, len(row)):
        least = rightwards[index - 1] + row[index - 1].width + _APART
        rightwards[index] = max(rightwards[index], least)
    for index in range(len(row) - 2, -1, -1):
        most = leftwards[index + 1] - row[index].width - _APART
        leftwards[index] = min(leftwards[index], most)
    for place, right, left in zip(row, rightwards, leftwards, strict=True):
        place.x = (right + left) / 2


def _middle(near: Iterable[_Place], own: float) -> float:
    orders = [place.order for place in near]
    return sum(orders) / len(orders) if orders else own


def _back_steps(states: Sequence[Any], steps: Sequence[tuple[Any, Any]]) -> set[tuple[Any, Any]]:
    """Steps that lead back to a state from which one has come; without them there is no circle."""
    after: dict[Any, list[Any]] = {}
    for source, target in steps:
        after.setdefault(source, []).append(target)
    back: set[tuple[Any, Any]] = set()
    done: set[Any] = set()
    under_way: set[Any] = set()

    def visit(state: Any) -> None:
        under_way.add(state)
        for target in after.get(state, ()):
            if target in under_way:
                back.add((state, target))
            elif target not in done:
                visit(target)
        under_way.discard(state)
        done.add(state)

    for state in states:
        if state not in done:
            visit(state)
    return back


def _layers(states: Sequence[Any], down: Sequence[tuple[Any, Any]]) -> dict[Any, int]:
    """Each state below all that lead to it."""
    layers = dict.fromkeys(states, 0)
    for _ in states:
        moved = False
        for before, after in down:
            if layers[after] <= layers[before]:
                layers[after] = layers[before] + 1
                moved = True
        if not moved:
            break
    return layers
