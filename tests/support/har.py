"""What HAR 1.2 demands, as a JSON Schema of our own after the format's specification; ``_`` begins a custom field."""

from __future__ import annotations

from typing import Any


def _record(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**required, **optional, "comment": {"type": "string"}},
        "patternProperties": {"^_": {}},
        "required": list(required),
        "additionalProperties": False,
    }


TEXT = {"type": "string"}
SIZE = {"type": "integer", "minimum": -1}
TIME = {"type": "number", "minimum": -1}
MOMENT = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"}
PAIRS = {"type": "array", "items": _record({"name": TEXT, "value": TEXT})}
COOKIES = {"type": "array", "items": _record({"name": TEXT, "value": TEXT}, path=TEXT, domain=TEXT, expires=MOMENT)}
REQUEST = _record(
    {
        "method": TEXT, "url": {"type": "string", "format": "uri"}, "httpVersion": TEXT, "cookies": COOKIES,
        "headers": PAIRS, "queryString": PAIRS, "headersSize": SIZE, "bodySize": SIZE,
    },
    postData=_record({"mimeType": TEXT, "text": TEXT}),
)  # fmt: skip
RESPONSE = _record(
    {
        "status": {"type": "integer"}, "statusText": TEXT, "httpVersion": TEXT, "cookies": COOKIES, "headers": PAIRS,
        "content": _record({"size": SIZE, "mimeType": TEXT}, text=TEXT, encoding=TEXT, compression={"type": "integer"}),
        "redirectURL": TEXT, "headersSize": SIZE, "bodySize": SIZE,
    }
)  # fmt: skip
ENTRY = _record(
    {
        "startedDateTime": MOMENT, "time": {"type": "number", "minimum": 0}, "request": REQUEST, "response": RESPONSE,
        "cache": _record({}), "timings": _record({"send": TIME, "wait": TIME, "receive": TIME}),
    },
    pageref=TEXT, serverIPAddress=TEXT, connection=TEXT,
)  # fmt: skip
PAGE = _record({"startedDateTime": MOMENT, "id": TEXT, "title": TEXT, "pageTimings": _record({})})
HAR = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["log"],
    "properties": {
        "log": _record(
            {
                "version": {"const": "1.2"}, "creator": _record({"name": TEXT, "version": TEXT}),
                "entries": {"type": "array", "items": ENTRY},
            },
            pages={"type": "array", "items": PAGE}, browser=_record({"name": TEXT, "version": TEXT}),
        )
    },
}  # fmt: skip
