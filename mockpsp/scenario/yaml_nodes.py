"""Strict YAML with positions: what a tester writes is what we read.

``on``, ``NO``, ``12:30``, ``0777`` and dates stay text; true, false, null, plain integers and plain decimals are what
they look like; keys are always text, and a key written twice is a mistake. We build from the parser's events and not
with ``compose``: libyaml's composer recurses in C, and a file of opening brackets would end the process.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from msgspec import Struct, field

from mockpsp.scenario.problems import Bad, Problems, Spot

MAX_BYTES = 1_000_000
MAX_DEPTH = 60
MAX_NODES = 100_000

# What YAML does not allow; as one class of what it does allow this takes ten times longer to compile.
_UNPRINTABLE = "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]|[\ud800-\udfff]|[\ufffe\uffff]"
_SURROGATE = re.compile("[\ud800-\udfff]")
_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?")
_MAX_WHOLE = 2**63 - 1
_MAX_WRITTEN = 20
_WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_TAGS = {"!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}

Plain = str | int | float | bool | None


class Scalar(Struct, eq=False):
    """One value, and how it was written."""

    spot: Spot
    value: Plain
    text: str
    size: ClassVar[int] = 1
    height: ClassVar[int] = 1


class Many(Struct, eq=False):
    """A list. ``size`` counts the nodes below and itself, aliases written out; ``height`` the levels."""

    spot: Spot
    items: list[Node] = field(default_factory=list)
    size: int = 1
    height: int = 1


class Table(Struct, eq=False):
    """A mapping, and where each of its keys stands."""

    spot: Spot
    items: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, Spot] = field(default_factory=dict)
    size: int = 1
    height: int = 1


Node = Scalar | Many | Table


def plain(node: Node) -> Any:
    """The value alone, as ``json.loads`` would give it."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Many):
        return [plain(item) for item in node.items]
    return {key: plain(item) for key, item in node.items.items()}


def read_text(text: str | bytes, problems: Problems) -> Node | None:
    """The document's root, or None when the text is not one YAML document; then ``problems`` says why."""
    try:
        return _Builder(problems).build(_clean(text))
    except Bad as bad:
        problems.add_bad(bad)
        return None


def _clean(text: str | bytes) -> str:
    """Decoded, not too large, and without characters that YAML forbids. Raises Bad."""
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise Bad(Spot(1, 1), f"the file has {size} bytes; a scenario has at most {MAX_BYTES}")
    text = _decoded(text) if isinstance(text, bytes) else text
    text = text.removeprefix("\ufeff")
    odd = re.search(_UNPRINTABLE, text)
    if odd is not None:
        raise Bad(_spot_after(text[: odd.start()]), f"the character U+{ord(odd[0]):04X} is not allowed; remove it")
    return text


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        at = _spot_after(raw[: error.start].decode("utf-8"))
        raise Bad(at, f"byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8") from None


def _spot_after(before: str) -> Spot:
    rows = _BREAK.split(before)
    return Spot(len(rows), len(rows[-1]) + 1)


_MERGE = ("<<", Spot())


class _Open(Struct):
    """A list or mapping whose end has not been read yet."""

    node: Many | Table
    anchor: str | None
    is_table: bool
    key: tuple[str, Spot] | None = None
    merges: list[Node] = field(default_factory=list)


