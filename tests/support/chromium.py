"""Chromium without a display, over the DevTools protocol on two pipes: nothing to install beside the browser itself.

Everything is waited for as a fact that must become true, never for a time. What a page says is read with ``evaluate``,
which also works where the page's own scripts are switched off; what a person does is done with the mouse and the
keyboard.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""The shell is the same browser without windows to draw: tests take two thirds of the time in it."""
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--disable-site-isolation-trials",  # frames of other origins report to their tab
    "--disable-features=IsolateOrigins,site-per-process",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1",
    "--remote-debugging-pipe",
)
PATIENCE_SECONDS = 30.0
_LAUNCH = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)
_BETWEEN_PAGES = ("context", "navigated", "not attached", "Inspected target")
Json = Any


class ProtocolError(Exception):
    """Chromium refused a command."""


def between_pages(error: ProtocolError) -> bool:
    """Whether a command was only too early or too late for its page: another one was taking its place."""
    return any(word in str(error) for word in _BETWEEN_PAGES)


class NeverHappened(AssertionError):
    """A fact was waited for in vain."""


def executable() -> str | None:
    """Where Chromium is; ``CHROMIUM`` in the environment wins."""
    given = os.environ.get("CHROMIUM")
    return next(filter(None, map(shutil.which, (given,) if given else NAMES)), None)


def _high(descriptor: int) -> int:
    """The same pipe end under a number that nobody else wants."""
    copy = fcntl.fcntl(descriptor, fcntl.F_DUPFD, 20)
    os.close(descriptor)
    return copy


