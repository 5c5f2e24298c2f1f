"""Ids come from the seed, one draw per command, and only what commits moves them on."""

from __future__ import annotations

import re
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from mockpsp.world.ids import Draw, IdSource


def some(draw: Draw) -> list[object]:
    return [draw.uuid(), draw.hex(14), draw.below(1000), draw.next("a"), draw.next("a"), draw.next("b")]


def test_the_same_seed_and_the_same_draws_give_the_same_ids() -> None:
    assert some(IdSource(7, "s1").draw()) == some(IdSource(7, "s1").draw())


def test_another_seed_or_another_sandbox_gives_others() -> None:
    firsts = {IdSource(seed, salt).draw().uuid() for seed in (1, 2) for salt in ("s1", "s2")}
    assert len(firsts) == 4


def test_a_draw_that_is_not_committed_leaves_the_source_where_it_was() -> None:
    source = IdSource(7, "s1")
    assert some(source.draw()) == some(source.draw())
    assert (source.cursor, source.series) == (0, {})


def test_a_draw_goes_on_from_where_the_last_one_was_committed() -> None:
    source = IdSource(7, "s1")
    first = source.draw()
    ids = [first.uuid(), first.next("a")]
    source.cursor, source.series = first.cursor, dict(first.series)
    second = source.draw()
    assert second.next("a") == 2
    assert second.uuid() not in ids


def test_whether_anything_was_drawn() -> None:
    source = IdSource(7, "s1")
    idle, numbered, opaque = source.draw(), source.draw(), source.draw()
    numbered.next("a")
    opaque.hex(2)
    assert [each.moved for each in (idle, numbered, opaque)] == [False, True, True]


@given(seed=st.integers(0, 2**40), draws=st.integers(1, 20))
def test_a_uuid_is_one_of_version_four(seed: int, draws: int) -> None:
    draw = IdSource(seed, "s1").draw()
    for text in [draw.uuid() for _ in range(draws)]:
        assert (str(UUID(text)), UUID(text).version) == (text, 4)


@given(digits=st.integers(1, 64))
def test_hexadecimal_digits_are_as_many_as_asked_for(digits: int) -> None:
    assert re.fullmatch(f"[0-9a-f]{{{digits}}}", IdSource(7, "s1").draw().hex(digits))


@given(bound=st.integers(1, 10**9), seed=st.integers(0, 100))
def test_a_number_is_below_its_bound(bound: int, seed: int) -> None:
    assert 0 <= IdSource(seed, "s1").draw().below(bound) < bound


def test_a_fixed_id_belongs_to_its_number_and_uses_no_draw() -> None:
    source = IdSource(7, "s1")
    assert source.fixed("error", 12) == source.fixed("error", 12)
    assert len({source.fixed(purpose, number) for purpose in ("error", "trace") for number in (1, 2)}) == 4
    assert source.cursor == 0


def test_a_late_id_is_the_one_that_would_have_been_drawn_at_once() -> None:
    now, later = IdSource(7, "s1").draw(), IdSource(7, "s1").draw()
    first = later.late_uuid()
    assert [now.uuid(), now.uuid()] == [str(first), later.uuid()]
    assert str(first) == str(first)
