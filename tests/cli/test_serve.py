"""``mockpsp serve`` as a process of its own."""

from __future__ import annotations

import base64
import hashlib
import json
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from click.testing import CliRunner

from mockpsp.cli import cli, main


def read(url: str, context: ssl.SSLContext | None = None) -> Any:
    with urlopen(url, timeout=10, context=context) as answer:
        return json.load(answer)


def test_the_ready_file_says_where_and_the_block_what_to_do(serve: Callable[..., Any]) -> None:
    served = serve()

    assert read(f"{served.told['url']}/_mockpsp/health")
    assert served.told["pid"] == served.process.pid
    assert "worldline" in served.told["credentials"]
    assert served.told["base_urls"]["worldline"] == served.told["url"]
    served.wait_for_line("Ctrl+C")  # the last of them
    block = "\n".join(served.lines)
    assert served.told["url"] in block
    assert "/_mockpsp/" in block
    assert served.told["credentials"]["worldline"]["api_key_id"] in block
    assert f"mockpsp credentials --url {served.told['url']}" in block


def test_it_answers_on_both_loopback_addresses(serve: Callable[..., Any]) -> None:
    served = serve()
    port = served.told["url"].rpartition(":")[2]

    assert served.told["url"] == f"http://localhost:{port}"
    assert read(f"http://127.0.0.1:{port}/_mockpsp/health")
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return
    assert read(f"http://[::1]:{port}/_mockpsp/health")


def test_a_signal_ends_it_and_takes_the_ready_file_along(serve: Callable[..., Any], tmp_path: Path) -> None:
    served = serve()

    assert served.end() in (0, 1) if sys.platform == "win32" else served.end() == 0
    assert not (tmp_path / "ready-0.json").exists()


def test_a_clock_that_stands_still_is_announced(serve: Callable[..., Any], quiet: Path) -> None:
    quiet.write_text(quiet.read_text() + "clock: 2026-07-01T09:00:00+02:00\n", encoding="utf-8")
    served = serve("--scenario", str(quiet))

    served.wait_for_line("stands still at 2026-07-01T07:00:00.000Z")


def test_watch_reloads_and_survives_mistakes(serve: Callable[..., Any], quiet: Path) -> None:
    served = serve("--scenario", str(quiet), "--watch")
    right = quiet.read_text(encoding="utf-8")

    quiet.write_text(right + "weather: fine\n", encoding="utf-8")
    served.wait_for_line(f"{quiet}:3:1: ")
    quiet.write_text(right + "faults: [{operation: '*', then: {status: 503}}]\n", encoding="utf-8")
    served.wait_for_line("faults: 0 → 1 lines")
    assert read(f"{served.told['url']}/_mockpsp/health")


@pytest.mark.skipif(find_spec("trustme") is None, reason="needs mockpsp[tls]")
def test_tls_is_served_beside_http_and_can_be_trusted(serve: Callable[..., Any]) -> None:
    served = serve("--tls")
    trusting = ssl.create_default_context(cafile=served.told["ca_file"])

    assert read(f"{served.told['https_url']}/_mockpsp/health", trusting)
    assert read(f"{served.told['url']}/_mockpsp/health")
    assert any("NODE_EXTRA_CA_CERTS=" in line for line in served.lines)
    served.end()
    assert not Path(served.told["ca_file"]).exists()


@pytest.mark.skipif(find_spec("trustme") is None, reason="needs mockpsp[tls]")
def test_https_has_the_names_that_are_wished(serve: Callable[..., Any]) -> None:
    served = serve("--tls-name", "pay.shop.test", "--tls-name", "cdn.shop.test", "--tls-port", "0")

    port = int(served.told["https_url"].removeprefix("https://localhost:"))
    trusting = ssl.create_default_context(cafile=served.told["ca_file"])
    for name in ("pay.shop.test", "cdn.shop.test", "localhost"):
        with socket.create_connection(("127.0.0.1", port)) as plain, trusting.wrap_socket(plain, server_hostname=name):
            pass
    led = f'--host-resolver-rules="MAP pay.shop.test:443 127.0.0.1:{port}, MAP cdn.shop.test:443 127.0.0.1:{port}"'
    [line] = [each for each in served.lines if "chromium" in each]
    assert line.endswith(f"--ignore-certificate-errors-spki-list={served.told['tls_pin']} {led}")


