"""Card data that a browser encrypted: our RSA key pair, and the compact JWE that the client SDK makes with it.

Source: ``JOSEEncryptor`` and ``Encryptor`` of onlinepayments-sdk-client-js 3.6.2: RSA-OAEP (SHA-1) around 64 random
bytes, A256CBC-HS512 (RFC 7518, 5.2.5) around JSON. One key pair per process: what was encrypted for another one cannot
be opened. The package ``cryptography`` is optional and imported late.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from functools import cache
from hmac import compare_digest, digest
from json import loads
from typing import TYPE_CHECKING, Any
from uuid import uuid5

from mockpsp.edge.errors import NotSupported
from mockpsp.providers.worldline import commands as c
from mockpsp.providers.worldline.errors import InvalidValue
from mockpsp.providers.worldline.vault import SEALED

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_HALF = 32
_IV = 16
_NOT_DIGITS = re.compile(r"[^0-9]")


class KeyPair:
    """The private key, and the public one as the client API hands it out: DER (SubjectPublicKeyInfo) in base64."""

    __slots__ = ("id", "private", "public")

    def __init__(self, private: RSAPrivateKey) -> None:
        from uuid import NAMESPACE_OID

        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        der = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.private = private
        self.public = b64encode(der).decode()
        self.id = str(uuid5(NAMESPACE_OID, self.public))


@cache
def key_pair() -> KeyPair:
    """The process's key pair, made when it is first asked for. Raises NotSupported without ``cryptography``."""
    try:
        from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    except ImportError as missing:
        raise NotSupported(
            "encrypted card data needs the package cryptography: pip install mockpsp[crypto]"
        ) from missing
    return KeyPair(generate_private_key(65537, 2048))


def open_encrypted(text: str) -> dict[str, Any]:
    """What the browser encrypted, as JSON. Raises InvalidValue when it is damaged or for another key, NotSupported."""
    pair = key_pair()
    parts = text.split(".")
    if len(parts) != 5:
        raise _bad("a compact JWE has five parts")
    head, wrapped, iv, sealed, tag = (_decode(part) for part in parts)
    header = _object(head)
    if (header.get("alg"), header.get("enc")) != ("RSA-OAEP", "A256CBC-HS512"):
        raise _bad("the algorithms must be RSA-OAEP and A256CBC-HS512")
    if header.get("kid", pair.id) != pair.id:
        raise _bad("it was encrypted for another key; ask for the public key again after a restart")
    key = _unwrap(pair, wrapped)
    signed = parts[0].encode()
    mac = digest(key[:_HALF], signed + iv + sealed + (8 * len(signed)).to_bytes(8, "big"), "sha512")
    if not compare_digest(mac[:_HALF], tag):
        raise _bad("the authentication tag is wrong")
    return _object(_decrypt(key[_HALF:], iv, sealed))


def _bad(why: str) -> InvalidValue:
    return InvalidValue(SEALED, why)


def _decode(part: str) -> bytes:
    try:
        return b64decode(part.encode("ascii") + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise _bad("a part is not base64url") from error


def _object(text: bytes) -> dict[str, Any]:
    try:
        value = loads(text)
    except (ValueError, RecursionError) as error:
        raise _bad("it does not hold JSON") from error
    if not isinstance(value, dict):
        raise _bad("it does not hold an object")
    return value


def _unwrap(pair: KeyPair, wrapped: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
    from cryptography.hazmat.primitives.hashes import SHA1

    sha1 = SHA1()  # noqa: S303  # the JOSE algorithm RSA-OAEP says SHA-1, and so does the client
    try:
        key = pair.private.decrypt(wrapped, OAEP(MGF1(sha1), sha1, None))
    except ValueError as error:
        raise _bad("its key cannot be opened") from error
    if len(key) != 2 * _HALF:
        raise _bad("its key does not have 64 bytes")
    return key


def _decrypt(key: bytes, iv: bytes, sealed: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CBC
    from cryptography.hazmat.primitives.padding import PKCS7

    if len(iv) != _IV or len(sealed) % _IV:
        raise _bad("its blocks are not whole")
    cipher = Cipher(AES(key), CBC(iv)).decryptor()
    padding = PKCS7(8 * _IV).unpadder()
    try:
        return padding.update(cipher.update(sealed) + cipher.finalize()) + padding.finalize()
    except ValueError as error:
        raise _bad("its padding is wrong") from error


def read_values(opened: Mapping[str, Any]) -> dict[str, str]:
    """``paymentValues`` by key. Values that are missing or no text are left out."""
    given = opened.get("paymentValues")
    pairs = given if isinstance(given, list) else ()
    return {
        str(each["key"]): each["value"]
        for each in pairs
        if isinstance(each, dict) and isinstance(each.get("value"), str) and "key" in each
    }


def read_card(opened: Mapping[str, Any]) -> c.CardData:
    """The card that a customer typed. Expiry dates come as MMYY or MMYYYY, with or without a slash."""
    values = read_values(opened)
    expiry = _NOT_DIGITS.sub("", values.get("expiryDate", ""))
    product = opened.get("paymentProductId")
    return c.CardData(
        number="".join(values.get("cardNumber", "").split()),
        expiry=expiry[:2] + expiry[4:] if len(expiry) == 6 else expiry,
        holder=values.get("cardholderName", ""),
        cvv=values.get("cvv", ""),
        product=product if isinstance(product, int) and not isinstance(product, bool) else None,
    )
