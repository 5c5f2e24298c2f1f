"""``python -m tests.golden [NAME]…``: write golden journals, of all shipped scenarios or of those that are named.

With ``--print`` nothing is written: the texts go to the standard output, form feeds between them.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from mockpsp.app import catalogues
from mockpsp.scenario.library import Library
from mockpsp.testing.player import play
from tests.golden.tell import FOLDER, golden, path_of


def texts(names: Sequence[str]) -> dict[str, str]:
    """Golden texts by scenario, of those that tell a story."""
    library = Library(catalogues)
    scenarios = [library.load(name) for name in names or library.names()]

    async def told() -> dict[str, str]:
        return {each.name: golden(await play(each)) for each in scenarios if each.story}

    return asyncio.run(told())


def write(made: dict[str, str], *, whole: bool) -> list[str]:
    """Put the texts where they belong; the names of those that changed. With ``whole`` all others go."""
    changed = []
    for name, text in made.items():
        path = path_of(name)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
            changed.append(name)
    if whole:
        kept = {path_of(name) for name in made}
        for path in set(FOLDER.rglob("*.txt")) - kept:
            path.unlink()
            changed.append(path.relative_to(FOLDER).with_suffix("").as_posix())
    return changed


def main(arguments: Sequence[str]) -> None:
    """Write, or with ``--print`` only tell."""
    names = [each for each in arguments if each != "--print"]
    made = texts(names)
    if "--print" in arguments:
        sys.stdout.buffer.write("\f".join(made.values()).encode())
        return
    changed = write(made, whole=not names)
    sys.stdout.write("\n".join([*changed, f"{len(changed)} of {len(made)} changed; read them with git diff\n"]))


if __name__ == "__main__":
    main(sys.argv[1:])