@pytest.mark.skipif(find_spec("trustme") is None, reason="needs mockpsp[tls]")
def test_a_port_of_https_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "mockpsp", "serve", "--port", "0", "--tls-port", str(port)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert ended.returncode == 1
    assert f"port {port} on 127.0.0.1 is taken" in ended.stderr


@pytest.mark.skipif(find_spec("trustme") is None, reason="needs mockpsp[tls]")
def test_the_pin_is_that_of_the_certificate() -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from cryptography.x509 import load_pem_x509_certificate

    from mockpsp.serving.tls import certificate

    with certificate("localhost", ["pay.shop.test"]) as shown, socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_greet, args=(server, shown.context))
        thread.start()
        pem = ssl.get_server_certificate(server.getsockname())
        thread.join()
    key = load_pem_x509_certificate(pem.encode()).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert shown.pin == base64.b64encode(hashlib.sha256(der).digest()).decode()


def _greet(server: socket.socket, context: ssl.SSLContext) -> None:
    plain, _ = server.accept()
    with context.wrap_socket(plain, server_side=True):
        pass


@pytest.mark.parametrize("name", ["", "what is this", "a..b"])
def test_a_name_that_is_none_is_told(name: str) -> None:
    from mockpsp.serving.tls import NoTls, certificate

    with pytest.raises(NoTls, match="--tls-name: "), certificate("localhost", [name]):
        pass


def test_tls_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from mockpsp.serving.tls import NoTls, certificate

    monkeypatch.setitem(sys.modules, "trustme", None)
    with pytest.raises(NoTls, match=r"pip install 'mockpsp\[tls\]'"), certificate("localhost"):
        pass


@pytest.mark.skipif(find_spec("trustme") is None, reason="needs mockpsp[tls]")
def test_tls_without_a_place_for_its_authority_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from mockpsp.serving.tls import NoTls, certificate

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(NoTls, match="--tls keeps its CA in a temporary folder: No such file"), certificate("localhost"):
        pass


def test_the_first_process_of_a_container_ends_before_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("os.getpid", lambda: 1)
    monkeypatch.setattr(sys, "argv", ["mockpsp", "--version"])
    try:
        with pytest.raises(SystemExit, match=r"^0$"):
            main()
        with pytest.raises(SystemExit, match="143"):
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_taken_port_is_told_before_anything_heavy_is_imported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code = "import sys\nfrom mockpsp.cli import main\ntry: main()\nfinally: print('aiohttp' in sys.modules)"
        ended = subprocess.run(
            [sys.executable, "-c", code, "serve", "--port", str(port)], capture_output=True, text=True, timeout=30
        )

    assert ended.returncode == 1
    assert f"port {port} on 127.0.0.1 is taken" in ended.stderr
    assert "--port 0" in ended.stderr
    assert ended.stdout.strip() == "False"


def test_mistakes_in_a_scenario_file_are_told_with_their_places(quiet: Path) -> None:
    quiet.write_text("mockpsp: 1\ntitel: Typo\n", encoding="utf-8")
    ended = CliRunner().invoke(cli, ["serve", "--port", "0", "--scenario", str(quiet)])

    assert ended.exit_code == 1
    assert f"{quiet}:2:1: " in ended.stderr
    assert "did you mean 'title'?" in ended.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--scenario", "defalt"], "did you mean 'default'?"),
        (["--webhook", "worldline"], "write it like worldline=http"),
        (["--webhook", "wordline=http://localhost:1/"], "did you mean 'worldline'?"),
        (["--webhook", "worldline=ftp://localhost/"], "write it like"),
        (["--port", "70000"], "70000"),
        (["--ready-file", "no/such/place/ready.json"], "is no directory"),
    ],
)
def test_a_wrong_command_line_is_a_usage_error(options: list[str], told: str) -> None:
    ended = CliRunner().invoke(cli, ["serve", "--port", "0", *options])

    assert ended.exit_code == 2
    assert told in ended.stderr


def test_a_port_in_the_environment_must_be_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOCKPSP_PORT", "http")
    ended = CliRunner().invoke(cli, ["serve"])

    assert ended.exit_code == 2
    assert "MOCKPSP_PORT" in ended.stderr
