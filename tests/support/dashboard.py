"""Pages of the dashboard over plain HTTP, as a browser without scripts has them."""

from __future__ import annotations

from html import unescape
from html.parser import HTMLParser
from typing import Any

import requests

from tests.support.connection import session
from tests.support.control import ControlledSandbox

HOSTILE = """<script>hit=1</script>"'&{{7*7}}\u202e<img src=x onerror=hit=1>"""
_VOID = {"input", "link", "meta", "img", "br", "hr", "path", "circle", "line", "rect"}


class _Reader(HTMLParser):
    """Texts by ``data-testid``; and every element that a stranger's text could have made."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, list[str]] = {}
        self.attributes: dict[str, list[dict[str, str]]] = {}
        self.strange: list[str] = []
        self._open: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if any(name.startswith("on") or name == "style" for name in found) or (tag == "script" and "src" not in found):
            self.strange.append(self.get_starttag_text() or tag)
        name = found.get("data-testid", "")
        if name:
            self.texts.setdefault(name, []).append("")
            self.attributes.setdefault(name, []).append(found)
        if tag not in _VOID:
            self._open.append((tag, name))

    def handle_endtag(self, tag: str) -> None:
        while self._open:
            if self._open.pop()[0] == tag:
                return

    def handle_data(self, data: str) -> None:
        for _, name in self._open:
            if name:
                self.texts[name][-1] += data


class Page:
    """An answer of the dashboard."""

    def __init__(self, response: requests.Response) -> None:
        self.status = response.status_code
        self.url = response.url
        self.headers = response.headers
        self.html = response.text
        self._read = _Reader()
        self._read.feed(response.text)

    def texts(self, testid: str) -> list[str]:
        """The texts of all elements of that name, white space made plain."""
        return [" ".join(each.split()) for each in self._read.texts.get(testid, ())]

    def text(self, testid: str) -> str:
        """The text of the one element of that name."""
        found = self.texts(testid)
        assert len(found) == 1, f"{len(found)} elements {testid!r} at {self.url}"
        return found[0]

    def has(self, testid: str) -> bool:
        """Whether there is one."""
        return testid in self._read.texts

    def attribute(self, testid: str, name: str) -> str:
        """An attribute of the first element of that name."""
        return self._read.attributes[testid][0][name]

    @property
    def editor(self) -> str:
        """What stands in the editor of scenarios."""
        start = self.html.index('data-testid="text">\n') + len('data-testid="text">\n')
        return unescape(self.html[start : self.html.index("</textarea>", start)])

    def harmless(self) -> Page:
        """No text has become an element or an attribute, and the policy would stop it."""
        assert self._read.strange == [], self.url
        assert "script-src 'self'" in self.headers["Content-Security-Policy"]
        assert "unsafe" not in self.headers["Content-Security-Policy"]
        return self


class Dashboard:
    """Pages of one sandbox."""

    def __init__(self, sandbox: ControlledSandbox) -> None:
        self.base = f"{sandbox.url}/_mockpsp/sandbox/{sandbox.id}"

    def open(self, path: str, **query: str) -> Page:
        """GET a page; nothing on it may be dangerous."""
        return Page(session().get(self.base + path, params=query, timeout=60)).harmless()

    def send(self, path: str, headers: dict[str, str] | None = None, /, **form: str) -> Page:
        """POST a form and follow where it leads."""
        return Page(session().post(self.base + path, data=form, headers=headers, timeout=60))

    def refused(self, path: str, **form: str) -> bool:
        """Whether nobody can send this form from a page of another site."""
        elsewhere: list[Any] = [
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
        ]
        return [self.send(path, each, **form).status for each in elsewhere] == [403] * len(elsewhere)
