"""A browser without JavaScript: reads forms and links out of the HTML, posts what it says, follows redirects to us."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

import requests


@dataclass
class Form:
    """One form: where it posts, and what it posts when nobody touches it."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.marked: dict[str, dict[str, str]] = {}
        self.texts: dict[str, str] = {}
        self._open: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(found.get("action", ""), found.get("method", "get")))
        if tag == "input" and self.forms and "name" in found:
            self._input(found)
        if "data-testid" in found:
            self.marked[found["data-testid"]] = found
            self._open.append((tag, found["data-testid"]))

    def _input(self, found: dict[str, str]) -> None:
        form = self.forms[-1]
        if found.get("type") not in ("radio", "checkbox") or "checked" in found:
            form.fields[found["name"]] = found.get("value", "")
        else:
            form.fields.setdefault(found["name"], "")

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1][0] == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        for _, name in self._open:
            self.texts[name] = self.texts.get(name, "") + data


class Browser:
    """Stands on one page. ``left`` is the merchant's address once the browser was sent there."""

    def __init__(self) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = os.environ.get("REQUESTS_CA_BUNDLE", True)
        self.url = ""
        self.left = ""
        self.status = 0
        self.page = _Reader()

    def open(self, url: str) -> Browser:
        """Go to an address."""
        self._arrive(self.session.get(url, allow_redirects=False, timeout=30), url)
        return self

    def _arrive(self, response: requests.Response, url: str) -> None:
        while response.is_redirect:
            target = urljoin(url, response.headers["Location"])
            if urlsplit(target).netloc != urlsplit(url).netloc:
                self.left = target
                return
            url = target
            response = self.session.get(url, allow_redirects=False, timeout=30)
        self.url, self.status, self.page = url, response.status_code, _Reader()
        self.page.feed(response.text)

    def form(self, step: str) -> Form:
        """The form whose hidden ``step`` says this."""
        found = [form for form in self.page.forms if form.fields.get("step") == step]
        assert len(found) == 1, f"{len(found)} forms for {step!r} at {self.url}"
        return found[0]

    def submit(self, step: str, **typed: str) -> Browser:
        """Fill in a form and send it. A field that the form does not have cannot be filled in."""
        form = self.form(step)
        assert set(typed) <= set(form.fields), f"no field {set(typed) - set(form.fields)} in {form}"
        assert form.method.lower() == "post"
        target = urljoin(self.url, form.action)
        response = self.session.post(target, data={**form.fields, **typed}, allow_redirects=False, timeout=30)
        self._arrive(response, target)
        return self

    def follow(self, testid: str) -> Browser:
        """Click a link; one that leads to the merchant is not followed any further."""
        target = urljoin(self.url, self.page.marked[testid]["href"])
        if urlsplit(target).netloc != urlsplit(self.url).netloc:
            self.left = target
            return self
        return self.open(target)

    def text(self, testid: str) -> str:
        """The text of a marked element, white space made plain."""
        return " ".join(self.page.texts[testid].split())

    def shows(self, testid: str) -> bool:
        """Whether the page has this element."""
        return testid in self.page.marked

    def returned(self) -> dict[str, str]:
        """The query with which the browser was sent back to the merchant."""
        assert self.left, f"the browser is still at {self.url}"
        return dict(parse_qsl(urlsplit(self.left).query))