class _Builder:
    """Turns parser events into nodes, one pass, no recursion."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.stack: list[_Open] = []
        self.anchors: dict[str, Node | None] = {}
        self.count = 0
        self.root: Node | None = None
        self.at = Spot(1, 1)

    def build(self, text: str) -> Node:
        """The root node. Raises Bad for what makes the rest unreadable."""
        import yaml

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
        try:
            self._events(loader.get_event, yaml)
        except yaml.MarkedYAMLError as error:
            raise _syntax(error, text, self.at) from None
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            raise Bad(self.at, f"this is not YAML: {error}") from None
        finally:
            loader.dispose()
        if self.root is None:
            raise Bad(Spot(1, 1), "the file is empty; start with 'mockpsp: 1' and a title")
        return self.root

    def _events(self, get_event: Callable[[], Any], yaml: Any) -> None:
        """All events of the stream. This loop and ``_scalar`` are what a large file waits for."""
        handlers: dict[Any, Callable[[Any, Spot], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.SequenceStartEvent: lambda event, at: self._open(event, at, Many(at)),
            yaml.MappingStartEvent: lambda event, at: self._open(event, at, Table(at)),
            yaml.SequenceEndEvent: lambda _, __: self._close(),
            yaml.MappingEndEvent: lambda _, __: self._close(),
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: lambda _, at: self._document(at),
        }
        new = tuple.__new__
        while (event := get_event()) is not None:
            mark = event.start_mark
            self.at = at = new(Spot, (mark.line + 1, mark.column + 1, ""))
            handler = handlers.get(event.__class__)
            if handler is not None:
                handler(event, at)

    def _document(self, at: Spot) -> None:
        if self.root is not None:
            raise Bad(at, "a second document starts here; a scenario is one document per file")

    def _scalar(self, event: Any, at: Spot) -> None:
        tag, text, is_plain = event.tag, event.value, event.implicit[0]
        if tag is not None and tag not in _TAGS:
            raise Bad(at, f"the tag {tag!r} has no meaning here; remove it")
        if not text.isascii() and _SURROGATE.search(text):
            raise Bad(at, "half a character (a surrogate) is not text; write the whole character")
        parent = self.stack[-1] if self.stack else None
        if parent is not None and parent.key is None and parent.is_table:
            if event.anchor is not None:
                self.anchors[event.anchor] = Scalar(at, text, text)
            self._key(parent, text, at, quoted=not is_plain)
            return
        node = Scalar(at, _read(text, at) if is_plain else text, text)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        self._tally(1, at)
        self._attach(node)

    def _key(self, parent: _Open, text: str, at: Spot, *, quoted: bool) -> None:
        self._tally(1, at)
        table = parent.node
        assert isinstance(table, Table)
        if text == "<<" and not quoted:
            parent.key = _MERGE
            return
        first = table.keys.setdefault(text, at)
        if first is not at:
            self.problems.add(at, f"'{text}' is written twice; the first is in line {first.line}")
        parent.key = (text, at)

    def _open(self, event: Any, at: Spot, node: Many | Table) -> None:
        if event.tag is not None and event.tag not in _TAGS:
            raise Bad(at, f"the tag {event.tag!r} has no meaning here; remove it")
        if self.stack and self.stack[-1].is_table and self.stack[-1].key is None:
            raise Bad(at, "a key is a word; a list or a mapping cannot be one")
        if len(self.stack) >= MAX_DEPTH:
            raise Bad(at, f"more than {MAX_DEPTH} levels deep")
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        self._tally(1, at)
        self.stack.append(_Open(node, event.anchor, isinstance(node, Table)))

    def _close(self) -> None:
        done = self.stack.pop()
        node = done.node
        if isinstance(node, Table) and done.merges:
            self._merge(node, done.merges)
        size, height = 1, 0
        for child in node.items if isinstance(node, Many) else node.items.values():
            size += child.size
            if child.height > height:
                height = child.height
        node.size, node.height = size, height + 1
        if done.anchor is not None:
            self.anchors[done.anchor] = node
        self._attach(node)

    def _merge(self, table: Table, merges: list[Node]) -> None:
        """``<<``: what the mapping does not say itself comes from the others, earlier ones first."""
        for merged in merges:
            for other in merged.items if isinstance(merged, Many) else [merged]:
                if not isinstance(other, Table):
                    self.problems.add(other.spot, "'<<' takes a mapping, or a list of mappings")
                    continue
                for key, child in other.items.items():
                    if key not in table.keys:
                        table.keys[key] = other.keys[key]
                        table.items[key] = child

    def _alias(self, event: Any, at: Spot) -> None:
        anchor = event.anchor
        if anchor not in self.anchors:
            raise Bad(at, f"nothing is called '&{anchor}' above{self.problems.hint(anchor, self.anchors)}")
        node = self.anchors[anchor]
        if node is None:
            raise Bad(at, f"'*{anchor}' stands inside '&{anchor}' itself, so it would never end")
        parent = self.stack[-1] if self.stack else None
        if parent is not None and parent.key is None and parent.is_table:
            if not isinstance(node, Scalar):
                raise Bad(at, "a key is a word; a list or a mapping cannot be one")
            self._key(parent, node.text, at, quoted=True)
            return
        if len(self.stack) + node.height > MAX_DEPTH:
            raise Bad(at, f"with '*{anchor}' written out, more than {MAX_DEPTH} levels deep")
        self._tally(node.size, at)
        self._attach(node)

    def _tally(self, size: int, at: Spot) -> None:
        self.count += size
        if self.count > MAX_NODES:
            raise Bad(at, f"more than {MAX_NODES} values, aliases written out; make the file smaller")

    def _attach(self, node: Node) -> None:
        if not self.stack:
            self.root = node
            return
        parent = self.stack[-1]
        if isinstance(parent.node, Many):
            parent.node.items.append(node)
            return
        said = parent.key
        assert said is not None
        parent.key = None
        if said is _MERGE:
            parent.merges.append(node)
        else:
            parent.node.items.setdefault(said[0], node)


def _read(text: str, at: Spot) -> Plain:
    """A plain scalar: a constant, a number, or text. Raises Bad for numbers that no program would keep exactly."""
    if text in _WORDS:
        return _WORDS[text]
    match = _NUMBER.fullmatch(text)
    if match is None:
        return text
    if len(text) > _MAX_WRITTEN or (match[1] is None and abs(int(text)) > _MAX_WHOLE):
        raise Bad(at, f"a number this long is not kept exactly; put it in quotes: '{text[:40]}'")
    return int(text) if match[1] is None else float(text)


_SYNTAX = (
    (
        "mapping values are not allowed",
        "a ':' cannot stand here; put the text in quotes, or check the indentation",
    ),
    ("',' or ']'", "the list is not closed with ']', or a comma is missing"),
    ("',' or '}'", "the mapping is not closed with '}', or a comma is missing"),
    ("unexpected end of stream", "the quoted text is not closed"),
    ("unknown escape", "unknown escape after '\\'; use single quotes, or write '\\\\' for a backslash"),
    ("document start", "the document ended above; a scenario is one document per file"),
    ("node content", "a value is missing here"),
    ("expected key", "the indentation does not fit the lines above"),
    ("<block end>", "the indentation does not fit the lines above"),
    ("'-' indicator", "the indentation does not fit the lines above"),
)


def _within(at: Spot, text: str) -> Spot:
    """The place, or the file's end where the parser sees one more line than there is."""
    rows = _BREAK.split(text)
    return at if at.line <= len(rows) else Spot(len(rows), len(rows[-1]) + 1)


