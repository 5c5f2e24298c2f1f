"""Delta debugging: the smallest part of a mixture of bends that still shows the same thing."""

from __future__ import annotations

from collections.abc import Callable

from mockpsp.judge.bends import Bend, Set


def shrink(bends: Set, fails: Callable[[Set], bool]) -> Set:
    """Fewer bends, then smaller numbers in each, as long as ``fails`` says that it is still there.

    No bend of the result can be left out. ``fails`` is not asked about ``bends`` itself, nor about none at all.
    """
    return _smaller_numbers(_fewer(bends, fails), fails)


def _fewer(bends: Set, fails: Callable[[Set], bool]) -> Set:
    """Zeller's ddmin: halves, what is left without them, then finer parts."""
    pieces = 2
    while len(bends) > 1:
        size = max(1, len(bends) // pieces)
        parts = [bends[start : start + size] for start in range(0, len(bends), size)]
        rests = [tuple(each for each in bends if each not in part) for part in parts]
        fewer = (each for each in (*parts, *rests) if 0 < len(each) < len(bends))
        smaller = next((each for each in fewer if fails(each)), None)
        if smaller is not None:
            bends, pieces = smaller, 2
        elif size == 1:
            return bends
        else:
            pieces = min(len(bends), pieces * 2)
    return bends


def _smaller_numbers(bends: Set, fails: Callable[[Set], bool]) -> Set:
    for number in range(len(bends)):
        for simpler in bends[number].simpler():
            tried = _with(bends, number, simpler)
            if fails(tried):
                bends = tried
                break
    return bends


def _with(bends: Set, number: int, other: Bend) -> Set:
    return (*bends[:number], other, *bends[number + 1 :])
