"""https beside http: a certificate made on the spot, and the CA that clients have to trust."""

from __future__ import annotations

import ssl
import tempfile
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


class NoTls(Exception):
    """``--tls`` cannot work here, or not with such names; the message says what to do."""


class Certificate(NamedTuple):
    """What the server shows, and the file with the CA that signed it.

    ``pin`` is the SHA-256 of the public key in base64, by which Chromium can be told to take it.
    """

    context: ssl.SSLContext
    ca_file: Path
    pin: str


@contextmanager
def certificate(host: str, names: Sequence[str] = ()) -> Iterator[Certificate]:
    """A certificate for this machine's names, ``host`` and ``names``; its CA lies in a directory of ours until the end.

    Raises NoTls.
    """
    try:
        import trustme
    except ImportError as error:
        raise NoTls("--tls needs the package trustme: pip install 'mockpsp[tls]'") from error
    authority = trustme.CA(organization_name="mockpsp")
    try:
        issued = authority.issue_cert(*dict.fromkeys(["localhost", "127.0.0.1", "::1", host, *names]))
    except ValueError as error:
        raise NoTls(f"--tls-name: {error}") from error
    try:
        kept = tempfile.TemporaryDirectory(prefix="mockpsp-", ignore_cleanup_errors=True)
    except OSError as error:
        raise NoTls(f"--tls keeps its CA in a temporary folder: {error.strerror}") from error
    with kept as folder:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        issued.configure_cert(context)
        ca_file = Path(folder) / "ca.pem"
        authority.cert_pem.write_to_path(str(ca_file))
        yield Certificate(context, ca_file, _pin(issued.cert_chain_pems[0].bytes()))


def _pin(pem: bytes) -> str:
    from hashlib import sha256

    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from cryptography.x509 import load_pem_x509_certificate

    key = load_pem_x509_certificate(pem).public_key()
    return b64encode(sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()).decode()


def how_to_trust(ca_file: Path) -> tuple[str, ...]:
    """Environment variables that make clients trust the CA."""
    return tuple(f"{name}={ca_file}" for name in ("REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"))


def led_here(names: Sequence[str], port: int, pin: str) -> str:
    """The command that starts a Chromium which finds this server under these names, and takes its certificate."""
    rules = ", ".join(f"MAP {name}:443 127.0.0.1:{port}" for name in names)
    profile = '--user-data-dir="$(mktemp -d)"'
    return f'chromium {profile} --ignore-certificate-errors-spki-list={pin} --host-resolver-rules="{rules}"'
