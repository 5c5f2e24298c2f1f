"""A webhook's bytes: made once, when somebody needs them."""

from __future__ import annotations

from mockpsp.domain.lifecycle import Body


def test_a_body_is_made_once() -> None:
    made: list[int] = []

    def render() -> bytes:
        made.append(1)
        return b"made"

    body = Body(render)

    assert made == []
    assert (body.content, body.content) == (b"made", b"made")
    assert made == [1]


def test_bodies_are_alike_when_their_bytes_are() -> None:
    assert Body(b"one") == Body(lambda: b"one")
    assert not Body(b"one") != Body(lambda: b"one")  # noqa: SIM202 - a Struct decides the two by themselves
    assert Body(b"one") != Body(b"another")
    assert not Body(b"one") == Body(b"another")  # noqa: SIM201
    assert Body(b"one") != b"one"
    assert {Body(b"one"), Body(lambda: b"one"), Body(b"another")} == {Body(b"one"), Body(b"another")}
    assert hash(Body(b"one")) == hash(b"one")
