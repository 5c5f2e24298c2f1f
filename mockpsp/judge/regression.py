"""A finding as a scenario file, ready to be committed: what has to be bent for it, and what happens then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import wrap
from typing import Any

from msgspec import to_builtins
from msgspec.json import encode

from mockpsp.judge.model import Finding
from mockpsp.judge.stage import base_of

WIDTH = 110
_BENT = ("rules", "webhooks", "faults")


def text(finding: Finding, title: str, base: Mapping[str, Any], lines: Mapping[str, Any], seed: int) -> str:
    """The file. ``base`` is what the run was built on, ``lines`` what was bent."""
    head = [
        f"Found by mockpsp explore --seed {seed}: {finding.provider}, {finding.title} ({finding.severity}).",
        *(each.told for each in finding.evidence[:2]),
        f"Why it matters: {finding.why}",
        "It fails while the mistake is there: mockpsp explore --replay FILE --run COMMAND",
    ]
    comment = [f"# {line}" for told in head for line in wrap(told, WIDTH - 2, subsequent_indent="  ")]
    return "\n".join([*comment, "mockpsp: 1", f"title: {_said(title)}", *_parts(base, lines)]) + "\n"


def _parts(base: Mapping[str, Any], lines: Mapping[str, Any]) -> Iterator[str]:
    for key, value in base.items():
        if key not in _BENT:
            yield f"{key}: {_said(value)}"
    for key in _BENT:
        each = [*lines.get(key, ()), *base.get(key, ())]
        if each:
            yield f"{key}:"
            yield from (f"  - {_said(line)}" for line in each)


def _said(value: Any) -> str:
    """In YAML's flow style, which JSON is a part of; names and plain words without quotes."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_said(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_said, value)) + "]"
    if isinstance(value, str) and value.replace("_", "").replace("/", "").replace("-", "").isalpha():
        return value if value.lower() not in ("true", "false", "null", "yes", "no", "on", "off") else f'"{value}"'
    return encode(to_builtins(value)).decode()


def read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Base and bent lines of such a file, or of any scenario. Raises BadBase, OSError."""
    whole = base_of(str(path))
    base = {key: value for key, value in whole.items() if key not in _BENT}
    return base, {key: value for key, value in whole.items() if key in _BENT}
