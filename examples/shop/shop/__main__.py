"""``python -m shop``: serve the shop. Its settings come from the environment; README.md lists them."""

from __future__ import annotations

import argparse
import logging
import os
import sys

from shop.bugs import BUGS, UnknownBug, care_with, sentence
from shop.settings import MissingSetting, Settings


def main(given: list[str] | None = None) -> int:
    """Serve until Ctrl+C. Returns the exit code."""
    reader = argparse.ArgumentParser(prog="python -m shop", description="A shop that is paid through three providers.")
    reader.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    reader.add_argument("--port", type=int, default=8081, help="port to listen on (default: 8081)")
    reader.add_argument("--bug", action="append", default=[], metavar="NAME", help="make this mistake; may be repeated")
    reader.add_argument("--list-bugs", action="store_true", help="tell what mistakes there are")
    options = reader.parse_args(given)
    if options.list_bugs:
        sys.stdout.write(listed())
        return 0
    try:
        care = care_with(options.bug)
        settings = Settings.read(os.environ, f"http://localhost:{options.port}")
    except (UnknownBug, MissingSetting, ValueError) as error:
        sys.stderr.write(f"{error.args[0]}\n")
        return 2
    from aiohttp import web

    from shop.web import build  # late: the lists above need no SDK

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    web.run_app(build(settings, care), host=options.host, port=options.port, access_log=None)
    return 0


def listed() -> str:
    """All mistakes, one in a line."""
    width = max(map(len, BUGS))
    return "".join(f"{name:<{width}}  {sentence(name)}\n" for name in BUGS)


if __name__ == "__main__":
    sys.exit(main())
