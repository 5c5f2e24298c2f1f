"""What a store keeps comes back as it was, and a file can name nothing but values of ours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.msgpack import Encoder, Ext

from mockpsp import app
from mockpsp.domain.ledger import transfer
from mockpsp.domain.lifecycle import Body
from mockpsp.domain.money import Money
from mockpsp.scenario.engine import Position
from mockpsp.scenario.model import Op, Outage, Signature
from mockpsp.testing.player import play
from mockpsp.world import records
from mockpsp.world.clock import ClockMode
from mockpsp.world.codec import Unreadable, decode, encode
from mockpsp.world.store import MemoryStore
from tests.support.stories import STORIES, scenario

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
DAYS = st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1), timezones=OFFSETS)  # noqa: DTZ001
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    st.decimals(allow_nan=False),
    st.dates(),
    st.timedeltas(),
    DAYS,
    st.sampled_from([Op.IS, Signature.STALE, ClockMode.REAL]),
    st.builds(Money, st.integers(0, 10**12), st.sampled_from(["EUR", "JPY"])),
)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.dictionaries(st.text(), inner),
        st.frozensets(st.text()),
        st.dictionaries(st.tuples(st.text(), st.integers()), inner),
        st.builds(records.Happened, st.text(), st.text(), inner),
    ),
    max_leaves=20,
)


def same_kind(one: Any, other: Any) -> bool:
    """Tuples are equal to tuples only, but whole numbers are equal to booleans: look at the kinds as well."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (tuple, list)):
        return all(same_kind(*pair) for pair in zip(one, other, strict=True))
    if isinstance(one, dict):
        return all(same_kind(each, other[key]) for key, each in one.items())
    return not isinstance(one, datetime) or one.utcoffset() == other.utcoffset()


@given(VALUES)
def test_any_value_comes_back(value: Any) -> None:
    back = decode(encode(value))
    assert back == value
    assert same_kind(back, value)
    assert encode(back) == encode(value)


@pytest.mark.parametrize(
    "event",
    [
        records.Posted("a", transfer("paid", "world/a", "world/b", Money(100, "EUR"))),
        records.Queued(1, "adyen", "AUTHORISATION", "o", "r", Body(b"{}"), "http://localhost/", NOON, NOON, 1,
                       outage=Outage(fails=2, status=500)),
        records.Attempted(1, 2, NOON, None, "no answer", False, NOON + timedelta(minutes=1), True),
        records.ScriptMoved({"rule:a": Position(2, 1, 3.5, 0)}),
        records.IdsDrawn(7, (("payment", 3),)),
        records.Answered("key", NOON, NOON, 200, b"\x00\xff", b"f" * 32, NOON, (("Pspreference", "X"),)),
        records.ClockMoved(ClockMode.MANUAL, NOON, timedelta(hours=4)),
    ],
    ids=lambda event: type(event).__name__,
)  # fmt: skip
def test_what_a_world_appends_comes_back(event: Any) -> None:
    assert decode(encode(event)) == event


def test_the_bytes_of_a_webhook_are_made_before_they_are_kept() -> None:
    class Late:
        def __call__(self) -> bytes:
            return b'{"made": "late"}'

    queued = records.Queued(1, "adyen", "A", "o", "r", Body(Late()), "", NOON, NOON, 1)
    assert decode(encode(queued)).body == b'{"made": "late"}'


class Witness(MemoryStore):
    """Sees whether everything that is appended, and each line of the journal, can be kept."""

    durable = True

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    async def append(self, sandbox: str, expected_version: int, events: Sequence[Any]) -> int:
        for event in events:
            assert decode(encode(event)) == event
            self.seen.add(type(event).__name__)
        return await super().append(sandbox, expected_version, events)

    def note(self, sandbox: str, number: int, line: Any) -> None:
        back = decode(encode(line))
        assert (back.entry.number, back.entry.kind, back.remark) == (number, line.entry.kind, line.remark)
        assert encode(back) == encode(line)
        self.seen.add(line.entry.kind)


@pytest.mark.parametrize("name", STORIES[::12])
async def test_whole_stories_can_be_kept(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    witness = Witness()
    monkeypatch.setattr(app, "MemoryStore", lambda keep: witness)
    played = await play(scenario(name))
    assert not played.failures
    assert {"Happened", "ScenarioChanged", "request", "decision", "event"} <= witness.seen


def packed(code: int, value: Any) -> bytes:
    return Encoder().encode(Ext(code, Encoder().encode(value)))


@pytest.mark.parametrize(
    "data",
    [
        packed(1, ["os:environ", {}]),
        packed(1, ["domain.money:Nothing", {}]),
        packed(1, ["../domain.money:Money", {}]),
        packed(1, ["cli:Path", {}]),
        packed(1, ["world.codec:Unreadable", {}]),
        packed(1, ["domain.money:Money", {"minor": 1}]),
        packed(1, ["domain.money:Money", {"minor": 1, "currency": "EUR", "more": 2}]),
        packed(4, ["scenario.model:Op", "never"]),
        packed(99, None),
        b"\xc1",
        b"",
    ],
)  # fmt: skip
def test_what_nobody_wrote_is_refused(data: bytes) -> None:
    with pytest.raises(Unreadable):
        decode(data)


@pytest.mark.parametrize("value", [object(), {"a": object()}, NOON.replace(tzinfo=None), Exception("x"), print])
def test_what_is_no_value_is_not_kept(value: Any) -> None:
    with pytest.raises(TypeError):
        encode(value)


def test_days_and_numbers_with_a_point_are_themselves() -> None:
    assert decode(encode([date(2026, 7, 1), Decimal("1.10"), 2**70])) == [date(2026, 7, 1), Decimal("1.10"), 2**70]