class Chromium:
    """One running browser. Commands are answered in order; events are kept until their page asks."""

    def __init__(self, program: str, profile: str, *flags: str) -> None:
        theirs_in, self._out = map(_high, os.pipe())
        self._in, theirs_out = map(_high, os.pipe())
        launcher = [sys.executable, "-I", "-c", _LAUNCH, str(theirs_in), str(theirs_out)]
        command = [*launcher, program, *FLAGS, *flags, f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            command,
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._rest = b""
        self._number = 0
        self._answers: dict[int, Json] = {}
        self._events: dict[str, deque[Json]] = {}

    def _pump(self, seconds: float) -> bool:
        """Read what has come, or wait so long for something; whether anything came."""
        if not select.select([self._in], [], [], seconds)[0]:
            return False
        came = os.read(self._in, 1 << 20)
        assert came, f"Chromium ended with {self._process.wait(PATIENCE_SECONDS)}"
        *messages, self._rest = (self._rest + came).split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                self._answers[message["id"]] = message
            else:
                self._events.setdefault(message.get("sessionId", ""), deque(maxlen=1000)).append(message)
        return True

    def call(self, method: str, session: str = "", **params: Any) -> Json:
        """One command and its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        sent = json.dumps({**message, "sessionId": session} if session else message).encode() + b"\0"
        while sent:
            sent = sent[os.write(self._out, sent) :]
        deadline = monotonic() + PATIENCE_SECONDS
        while self._number not in self._answers:
            if not self._pump(1.0) and monotonic() > deadline:
                raise NeverHappened(f"no answer to {method}")
        answer = self._answers.pop(self._number)
        if "error" in answer:
            raise ProtocolError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def listen(self, seconds: float) -> None:
        """Until something happens anywhere, but not longer than this."""
        self._pump(seconds)

    def events(self, session: str) -> list[Json]:
        """What a page has reported since it was last asked."""
        kept = self._events.pop(session, deque())
        return list(kept)

    def stop(self) -> None:
        """Close it; a browser that does not want to is ended."""
        try:
            self.call("Browser.close")
            self._process.wait(PATIENCE_SECONDS)
        except (AssertionError, OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        finally:
            os.close(self._in)
            os.close(self._out)


@contextmanager
def chromium(program: str, *flags: str) -> Iterator[Chromium]:
    """A browser with an empty profile. Of a flag that is given twice the last one counts."""
    with TemporaryDirectory(prefix="mockpsp-chromium-", ignore_cleanup_errors=True) as profile:
        browser = Chromium(program, profile, *flags)
        try:
            yield browser
        finally:
            browser.stop()


class Person:
    """Somebody with a browser profile of their own: their tabs share cookies and nothing else does."""

    def __init__(self, browser: Chromium) -> None:
        self.browser = browser
        self._context = browser.call("Target.createBrowserContext")["browserContextId"]
        self.tabs: list[Tab] = []
        self.expects = ["status of 422"]
        """What may be in an error of the consoles: a page or an answer that says what is wrong."""

    def tab(self, *, scripts: bool = True, width: int = 1280, height: int = 900) -> Tab:
        """A new tab; without ``scripts`` pages run no JavaScript; a narrow one is a phone."""
        target = self.browser.call("Target.createTarget", url="about:blank", browserContextId=self._context)["targetId"]
        session = self.browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.tabs.append(Tab(self.browser, session, target, scripts=scripts, width=width, height=height))
        return self.tabs[-1]

    def told(self) -> list[str]:
        """Errors in the consoles of all tabs."""
        return [problem for tab in self.tabs for problem in tab.told()]

    def leave(self) -> None:
        """Close all tabs."""
        self.browser.call("Target.disposeBrowserContext", browserContextId=self._context)


class Tab:
    """One page in front of somebody."""

    def __init__(self, browser: Chromium, session: str, target: str, *, scripts: bool, width: int, height: int) -> None:
        self.browser = browser
        self._session = session
        self._target = target
        self.width = width
        self.problems: list[str] = []
        self.requested: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        if not scripts:
            self.call("Emulation.setScriptExecutionDisabled", value=True)

    def call(self, method: str, **params: Any) -> Json:
        """One command of the protocol for this page."""
        return self.browser.call(method, self._session, **params)

    def front(self) -> None:
        """Look at this tab."""
        self.browser.call("Target.activateTarget", targetId=self._target)

    # -- where it is and what it says ----------------------------------------------------------------------------------

    def open(self, url: str) -> Tab:
        """Type an address and wait for its page."""
        failed = self.call("Page.navigate", url=url).get("errorText")
        assert not failed, f"{url}: {failed}"
        return self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def evaluate(self, expression: str, *, wait: bool = False) -> Any:
        """The value of a JavaScript expression; ``wait`` for a promise."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=wait)
        if "exceptionDetails" in answer:
            thrown = answer["exceptionDetails"]
            raise ProtocolError(thrown.get("exception", {}).get("description") or thrown["text"])
        return answer["result"].get("value")

    def until(self, fact: str) -> Tab:
        """Wait until a JavaScript expression is true of the page, across any number of page loads."""
        return self.wait_for(lambda: self._is(fact), fact)

    def wait_for(self, holds: Callable[[], object], what: str = "something") -> Tab:
        """Wait until something holds; looked at whenever the browser reports anything, and now and then."""
        deadline = monotonic() + PATIENCE_SECONDS
        while not holds():
            if monotonic() > deadline:
                raise NeverHappened(f"{what}\nat {self.url}:\n{self.body}\n{self.told()}")
            self.browser.listen(0.1)
        return self

    def _is(self, fact: str) -> bool:
        try:
            return bool(self.evaluate(f"(document.readyState === 'complete') && Boolean({fact})"))
        except ProtocolError as error:
            if between_pages(error):
                return False
            raise

    def shows(self, *testids: str) -> Tab:
        """Wait until the page has all these elements."""
        return self.until(" && ".join(_one(testid) for testid in testids))

    def has(self, testid: str) -> bool:
        """Whether it has the element at this moment."""
        return bool(self.evaluate(f"Boolean({_one(testid)})"))

    def text(self, testid: str) -> str:
        """The text that is seen in an element, white space made plain."""
        return " ".join(str(self.evaluate(f"{_one(testid)}.innerText")).split())

    def value(self, testid: str) -> str:
        """What stands in a field."""
        return str(self.evaluate(f"{_one(testid)}.value"))

    def attribute(self, testid: str, name: str) -> str:
        """An attribute of an element."""
        return str(self.evaluate(f"{_one(testid)}.getAttribute({json.dumps(name)})"))

    def fits(self) -> bool:
        """Whether nothing sticks out to the right of the width that was asked for: a phone widens its innerWidth."""
        return bool(self.evaluate(f"document.documentElement.scrollWidth <= {self.width}"))

    @property
    def url(self) -> str:
        """Where the tab is."""
        return str(self.evaluate("location.href"))

    @property
    def title(self) -> str:
        """What the tab is called."""
        return str(self.evaluate("document.title"))

    @property
    def body(self) -> str:
        """All the text of the page."""
        return str(self.evaluate("document.body ? document.body.innerText : ''"))

    def told(self) -> list[str]:
        """Errors of the console and of scripts so far: policies that were broken, things that did not load.

        Asking also brings ``requested`` up to date, the addresses of everything that was loaded.
        """
        for event in self.browser.events(self._session):
            params = event["params"]
            match event["method"]:
                case "Log.entryAdded" if params["entry"]["level"] == "error":
                    self.problems.append(f"{params['entry']['text']} {params['entry'].get('url', '')}".strip())
                case "Runtime.exceptionThrown":
                    thrown = params["exceptionDetails"]
                    self.problems.append(thrown.get("exception", {}).get("description") or thrown["text"])
                case "Network.requestWillBeSent":
                    self.requested.append(params["request"]["url"])
        return self.problems

    # -- what a person does ------------------------------------------------------------------------------------------

    def click(self, testid: str) -> None:
        """Click an element with the mouse: it must be there, visible, and not covered."""
        self.click_on(_one(testid))

    def click_on(self, element: str) -> None:
        """Click what a JavaScript expression names."""
        problem = self.hit(element)
        assert not problem, f"{element}: {problem}\n{self.url}\n{self.body}"

    def hit(self, element: str) -> str:
        """The same, or why it could not be clicked."""
        spot = self.evaluate(
            f"""(() => {{
              const found = {element};
              if (!found) return "there is no such element";
              found.scrollIntoView({{block: "center"}});
              const box = found.getBoundingClientRect();
              const x = box.left + box.width / 2, y = box.top + box.height / 2;
              const on = document.elementFromPoint(x, y);
              if (!on || !(found.contains(on) || found.closest("label")?.contains(on))) return "it cannot be seen";
              return {{x, y}};
            }})()"""
        )
        if not isinstance(spot, Mapping):
            return str(spot)
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **spot)
        return ""

    def fill(self, testid: str, text: str) -> None:
        """Replace what stands in a field."""
        self.click(testid)
        self.evaluate(f"{_one(testid)}.select()")
        self.write(text)

    def write(self, text: str) -> None:
        """Type text where the cursor is."""
        self.call("Input.insertText", text=text)

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press one key: ``Tab``, ``Enter``, ``Space``, an arrow."""
        code, text = _KEYS[key]
        named = " " if key == "Space" else key
        common = {"key": named, "code": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    @property
    def focused(self) -> str:
        """The ``data-testid`` of what has the keyboard, or its tag."""
        return str(self.evaluate("document.activeElement.dataset.testid ?? document.activeElement.tagName"))

    def tab_to(self, testid: str) -> None:
        """Press Tab until the element has the keyboard; it must be reachable within a page's length."""
        for _ in range(60):
            if self.focused == testid:
                return
            self.press("Tab")
        raise AssertionError(f"Tab never reaches {testid} at {self.url}")

    def picture(self, path: Path) -> None:
        """The whole page as a PNG."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))


_KEYS: Mapping[str, tuple[int, str]] = {
    "Tab": (9, ""),
    "Enter": (13, "\r"),
    "Backspace": (8, ""),
    "Space": (32, " "),
    "ArrowDown": (40, ""),
    "ArrowUp": (38, ""),
}


def _one(testid: str) -> str:
    """The element of that name, in JavaScript."""
    return f"document.querySelector('[data-testid=\"{testid}\"]')"
