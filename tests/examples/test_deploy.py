"""The files of examples/deploy, as far as they can be tried without Docker or a cluster.

Not tried: whether the image is built, and whether a cluster takes the manifest.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from mockpsp.commands.serving import serve
from mockpsp.settings import Settings
from tests.support.needed import missing
from tests.support.served import Served

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "examples" / "deploy"
PROBE = "/_mockpsp/health"
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="users and modes of files are POSIX's")


def dockerfile() -> list[tuple[str, str]]:
    """Its instructions in order."""
    text = re.sub(r"\\\n", " ", (DEPLOY / "Dockerfile").read_text("utf-8"))
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]


def told(instruction: str) -> list[str]:
    return [rest for name, rest in dockerfile() if name == instruction]


def understood(arguments: list[str]) -> None:
    """The command line takes them."""
    assert arguments[0] == "serve"
    serve.make_context("serve", arguments[1:])


def known_to_settings(names: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of these variables changes the settings."""
    values = {
        "MOCKPSP_HOST": "0.0.0.0",
        "MOCKPSP_STATE": "x.db",
        "MOCKPSP_CONTROL_TOKEN": "t",
        "MOCKPSP_ALLOW_HOST": "a",
    }
    for name in names:
        with monkeypatch.context() as patch:
            patch.setenv(name, values[name])
            assert Settings.from_environment() != Settings(), name


# -- the image ---------------------------------------------------------------------------------------------------------


def test_the_image_runs_as_nobody_special_and_looks_after_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(told("FROM")) == 2, "what builds stays behind"
    last = [name for name, _ in dockerfile()]
    assert told("USER") == ["10001:10001"]
    assert last.index("USER") < last.index("ENTRYPOINT")
    assert told("ENTRYPOINT") == ['["mockpsp"]']
    understood(json.loads(told("CMD")[0]))
    assert told("HEALTHCHECK")[0].endswith('CMD ["mockpsp", "health"]')
    known_to_settings(set(re.findall(r"MOCKPSP_[A-Z_]+", " ".join(told("ENV")))), monkeypatch)


