"""The server's settings, frozen. The only reader of the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How one server is run. ``webhooks`` are endpoints by provider, for every sandbox that names none itself.

    ``host`` localhost means both loopback addresses. ``tls_names`` are further names of the certificate.
    ``tls_port`` None is the port behind ``port``, or a free one where that is taken. ``scenarios`` are names or files;
    the default sandbox runs them put together, the last one wins. ``state`` is a file that keeps all sandboxes, or the
    address of a PostgreSQL database in which several processes keep them; without one they end with the server.
    ``workers`` is how many processes serve together; more than one need such a database.

    What is bounded: ``max_body`` are the bytes of a request's body, ``body_seconds`` how long a client may take for
    it, ``keep_alive_seconds`` how long a connection may be idle, or take for the headers of a request.
    ``journal_entries`` and ``journal_bytes`` (of bodies and headers) bound each sandbox's journal, ``keep_finished``
    its payments, orders and checkouts at rest, of each kind. A sandbox other than the default one that nobody has
    called for ``expire_idle`` is dropped; None keeps all.

    ``exposed``: other machines reach the server, so that names and addresses of private networks lead to it.
    ``allow_hosts`` are further names by which it may be called. Steering takes ``control_token``, if there is one;
    one that was ``token_made_up`` is told at the start.
    ``drain`` is how many seconds webhooks that are due may take at the end. ``log_requests``: a line for each of them.
    """

    host: str = "localhost"
    port: int = 8080
    scenarios: Sequence[str] = ("default",)
    webhooks: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None
    tls: bool = False
    tls_names: Sequence[str] = ()
    tls_port: int | None = None
    watch: bool = False
    allow_webhooks_to: Sequence[str] = ()
    max_body: int = 2 * 1024 * 1024
    body_seconds: float = 30.0
    keep_alive_seconds: float = 75.0
    journal_entries: int = 50_000
    journal_bytes: int = 32 * 1024 * 1024
    keep_finished: int = 100_000
    expire_idle: timedelta | None = None
    state: str = ""
    workers: int = 1
    exposed: bool = False
    allow_hosts: Sequence[str] = ()
    control_token: str = ""
    token_made_up: bool = False
    drain: float = 5.0
    log_requests: bool = False

    @classmethod
    def from_environment(cls) -> Settings:
        """Defaults, with ``MOCKPSP_HOST``, ``MOCKPSP_PORT``, ``MOCKPSP_STATE``, ``MOCKPSP_CONTROL_TOKEN`` where they
        are set, and the names in ``MOCKPSP_ALLOW_HOST``, separated by spaces. Raises ValueError for a bad port.
        """
        environment, usual = os.environ, cls()
        return cls(
            host=environment.get("MOCKPSP_HOST", usual.host),
            port=int(environment.get("MOCKPSP_PORT", usual.port)),
            state=environment.get("MOCKPSP_STATE", usual.state),
            allow_hosts=tuple(environment.get("MOCKPSP_ALLOW_HOST", "").split()),
            control_token=remote_token(),
        )


def is_shared(state: str) -> bool:
    """Whether this state is a PostgreSQL database, by its address."""
    return state.startswith(("postgresql://", "postgres://"))


def without_password(state: str) -> str:
    """The same for people to read, and for logs."""
    from urllib.parse import urlsplit, urlunsplit

    parts = urlsplit(state) if is_shared(state) else None
    if parts is None or parts.password is None:
        return state
    return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{parts.netloc.rpartition('@')[2]}"))


def remote_url() -> str | None:
    """Where a test suite finds the server that it shall use, if ``MOCKPSP_URL`` says so."""
    return os.environ.get("MOCKPSP_URL") or None


def remote_token() -> str:
    """What steering that server takes, if ``MOCKPSP_CONTROL_TOKEN`` says so."""
    return os.environ.get("MOCKPSP_CONTROL_TOKEN", "").strip()
