"""Forms with files, as they come from real clients and as they should not."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import FormData
from aiohttp.test_utils import make_mocked_request
from requests import Request

from mockpsp.edge.errors import BadBody
from mockpsp.edge.exchange import Exchange
from mockpsp.edge.multipart import Part, parts

TYPE = "multipart/form-data; boundary=B"
FIELD = b'--B\r\nContent-Disposition: form-data; name="type"\r\n\r\nKBIS\r\n'
FILE = (
    b'--B\r\nContent-Disposition: form-data; name="file"; filename="kbis.pdf"\r\n'
    b"Content-Type: Application/PDF; x=y\r\n\r\n\x00\xff\r\n--b\r\n\r\n"
)
END = b"--B--\r\n"
EXPECTED = {
    "type": Part("type", None, "text/plain", b"KBIS"),
    "file": Part("file", "kbis.pdf", "application/pdf", b"\x00\xff\r\n--b\r\n"),
}


def exchange(raw: bytes, media: str = TYPE) -> Exchange:
    provider: Any = SimpleNamespace()
    x = Exchange(make_mocked_request("POST", "/", headers={"Content-Type": media}), provider, None)
    x.raw = raw
    return x


async def test_fields_and_files() -> None:
    assert await parts(exchange(FIELD + FILE + END)) == EXPECTED


async def test_what_requests_sends() -> None:
    made = Request(
        "POST", "http://x/", data={"type": "é"}, files={"file": ("ü.png", b"\x89PNG", "image/png")}
    ).prepare()
    assert isinstance(made.body, bytes)
    read = await parts(exchange(made.body, made.headers["Content-Type"]))
    assert read == {
        "type": Part("type", None, "text/plain", "é".encode()),
        "file": Part("file", "ü.png", "image/png", b"\x89PNG"),
    }


async def test_what_aiohttp_sends() -> None:
    form = FormData()
    form.add_field("type", "KBIS")
    form.add_field("file", b"x" * 300_000, filename="big.bin", content_type="application/octet-stream")
    payload = form()
    read = await parts(exchange(await payload.as_bytes(), payload.headers["Content-Type"]))
    assert (read["type"].data, read["file"].filename, len(read["file"].data)) == (b"KBIS", "big.bin", 300_000)


async def test_a_text_in_front_and_an_encoding_do_not_matter() -> None:
    encoded = b"--B\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64\r\n\r\naGk=\r\n"
    assert (await parts(exchange(b"hello\r\n" + encoded + END)))["a"].data == b"hi"


async def test_of_two_parts_with_the_same_name_the_last_counts_and_no_parts_are_none() -> None:
    other = FIELD.replace(b"KBIS", b"RIB")
    assert (await parts(exchange(FIELD + other + END)))["type"].data == b"RIB"
    assert await parts(exchange(END)) == {}


async def test_a_form_that_is_cut_off_anywhere_is_refused() -> None:
    whole = FIELD + FILE + b"--B--"
    assert await parts(exchange(whole)) == EXPECTED
    for end in range(len(whole)):
        with pytest.raises(BadBody):
            await parts(exchange(whole[:end]))


def _part(head: bytes, data: bytes = b"v") -> bytes:
    return b"--B\r\n" + head + b"\r\n\r\n" + data + b"\r\n" + END


@pytest.mark.parametrize(
    ("media", "raw"),
    [
        ("multipart/form-data", FIELD + END),
        ("multipart/form-data; boundary=C", FIELD + END),
        (f"multipart/form-data; boundary={'B' * 80}", FIELD + END),
        ("multipart/mixed; boundary=B", FIELD + END),
        ("application/json", b"{}"),
        (TYPE, b"{}"),
        (TYPE, (FIELD + END).replace(b"\r\n", b"\n")),
        (TYPE, _part(b"X: y")),
        (TYPE, _part(b"Content-Disposition: form-data")),
        (TYPE, _part(b'Content-Disposition: form-data; name="a')),
        (TYPE, _part(b"no colon")),
        (TYPE, _part(b"X: " + b"y" * 70_000)),
        (TYPE, _part(b"Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64", b"aG*k")),
        (TYPE, _part(b"Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: zzz")),
        (TYPE, _part(b"Content-Type: multipart/mixed; boundary=C", b"--C\r\n\r\nv\r\n--C--")),
        (TYPE, FIELD.replace(b"type", b"_charset_").replace(b"KBIS", b"x" * 40) + END),
    ],
)
async def test_what_is_no_form_is_refused(media: str, raw: bytes) -> None:
    with pytest.raises(BadBody):
        await parts(exchange(raw, media))


async def test_a_form_has_fifty_parts_at_most() -> None:
    assert len(await parts(exchange(FIELD * 50 + END))) == 1
    with pytest.raises(BadBody, match="more than 50 parts"):
        await parts(exchange(FIELD * 51 + END))


def test_reading_never_waits() -> None:
    """The loop is not given a turn: warnings are off only while nobody else runs."""

    async def main() -> None:
        turns: list[str] = []
        asyncio.get_running_loop().call_soon(turns.append, "turn")
        await parts(exchange(FIELD + FILE + END))
        assert turns == []

    asyncio.run(main())