def test_the_context_has_what_is_copied_and_no_more() -> None:
    copied = {word for rest in told("COPY") if not rest.startswith("--from") for word in rest.split()[:-1]}
    kept = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").split() if line[0] == "!"}
    assert copied == kept
    assert all((ROOT / each).exists() for each in copied)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What the Dockerfile copies, installed as it says into a folder that nobody may write to."""
    base = tmp_path_factory.mktemp("image")
    for rest in told("COPY"):
        if rest.startswith("--from"):
            continue
        *sources, _ = rest.split()
        for each in sources:
            place = base / "src" / each
            place.parent.mkdir(parents=True, exist_ok=True)
            copy: Any = shutil.copytree if (ROOT / each).is_dir() else shutil.copy
            copy(ROOT / each, place)
    target = base / "opt"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(base / "src")]
    done = subprocess.run(pip, capture_output=True, text=True, timeout=300)
    if done.returncode:
        missing(f"pip cannot install here: {done.stderr[-500:]}")
    every = [*target.rglob("*"), target]
    for each in every:
        each.chmod(0o555 if each.is_dir() else 0o444)
    for each in (base, *base.parents):  # pytest keeps its folders to their owner
        each.chmod(0o755)
        if each.name.startswith("pytest-of-"):
            break
    yield target
    for each in every:
        each.chmod(0o755 if each.is_dir() else 0o644)


def elsewhere() -> list[str]:
    """Where packages are found that this package needs."""
    return [each for each in sys.path if Path(each).is_dir() and not (Path(each) / "mockpsp" / "cli.py").exists()]


def as_another() -> tuple[str, dict[str, Any]]:
    """A Python, and the user that runs it: nobody special."""
    if os.geteuid() != 0:
        return sys.executable, {}
    user = {"user": 10001, "group": 10001, "extra_groups": []}
    for program in (sys.executable, f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}"):
        try:
            able = "import aiohttp, click, msgspec, yaml, jsonschema_rs"
            environment = {"PYTHONPATH": os.pathsep.join(elsewhere()), "PYTHONDONTWRITEBYTECODE": "1"}
            if subprocess.run([program, "-c", able], env=environment, cwd="/", **user).returncode == 0:
                return program, user
        except OSError:
            continue
    missing("no Python that another user may run")
    raise AssertionError


@POSIX
def test_it_serves_from_a_place_that_nobody_may_write_to(installed: Path, tmp_path: Path) -> None:
    """As another user where the test may become one, in a folder that is read-only, as the image's command says."""
    bare = tmp_path / "bare"
    bare.mkdir(mode=0o555)
    tmp_path.chmod(0o755)
    program, another = as_another()
    environment = {
        "PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join([str(installed), *elsewhere()]), "PYTHONUTF8": "1",
        "PYTHONDONTWRITEBYTECODE": "1", "MOCKPSP_HOST": "0.0.0.0", "MOCKPSP_CONTROL_TOKEN": "token-of-the-test",
    }  # fmt: skip
    code = "import mockpsp.cli; mockpsp.cli.main()"
    python = [program, "-c", code]
    command = json.loads(told("CMD")[0])
    where = [program, "-c", "import sys, mockpsp; sys.stderr.write(mockpsp.__file__)"]
    done = subprocess.run(where, cwd=bare, env=environment, capture_output=True, text=True, **another)
    assert done.returncode == 0, done.stderr
    assert str(installed) in done.stderr
    process = subprocess.Popen(
        [*python, *command, "--port", "0"],
        cwd=bare, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **another,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert " is ready at http://" in first, first + process.stdout.read()
        url = first.split()[-1]
        assert requests.get(f"{url}{PROBE}", timeout=30).status_code == 200
        assert requests.get(f"{url}/_mockpsp/sandboxes", timeout=30).status_code == 401
        steered = {"Authorization": "Bearer token-of-the-test"}
        assert requests.get(f"{url}/_mockpsp/sandbox/default", headers=steered, timeout=30).status_code == 200
        assert requests.get(f"{url}/_mockpsp/static/dashboard.css", timeout=30).status_code == 200
        check = json.loads(told("HEALTHCHECK")[0].partition("CMD ")[2])
        assert check[0] == "mockpsp"
        health = [*python, *check[1:], "--url", url]
        asked = subprocess.run(health, cwd=bare, env=environment, capture_output=True, text=True, timeout=60, **another)
        assert (asked.returncode, asked.stdout.partition(":")[0]) == (0, "ok")
        process.terminate()
        assert process.wait(30) == 0
        again = subprocess.run(health, cwd=bare, env=environment, capture_output=True, text=True, timeout=60, **another)
        assert again.returncode == 1
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()
    assert list(bare.iterdir()) == []


# -- compose and Kubernetes --------------------------------------------------------------------------------------------


def test_the_compose_file_says_what_it_should(monkeypatch: pytest.MonkeyPatch) -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]
    assert set(services) == {"one", "two", "nginx", "postgres"}
    assert services["two"].pop("pull_policy") == "never"
    assert {**services["two"], "build": services["one"]["build"]} == services["one"], "one of them builds"
    for name in ("one", "nginx"):
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
    understood(services["one"]["command"])
    known_to_settings(set(services["one"]["environment"]), monkeypatch)
    assert services["one"]["environment"]["MOCKPSP_STATE"].startswith("postgresql://")
    assert (DEPLOY / services["one"]["build"]["context"] / services["one"]["build"]["dockerfile"]).resolve().exists()
    here = "${MOCKPSP_ADDRESS:-127.0.0.1}:${MOCKPSP_PORT:-8080}:8080"
    assert services["nginx"]["ports"] == [here], "on this machine unless it is wished"
    published = [name for name, each in services.items() if "ports" in each]
    assert published == ["nginx"]
    drain = services["one"]["command"][services["one"]["command"].index("--drain") + 1]
    assert float(drain) < float(services["one"]["stop_grace_period"].removesuffix("s"))
    assert "password@" not in (DEPLOY / "compose.yaml").read_text("utf-8").replace("choose a password}@", "")


