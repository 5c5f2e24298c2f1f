"""Bodies of forms with files: multipart/form-data (RFC 7578), read from the bytes that the pipeline has taken in."""

from __future__ import annotations

import asyncio
from warnings import catch_warnings, simplefilter

from aiohttp import BodyPartReader, MultipartReader, StreamReader
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpProcessingError

from mockpsp.domain.value import Value
from mockpsp.edge.errors import BadBody
from mockpsp.edge.exchange import Exchange

MOST = 50


class Part(Value, frozen=True):
    """One field or file. ``filename`` is None for a field; ``content_type`` is in lower case, without parameters."""

    name: str
    filename: str | None
    content_type: str
    data: bytes


async def parts(x: Exchange) -> dict[str, Part]:
    """The parts of the body by name, of two with the same name the last. Raises BadBody for what is no whole form.

    A form of more than 50 parts is none. Transfer encodings (base64, quoted-printable) are undone.
    """
    if x.request.content_type != "multipart/form-data":
        raise BadBody(f"the body is not multipart/form-data but {x.request.content_type}")
    found: dict[str, Part] = {}
    try:
        reader = MultipartReader(x.request.headers, _stream(x.raw))
        with catch_warnings():  # all bytes are there: nothing below waits, so nobody else runs without warnings
            simplefilter("ignore")
            for _ in range(MOST):
                part = await reader.next()
                if part is None:
                    return found
                read = await _read(part)
                found[read.name] = read
            if await reader.next() is None:
                return found
    except (AssertionError, HttpProcessingError, RuntimeError, ValueError) as error:
        raise BadBody(f"the body is not a whole multipart form: {error}") from error
    raise BadBody(f"the body has more than {MOST} parts")


def _stream(raw: bytes) -> StreamReader:
    loop = asyncio.get_running_loop()
    stream = StreamReader(BaseProtocol(loop), len(raw) + 1, loop=loop)
    if raw:
        stream.feed_data(raw)
    stream.feed_eof()
    return stream


async def _read(part: MultipartReader | BodyPartReader) -> Part:
    if not isinstance(part, BodyPartReader):
        raise BadBody("a part of the form is a form itself")
    name, filename = part.name, part.filename
    if name is None:
        raise BadBody("a part of the form has no name")
    media = part.headers.get("Content-Type", "text/plain").partition(";")[0].strip().lower()
    return Part(name, filename, media, bytes(await part.read(decode=True)))
