"""Several stories at once: which ones are meant, how each went, and the report that CI reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from mockpsp.scenario.library import Library
    from mockpsp.testing.played import Played

_ENDINGS = (".yaml", ".yml", ".json")
_WILD = re.compile(r"[*?\[]")
_UNPRINTABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def chosen(library: Library, targets: Sequence[str]) -> list[str]:
    """Scenarios by name, file, folder (``lyra/``) or pattern (``adyen/*refund*``), each once, in the order given.

    Raises UnknownScenario for a target that means nothing.
    """
    found: dict[str, None] = {}
    for target in targets:
        meant = several(library, target)
        if meant:
            found.update(dict.fromkeys(meant))
        else:
            library.path(target)
            found[target] = None
    return list(found)


def several(library: Library, target: str) -> list[str]:
    """What a folder or a pattern means, shipped scenarios first; nothing for a plain name."""
    names = library.names()
    if _WILD.search(target):
        files = (each for each in Path().glob(target) if each.is_file()) if not target.startswith("/") else ()
        return [*(each for each in names if fnmatchcase(each, target)), *_scenarios(files)]
    if target in names:
        return []
    folder = f"{target.rstrip('/')}/"
    below = Path(target).rglob("*") if Path(target).is_dir() else ()
    return [each for each in names if each.startswith(folder)] or _scenarios(below)


def _scenarios(files: Iterable[Path]) -> list[str]:
    return sorted(str(each) for each in files if each.suffix in _ENDINGS)


@dataclass(frozen=True, slots=True)
class Result:
    """One scenario of a suite: what became of its story, or why it could not be played."""

    name: str
    seconds: float
    played: Played | None
    problems: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether all was as expected."""
        return self.played is not None and not self.played.failures

    @property
    def complaints(self) -> tuple[str, ...]:
        """What was not as expected, one line each."""
        return self.problems if self.played is None else tuple(map(str, self.played.failures))


def junit(results: Sequence[Result]) -> str:
    """The JUnit XML that CI servers read: a test case per scenario, with its folder as the class."""
    failed = sum(1 for each in results if each.played is not None and not each.ok)
    broken = sum(1 for each in results if each.played is None)
    counts = {"tests": len(results), "failures": failed, "errors": broken, "skipped": 0}
    attributes = {**{name: str(count) for name, count in counts.items()}, "time": _seconds(results)}
    suites = ET.Element("testsuites", {"name": "mockpsp", **attributes})
    suite = ET.SubElement(suites, "testsuite", {"name": "mockpsp play", **attributes})
    for each in results:
        folder, _, name = each.name.rpartition("/")
        case = {
            "classname": printable(folder.replace("/", ".") or "mockpsp"),
            "name": printable(name),
            "time": _seconds([each]),
        }
        _case(ET.SubElement(suite, "testcase", case), each)
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _case(case: ET.Element, result: Result) -> None:
    if result.ok:
        return
    kind = "error" if result.played is None else "failure"
    told = result.complaints
    wrong = ET.SubElement(case, kind, {"message": printable(told[0] if told else ""), "type": kind})
    wrong.text = printable("\n".join(told))


def _seconds(results: Iterable[Result]) -> str:
    return f"{sum(each.seconds for each in results):.3f}"


def printable(text: str) -> str:
    """Text without the characters that XML cannot hold."""
    return _UNPRINTABLE.sub("\ufffd", text)
