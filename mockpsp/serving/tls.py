"""https beside http: a certificate made on the spot, and the CA that clients have to trust."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


class NoTls(Exception):
    """``--tls`` cannot work here; the message says what to install."""


class Certificate(NamedTuple):
    """What the server shows, and the file with the CA that signed it."""

    context: ssl.SSLContext
    ca_file: Path


@contextmanager
def certificate(host: str) -> Iterator[Certificate]:
    """A certificate for this machine's names and ``host``; its CA lies in a directory of our own until the end."""
    try:
        import trustme
    except ImportError as error:
        raise NoTls("--tls needs the package trustme: pip install 'mockpsp[tls]'") from error
    authority = trustme.CA(organization_name="mockpsp")
    names = dict.fromkeys(["localhost", "127.0.0.1", "::1", host])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    authority.issue_cert(*names).configure_cert(context)
    with tempfile.TemporaryDirectory(prefix="mockpsp-", ignore_cleanup_errors=True) as folder:
        ca_file = Path(folder) / "ca.pem"
        authority.cert_pem.write_to_path(str(ca_file))
        yield Certificate(context, ca_file)


def how_to_trust(ca_file: Path) -> tuple[str, ...]:
    """Environment variables that make clients trust the CA."""
    return tuple(f"{name}={ca_file}" for name in ("REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"))
