"""axe-core, unmodified, looks at the page of a tab: ``accessible(tab)`` fails with what it found.

It runs in a world of its own beside the page, so neither the page's Content-Security-Policy nor a page without
scripts is in its way, and the page sees nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from time import monotonic
from typing import Any
from weakref import WeakKeyDictionary

from tests.support.chromium import PATIENCE_SECONDS, ProtocolError, Tab, between_pages
from tests.support.needed import missing
from tests.support.node import FOLDER

SCRIPT = FOLDER / "node_modules/axe-core/axe.min.js"
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa")
WORLD = "axe"
# Where a page runs no scripts its timers do not run either, but promises do.
_AT_ONCE = "window.setTimeout = (act, _, ...given) => { Promise.resolve().then(() => act(...given)); return 0; };"
_RUN = f"""axe.run(document, {{
  runOnly: {{type: "tag", values: {list(TAGS)}}},
  resultTypes: ["violations"],
  iframes: false,
  preload: false,
}})"""


_looks: WeakKeyDictionary[Tab, int] = WeakKeyDictionary()
"""How often a tab was looked at: one that is looked at again has axe-core in all its pages from then on.

Chromium keeps what it made of a script that comes with every page, and reads one that is sent to it anew each time.
"""


def accessible(tab: Tab, what: str = "") -> Tab:
    """The page as it is now, frames of the same site included, violates no rule of WCAG 2.0 to 2.2, levels A and AA.

    ``what`` names its state in the message. The same tab comes back, so that calls can be chained.
    """
    found = violations(tab)
    assert not found, "\n".join([f"{what or 'this page'} ({tab.url}, {tab.width} wide) is not accessible:", *found])
    return tab


def violations(tab: Tab) -> list[str]:
    """What axe-core found: rule, why, and each element, one line each."""
    _looks[tab] = _looks.get(tab, 0) + 1
    if _looks[tab] == 2:
        tab.call("Page.addScriptToEvaluateOnNewDocument", source=_script(), worldName=WORLD)
    deadline = monotonic() + PATIENCE_SECONDS
    while True:
        try:
            frames = list(_frames(tab.call("Page.getFrameTree")["frameTree"]))
            results = [_look(tab, frame) for frame in frames]
        except ProtocolError as error:
            if not between_pages(error) or monotonic() > deadline:
                raise
            tab.until("true")  # it was loading itself again, as a page does that waits for something
        else:
            return [told for result in results for told in _told(result)]


def _told(result: Mapping[str, Any]) -> Iterator[str]:
    for violation in result["violations"]:
        for node in violation["nodes"]:
            why = " ".join(node["failureSummary"].split())
            yield f"{violation['id']}: {violation['help']}. {node['html']}\n    {why}"


@cache
def _script() -> str:
    if not SCRIPT.exists():
        missing("axe-core is not installed (make node)")
    return f"{_AT_ONCE}{SCRIPT.read_text(encoding='utf-8')};0"


def _frames(tree: Mapping[str, Any]) -> Iterator[str]:
    """The page and the frames in it; frames of another site have a process, and a tab, of their own."""
    yield tree["frame"]["id"]
    for child in tree.get("childFrames", ()):
        yield from _frames(child)


def _look(tab: Tab, frame: str) -> Any:
    """The results for one frame."""
    world = tab.call("Page.createIsolatedWorld", frameId=frame, worldName=WORLD)["executionContextId"]
    there = tab.call("Runtime.evaluate", expression="typeof axe === 'object'", contextId=world, returnByValue=True)
    if not there["result"]["value"]:
        tab.call("Runtime.evaluate", expression=_script(), contextId=world)
    answer = tab.call(
        "Runtime.evaluate", expression=_RUN, contextId=world, awaitPromise=True, returnByValue=True, userGesture=False
    )
    assert "exceptionDetails" not in answer, answer["exceptionDetails"]
    return answer["result"]["value"]
