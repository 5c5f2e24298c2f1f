"""Opaque texts that a client carries around: each leads back to its object, and only what we gave out does."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockpsp.providers.adyen import tokens

ORDER, PAYMENT, SESSION = "ODR4K8ZT2WQ7NX65", "V1M9TQ6RZ3KD8F75", "CS451F2AB1ED897A94"
SECRET, ANOTHER = "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdee"
anything = st.text(st.characters(codec="utf-8"), max_size=200)

MADE = [
    pytest.param(lambda secret: tokens.order_data(ORDER, secret, 0), tokens.ENVELOPE, "order", ORDER, id="orderData"),
    pytest.param(
        lambda secret: tokens.session_data(SESSION, secret, 2), tokens.ENVELOPE, "session", SESSION, id="sessionData"
    ),
    pytest.param(
        lambda secret: tokens.session_result(SESSION, secret), tokens.REDIRECT, "result", SESSION, id="sessionResult"
    ),
    pytest.param(
        lambda secret: tokens.redirect_result(PAYMENT, secret),
        tokens.REDIRECT,
        "redirect",
        PAYMENT,
        id="redirectResult",
    ),
    pytest.param(
        lambda secret: tokens.payment_data(PAYMENT, secret), tokens.ENVELOPE, "payment", PAYMENT, id="paymentData"
    ),
]
Make = Callable[[str], str]


def changed(text: str) -> list[str]:
    """The text with one character changed, at every place; and with one missing, and with one too many."""
    others = [f"{text[:place]}{'B' if text[place] == 'A' else 'A'}{text[place + 1 :]}" for place in range(len(text))]
    return [*others, text[:-1], text[1:], f"{text}A", f"{text}=", f" {text}", f"{text}\n", ""]


# -- what names an object ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("make", "head", "purpose", "ref"), MADE)
def test_what_we_give_out_is_ours_and_looks_like_adyens(make: Make, head: str, purpose: str, ref: str) -> None:
    text = make(SECRET)
    assert text.startswith(head)
    assert 200 < len(text) < 400
    assert text == make(SECRET)
    assert tokens.read(head, purpose, text) is not None
    assert tokens.proves(head, purpose, text, ref, SECRET)


@pytest.mark.parametrize(("make", "head", "purpose", "ref"), MADE)
def test_one_changed_character_is_noticed(make: Make, head: str, purpose: str, ref: str) -> None:
    for wrong in changed(make(SECRET)):
        assert not tokens.proves(head, purpose, wrong, ref, SECRET), wrong


@pytest.mark.parametrize(("make", "head", "purpose", "ref"), MADE)
def test_another_objects_text_proves_nothing(make: Make, head: str, purpose: str, ref: str) -> None:
    text = make(SECRET)
    assert not tokens.proves(head, purpose, text, f"{ref[:-1]}0", SECRET)
    assert not tokens.proves(head, purpose, make(ANOTHER), ref, SECRET)
    assert tokens.proves(head, purpose, make(ANOTHER), ref, ANOTHER)


@pytest.mark.parametrize(("head", "purpose"), [each.values[1:3] for each in MADE])
def test_a_text_is_good_for_one_purpose_only(head: str, purpose: str) -> None:
    """Even where object and secret are the same: a paymentData is no redirectResult."""
    for other in {each.values[2] for each in MADE} - {purpose}:
        for begins in (tokens.ENVELOPE, tokens.REDIRECT):
            text = tokens.make(begins, str(other), PAYMENT, SECRET, 0)
            assert not tokens.proves(head, purpose, text, PAYMENT, SECRET)


@given(number=st.integers(0, 10**6), other=st.integers(0, 10**6), newest=st.integers(0, 10**6))
def test_every_order_data_of_an_order_stays_valid(number: int, other: int, newest: int) -> None:
    one, two = tokens.order_data(ORDER, SECRET, number), tokens.order_data(ORDER, SECRET, other)
    assert tokens.is_order_data(one, ORDER, SECRET, number)
    assert tokens.is_order_data(two, ORDER, SECRET, newest)
    assert (one == two) == (number == other)


def test_an_order_data_with_its_number_changed_is_not_the_orders() -> None:
    """Whoever takes the envelope apart can write another number, but not its proof."""
    raw = b64decode(tokens.order_data(ORDER, SECRET, 1).removeprefix(tokens.ENVELOPE))
    for name in (b"order.%b.2", b"order.%b.01", b"order.%b.+1", b"order.%b. 1"):
        forged = raw.replace(b"order.%b.1" % ORDER.encode(), name % ORDER.encode())
        assert forged != raw
        assert not tokens.is_order_data(f"{tokens.ENVELOPE}{b64encode(forged).decode()}", ORDER, SECRET, 2)


def test_a_redirect_and_a_payment_data_tell_whose_they_are() -> None:
    assert tokens.payment_named(tokens.redirect_result(PAYMENT, SECRET)) == PAYMENT
    assert tokens.payment_named(tokens.payment_data(PAYMENT, SECRET)) == PAYMENT
    assert tokens.payment_named(tokens.order_data(ORDER, SECRET, 0)) is None
    assert tokens.payment_named(tokens.session_result(SESSION, SECRET)) is None


@given(head=st.sampled_from(["", tokens.ENVELOPE, tokens.REDIRECT]), text=anything)
def test_what_strangers_write_names_nothing(head: str, text: str) -> None:
    assert tokens.payment_named(f"{head}{text}") is None
    assert not tokens.is_order_data(f"{head}{text}", ORDER, SECRET, 0)


@given(head=st.sampled_from([tokens.ENVELOPE, tokens.REDIRECT]), raw=st.binary(max_size=400))
def test_well_formed_nonsense_proves_nothing(head: str, raw: bytes) -> None:
    text = f"{head}{b64encode(raw).decode()}"
    assert not tokens.is_order_data(text, ORDER, SECRET, 0)
    assert not tokens.proves(head, "redirect", text, PAYMENT, SECRET)


def test_a_text_that_is_too_long_is_not_looked_at() -> None:
    raw = b".".join((b"redirect", PAYMENT.encode(), b"0" * 5000, bytes(150)))
    assert tokens.payment_named(f"{tokens.REDIRECT}{b64encode(raw).decode()}") is None


# -- what a form carries -----------------------------------------------------------------------------------------------


@given(secret=st.text("0123456789abcdef", min_size=1, max_size=32), text=anything)
def test_what_is_sealed_can_be_opened_again(secret: str, text: str) -> None:
    assert tokens.unseal(secret, tokens.seal(secret, text)) == text


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 128, 1000])
def test_any_length_can_be_sealed(length: int) -> None:
    text = "é1"[:length] * length
    sealed = tokens.seal(SECRET, text)
    assert tokens.unseal(SECRET, sealed) == text
    assert len(sealed) == 2 * (16 + len(text.encode()))


def test_a_seal_shows_nothing_of_what_it_hides() -> None:
    number = "5075990000006120"
    sealed = tokens.seal(SECRET, number)
    assert number not in sealed
    assert number.encode().hex() not in sealed


def test_a_seal_with_one_character_changed_does_not_open() -> None:
    sealed = tokens.seal(SECRET, "2500|5075990000006120|03/30|737")
    for place, character in enumerate(sealed):
        other = "1" if character == "0" else "0"
        assert tokens.unseal(SECRET, f"{sealed[:place]}{other}{sealed[place + 1 :]}") is None, place
    for wrong in (sealed[:-2], sealed[2:], f"{sealed}00", f"00{sealed}", sealed[:-1], sealed[:32], ""):
        assert tokens.unseal(SECRET, wrong) is None, wrong


def test_a_seal_of_another_purchase_does_not_open() -> None:
    sealed = tokens.seal(SECRET, "2500|5075990000006120")
    assert tokens.unseal(ANOTHER, sealed) is None
    assert sealed != tokens.seal(ANOTHER, "2500|5075990000006120")


@given(anything)
def test_what_strangers_seal_does_not_open(text: str) -> None:
    assert tokens.unseal(SECRET, text) is None
    assert tokens.unseal(SECRET, text.encode().hex()) is None


BEFORE = (
    "Ab02b4c0!BQABAgb3JkZXIuTkM2SFQ5Q1JUNjVaR044Mi4xLi+DQcT9ltYyRvgcu7E8bVpBDKrisEH9kcSQAMyG2ZmBLcig5eg4cX4tLivG0GEO488V"
    "CsHEBrrDCqDepTEpTafpB7ZAsQSvsEbIG0LeNlrtevmn7OqL0LIs84wwi3s1IPl2I6VTvuo4J1cBCY/wjlDjf6nMOygv7nlm4AtNsoJxN/tJ4C4XlbiP"
    "6l9hX69ZzSfVGFxxbA=="
)
"""The second orderData of an order, as it was made at first."""


def test_what_was_given_out_before_it_was_made_in_another_way_is_still_taken() -> None:
    order, secret = "NC6HT9CRT65ZGN82", "ab" * 16
    assert tokens.order_data(order, secret, 1) != BEFORE
    assert tokens.is_order_data(BEFORE, order, secret, 1)
    assert tokens.is_order_data(BEFORE, order, secret, 3)
    assert not tokens.is_order_data(BEFORE, order, "ac" * 16, 1)
    assert not tokens.is_order_data(BEFORE, "NC6HT9CRT65ZGN83", secret, 1)
    assert not tokens.is_order_data(BEFORE.replace("DQcT9", "DQcT8"), order, secret, 1)
