"""``settings`` and ``world``: each provider's part, checked by its JSON Schema, typed, with the defaults filled in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mockpsp.scenario.grammar import closed
from mockpsp.scenario.problems import Bad, Problems, Spot
from mockpsp.scenario.reading import duration, instant, money, shown
from mockpsp.scenario.yaml_nodes import Many, Node, Scalar, Table, plain, read_value

_FORMATS: Mapping[str, Callable[[Node], Any]] = {"money": money, "duration": duration, "instant": instant}
_KEPT = 64
_SHOWN = 160
_COMPILED: dict[int, tuple[Mapping[str, Any], Any]] = {}

Schema = Mapping[str, Any]


def read_part(node: Node, schema: Schema, what: tuple[str, str], problems: Problems) -> dict[str, Any]:
    """One provider's part of a file. ``what`` words its keys: a setting, of acme."""
    schema = closed(schema)
    if not isinstance(node, Table):
        problems.add(node.spot, f"needs a mapping, not {shown(node)}")
        return {}
    errors = len(problems.found)
    if node.items and not problems.trusted:
        for error in _validator(schema).iter_errors(plain(node)):
            _tell(error, node, schema, what, problems)
    shaped = _Shaper(schema, problems).shape(node, schema)
    return shaped if len(problems.found) == errors and isinstance(shaped, dict) else {}


def defaults(schema: Schema, problems: Problems) -> dict[str, Any]:
    """The part that a file does not mention."""
    shaped = _Shaper(schema, problems).shape(Table(Spot()), schema)
    return shaped if isinstance(shaped, dict) else {}


def _validator(schema: Schema) -> Any:
    """Compiled once per catalogue: its schemas are constants of the provider's module."""
    key = id(schema.get("properties", schema))
    kept = _COMPILED.get(key)
    if kept is None or kept[0] != schema:
        from jsonschema_rs import Draft202012Validator

        if len(_COMPILED) >= _KEPT:
            _COMPILED.clear()
        kept = _COMPILED[key] = (schema, Draft202012Validator(dict(schema)))
    return kept[1]


def _resolve(root: Schema, pointer: str) -> Any:
    """What ``#/$defs/card`` leads to; an empty schema when it leads out of this document."""
    found: Any = root
    for part in pointer.removeprefix("#").split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        found = found.get(part, {}) if isinstance(found, Mapping) else {}
    return found


def _at(root: Schema, path: list[str | int]) -> Any:
    """The part of the schema that an error speaks of."""
    found: Any = root
    for part in path:
        if part == "$ref" and isinstance(found, Mapping):
            found = _resolve(root, str(found.get("$ref", "")))
        elif isinstance(found, list) and isinstance(part, int) and part < len(found):
            found = found[part]
        else:
            found = found.get(part, {}) if isinstance(found, Mapping) else {}
    return found


def _tell(error: Any, root: Table, schema: Schema, what: tuple[str, str], problems: Problems) -> None:
    """Note one schema error in our words, at the node it is about."""
    node, name = _follow(root, list(error.instance_path))
    path = list(error.schema_path)
    keyword = str(path[-1]) if path else ""
    near = _at(schema, path[:-1])
    near = near if isinstance(near, Mapping) else {}
    prefix = f"{name}: " if name else ""
    if keyword in ("additionalProperties", "unevaluatedProperties") and isinstance(node, Table):
        known = near.get("properties", {})
        for key in getattr(error.kind, "unexpected", ()):
            problems.add(node.keys[key], f"unknown {what[0]} '{key[:_SHOWN]}' of {what[1]}{problems.hint(key, known)}")
        return
    if keyword == "required":
        problems.add(node.spot, f"{prefix}'{getattr(error.kind, 'property', '?')}' is missing")
        return
    problems.add(node.spot, prefix + (_worded(keyword, node, near, problems) or error.message[:_SHOWN]))


def _follow(root: Table, path: list[str | int]) -> tuple[Node, str]:
    """The node at an instance path, and the last key on the way."""
    node: Node = root
    name = ""
    for part in path:
        if isinstance(node, Table):
            name = str(part)
            node = node.items[name]
        elif isinstance(node, Many):
            node = node.items[int(part)]
    return node, name


_TYPES = {
    "string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false",
    "object": "a mapping", "array": "a list", "null": "nothing",
}  # fmt: skip
_EXAMPLES = {
    "money": "an amount such as 12.00 EUR",
    "duration": "a duration such as PT4H",
    "instant": "a moment",
}


_LIMITS = {
    "minimum": "is too small; {} is the least",
    "maximum": "is too large; {} is the most",
    "exclusiveMinimum": "is too small; it has to be above {}",
    "exclusiveMaximum": "is too large; it has to be below {}",
    "minItems": "is too short; it needs at least {}",
    "maxItems": "is too long; it has at most {}",
    "minLength": "is too short; it needs at least {} characters",
    "maxLength": "is too long; it has at most {} characters",
}


