"""Heads are remembered when they come again; their number and length are bounded."""

from __future__ import annotations

from typing import Any

from mockpsp.edge.heads import Heads, Known

ANY: Any = None


def known(length: int) -> Known:
    return Known(ANY, b"", length, ANY)


def test_a_head_is_known_from_its_second_time_on() -> None:
    heads = Heads()
    heads.learn(b"GET / HTTP/1.1", known(1))
    assert heads.find(b"GET / HTTP/1.1") is None
    heads.learn(b"GET / HTTP/1.1", known(2))
    assert heads.find(b"GET / HTTP/1.1") == known(2)
    assert heads.find(b"GET /x HTTP/1.1") is None


def test_so_many_heads_are_kept_and_no_long_ones() -> None:
    heads = Heads()
    long = b"GET /" + b"x" * 3_000
    for number in range(2_000):
        for _ in range(2):
            heads.learn(b"%d" % number, known(number))
            heads.learn(long, known(0))
    assert sum(heads.find(b"%d" % number) is not None for number in range(2_000)) <= 256
    assert heads.find(b"1999") == known(1999)
    assert heads.find(long) is None
