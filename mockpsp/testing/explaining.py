"""How ``mockpsp explain`` and ``mockpsp verify`` put on paper what the control API says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from json import dumps
from textwrap import wrap
from typing import Any

from mockpsp.domain.money import Money

WIDTH = 100
_LINES = {"rules": "", "faults": "fault ", "webhooks": "webhook line "}
"""How a line is called that nearly came in; most are rules."""


def explanation(entry: Mapping[str, Any]) -> str:
    """One entry of ``GET …/journal/{n}``: the paragraph, near misses, settings, signed texts, and what followed."""
    head = f"{entry['kind']} {entry['id']}, {entry['operation']}, {entry['at']}"
    why = entry["why"]
    lines = [head, "", *wrap(entry["explanation"], WIDTH)]
    misses = [
        (f"{miss['operation']}: {_LINES[miss['section']]}{miss['rule']}", each["fact"], each["wanted"], each["got"])
        for miss in why["nearly"]
        for each in miss["unmet"] or [{"fact": "", "wanted": "", "got": miss["why"]}]
    ]
    lines += _section("Nearly", table(("line", "fact", "wanted", "got"), misses))
    settings = [
        (f"{each['provider']}.{each['name'].removeprefix(each['provider'] + '.')}", _told(each["value"]),
         "scenario" if each["written"] else "default")
        for each in why["settings"]
    ]  # fmt: skip
    lines += _section("Settings", table(("setting", "value", "from"), settings))
    for text in why["signed"]:
        lines += _section("mockpsp signed", [f"  {line}" for line in text.split("\n")])
    lines += _section("What followed", [f"  {line}" for each in entry["because_of_it"] for line in _followed(each)])
    return "\n".join(lines)


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return ["", f"{title}:", *lines] if lines else []


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as they need to be; nothing without rows."""
    if not rows:
        return []
    widths = [max(len(row[index]) for row in (heads, *rows)) for index in range(len(heads))]
    return [
        "  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (heads, *rows)
    ]


def _followed(entry: Mapping[str, Any]) -> Iterator[str]:
    about = f" about {entry['reference']}" if entry["reference"] else ""
    told = f"{entry['id']:>4}  {entry['kind']} {entry['operation']}{about}"
    match entry["kind"]:
        case "decision":
            told += f": {entry['law']}"
        case "posting":
            told += f": {_moved(entry['posting'])}"
        case "delivery":
            delivery = entry["delivery"]
            told += f": {delivery.get('error') or delivery.get('status') or 'held back'}"
        case _:
            pass
    yield from wrap(told, WIDTH - 2, subsequent_indent=" " * 8)


def _moved(posting: Mapping[str, Any]) -> str:
    gains = [each for each in posting["postings"] if each["minor"] > 0]
    return ", ".join(f"{Money(each['minor'], posting['currency'])} to {each['account']}" for each in gains)


def _told(value: Any) -> str:
    return value if isinstance(value, str) else dumps(value, ensure_ascii=False)


def verification(answer: Mapping[str, Any]) -> str:
    """The answer of ``POST …/journal/verify``: a line per check, and the nearest misses of those that do not hold."""
    lines = []
    for check in answer["checks"]:
        found = f"found {check['found']}" + (f" (entries {_numbers(check['matched'])})" if check["matched"] else "")
        lines.append(f"{'ok' if check['ok'] else 'no'}: expected {check['expected']}, {found}")
        for miss in check["nearest"]:
            lines.append(f"  nearest: entry {miss['id']}")
            rows = [
                (each["path"], _told(each["expected"]), _told(each["actual"]) if "actual" in each else "nothing")
                for each in miss["differs"]
            ]
            lines += [f"  {line}" for line in table(("field", "wanted", "got"), rows)]
    dropped = answer["dropped"]["entries"]
    if dropped:
        lines.append(f"The journal had to drop its first {dropped} entries; what they held was not looked at.")
    return "\n".join(lines)


def _numbers(matched: Sequence[int]) -> str:
    shown = ", ".join(map(str, matched[:10]))
    return f"{shown}, …" if len(matched) > 10 else shown
