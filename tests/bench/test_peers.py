"""The parts of the comparison with other simulators, on the servers that need no installing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from bench.peer_kinds import OURS, PEERS, Unavailable, go, mockoon, mountebank, npm, prism, wiremock
from bench.peers import arguments, compare, installed
from bench.webhooks import compare as deliveries

BY_NAME = {peer.name: peer for peer in PEERS}


def test_a_server_is_measured_and_the_tables_are_whole(tmp_path: Path) -> None:
    """The bare server stands for ours: it starts sooner."""
    short = ["--rounds", "1", "--seconds", "0.1", "--early", "0.1", "--requests", "20"]
    told = compare(tmp_path, [BY_NAME["bare"]._replace(name=OURS)], arguments([str(tmp_path), *short]))
    lines = told.splitlines()
    assert lines[0].startswith("Measured ")
    assert [line.count("|") for line in lines if line.startswith(f"| {OURS} |")] == [5, 9, 7]


def test_what_cannot_be_had_is_told_with_the_reason(tmp_path: Path) -> None:
    def refuse(folder: Path) -> str:
        raise Unavailable(f"no room in {folder.name}")

    silent = BY_NAME["bare"]._replace(name="ends at once", command=lambda folder, port: [sys.executable, "-c", ""])
    there, missing = installed([BY_NAME["Prism"]._replace(install=refuse), silent], tmp_path)
    assert there == []
    assert [(peer.name, why) for peer, why in missing] == [
        ("Prism", "no room in prism"),
        ("ends at once", "ended with 0 instead of answering"),
    ]


def test_a_program_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="needs node"):
        npm("mountebank", "2.9.1")(tmp_path)
    with pytest.raises(Unavailable, match="needs go"):
        go("example.test/none@v1")(tmp_path)


def test_nothing_is_installed_inside_the_checkout(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments([str(Path(__file__).parent / "peers")])
    assert "is inside this checkout" in capsys.readouterr().err


@pytest.mark.parametrize("configure", [mockoon, mountebank, prism, wiremock])
def test_peers_listen_on_loopback_only(configure: object, tmp_path: Path) -> None:
    jar = tmp_path / "node_modules/wiremock/build/wiremock.jar"
    jar.parent.mkdir(parents=True)
    jar.touch()
    assert callable(configure)
    argv = configure(tmp_path, 9000)
    written = [json.loads(path.read_text()) for path in tmp_path.rglob("*.json")]
    assert written
    assert "127.0.0.1" in argv or written[0].get("hostname") == "127.0.0.1"


def test_webhooks_are_measured_against_a_bare_client() -> None:
    lines = [*deliveries(["adyen"], 32, 1, (4,))]
    assert [line.split(" | ")[:2] for line in lines[2:]] == [
        ["| adyen AUTHORISATION", "4"],
        ["| adyen AUTHORISATION, standing clock", "1"],
    ]
