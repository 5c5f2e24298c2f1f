"""A browser without JavaScript, for one person: reads forms and links, fills in, clicks, is sent around."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Self
from urllib.parse import urljoin

import aiohttp
from aiohttp import CookieJar

REDIRECTS = 10


class NotThere(Exception):
    """The page does not have what a person was looking for."""


@dataclass
class Form:
    """One form: where it leads, and what it says when nobody touches it."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: set[str] = field(default_factory=set)


class Page(HTMLParser):
    """What is on a page: forms, and elements with a ``data-testid`` with their attributes and texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.marked: dict[str, dict[str, str]] = {}
        self.texts: dict[str, str] = {}
        self._open: list[tuple[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See HTMLParser."""
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(found.get("action", ""), found.get("method", "get")))
        elif tag == "input" and self.forms and "name" in found:
            self._input(found)
        if tag == "button" and self.forms:
            self.forms[-1].buttons.add(found.get("data-testid", ""))
        if "data-testid" in found:
            self.marked.setdefault(found["data-testid"], found)
            self._open.append((tag, found["data-testid"]))

    def _input(self, found: dict[str, str]) -> None:
        form = self.forms[-1]
        if found.get("type") in ("radio", "checkbox") and "checked" not in found:
            form.fields.setdefault(found["name"], "")
        else:
            form.fields[found["name"]] = found.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        """See HTMLParser."""
        if self._open and self._open[-1][0] == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        """See HTMLParser."""
        for _, name in self._open:
            self.texts[name] = self.texts.get(name, "") + data


class Visitor:
    """Stands on one page: ``url``, ``status``, ``page``."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            cookie_jar=CookieJar(unsafe=True), headers={"Accept-Language": "en"}, timeout=aiohttp.ClientTimeout(60)
        )
        self.url, self.status, self.page = "", 0, Page("")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def open(self, url: str, method: str = "GET", form: dict[str, str] | None = None) -> Self:
        """Go there, and wherever one is sent from there."""
        url = urljoin(self.url, url)
        for _ in range(REDIRECTS):
            async with self._session.request(method, url, data=form, allow_redirects=False) as answer:
                if answer.status not in (301, 302, 303, 307):
                    self.url, self.status, self.page = url, answer.status, Page(await answer.text())
                    return self
                url, method, form = urljoin(url, answer.headers["Location"]), "GET", None
        raise NotThere(f"sent around without end, at {url}")

    def step(self, name: str) -> Form | None:
        """The provider's form for this step, if it is on the page."""
        return next((each for each in self.page.forms if each.fields.get("step") == name), None)

    async def submit(self, form: Form, **typed: str) -> Self:
        """Send a form with these fields filled in."""
        return await self.open(form.action or self.url, form.method.upper(), {**form.fields, **typed})

    async def click(self, testid: str) -> Self:
        """Press a button, or follow a link. Raises NotThere."""
        for form in self.page.forms:
            if testid in form.buttons:
                return await self.submit(form)
        if "href" not in self.page.marked.get(testid, {}):
            raise NotThere(f"nothing to click called {testid!r} at {self.url} ({self.status})")
        return await self.open(self.page.marked[testid]["href"])

    def text(self, testid: str) -> str:
        """The text of an element. Raises NotThere."""
        if testid not in self.page.marked:
            raise NotThere(f"no {testid!r} at {self.url} ({self.status})")
        return " ".join(self.page.texts.get(testid, "").split())
