"""A provider's OpenAPI document as compiled validators, one per operation; read at the first request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from mockpsp.data import folder
from mockpsp.edge.ahead import document_of
from mockpsp.edge.errors import BadBody, Broken, BrokenContract

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator, ValidationError

_METHODS = ("get", "post", "put", "patch", "delete")
Json = Mapping[str, Any]


@cache
def read_openapi(name: str) -> Json:
    """One OpenAPI document of ours. Raises FileNotFoundError."""
    text = (folder("openapi") / f"{name}.yaml").read_bytes()
    ready = document_of(name, text)
    return parse_openapi(text) if ready is None else ready


def parse_openapi(text: bytes) -> Json:
    """A document as it is written."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document: Json = yaml.load(text, Loader=loader)  # noqa: S506  # the safe loader, in C where there is one
    return document


class Operation:
    """One operation of the contract."""

    __slots__ = (
        "body",
        "body_required",
        "body_schema",
        "method",
        "name",
        "parameters",
        "path",
        "query",
        "raw",
        "responses",
    )

    def __init__(self, name: str, method: str, path: str, raw: Json, contract: Contract) -> None:
        self.name = name
        self.method = method
        self.path = path
        self.raw = raw
        parameters = [contract.resolve(each) for each in raw.get("parameters", ())]
        self.parameters = {each["name"]: each for each in parameters if each["in"] == "query"}
        request = contract.resolve(raw.get("requestBody", {}))
        self.body_required = bool(request.get("required"))
        self.body_schema = request.get("content", {}).get("application/json", {}).get("schema")
        self.body = contract.validator(self.body_schema) if self.body_schema is not None else None
        self.query = contract.validator(_query_schema(self.parameters)) if self.parameters else None
        self.responses: Json = raw.get("responses", {})


def _query_schema(parameters: Mapping[str, Json]) -> Json:
    return {
        "type": "object",
        "properties": {name: each.get("schema", {}) for name, each in parameters.items()},
        "required": [name for name, each in parameters.items() if each.get("required")],
    }


