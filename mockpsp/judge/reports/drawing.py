"""The sequence of a run as lines to draw.

Read from the diagram in Mermaid's language that a report carries, so that a page can be made of a stored judgement
too. Only what ``judge.sequence`` writes is understood; what is not, is left out of the drawing, and stays in the text.
"""

from __future__ import annotations

import re

from mockpsp.domain.value import Value

_LANE, _SIDE, _TOP, _STEP = 240.0, 110.0, 60.0, 34.0
_LINE = re.compile(r"(\w+)(--?)(>>|x)(\w+): (.*)")
_NOTE = re.compile(r"Note over [\w,]+: (.*)")
_LONGEST = 36


class Arrow(Value, frozen=True):
    """``broken`` where nothing arrived, ``dashed`` for answers; ``whole`` is the text that was shortened."""

    x: float
    to_x: float
    y: float
    text: str
    whole: str
    dashed: bool
    broken: bool


class Drawing(Value, frozen=True):
    """Lanes as pairs of a name and a place; ``note`` says what is not drawn."""

    width: float
    height: float
    lanes: tuple[tuple[str, float], ...]
    arrows: tuple[Arrow, ...]
    note: str


def drawing(mermaid: str) -> Drawing | None:
    """What to draw; None when there is nothing."""
    lines = [each.strip() for each in mermaid.splitlines()]
    names = [each.split()[1] for each in lines if each.startswith(("actor ", "participant "))]
    found = [each for each in map(_LINE.fullmatch, lines) if each is not None]
    spoke = {name for each in found for name in (each[1], each[4])}
    lanes = tuple((name, _SIDE + _LANE * number) for number, name in enumerate(each for each in names if each in spoke))
    at = dict(lanes)
    arrows = tuple(
        Arrow(
            x=at[each[1]],
            to_x=at[each[4]],
            y=_TOP + _STEP * number,
            text=each[5] if len(each[5]) <= _LONGEST else f"{each[5][: _LONGEST - 1]}…",
            whole=each[5],
            dashed=each[2] == "--",
            broken=each[3] == "x",
        )
        for number, each in enumerate(found)
        if each[1] in at and each[4] in at
    )
    if not arrows:
        return None
    notes = [each[1] for each in map(_NOTE.fullmatch, lines) if each is not None]
    width = 2 * _SIDE + _LANE * (len(lanes) - 1)
    return Drawing(width, arrows[-1].y + _STEP, lanes, arrows, "; ".join(notes))
