"""Opaque texts that a client carries around: orderData, sessionData, redirectResult, paymentData.

Each can be recognised from the state alone: it names its object, and a keyed digest over the object's secret proves
that we gave it out. Every orderData of an order stays valid (plugins reuse the first one), however many there are.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from functools import lru_cache
from hashlib import blake2b, shake_256
from hmac import compare_digest

ENVELOPE = "Ab02b4c0!BQABAg"
REDIRECT = "X6XtfGC3!Y"
_PROOF_BYTES = 150


@lru_cache(maxsize=256)
def make(head: str, purpose: str, ref: str, secret: str, number: int) -> str:
    """A text for one object; another ``number`` gives another text. Most come back soon after they were given out."""
    name = f"{purpose}.{ref}.{number}"
    proof = (blake2b(f"{secret}.{name}".encode()).digest() * 3)[:_PROOF_BYTES]  # as long as Adyen's
    return f"{head}{b64encode(name.encode() + b'.' + proof).decode()}"


def _made_before(head: str, purpose: str, ref: str, secret: str, number: int) -> str:
    """The same as it was made at first; a state file may know of some that clients still have."""
    name = f"{purpose}.{ref}.{number}"
    proof = shake_256(f"{secret}.{name}".encode()).digest(_PROOF_BYTES)
    return f"{head}{b64encode(name.encode() + b'.' + proof).decode()}"


def read(head: str, purpose: str, text: str) -> tuple[str, int] | None:
    """The object and number that a text names, before anything is proved; None for a text that is none of ours."""
    if not text.startswith(head) or len(text) > 5000:
        return None
    try:
        raw = b64decode(text[len(head) :], validate=True)
        kind, ref, number = raw[: -_PROOF_BYTES - 1].decode("ascii").split(".")
        return (ref, int(number)) if kind == purpose and number.isdigit() else None
    except ValueError:
        return None


def proves(head: str, purpose: str, text: str, ref: str, secret: str) -> bool:
    """Whether we gave this text out for this object."""
    named = read(head, purpose, text)
    if named is None or named[0] != ref:
        return False
    given = text.encode()
    return any(
        compare_digest(form(head, purpose, ref, secret, named[1]).encode(), given) for form in (make, _made_before)
    )


def order_data(order: str, secret: str, number: int) -> str:
    """The orderData after ``number`` payments."""
    return make(ENVELOPE, "order", order, secret, number)


def is_order_data(text: str, order: str, secret: str, newest: int) -> bool:
    """Whether this is, or was, the order's orderData; most clients send the ``newest``, which is looked at first."""
    given, expected = text.encode(errors="replace"), order_data(order, secret, newest).encode()
    return compare_digest(given, expected) or proves(ENVELOPE, "order", text, order, secret)


def order_named(text: str) -> str | None:
    """The order that an orderData names; its proof is another matter."""
    named = read(ENVELOPE, "order", text)
    return named[0] if named is not None else None


def session_data(session: str, secret: str, number: int) -> str:
    """The sessionData that is given out after ``number`` others."""
    return make(ENVELOPE, "session", session, secret, number)


def session_data_number(text: str, session: str, secret: str) -> int | None:
    """Which of the session's sessionData this is; None for a text that is none of them."""
    named = read(ENVELOPE, "session", text)
    return named[1] if named is not None and proves(ENVELOPE, "session", text, session, secret) else None


def session_result(session: str, secret: str) -> str:
    """What the browser hands the merchant when a session is over."""
    return make(REDIRECT, "result", session, secret, 0)


def is_session_result(text: str, session: str, secret: str) -> bool:
    """Whether this is what the browser was given when the session was over."""
    return proves(REDIRECT, "result", text, session, secret)


def redirect_result(payment: str, secret: str) -> str:
    """What the shopper brings back from a redirect."""
    return make(REDIRECT, "redirect", payment, secret, 0)


def is_redirect_result(text: str, payment: str, secret: str) -> bool:
    """Whether a shopper was sent back with this."""
    return proves(REDIRECT, "redirect", text, payment, secret)


def payment_data(payment: str, secret: str) -> str:
    """What ties a native action's result to its payment."""
    return make(ENVELOPE, "payment", payment, secret, 0)


def is_payment_data(text: str, payment: str, secret: str) -> bool:
    """Whether this was given out with the payment's action."""
    return proves(ENVELOPE, "payment", text, payment, secret)


def payload(payment: str, secret: str) -> str:
    """What a page that has polled for an answer hands the merchant."""
    return make(ENVELOPE, "payload", payment, secret, 0)


def is_payload(text: str, payment: str, secret: str) -> bool:
    """Whether a page was given this when it had its answer."""
    return proves(ENVELOPE, "payload", text, payment, secret)


def payment_named(text: str) -> str | None:
    """The payment that a redirectResult, paymentData or payload names; its proof is another matter."""
    for head, purpose in ((REDIRECT, "redirect"), (ENVELOPE, "payment"), (ENVELOPE, "payload")):
        named = read(head, purpose, text)
        if named is not None:
            return named[0]
    return None


def seal(secret: str, text: str) -> str:
    """A text that only we can read again, for a hidden field of a form: what a shopper typed is kept nowhere else."""
    plain = text.encode()
    proof = blake2b(plain, digest_size=16, key=secret.encode()).digest()
    return (proof + _hidden(secret, proof, plain)).hex()


def unseal(secret: str, sealed: str) -> str | None:
    """The text that ``seal`` hid; None for anything else."""
    try:
        raw = bytes.fromhex(sealed)
    except ValueError:
        return None
    plain = _hidden(secret, raw[:16], raw[16:])
    proof = blake2b(plain, digest_size=16, key=secret.encode()).digest()
    return plain.decode() if compare_digest(proof, raw[:16]) else None


def _hidden(secret: str, proof: bytes, text: bytes) -> bytes:
    """The text under a stream of its own (another text has another proof); done twice it is the text again."""
    stream = shake_256(secret.encode() + proof).digest(len(text))
    return bytes(one ^ other for one, other in zip(text, stream, strict=True))
