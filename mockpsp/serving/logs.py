"""The server's log on the standard error: text for people, or a JSON object a line; without card numbers or secrets."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from mockpsp.world.masking import mask, mask_text

FORMS = ("text", "json")
LEVELS = ("debug", "info", "warning", "error")
_LONGEST = 20_000


def set_up(form: str, level: str, *, requests: bool = False) -> logging.Handler:
    """Write what this package says, from this level on, to the standard error; requests too, if they are wished."""
    handler = logging.StreamHandler()
    handler.setFormatter(InJson() if form == "json" else InText())
    ours = logging.getLogger("mockpsp")
    ours.setLevel(level.upper())
    ours.propagate = False
    ours.handlers[:] = [handler]
    if requests:
        logging.getLogger("mockpsp.requests").setLevel(logging.INFO)
    for name in ("aiohttp", "asyncio"):
        theirs = logging.getLogger(name)
        theirs.propagate = False
        theirs.handlers[:] = [handler]
    return handler


def _fields(record: logging.LogRecord) -> Mapping[str, Any]:
    """What a line says beside its text: operation, sandbox, trace and the like."""
    found: Mapping[str, Any] = getattr(record, "fields", {})
    return found


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class InText(logging.Formatter):
    """``2026-07-01T09:00:00.000Z warning mockpsp.gate: …``, with the trace of an error below it."""

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        told = f"{_time(record)} {record.levelname.lower()} {record.name}: {record.getMessage()}"
        if record.exc_info:
            told = f"{told}\n{self.formatException(record.exc_info)}"
        return mask_text(told[:_LONGEST])


class InJson(logging.Formatter):
    """``{"time", "level", "logger", "event", …}``; ``error`` holds the trace of an error."""

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        told: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": mask_text(record.getMessage()[:_LONGEST]),
            **mask(dict(_fields(record))),
        }
        if record.exc_info:
            told["error"] = mask_text(self.formatException(record.exc_info)[:_LONGEST])
        return json.dumps(told, ensure_ascii=False, default=str)
