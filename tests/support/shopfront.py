"""A shop's own pages on a local origin of their own: what it serves, and who came back with what."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

HTML = "text/html; charset=utf-8"


@dataclass
class Shopfront:
    """``pages`` maps paths to type and content; ``visits`` are path and query of each page somebody saw.

    ``posts`` are path and fields of each form that somebody brought. ``calls`` are the shop's own API, JSON in and out.
    """

    url: str = ""
    pages: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    visits: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    posts: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    calls: dict[str, Callable[[Any], Any]] = field(default_factory=dict)

    def put(self, path: str, content: str | bytes, kind: str = HTML) -> str:
        """Publish a page and return its address."""
        self.pages[path] = (kind, content.encode() if isinstance(content, str) else content)
        return self.url + path

    def came_back(self, path: str) -> list[dict[str, str]]:
        """With which queries people came to a page."""
        return [query for seen, query in self.visits if seen == path]


@contextmanager
def shopfront() -> Iterator[Shopfront]:
    """A shop on a free loopback port, under a name that is not the simulator's origin."""
    shop = Shopfront()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            target = urlsplit(self.path)
            shop.visits.append((target.path, dict(parse_qsl(target.query))))
            self._answer(target.path)

        def do_POST(self) -> None:
            target = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            if target.path in shop.calls:
                told = json.dumps(shop.calls[target.path](json.loads(body)))
                self._send(200, "application/json", told.encode())
                return
            shop.posts.append((target.path, dict(parse_qsl(body))))
            self._answer(target.path)

        def _answer(self, path: str) -> None:
            kind, content = shop.pages.get(path, (HTML, b""))
            self._send(200 if path in shop.pages else 404, kind, content)

        def _send(self, status: int, kind: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *told: object) -> None:
            """Tests need no access log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    worker = threading.Thread(target=server.serve_forever, args=(0.02,), name="shopfront")
    worker.start()
    shop.url = f"http://127.0.0.1:{server.server_address[1]}"
    shop.put(
        "/back", "<!doctype html><meta charset=utf-8><title>Shop</title><h1 data-testid=thanks>Back in the shop</h1>"
    )
    shop.put("/favicon.ico", b"", "image/png")
    try:
        yield shop
    finally:
        server.shutdown()
        server.server_close()
        worker.join()
