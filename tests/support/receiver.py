"""A merchant's webhook endpoint, in a thread: keeps what arrives, answers what the test wants."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext


@dataclass
class Received:
    """One webhook as it came over the wire."""

    path: str
    headers: list[tuple[str, str]]
    body: bytes


@dataclass
class Receiver:
    """``statuses`` are answered in turn, then ``status``; ``received`` grows."""

    url: str = ""
    status: int = 200
    statuses: list[int] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)


@contextmanager
def receiving(context: SSLContext | None = None) -> Iterator[Receiver]:
    """Listen on a free loopback port; with a context, for https by the name localhost."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            receiver.received.append(Received(self.path, list(self.headers.items()), body))
            self.send_response(receiver.statuses.pop(0) if receiver.statuses else receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *told: object) -> None:
            """Tests need no access log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/webhooks"
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        receiver.url = f"https://localhost:{server.server_address[1]}/webhooks"
    worker = threading.Thread(target=server.serve_forever, args=(0.02,), name="webhook receiver")
    worker.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        worker.join()
