"""The servers that ``bench.peers`` compares: how each is installed, started and asked, and what it does with the work.

Versions are pinned: figures are those of these versions. Each peer has a folder of its own, with its own virtual
environment or npm packages and the configuration that is written here; nothing is installed outside it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from shutil import which
from typing import Any, NamedTuple
from urllib.parse import urlencode

from bench.__main__ import HERE
from bench.works import BODY, WORKS, Work, between, plain

PURCHASE = json.loads(BODY)
MONEY = {
    "type": "object",
    "required": ["amount", "currencyCode"],
    "properties": {"amount": {"type": "integer", "minimum": 0}, "currencyCode": {"type": "string", "maxLength": 3}},
}
SCHEMA = {
    "type": "object",
    "required": ["order"],
    "properties": {
        "hostedCheckoutSpecificInput": {"type": "object"},
        "redirectPaymentMethodSpecificInput": {
            "type": "object",
            "properties": {"paymentProductId": {"type": "integer"}, "requiresApproval": {"type": "boolean"}},
        },
        "order": {"type": "object", "required": ["amountOfMoney"], "properties": {"amountOfMoney": MONEY}},
    },
}
"""What peers without an API of their own check a body against, if they can: less than ours does."""


class Unavailable(Exception):
    """This peer cannot be had on this machine; the message says why."""


class Peer(NamedTuple):
    """``install`` fills its folder and returns its version, or raises Unavailable; ``command`` starts it at a port.

    ``stateful``: what was created can be read back. ``does`` says what becomes of the work.
    """

    name: str
    stateful: bool
    does: str
    work: Work
    install: Callable[[Path], str]
    command: Callable[[Path, int], Sequence[str]]


def _done(folder: Path, argv: Sequence[str]) -> str:
    try:
        ended = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{argv[0]}: {error}") from None
    if ended.returncode:
        lines = (ended.stderr.strip() or ended.stdout.strip()).splitlines()
        raise Unavailable(f"{Path(argv[0]).name} ended with {ended.returncode}: {lines[-1] if lines else 'silent'}")
    return ended.stdout.strip()


def _needed(program: str, package: str) -> str:
    found = which(program)
    if found is None:
        raise Unavailable(f"needs {program} ({package}), which is not on the path")
    return found


def _python(folder: Path) -> Path:
    return folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def pip(requirement: str) -> Callable[[Path], str]:
    """Install a Python package into an environment of its own."""
    name = requirement.partition("==")[0].partition("[")[0]

    def install(folder: Path) -> str:
        if not _python(folder).exists():
            _done(folder, [sys.executable, "-m", "venv", "venv"])
        _done(folder, [str(_python(folder)), "-m", "pip", "install", "--quiet", requirement])
        asked = f"import importlib.metadata as m; print(m.version({name!r}))"
        return _done(folder, [str(_python(folder)), "-c", asked])

    return install


def npm(name: str, wanted: str) -> Callable[[Path], str]:
    """Install an npm package, without running scripts of packages."""

    def install(folder: Path) -> str:
        _needed("node", "Debian: nodejs")
        manifest = folder / "node_modules" / name / "package.json"
        if not manifest.exists():
            (folder / "package.json").write_text("{}")
            quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--omit=dev", "--silent"]
            _done(folder, [_needed("npm", "Debian: npm"), "install", *quiet, f"{name}@{wanted}"])
        return str(json.loads(manifest.read_text())["version"])

    return install


def _with_java(install: Callable[[Path], str]) -> Callable[[Path], str]:
    def both(folder: Path) -> str:
        _needed("java", "Debian: default-jre-headless")
        return install(folder)

    return both


def go(module: str) -> Callable[[Path], str]:
    """Build a Go program from the module proxy."""

    def install(folder: Path) -> str:
        program = _needed("go", "Debian: golang-go")
        places = {"GOBIN": str(folder), "GOPATH": str(folder / "go"), "GOCACHE": str(folder / "cache")}
        _done(folder, ["env", *(f"{name}={place}" for name, place in places.items()), program, "install", module])
        return module.partition("@")[2]

    return install


def _here(package: str) -> Callable[[Path], str]:
    return lambda _: version(package)


def _kept(folder: Path, name: str, content: Any) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return str(path)


# -- peers with an API of their own ------------------------------------------------------------------------------------

STRIPE = b64encode(b"sk_test_12345:").decode()
INTENT = urlencode(
    [
        ("amount", 140000),
        ("currency", "eur"),
        ("payment_method_types[0]", "card"),
        *((f"metadata[{name}]", "x" * 90) for name in ("merchant", "customer", "street", "city", "cart", "references")),
    ]
).encode()


def _stripe(method: str, path: str, body: bytes = b"") -> bytes:
    lines = [f"{method} /v1/payment_intents{path} HTTP/1.1", "Host: localhost", f"Authorization: Basic {STRIPE}"]
    if body:
        lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _stripe_work(id_before: bytes, proof: bytes) -> Work:
    return Work(
        "create and read of a payment intent",
        first=lambda: _stripe("POST", "", INTENT),
        then=(lambda body: _stripe("GET", f"/{between(body, id_before)}"),),
        proof=proof,
    )


_LOCALSTRIPE = """
import sys
from aiohttp import web
from localstripe.server import app
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
"""
"""Its own start listens on all addresses, and logs each request; this is the kinder way."""

AWS = "AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/athena/aws4_request, SignedHeaders=host, Signature=0"


def _athena(operation: str, body: Mapping[str, Any]) -> bytes:
    lines = [
        "POST / HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/x-amz-json-1.1",
        f"X-Amz-Target: AmazonAthena.{operation}",
        f"Authorization: {AWS}",
    ]
    content = json.dumps(body).encode()
    return "\r\n".join([*lines, f"Content-Length: {len(content)}"]).encode() + b"\r\n\r\n" + content


def _queries() -> Work:
    named = {"Name": "ORD-2026-0002", "Database": "shop", "QueryString": json.dumps(PURCHASE)}
    return Work(
        "create and read of a named query of Athena's, the order as its text",
        first=lambda: _athena("CreateNamedQuery", named),
        then=(lambda body: _athena("GetNamedQuery", {"NamedQueryId": between(body, b'"NamedQueryId": "')}),),
        proof=b"ORD-2026-0002",
    )


# -- peers that are told what to answer --------------------------------------------------------------------------------


def _payments(proof: bytes) -> Work:
    return Work(
        "create and read of a payment",
        first=lambda: plain("POST", "/payments", BODY),
        then=(lambda body: plain("GET", f"/payments/{between(body, ID)}", b""),),
        proof=proof,
    )


ID = b'"id":"'


def mockoon(folder: Path, port: int) -> Sequence[str]:
    """A CRUD route over a data bucket."""
    answer = {
        "uuid": "answer",
        "body": "{}",
        "latency": 0,
        "statusCode": 200,
        "label": "",
        "headers": [],
        "bodyType": "DATABUCKET",
        "filePath": "",
        "databucketID": "kept",
        "sendFileAsBody": False,
        "rules": [],
        "rulesOperator": "OR",
        "disableTemplating": False,
        "fallbackTo404": False,
        "default": True,
        "crudKey": "id",
        "callbacks": [],
    }
    route = {"uuid": "route", "type": "crud", "documentation": "", "method": "", "endpoint": "payments"}
    whole = {
        "uuid": "bench",
        "lastMigration": 33,
        "name": "bench",
        "port": port,
        "hostname": "127.0.0.1",
        "endpointPrefix": "",
        "latency": 0,
        "folders": [],
        "routes": [{**route, "responses": [answer], "responseMode": None}],
        "rootChildren": [{"type": "route", "uuid": "route"}],
        "proxyMode": False,
        "tlsOptions": {"enabled": False},
        "cors": False,
        "headers": [],
        "data": [{"uuid": "data", "id": "kept", "name": "payments", "documentation": "", "value": "[]"}],
        "callbacks": [],
    }
    script = folder / "node_modules/@mockoon/cli/bin/run.js"
    return ["node", str(script), "start", "--data", _kept(folder, "environment.json", whole), "--disable-log-to-file"]


def mountebank(folder: Path, port: int) -> Sequence[str]:
    """Two injected functions over the imposter's state."""
    create = """config => {
        const state = config.state, payment = JSON.parse(config.request.body);
        state.count = (state.count || 0) + 1;
        payment.id = `p${state.count}`;
        payment.status = 'CREATED';
        (state.all = state.all || {})[payment.id] = payment;
        return { statusCode: 201, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(payment) };
    }"""
    read = """config => {
        const payment = (config.state.all || {})[config.request.path.split('/')[2]];
        return { statusCode: payment ? 200 : 404, headers: { 'Content-Type': 'application/json' },
                 body: JSON.stringify(payment || {}) };
    }"""
    stubs = [
        {"predicates": [{"equals": {"method": method}}], "responses": [{"inject": function}]}
        for method, function in (("POST", create), ("GET", read))
    ]
    kept_alive = {"headers": {"Connection": "keep-alive"}}
    imposter = {"port": port, "host": "127.0.0.1", "protocol": "http", "defaultResponse": kept_alive, "stubs": stubs}
    file = _kept(folder, "imposters.json", {"imposters": [imposter]})
    script = folder / "node_modules/mountebank/bin/mb"
    quiet = ["--loglevel", "error", "--nologfile", "--pidfile", str(folder / "mb.pid")]
    own = ["--port", str(port + 1), "--host", "127.0.0.1"]
    return ["node", str(script), "start", *own, "--configfile", file, "--allowInjection", *quiet]