def _worded(keyword: str, node: Node, near: Schema, problems: Problems) -> str | None:
    """One sentence for the keywords that testers meet; None for the others."""
    limit = near.get(keyword)
    match keyword:
        case "type":
            return _wrong_type(node, near)
        case "enum" if isinstance(limit, list | tuple):
            words = [str(each) for each in limit]
            return f"{shown(node)} is not possible{problems.hint(shown(node).strip(chr(39)), words)}"
        case "anyOf" | "oneOf" if isinstance(limit, list | tuple):
            return f"needs {' or '.join(_form(each) for each in limit)}, not {shown(node)}"
        case "const":
            return f"can only be {limit}, not {shown(node)}"
        case "pattern":
            wanted = near.get("description") or f"it has to match {limit}"
            return f"{shown(node)} does not fit; {wanted}"
        case _ if keyword in _LIMITS:
            return f"{shown(node)} {_LIMITS[keyword].format(limit)}"
        case _:
            return None


def _form(branch: Any) -> str:
    """One of several possible forms, in words."""
    branch = branch if isinstance(branch, Mapping) else {}
    if "enum" in branch:
        return " or ".join(str(each) for each in branch["enum"])
    words = _EXAMPLES.get(str(branch.get("format"))) or branch.get("title") or branch.get("const")
    return str(words or _TYPES.get(str(branch.get("type")), "another form"))


def _wrong_type(node: Node, near: Schema) -> str:
    types = near.get("type", ())
    types = [types] if isinstance(types, str) else list(types)
    wanted = " or ".join(_TYPES.get(each, each) for each in types)
    if types == ["string"]:
        wanted = _EXAMPLES.get(str(near.get("format")), wanted)
        if isinstance(node, Scalar) and node.value is not None and wanted == "text":
            return f"needs text, not {shown(node)}; put it in quotes: '{node.text}'"
    return f"needs {wanted}, not {shown(node)}"


class _Shaper:
    """Walks a value along its schema: formats become types, missing keys get their defaults."""

    def __init__(self, root: Schema, problems: Problems) -> None:
        self.root = root
        self.problems = problems

    def shape(self, node: Node, *schemas: Any) -> Any:
        """The typed value of a node that all these schemas describe."""
        views = [view for schema in schemas for view in self._views(schema, sure=True, seen=())]
        if isinstance(node, Scalar):
            return self._scalar(node, views)
        if isinstance(node, Many):
            return [self.shape(item, *_items(views, index)) for index, item in enumerate(node.items)]
        shaped = {key: self.shape(child, *_properties(views, key)) for key, child in node.items.items()}
        for view, sure in views:
            for key, below in view.get("properties", {}).items() if sure else ():
                if key not in shaped and isinstance(below, Mapping) and "default" in below:
                    default = read_value(below["default"], self.problems)
                    if default is not None:
                        shaped[key] = self.shape(default, below)
        return shaped

    def _views(self, schema: Any, *, sure: bool, seen: tuple[int, ...]) -> Iterator[tuple[Schema, bool]]:
        """The schema, what it refers to and its branches; ``sure`` is False for those that may not apply."""
        if not isinstance(schema, Mapping) or id(schema) in seen:
            return
        yield schema, sure
        seen = (*seen, id(schema))
        if isinstance(schema.get("$ref"), str):
            yield from self._views(_resolve(self.root, schema["$ref"]), sure=sure, seen=seen)
        for keyword in ("allOf", "anyOf", "oneOf"):
            for branch in schema.get(keyword, ()):
                yield from self._views(branch, sure=sure and keyword == "allOf", seen=seen)

    def _scalar(self, node: Scalar, views: list[tuple[Schema, bool]]) -> Any:
        if not isinstance(node.value, str):
            return node.value
        refused: list[Bad] = []
        for view, sure in views:
            read = _FORMATS.get(str(view.get("format")))
            if read is None:
                continue
            try:
                return read(node)
            except Bad as bad:
                if sure or not any(_takes(each, node.value) for each, _ in views):
                    refused.append(bad)
        for first in refused[:1]:
            self.problems.add_bad(first)
        return node.value


def _takes(view: Schema, value: str) -> bool:
    """Whether a branch accepts the text as mere text, without reading it as an amount or a moment."""
    if "format" in view or "anyOf" in view or "oneOf" in view:
        return False
    if "enum" in view or "const" in view:
        return value in view.get("enum", (view.get("const"),))
    return view.get("type") == "string"


def _properties(views: list[tuple[Schema, bool]], key: str) -> list[Any]:
    """The schemas of one key."""
    found: list[Any] = []
    for view, _ in views:
        named = view.get("properties", {})
        fitting = [each for pattern, each in view.get("patternProperties", {}).items() if re.search(pattern, key)]
        if key in named:
            fitting.append(named[key])
        found += fitting or [view.get("additionalProperties")]
    return found


def _items(views: list[tuple[Schema, bool]], index: int) -> list[Any]:
    """The schemas of one item of a list."""
    found: list[Any] = []
    for view, _ in views:
        first = view.get("prefixItems", ())
        found.append(first[index] if index < len(first) else view.get("items"))
    return found
