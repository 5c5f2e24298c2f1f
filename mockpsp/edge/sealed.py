"""Card data that a browser encrypted for us: one RSA key pair per process, and the compact JWE made with it.

What was encrypted for another process's key cannot be opened. ``jwcrypto`` is optional and imported late.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache, lru_cache
from json import dumps
from typing import TYPE_CHECKING
from uuid import NAMESPACE_OID, uuid5

from mockpsp.edge.errors import NotSupported

if TYPE_CHECKING:
    from jwcrypto.jwk import JWK

_LARGEST = 15_000


class Sealed(ValueError):
    """A text that is no compact JWE, is damaged, or was made for another key or with other algorithms."""


class KeyPair:
    """``public`` is DER (SubjectPublicKeyInfo) in base64, ``jwk`` the same as JSON Web Key, ``id`` names both."""

    __slots__ = ("id", "private", "public")

    def __init__(self, private: JWK) -> None:
        from jwcrypto.common import base64url_decode

        pem = private.export_to_pem().decode()
        der = base64url_decode("".join(pem.splitlines()[1:-1]).rstrip("=").replace("+", "-").replace("/", "_"))
        self.private = private
        self.public = b64encode(der).decode()
        self.id = str(uuid5(NAMESPACE_OID, self.public))

    @property
    def jwk(self) -> str:
        """The public key as JSON."""
        return str(self.private.export_public())


@cache
def key_pair() -> KeyPair:
    """The process's key pair, made when it is first asked for. Raises NotSupported without ``jwcrypto``."""
    try:
        from jwcrypto.jwk import JWK
    except ImportError as missing:
        raise NotSupported("encrypted card data needs the package jwcrypto: pip install mockpsp[crypto]") from missing
    return KeyPair(JWK.generate(kty="RSA", size=2048, public_exponent=65537))


@lru_cache(maxsize=256)
def seal(text: str, algorithms: tuple[str, str]) -> str:
    """The compact JWE that a browser would make of this with our public key. Raises NotSupported.

    The same text gives the same JWE for a while, so that a request can be made twice and be the same.
    """
    pair = key_pair()
    from jwcrypto.jwe import JWE

    header = {"alg": algorithms[0], "enc": algorithms[1], "kid": pair.id}
    token = JWE(text.encode(), protected=dumps(header), algs=list(algorithms))
    token.add_recipient(pair.private)
    return str(token.serialize(compact=True))


def open_sealed(text: str, algorithms: tuple[str, str]) -> bytes:
    """The plain bytes of a compact JWE made for our key with these algorithms. Raises Sealed, NotSupported."""
    pair = key_pair()
    from jwcrypto.common import JWException
    from jwcrypto.jwe import JWE

    if len(text) > _LARGEST:
        raise Sealed("it is too long")
    token = JWE(algs=list(algorithms))
    try:
        token.deserialize(text)
        header = token.jose_header
        if (header.get("alg"), header.get("enc")) != algorithms:
            raise Sealed(f"the algorithms must be {' and '.join(algorithms)}")
        if header.get("kid", pair.id) != pair.id:
            raise Sealed("it was encrypted for another key; ask for the public key again after a restart")
        token.decrypt(pair.private)
    except (JWException, ValueError, TypeError) as error:
        raise error if isinstance(error, Sealed) else Sealed(f"it cannot be opened: {error}") from error
    return bytes(token.payload)