def prism(folder: Path, port: int) -> Sequence[str]:
    """A small contract with an example for each answer."""
    payment = {"id": "p1", "status": "CREATED", "order": PURCHASE["order"]}

    def answers(status: str) -> Mapping[str, Any]:
        content = {"application/json": {"schema": {"type": "object"}, "example": payment}}
        return {status: {"description": "a payment", "content": content}}

    asked = {"required": True, "content": {"application/json": {"schema": SCHEMA}}}
    id = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    contract = {
        "openapi": "3.1.0",
        "info": {"title": "payments", "version": "1"},
        "paths": {
            "/payments": {"post": {"operationId": "create", "requestBody": asked, "responses": answers("201")}},
            "/payments/{id}": {"get": {"operationId": "read", "parameters": [id], "responses": answers("200")}},
        },
    }
    script = folder / "node_modules/@stoplight/prism-cli/dist/index.js"
    file = _kept(folder, "contract.json", contract)
    return ["node", str(script), "mock", "--port", str(port), "--host", "127.0.0.1", file]


def wiremock(folder: Path, port: int) -> Sequence[str]:
    """Two stubs: one checks the body against the schema and answers with a new id, one echoes the id."""
    told = {"headers": {"Content-Type": "application/json"}, "transformers": ["response-template"]}
    created = json.dumps({"id": "{{randomValue type='UUID'}}", "status": "CREATED", "order": PURCHASE["order"]})
    read = json.dumps({"id": "{{request.path.[1]}}", "status": "CREATED", "order": PURCHASE["order"]})
    post = {"method": "POST", "urlPath": "/payments", "bodyPatterns": [{"matchesJsonSchema": json.dumps(SCHEMA)}]}
    get = {"method": "GET", "urlPathPattern": "/payments/[^/]+"}
    mappings = [
        {"request": post, "response": {"status": 201, "body": created.replace(': "', ':"'), **told}},
        {"request": get, "response": {"status": 200, "body": read.replace(': "', ':"'), **told}},
    ]
    _kept(folder, "root/mappings/payments.json", {"mappings": mappings})
    jar = next((folder / "node_modules/wiremock/build").glob("*.jar"))
    own = ["--port", str(port), "--bind-address", "127.0.0.1", "--root-dir", str(folder / "root"), "--disable-banner"]
    return ["java", "-jar", str(jar), *own]


