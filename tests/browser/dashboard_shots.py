"""``python -m tests.browser.dashboard_shots [FOLDER]``: every page of the dashboard, light, dark and on a phone."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import mkdtemp

from tests.browser.test_dashboard import pages
from tests.support.chromium import Person, chromium, executable
from tests.support.stage import staged

LOOKS = {"desktop": (1280, 900, "light"), "dark": (1280, 900, "dark"), "phone": (360, 780, "light")}


def main(folder: Path) -> None:
    """All of them, in a folder for each look."""
    program = executable()
    assert program is not None, "Chromium is not installed"
    with chromium(program) as browser, staged() as stage:
        found = pages(stage)
        for look, (width, height, scheme) in LOOKS.items():
            where = folder / "dashboard" / look
            where.mkdir(parents=True, exist_ok=True)
            tab = Person(browser).tab(width=width, height=height)
            tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            for number, (name, url) in enumerate(found.items(), 1):
                tab.open(url).picture(where / f"{number:02d}-{name.replace(' ', '-')}.png")
            sys.stdout.write(f"{where}: {len(found)} pictures\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(mkdtemp(prefix="mockpsp-shots-")))
