"""OpenAPI documents as they were read when they were shipped: JSON costs a thirtieth of what YAML does.

``documents/NAME.json`` begins with the digest of the file that it comes from. A file that was changed since is read
itself, and a test asks for ``python -m mockpsp.edge.ahead``, which writes the documents anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from msgspec.json import decode, encode

from mockpsp.data import folder

FOLDER = Path(__file__).with_name("documents")
Json = Mapping[str, Any]


def document_of(name: str, text: bytes) -> Json | None:
    """The document with this name if it was read ahead from exactly this file."""
    file = FOLDER / f"{name}.json"
    if not file.is_file():
        return None
    digest, _, kept = file.read_bytes().partition(b"\n")
    if digest.decode() != sha256(text).hexdigest():
        return None
    document: Json = decode(kept)
    return document


def written(text: bytes, document: Json) -> bytes:
    """What the file holds: the digest, then the document with a line for each path and each component."""
    return b"%s\n%s\n" % (sha256(text).hexdigest().encode(), _lines(document, 3).encode())


def _lines(value: Any, depth: int) -> str:
    """JSON, broken into lines down to some depth, so that a change shows where it is."""
    if not depth or not isinstance(value, Mapping) or not value:
        return encode(value).decode()
    rows = ",\n".join(f"{encode(key).decode()}:{_lines(each, depth - 1)}" for key, each in value.items())
    return f"{{\n{rows}\n}}"


def main() -> None:
    """Write all documents anew."""
    from mockpsp.edge.contract import parse_openapi

    FOLDER.mkdir(exist_ok=True)
    for file in sorted(folder("openapi").glob("*.yaml")):
        text = file.read_bytes()
        (FOLDER / f"{file.stem}.json").write_bytes(written(text, parse_openapi(text)))


if __name__ == "__main__":
    main()
