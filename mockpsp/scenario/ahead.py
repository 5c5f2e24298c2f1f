"""The default scenario as its file was read when it was shipped: a server that starts with it does without YAML.

Importing PyYAML and reading the file is a tenth of our own start. ``ahead.json`` holds the nodes with their places, and
the digest of the file that they come from: a file that was changed since is read itself, and a test asks for
``python -m mockpsp.scenario.ahead``, which writes the nodes anew.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

from msgspec.json import decode, encode

from mockpsp.scenario.problems import Spot
from mockpsp.scenario.yaml_nodes import Many, Node, Plain, Scalar, Table

FILE = Path(__file__).with_name("ahead.json")


def nodes_of(text: bytes) -> Node | None:
    """The root of exactly this file, if it was read ahead."""
    if not FILE.is_file():
        return None
    kept = decode(FILE.read_bytes())
    return _node(kept["root"]) if kept["of"] == sha256(text).hexdigest() else None


def written(text: bytes, root: Node) -> bytes:
    """What ``FILE`` holds for a file with these bytes and this root, a top-level item a line."""
    assert isinstance(root, Table), "a scenario is a mapping"
    line, column, items = _kept(root)
    rows = (f"{_text(name)}:{_text(item)}" for name, item in items.items())
    told = ",\n".join(rows)
    return f'{{"of":"{sha256(text).hexdigest()}","root":[{line},{column},{{\n{told}}}]}}\n'.encode()


def _text(value: Any) -> str:
    return encode(value).decode()


def _kept(node: Node) -> list[Any]:
    """Line, column, and the value: a plain one (with its spelling where that differs), a list, or keys with places."""
    place = [node.spot.line, node.spot.column]
    if isinstance(node, Scalar):
        return [*place, node.value] if node.value == node.text else [*place, node.value, node.text]
    if isinstance(node, Many):
        return [*place, [_kept(each) for each in node.items]]
    keys = node.keys
    return [*place, {name: [keys[name].line, keys[name].column, _kept(each)] for name, each in node.items.items()}]


def _node(kept: list[Any]) -> Node:
    spot, value = Spot(kept[0], kept[1]), kept[2]
    if isinstance(value, list):
        return Many(spot, [_node(each) for each in value])
    if isinstance(value, dict):
        items = {name: _node(each[2]) for name, each in value.items()}
        return Table(spot, items, {name: Spot(each[0], each[1]) for name, each in value.items()})
    plain: Plain = value
    return Scalar(spot, plain, kept[-1] if len(kept) > 3 else str(plain))


def main() -> None:
    """Write ``FILE`` anew."""
    from mockpsp.data import folder
    from mockpsp.scenario.problems import Problems
    from mockpsp.scenario.yaml_nodes import read_text

    file = folder("scenarios") / "default.yaml"
    problems = Problems(str(file))
    root = read_text(file.read_bytes(), problems)
    problems.close()
    assert root is not None, "a file without problems has a root"
    FILE.write_bytes(written(file.read_bytes(), root))


if __name__ == "__main__":
    main()
