"""Every state of every hosted page, drawn from samples and served with its style sheet, scripts and security headers.

No server of ours is needed for it: these are the pages as views draw them, for pictures, for axe-core and for tests.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from mockpsp.app import folder_of_pages
from mockpsp.edge.pages import STATIC, page_headers
from mockpsp.providers.adyen import views as adyen
from mockpsp.providers.lyra import views as lyra
from mockpsp.providers.worldline import views as worldline
from tests.support import adyen_views, lyra_views, worldline_views
from tests.support.chromium import Person, Tab

LANGUAGES = ("fr-FR", "en-US")
DEVICES = {"desktop": (1280, 900), "phone": (360, 740)}
FRAMES = {"frame-390": (390, 400), "frame-250": (250, 400)}
"""Two sizes that banks use."""
KINDS = {".css": "text/css", ".js": "text/javascript"}


class Gallery(NamedTuple):
    """What one provider shows: samples in a language, and the views made of them."""

    samples: Callable[[str], Any]
    pages: Callable[[Any], Mapping[str, Any]]
    frames: Callable[[Any], Mapping[str, Any]]
    render: Callable[[Any], str]

    def drawn(self, language: str, *, framed: bool = False) -> dict[str, str]:
        """The documents by name."""
        shown = (self.frames if framed else self.pages)(self.samples(language))
        return {name: self.render(view) for name, view in shown.items()}


GALLERIES = {
    "worldline": Gallery(worldline_views.Samples, worldline_views.pages, worldline_views.frames, worldline.render),
    "adyen": Gallery(adyen_views.Samples, adyen_views.pages, adyen_views.frames, adyen.render),
    "lyra": Gallery(lyra_views.Samples, lyra_views.pages, lyra_views.frames, lyra.render),
}


@contextmanager
def served(drawn: Mapping[str, str]) -> Iterator[str]:
    """The address under which pages by name, and their files, can be looked at. What they poll never changes."""
    folders = {STATIC: folder_of_pages(), adyen.ASSETS: adyen.STATIC}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            place, _, name = self.path.rpartition("/")
            if place in folders:
                self._answer(200, (folders[place] / name).read_bytes(), KINDS[Path(name).suffix])
            elif name in drawn:
                self._answer(200, drawn[name].encode(), "text/html; charset=utf-8")
            elif name == "progress":
                self._answer(204, b"", "application/json")
            else:
                self._answer(404, b"", "text/plain")

        def _answer(self, status: int, content: bytes, kind: str) -> None:
            self.send_response(status)
            for header, value in {**page_headers(), "Content-Type": kind}.items():
                self.send_header(header, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *told: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    worker = threading.Thread(target=server.serve_forever, args=(0.02,), name="pages")
    worker.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        worker.join()


def visit(
    person: Person,
    drawn: Mapping[str, str],
    size: tuple[int, int],
    look: Callable[[Tab, str], None],
    *,
    scripts: bool = True,
) -> None:
    """Open each page in a window of this size and look at it; one that sends itself away is opened without scripts."""
    tabs = {each: person.tab(scripts=each, width=size[0], height=size[1]) for each in (True, False)}
    with served(drawn) as origin:
        for name, html in drawn.items():
            tab = tabs[scripts and "data-send" not in html]
            tab.front()
            look(tab.open(f"{origin}/{name}"), name)
