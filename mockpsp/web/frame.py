"""What all pages of the dashboard share: how they are drawn, their headers, and who may press their buttons.

A page is a handler ``async (request) -> web.StreamResponse`` in a module of this package and a line in ``routes.py``.
It draws with ``html``; a page of a sandbox gets that sandbox from ``sandbox_of`` and hands it on to ``html``. A form
posts, and its handler answers with ``see_other``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode

from aiohttp import web

from mockpsp.domain.clock import paris
from mockpsp.edge.gate import GATE
from mockpsp.edge.keys import SANDBOXES
from mockpsp.edge.pages import STATIC, page_headers
from mockpsp.web.words import counted, plural, span, within
from mockpsp.world.masking import mask_text
from mockpsp.world.plain import instant

if TYPE_CHECKING:
    from jinja2 import Environment

    from mockpsp.world.sandboxes import Sandbox

BASE = "/_mockpsp"
SIGN_IN = f"{BASE}/sign-in"
TABS = (
    ("activity", "Activity", ""),
    ("payments", "Payments", "/payments"),
    ("webhooks", "Webhooks", "/webhooks"),
    ("balances", "Balances", "/balances"),
    ("shoppers", "Shoppers", "/checkouts"),
    ("clock", "Clock", "/clock"),
    ("scenario", "Scenario", "/scenario"),
)
"""Name, title and path (below the sandbox's) of what a sandbox shows."""

_FIELDS = 200
_PIECE = 2_000


class Problem(Exception):
    """The page cannot be shown or the button not be pressed; ``title`` and ``detail`` say why, in words for people."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail


# -- where -------------------------------------------------------------------------------------------------------------


def home(sandbox: Sandbox | str, path: str = "") -> str:
    """The address of a sandbox's page; ``path`` starts with a slash and is escaped already."""
    id = sandbox if isinstance(sandbox, str) else sandbox.id
    return f"{BASE}/sandbox/{quote(id, safe='')}{path}"


def object_path(sandbox: Sandbox, lifecycle: str, ref: str) -> str:
    """The address of an object's story; a part's reference leads there as well."""
    return home(sandbox, f"/payments/{quote(lifecycle, safe='')}/{quote(ref, safe='')}")


def sandbox_of(request: web.Request) -> Sandbox:
    """The sandbox that the path names. Raises Problem 404."""
    id = request.match_info["id"]
    sandboxes = request.app[SANDBOXES]
    found = sandboxes.find(id)
    if found is None:
        since = sandboxes.expired.get(id)
        dropped = f"It was dropped, because nobody had called it since {since:%H:%M} UTC." if since else ""
        why = dropped or "It may have been deleted."
        raise Problem(404, "No such sandbox", f"There is no sandbox {id!r}. {why}")
    found.calls += 1
    return found


async def read_journal(request: web.Request) -> None:
    """Bring the index of a sandbox's journal up to date, a piece at a time: a long one must not hold up payments."""
    found = request.app[SANDBOXES].find(request.match_info.get("id", ""))
    while found is not None:
        if not found.world.journal.index(_PIECE).behind:
            return
        await asyncio.sleep(0)


@asynccontextmanager
async def led(request: web.Request, *, waits: bool) -> AsyncIterator[None]:
    """Have the turn of the sandbox that the path names, if any; who ``waits`` for something there only looks first."""
    turns, id = request.app[SANDBOXES].turns, request.match_info.get("id", "")
    if not id:
        await turns.look_everywhere()
        yield
    elif waits:
        async with turns.visit(id):
            pass
        yield
    else:
        async with turns.visit(id):
            yield


# -- drawing -----------------------------------------------------------------------------------------------------------


def html(
    template: str, status: int = 200, *, here: Sandbox | None = None, tab: str = "", **values: Any
) -> web.Response:
    """The page of a template of ours. ``here`` is the sandbox that it belongs to, ``tab`` the name of its tab."""
    text = _environment().get_template(template).render(here=here, tab=tab, **values)
    headers = {**page_headers(), "Referrer-Policy": "same-origin"}  # without it our forms would come from "null"
    return web.Response(text=text, status=status, content_type="text/html", headers=headers)


def see_other(path: str) -> web.Response:
    """After a form: send the browser to a page of ours, with GET."""
    return web.Response(status=303, headers={"Location": path, "Cache-Control": "no-store"})


def problem_page(problem: Problem) -> web.Response:
    """What is shown instead of a page."""
    return html("problem.html", problem.status, problem=problem)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # late: start-up time counts

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        STATIC=STATIC, BASE=BASE, TABS=TABS, home=home, object_path=object_path, counted=counted, plural=plural
    )
    environment.filters.update(
        span=span,
        within=within,
        instant=instant,
        utc=utc,
        clock_time=clock_time,
        wall=wall,
        in_paris=in_paris,
        masked=mask_text,
    )
    return environment


def utc(moment: datetime) -> str:
    """``2026-07-01 09:15:00.000``, in UTC."""
    return instant(moment)[:23].replace("T", " ")


def clock_time(moment: datetime) -> str:
    """``09:15:00.000``, in UTC."""
    return instant(moment)[11:23]


def wall(moment: datetime) -> str:
    """``Wed 1 July 2026, 09:15:00 UTC``, for people; dashboard.js writes a running clock the same way."""
    return f"{_long(moment.astimezone(UTC))} UTC"


def in_paris(moment: datetime) -> str:
    """``Wed 1 July 2026, 11:15:00 in Paris``: the time that ceilings and expiries of French vouchers go by."""
    return f"{_long(moment.astimezone(paris()))} in Paris"


def _long(moment: datetime) -> str:
    return f"{_DAYS[moment.weekday()]} {moment.day} {_MONTHS[moment.month - 1]} {moment.year}, {moment:%H:%M:%S}"


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


# -- forms -------------------------------------------------------------------------------------------------------------


def let_in(request: web.Request) -> None:
    """Let nobody but our own pages press a button of theirs, or read them by script. Raises Problem 403."""
    if request.app[GATE].is_from_elsewhere(request):
        what = "form can only be sent" if request.method == "POST" else "page can only be read"
        raise Problem(403, "Sent from another site", f"This {what} from a page of this server.")


def sign_in_first(request: web.Request) -> web.Response:
    """Where a browser goes that has not signed in. Raises Problem 401 for a form, which would be lost on the way."""
    if request.method == "POST":
        raise Problem(401, "Not signed in", "Sign in, in another tab if there is work on this page, and send it again.")
    return see_other(f"{SIGN_IN}?{urlencode({'next': request.rel_url.raw_path_qs})}")


async def form_of(request: web.Request) -> dict[str, str]:
    """The fields of a form that was posted, each once. Raises Problem 400 when it is none that a page of ours has."""
    try:
        text = (await request.read()).decode()
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_FIELDS))
    except ValueError as error:
        raise Problem(400, "Not a form of this page", str(error)) from error