def _syntax(error: Any, text: str, last: Spot) -> Bad:
    """The parser's complaint in our words."""
    mark = error.problem_mark or error.context_mark
    at = _within(Spot(mark.line + 1, mark.column + 1), text) if mark is not None else last
    told = str(error.problem)
    if "cannot start any token" in told or "tab character" in told:
        char = text[mark.index : mark.index + 1]
        if char == "\t":
            return Bad(at, "a tab cannot stand here; indent with spaces")
        return Bad(at, f"text cannot start with '{char}'; put it in quotes")
    for part, ours in _SYNTAX:
        if part in told:
            since = error.context_mark
            opened = f" (it starts in line {since.line + 1})" if since and "closed" in ours else ""
            return Bad(at, ours + opened)
    return Bad(at, f"this is not YAML: {told}")


def read_value(value: object, problems: Problems) -> Node | None:
    """Nodes of an inline JSON value; positions are JSON pointers. None, and noted, when it is not JSON."""
    try:
        return _Inline().node(value, "", 0)
    except Bad as bad:
        problems.add_bad(bad)
        return None


class _Inline:
    """Walks an inline value with the same bounds as a file."""

    def __init__(self) -> None:
        self.count = 0

    def node(self, value: object, path: str, depth: int) -> Node:
        """The node of one value at a JSON pointer. Raises Bad."""
        self.count += 1
        spot = Spot(path=path)
        if depth > MAX_DEPTH:
            raise Bad(spot, f"more than {MAX_DEPTH} levels deep")
        if self.count > MAX_NODES:
            raise Bad(spot, f"more than {MAX_NODES} values; make the scenario smaller")
        if isinstance(value, Mapping):
            return self._table(value, spot, depth)
        if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
            return Many(spot, [self.node(each, f"{path}/{i}", depth + 1) for i, each in enumerate(value)])
        return _inline_scalar(value, spot)

    def _table(self, value: Mapping[object, object], spot: Spot, depth: int) -> Table:
        table = Table(spot)
        for key, each in value.items():
            if not isinstance(key, str) or _SURROGATE.search(key):
                raise Bad(spot, f"the key {key!r} is not text")
            below = f"{spot.path}/{key.replace('~', '~0').replace('/', '~1')}"
            table.items[key] = self.node(each, below, depth + 1)
            table.keys[key] = Spot(path=below)
        return table


def _inline_scalar(value: object, spot: Spot) -> Scalar:
    if value is None or isinstance(value, bool):
        return Scalar(spot, value, {None: "null", True: "true", False: "false"}[value])
    if isinstance(value, str):
        if _SURROGATE.search(value):
            raise Bad(spot, "half a character (a surrogate) is not text; write the whole character")
        return Scalar(spot, value, value)
    if isinstance(value, int) and abs(value) <= _MAX_WHOLE:
        return Scalar(spot, value, str(value))
    if isinstance(value, float) and math.isfinite(value):
        return Scalar(spot, value, repr(value))
    told = "a number this large is not kept exactly; send it as text" if isinstance(value, int | float) else ""
    raise Bad(spot, told or f"a {type(value).__name__} is not JSON")
