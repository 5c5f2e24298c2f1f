"""Everything below ``/_mockpsp`` as one table; each line's operation is described in ``openapi/control.yaml``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from mockpsp.control import back_office, journal, sandboxes, scenarios, server, shopper, stream, webhooks
from mockpsp.control.calls import CONTROL, Control, Handler, serve
from mockpsp.edge.keys import LIBRARY, PROVIDERS, WRITE_STEP
from mockpsp.world.plain import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mockpsp.world.journal import Entry
    from mockpsp.world.sandboxes import Sandbox

BASE = "/_mockpsp"
_ONE = "/sandboxes/{id}"

ROUTES: Sequence[tuple[str, str, str, Handler]] = (
    ("GET", "/health", "health", server.health),
    ("GET", "/metrics", "metrics", server.metrics),
    ("GET", "/openapi.json", "openapi", server.openapi),
    ("GET", "/scenarios", "list_scenarios", scenarios.listing),
    ("GET", r"/scenarios/{name:[\s\S]+}", "show_scenario", scenarios.show),
    ("POST", "/sandboxes", "create_sandbox", sandboxes.create),
    ("GET", "/sandboxes", "list_sandboxes", sandboxes.listing),
    ("GET", _ONE, "show_sandbox", sandboxes.show),
    ("DELETE", _ONE, "delete_sandbox", sandboxes.delete),
    ("POST", f"{_ONE}/reset", "reset_sandbox", sandboxes.reset),
    ("PUT", f"{_ONE}/scenario", "change_scenario", scenarios.change),
    ("GET", f"{_ONE}/clock", "show_clock", sandboxes.show_clock),
    ("POST", f"{_ONE}/clock", "move_clock", sandboxes.move_clock),
    ("GET", f"{_ONE}/journal", "list_journal", journal.listing),
    ("GET", f"{_ONE}/journal/{{n:[0-9]+}}", "show_entry", journal.show),
    ("POST", f"{_ONE}/journal/verify", "verify", journal.verify),
    ("GET", f"{_ONE}/recording", "record_sandbox", journal.recording),
    ("GET", f"{_ONE}/events", "stream_journal", stream.events),
    ("GET", f"{_ONE}/webhooks", "list_webhooks", webhooks.listing),
    ("POST", f"{_ONE}/webhooks/settle", "settle_webhooks", webhooks.settle),
    ("POST", f"{_ONE}/webhooks/{{n:[0-9]+}}/resend", "resend_webhook", webhooks.resend),
    ("PUT", f"{_ONE}/webhook-endpoints/{{provider}}", "change_endpoint", webhooks.change_endpoint),
    ("GET", f"{_ONE}/accounts", "list_accounts", shopper.accounts),
    ("PUT", rf"{_ONE}/accounts/{{ref:[\s\S]+}}", "set_balance", shopper.set_balance),
    ("GET", f"{_ONE}/checkouts", "list_checkouts", shopper.checkouts),
    ("POST", rf"{_ONE}/checkouts/{{ref:[\s\S]+}}/shopper", "act_as_shopper", shopper.act),
    ("POST", rf"{_ONE}/back-office/{{provider}}/{{ref:[\s\S]+}}", "act_as_back_office", back_office.act),
)
OWN_BODY = frozenset({"change_scenario"})


def mount(app: web.Application) -> None:
    """Add the control API to an application that has the keys of ``mockpsp.edge.keys``."""
    control = app[CONTROL] = Control()
    for method, path, operation, handler in ROUTES:
        app.router.add_route(method, BASE + path, serve(operation, handler, own_body=operation in OWN_BODY))

    def write_step(sandbox: Sandbox, entries: Sequence[Entry]) -> str | None:
        from mockpsp.control.recorded_step import step_of  # late: only people ask for it

        documented = app[LIBRARY].load("default", trusted=True)
        return step_of(sandbox, app[PROVIDERS], [plain(dict(documented.world))], entries)

    app[WRITE_STEP] = write_step

    async def stop(_: web.Application) -> None:
        control.stop()

    app.on_shutdown.append(stop)
