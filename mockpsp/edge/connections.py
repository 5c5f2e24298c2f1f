"""How connections are served: what aiohttp is told of time-outs and of requests that are no HTTP."""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from mockpsp.edge.front import Runner
from mockpsp.edge.keys import SETTINGS
from mockpsp.settings import Settings

LINGER_SECONDS = 5.0
"""How long what a client still sends after its answer is read, so that the answer reaches it."""
log = logging.getLogger("mockpsp.http")


def _in_a_line(record: logging.LogRecord) -> bool:
    """What a client sent is no fault of ours: a line without a traceback, and without the client's bytes."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError):
        record.msg, record.args = "%s; refused: %s", (record.getMessage(), type(error).__name__)
        record.levelno, record.levelname = logging.INFO, "INFO"
        record.exc_info = record.exc_text = None
        return logging.getLogger("mockpsp.http").isEnabledFor(logging.INFO)
    return True


log.addFilter(_in_a_line)


def runner(app: web.Application, shutdown_seconds: float) -> Runner:
    """Runs a server of ours. An idle connection, or one whose headers do not come, is closed after a while."""
    settings = app.get(SETTINGS) or Settings()
    return Runner(
        app,
        shutdown_timeout=shutdown_seconds,
        keepalive_timeout=settings.keep_alive_seconds,
        lingering_time=LINGER_SECONDS,
        logger=log,
    )
