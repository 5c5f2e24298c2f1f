"""One line in the log for each request, where ``--log-requests`` asks for it."""

from __future__ import annotations

import logging

from mockpsp.edge.exchange import Exchange
from mockpsp.edge.meters import CUT
from mockpsp.world.masking import mask_target

log = logging.getLogger("mockpsp.requests")


def tell(x: Exchange, call: str, status: int, seconds: float) -> None:
    """Say what was asked, how it was answered, and where the journal explains it."""
    method, target = x.record.method[:20], mask_target(x.record.target[:1_000])
    fields = {
        "operation": call, "sandbox": x.sandbox.id, "trace": x.entry.number, "method": method, "target": target,
        "status": status or None, "seconds": round(seconds, 6),
    }  # fmt: skip
    told = "cut" if status == CUT else status
    log.info("%s %s %s in %.1f ms, trace %d of %s", method, target, told, seconds * 1e3, x.entry.number, x.sandbox.id,
             extra={"fields": fields})  # fmt: skip
