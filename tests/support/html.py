"""Reading pages in tests: elements by their ``data-testid``, and whether a page is well-formed."""

from __future__ import annotations

from html.parser import HTMLParser

_VOID = frozenset({"meta", "link", "input", "br", "hr", "img", "source"})


class _Reader(HTMLParser):
    """Collects the text of elements with a testid, ids, and tags that were not closed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: dict[str, list[str]] = {}
        self.ids: list[str] = []
        self.links: list[tuple[str, str]] = []
        self.tags: list[str] = []
        self.open: list[tuple[str, str | None]] = []
        self.broken: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if tag == "a" and found.get("href"):
            self.links.append((str(found["href"]), found.get("data-testid") or ""))
        testid = found.get("data-testid")
        if testid is not None:
            self.texts.setdefault(testid, []).append("")
        if tag not in _VOID:
            self.open.append((tag, testid))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1][0] != tag:
            self.broken.append(f"</{tag}> inside {self.open[-1:]}")
            return
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for _, testid in self.open:
            if testid is not None:
                self.texts[testid][-1] += data


class Page:
    """A page that was read. Its elements are closed in order, and no id is there twice."""

    def __init__(self, html: str) -> None:
        reader = _Reader()
        reader.feed(html)
        reader.close()
        assert reader.broken == []
        assert reader.open == []
        assert sorted(reader.ids) == sorted(set(reader.ids))
        self.html = html
        self.links = reader.links
        self.tags = reader.tags
        self._texts = reader.texts

    def all(self, testid: str) -> list[str]:
        """The texts of all elements of that name, white space made plain."""
        return [" ".join(each.split()) for each in self._texts.get(testid, [])]

    def text(self, testid: str) -> str:
        """The text of the only one."""
        (found,) = self.all(testid)
        return found

    def link(self, testid: str) -> str:
        """Where the first link of that name leads."""
        return next(href for href, name in self.links if name == testid)
