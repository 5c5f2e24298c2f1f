"""Requests as a dispatcher sees them, without the mocks that aiohttp's ``make_mocked_request`` makes for each."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from aiohttp import EMPTY_PAYLOAD, HttpVersion11, web
from aiohttp.http import RawRequestMessage
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

_HEADERS = CIMultiDictProxy[str](CIMultiDict())
_NOBODY: Any = SimpleNamespace(ssl_context=None, peername=None, sockname=None, transport=None)


def asked(method: str, path: str) -> web.Request:
    """A request for this address, from nobody and with nothing in it."""
    message = RawRequestMessage(method, path, HttpVersion11, _HEADERS, (), False, None, False, False, URL(path))
    return web.Request(message, EMPTY_PAYLOAD, _NOBODY, _NOBODY, _NOBODY, _NOBODY)