def _bare(*more: str) -> Callable[[Path, int], Sequence[str]]:
    return lambda _, port: [sys.executable, str(HERE / "bare.py"), str(port), *more]


OURS = "mockpsp"
PEERS: Sequence[Peer] = (
    Peer(
        OURS,
        True,
        "Worldline's hosted checkout: signature, contract, decision, state, webhook, journal",
        WORKS["worldline"],
        _here("mockpsp"),
        lambda _, port: [sys.executable, "-m", "mockpsp", "serve", "--port", str(port)],
    ),
    Peer(
        "bare", False, "the limit: aiohttp handlers with fixed answers", WORKS["worldline"], _here("aiohttp"), _bare()
    ),
    Peer(
        "bare uvloop",
        False,
        "the same on uvloop, which ours uses too",
        WORKS["worldline"],
        _here("uvloop"),
        _bare("uvloop"),
    ),
    Peer(
        "localstripe",
        True,
        "a payment intent: checks its fields, keeps it, writes its whole store to disk at each change; no webhook set",
        _stripe_work(b'"id": "', b'"object": "payment_intent"'),
        pip("localstripe==1.15.10"),
        lambda folder, port: [str(_python(folder)), "-c", _LOCALSTRIPE, str(port)],
    ),
    Peer(
        "moto server",
        True,
        "a named query of Athena's (costs it what a DynamoDB item does): keeps it; a connection a request",
        _queries(),
        pip("moto[server]==5.2.5"),
        lambda folder, port: [str(_python(folder)), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
    ),
    Peer(
        "Mockoon CLI",
        True,
        "a CRUD route: keeps the body under a new id; checks nothing",
        _payments(b"ORD-2026-0002"),
        npm("@mockoon/cli", "9.9.0"),
        mockoon,
    ),
    Peer(
        "mountebank",
        True,
        "two injected functions keep the body under a new id; checks nothing",
        _payments(b'"status":"CREATED"'),
        npm("mountebank", "2.9.1"),
        mountebank,
    ),
    Peer(
        "Prism",
        False,
        "checks the body against a small contract; canned answers",
        _payments(b'"status":"CREATED"'),
        npm("@stoplight/prism-cli", "5.14.2"),
        prism,
    ),
    Peer(
        "WireMock",
        False,
        "checks the body against a small schema; an answer by template, the read one canned",
        _payments(b'"status":"CREATED"'),
        _with_java(npm("wiremock", "3.13.2")),
        wiremock,
    ),
    Peer(
        "stripe-mock",
        False,
        "checks a payment intent against Stripe's contract; canned answers",
        _stripe_work(b'"id": "', b'"object": "payment_intent"'),
        go("github.com/stripe/stripe-mock@v0.195.0"),
        lambda folder, port: [str(folder / "stripe-mock"), "-http-addr", f"127.0.0.1:{port}"],
    ),
)