class Contract:
    """Operations by name. ``check_body`` and ``check_query`` raise BrokenContract with the property at fault."""

    def __init__(self, document: Json) -> None:
        self.document = document
        self._components = document.get("components", {})
        self.operations: dict[str, Operation] = {}
        self._raw = {
            raw["operationId"]: (
                method,
                path,
                {**raw, "parameters": [*item.get("parameters", ()), *raw.get("parameters", ())]},
            )
            for path, item in document["paths"].items()
            for method, raw in item.items()
            if method in _METHODS
        }

    def names(self) -> tuple[str, ...]:
        """All operations of the document."""
        return tuple(self._raw)

    def operation(self, name: str) -> Operation:
        """The operation, compiled on first use. Raises KeyError for one that the document does not have."""
        found = self.operations.get(name)
        if found is None:
            method, path, raw = self._raw[name]
            found = self.operations[name] = Operation(name, method.upper(), path, raw, self)
        return found

    def resolve(self, value: Json) -> Json:
        """Follow a local ``$ref``."""
        while "$ref" in value:
            target: Any = self.document
            for part in value["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            value = target
        return value

    def validator(self, schema: Json) -> Draft202012Validator:
        """A compiled validator for a schema of this document."""
        from jsonschema_rs import Draft202012Validator

        return Draft202012Validator({**schema, "components": self._components})

    def check_body(self, operation: Operation, body: Any, present: bool) -> None:
        """Raise BrokenContract unless the body (or its absence) is what the operation takes."""
        if not present:
            if operation.body_required:
                raise BrokenContract("", "a body is required", "body")
            return
        if operation.body is not None:
            check(operation.body, body, "body")

    def check_query(self, operation: Operation, query: Mapping[str, list[str]]) -> dict[str, Any]:
        """The query as typed values: declared parameters only. Raises BrokenContract."""
        typed = {
            name: _typed(self.resolve(each.get("schema", {})), query[name])
            for name, each in operation.parameters.items()
            if name in query
        }
        if operation.query is not None:
            check(operation.query, typed, "query parameter")
        return typed


def check(validator: Draft202012Validator, value: Any, place: str) -> None:
    """Raise BrokenContract with all that is wrong unless the value fits; BadBody for what no schema can judge."""
    try:
        if validator.is_valid(value):
            return
        errors = list(validator.iter_errors(value))
    except ValueError as unheard:  # numbers and texts that cannot be represented, such as lone surrogates
        raise BadBody(str(unheard)) from unheard
    found = tuple(_broken(each, value) for each in errors)
    first = min(range(len(errors)), key=lambda index: len(errors[index].instance_path))
    dotted = ""
    for part in map(str, found[first].path):
        dotted += f"[{part}]" if part.isdigit() else f".{part}" if dotted else part
    raise BrokenContract(dotted, errors[first].message, place, found)


_LIMITS = ("limit", "types", "options", "pattern", "format", "expected_value", "multiple_of")
"""Where jsonschema_rs keeps the values of keywords."""


def _broken(error: ValidationError, body: Any) -> Broken:
    kind, path = error.kind, tuple(error.instance_path)
    if type(kind).__name__.endswith("Required"):
        missing = str(getattr(kind, "property", "")).strip('"')
        return Broken((*path, missing), "required", missing, None)
    limit = next((getattr(kind, name) for name in _LIMITS if hasattr(kind, name)), None)
    value = body
    for part in path:
        value = value[part]
    return Broken(path, str(error.schema_path[-1]), tuple(limit) if isinstance(limit, list) else limit, value)


_TEXT = {"type": "string"}
_WHOLE = re.compile(r"-?[0-9]{1,18}")


def converted(contract: Contract, schema: Any, value: Any, *, loosely: bool = False) -> Any:
    """The value with texts read as whole numbers, or as true or false, where the schema has these and no text.

    ``loosely`` also the other way in maps of texts, and a null for what may be left out counts as left out.
    """
    schema = contract.resolve(schema) if isinstance(schema, dict) else {}
    if isinstance(value, str):
        return _converted(schema.get("type", ()), value)
    if isinstance(value, list):
        items = schema.get("items")
        return [converted(contract, items, each, loosely=loosely) for each in value]
    if isinstance(value, dict):
        return _converted_members(contract, schema, value, loosely)
    return value


def _converted_members(contract: Contract, schema: Json, value: Json, loosely: bool) -> dict[str, Any]:
    known, needed = schema.get("properties", {}), schema.get("required", ())
    told = {name: converted(contract, known.get(name), each, loosely=loosely) for name, each in value.items()}
    if not loosely:
        return told
    texts = schema.get("additionalProperties") == _TEXT
    return {
        name: _as_text(each) if texts and known.get(name, _TEXT).get("type") == "string" else each
        for name, each in told.items()
        if each is not None or name in needed
    }


def _as_text(value: Any) -> Any:
    """What stands in JSON, for what is true, false or a whole number."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else value


def _converted(types: str | list[str], text: str) -> str | int | bool:
    kinds = (types,) if isinstance(types, str) else types
    if "string" in kinds:
        return text
    if "integer" in kinds and _WHOLE.fullmatch(text):
        return int(text)
    if "boolean" in kinds and text in ("true", "false"):
        return text == "true"
    return text


def _typed(schema: Json, texts: list[str]) -> Any:
    kind = schema.get("type")
    if kind == "array":
        items = schema.get("items", {})
        return [_typed(items, [text]) for text in texts]
    text = texts[-1]
    if kind == "integer":
        digits = text.removeprefix("-")
        return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 20 else text
    if kind == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    return text


def unknown_properties(contract: Contract, schema: Json | None, value: Any, path: str = "") -> list[str]:
    """The dotted paths of properties that the contract does not name: what the provider would ignore."""
    if schema is None:
        return []
    schema = contract.resolve(schema)
    if isinstance(value, list):
        items = schema.get("items")
        return [
            found
            for index, each in enumerate(value)
            for found in unknown_properties(contract, items, each, f"{path}[{index}]")
        ]
    if not isinstance(value, dict) or "properties" not in schema:
        return []
    known = schema["properties"]
    found: list[str] = []
    for name, each in value.items():
        below = f"{path}.{name}" if path else name
        found.extend(unknown_properties(contract, known[name], each, below) if name in known else [below])
    return found
