"""A webhook endpoint on this machine: keeps what arrives, byte for byte, and answers as the test wants."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from msgspec.json import decode

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Received:
    """A webhook as it came, with the status that it was answered with. Names of ``headers`` are in lower case."""

    provider: str
    headers: Mapping[str, str]
    body: bytes
    answered: int

    def json(self) -> Any:
        """The body as a JSON value. Raises ValueError when it is none."""
        return decode(self.body)


class Inbox:
    """Listens on a free loopback port until it is closed. ``url`` and a provider's name are that provider's address.

    ``status`` answers every webhook for which ``answers`` has nothing left. ``settle`` is called before what came in is
    looked at, and returns when nothing more is on its way.
    """

    def __init__(self, settle: Callable[[], object] = lambda: None) -> None:
        self.status = 200
        self.answers: list[int] = []
        self._came: list[Received] = []
        self._settle = settle
        self._turn = threading.Lock()
        self._server = ThreadingHTTPServer((HOST, 0), _handler(self._take))
        self._server.daemon_threads = True
        self.url = f"http://{HOST}:{self._server.server_address[1]}"
        self._worker = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="mockpsp inbox", daemon=True
        )
        self._worker.start()

    def received(self, provider: str | None = None) -> tuple[Received, ...]:
        """What has come in so far, oldest first, when nothing more is on its way."""
        self._settle()
        with self._turn:
            return tuple(each for each in self._came if provider in (None, each.provider))

    def answer(self, *statuses: int) -> None:
        """Answer the next webhooks with these statuses, one each."""
        with self._turn:
            self.answers.extend(statuses)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._worker.join()

    def _take(self, provider: str, headers: Mapping[str, str], body: bytes) -> int:
        with self._turn:
            status = self.answers.pop(0) if self.answers else self.status
            self._came.append(Received(provider, headers, body, status))
        return status


def _handler(take: Callable[[str, Mapping[str, str], bytes], int]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = take(self.path.strip("/").partition("?")[0], headers, body)
            # Adyen's older endpoints acknowledge with this body; nobody minds it.
            told = b"[accepted]" if status < 300 else b""
            self.send_response(status)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *told: object) -> None:
            """A test's output is no access log."""

    return Handler