def test_the_manifest_says_what_it_should(monkeypatch: pytest.MonkeyPatch) -> None:
    every = list(yaml.safe_load_all((DEPLOY / "kubernetes" / "mockpsp.yaml").read_text("utf-8")))
    kinds = {each["kind"]: each for each in every}
    assert set(kinds) == {"Secret", "Deployment", "Service"}
    pod = kinds["Deployment"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}" == told("USER")[0]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert container["readinessProbe"]["httpGet"]["path"] == container["startupProbe"]["httpGet"]["path"] == PROBE
    understood(container["args"])
    known_to_settings({each["name"] for each in container["env"]}, monkeypatch)
    for each in container["env"]:
        if "valueFrom" in each:
            key = each["valueFrom"]["secretKeyRef"]
            assert key["key"] in kinds["Secret"]["stringData"]
            assert key["name"] == kinds["Secret"]["metadata"]["name"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {each["name"] for each in pod["volumes"]}
    labels = kinds["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert kinds["Service"]["spec"]["selector"] == kinds["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert pod["enableServiceLinks"] is False
    assert float(container["args"][container["args"].index("--drain") + 1]) < pod["terminationGracePeriodSeconds"]


# -- nginx -------------------------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def nginx_program() -> str:
    found = os.environ.get("MOCKPSP_NGINX") or shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if not found:
        missing("nginx is not installed")
    assert found
    return found


@contextmanager
def in_front(ports: list[int], folder: Path) -> Iterator[str]:
    """A real nginx with the shipped configuration; only addresses, and where it may write, are others."""
    program, port = nginx_program(), free_port()
    text = (DEPLOY / "nginx.conf").read_text("utf-8")
    for name, each in zip(("one:8080", "two:8080"), ports, strict=True):
        assert text.count(name) == 1
        text = text.replace(name, f"127.0.0.1:{each}")
    text = text.replace("listen 8080", f"listen 127.0.0.1:{port}").replace("/tmp/", f"{folder}/")
    conf = folder / "nginx.conf"
    conf.write_text(f"daemon off;\n{text}", "utf-8")
    command = [program, "-c", str(conf), "-p", str(folder), "-e", str(folder / "error.log")]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, timeout=30)
    assert checked.returncode == 0, checked.stderr
    assert "[warn]" not in checked.stderr.replace('[warn] the "user" directive', "")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(400):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, (folder / "error.log").read_text("utf-8")
                _breathe()
        yield f"http://localhost:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _breathe() -> None:
    """Let another process have its turn."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        nobody.settimeout(0.05)
        try:
            nobody.accept()
        except TimeoutError:
            return


@POSIX
def test_nginx_leads_to_both_and_past_the_one_that_is_gone(tmp_path: Path) -> None:
    nginx_program()
    tmp_path.chmod(0o755)
    both = [Served(tmp_path / f"ready-{n}.json", "--port", "0") for n in range(2)]
    try:
        folder = tmp_path / "nginx"
        folder.mkdir()
        folder.chmod(0o777)
        with in_front([int(each.told["url"].rpartition(":")[2]) for each in both], folder) as url:
            # sandboxes are not shared here, as there is no PostgreSQL: each process has made some of these
            for _ in range(8):
                made = requests.post(f"{url}/_mockpsp/sandboxes", json={}, timeout=30)
                assert made.status_code == 201
                assert made.json()["base_urls"]["worldline"] == url, "links lead to the address that was called"
            counts = [
                len(requests.get(f"{each.told['url']}/_mockpsp/sandboxes", timeout=30).json()["sandboxes"])
                for each in both
            ]
            assert sum(counts) == 8 + 2
            assert min(counts) > 1
            strange = requests.get(f"{url}{PROBE}", headers={"Host": "evil.example"}, timeout=30)
            assert strange.status_code == 421
            with requests.get(f"{url}/_mockpsp/sandboxes/default/events", stream=True, timeout=30) as stream:
                assert next(stream.iter_lines()) == b"retry: 1000", "nothing is held back"
            both[0].kill()
            for _ in range(8):
                assert requests.post(f"{url}/_mockpsp/sandboxes", json={}, timeout=30).status_code == 201
    finally:
        for each in both:
            if each.process.poll() is None:
                each.end()
