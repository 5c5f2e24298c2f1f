"""``python -m tests.browser.adyen_shots [FOLDER]``: a picture of every state of Adyen's pages, drawn from samples.

No server of ours is needed; the pages are served with their style sheet, their scripts and their security headers.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import mkdtemp

from mockpsp.app import folder_of_pages
from mockpsp.edge.pages import STATIC, page_headers
from mockpsp.providers.adyen import views
from tests.support.adyen_views import Samples, frames, pages
from tests.support.chromium import Person, chromium, executable

DEVICES = {"fr-phone": ("fr-FR", 360, 740), "en-desktop": ("en-US", 1280, 900)}
FRAMES = {"frame-390": ("fr-FR", 390, 400), "frame-250": ("en-US", 250, 400)}
KINDS = {".css": "text/css", ".js": "text/javascript"}


@contextmanager
def served(drawn: Mapping[str, str]) -> Iterator[str]:
    """The address under which pages by name, and their files, can be looked at."""
    folders = {STATIC: folder_of_pages(), views.ASSETS: views.STATIC}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            place, _, name = self.path.rpartition("/")
            if place in folders:
                self._answer(200, (folders[place] / name).read_bytes(), KINDS[Path(name).suffix])
            elif name in drawn:
                self._answer(200, drawn[name].encode(), "text/html; charset=utf-8")
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


def main(folder: Path) -> None:
    """Every page on a French phone and on an English computer; frames in two sizes that banks use."""
    program = executable()
    if program is None:
        sys.exit("Chromium is not installed")
    with chromium(program) as browser:
        for device, (locale, width, height) in {**DEVICES, **FRAMES}.items():
            place = folder / f"adyen-{device}"
            place.mkdir(parents=True, exist_ok=True)
            shown = (pages if device in DEVICES else frames)(Samples(locale))
            person = Person(browser)
            tab = person.tab(width=width, height=height)
            with served({name: views.render(view) for name, view in shown.items()}) as origin:
                for number, name in enumerate(shown, 1):
                    tab.open(f"{origin}/{name}")
                    tab.picture(place / f"{number:02d}-{name}.png")
                    if not tab.fits():
                        sys.exit(f"{device}: {name} is wider than the screen")
            problems = [problem for problem in person.told() if "/progress" not in problem]
            if problems:
                sys.exit(f"{device}: {problems}")
            person.leave()
    sys.stdout.write(f"{folder}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else mkdtemp(prefix="mockpsp-shots-")))
