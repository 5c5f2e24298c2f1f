"""Requests that no marketplace should send, to every operation: wrong credentials, paths, methods, media types, bodies,
and objects that are not there or another marketplace's. Each is refused as its row says, is explained in the journal,
and changes nothing.
"""

from __future__ import annotations

import gzip
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import requests

from mockpsp.providers.lyra.auth import REALM, TOKEN_PATH
from mockpsp.providers.lyra.routes import ROUTES
from tests.support.control import ControlledSandbox
from tests.support.lyra import BASES, CONTRACT, STRANGE, V1, Marketplace
from tests.support.lyra_bad import (
    NOT_FOUND,
    RIGHTS,
    Begins,
    NewSandbox,
    Row,
    Scene,
    World,
    path_names,
)
from tests.support.server import Threaded

NOT_GIVEN = {"detail": "Authentication credentials were not provided."}
WRONG_LOGIN = {"detail": "Invalid username/password."}
WRONG_TOKEN = {"detail": "Invalid token."}
ASKS = {"WWW-Authenticate": 'Basic realm="api"'}
LEADS_AWAY = {"Location": f"{{url}}{REALM}"}
JSON_ERROR = {"detail": Begins("JSON parse error - the body is not JSON: ")}
ANY: Mapping[str, str] = {
    "event": "order",
    **dict.fromkeys(("order", "item", "refund", "token", "transaction", "transfer", "seller"), STRANGE),
    **dict.fromkeys(("registration", "cashout", "alias"), STRANGE),
}
"""Values for any path, where nobody looks at them."""
WRITES = tuple(name for name, right in RIGHTS.items() if CONTRACT.operation(name).body is not None)


def basic(user: str, password: str) -> str:
    """The header of Basic authentication."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def anywhere(operation: str) -> dict[str, str]:
    """Values for an operation's path."""
    return {name: ANY[name] for name in path_names(operation) if name in ANY}


# -- who calls ---------------------------------------------------------------------------------------------------------


def signed(header: str | None) -> dict[str, Any]:
    """How a call has this Authorization header, or none."""
    return {"auth": NoLogin(), "headers": {} if header is None else {"Authorization": header}}


class NoLogin(requests.auth.AuthBase):
    """Keeps requests from adding credentials of its own."""

    def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        return prepared


def expired(world: World) -> str:
    """An access token whose five minutes are over."""
    told = world.shop.token()
    world.controlled.advance("PT5M")
    return f"Bearer {told}"


def doors() -> Iterator[Row]:
    """Every operation without credentials, with a wrong password, a wrong token, an expired token."""
    for name in RIGHTS:
        at = anywhere(name)

        def call(header: str | None, name: str = name, at: Mapping[str, str] = at) -> Any:
            return lambda w, _: w.shop.answered(name, **at, **signed(header))

        yield Row(f"{name}: no credentials", call(None), 401, NOT_GIVEN, headers=ASKS)
        yield Row(f"{name}: unknown login", call(basic("nobody", "x")), 401, WRONG_LOGIN, headers=ASKS)
        yield Row(f"{name}: no token at all", call("Bearer x"), 401, WRONG_TOKEN, headers=ASKS)
        yield Row(
            f"{name}: an expired token",
            lambda w, header, name=name, at=at: w.shop.answered(name, **at, **signed(header)),
            307,
            None,
            before=expired,
            headers=LEADS_AWAY,
        )


def credentials() -> Iterator[Row]:
    """What else does not open the door."""

    def shut(name: str, header: Any, body: Any, path: str = "/orders") -> Row:
        def make(w: World, _: Any) -> requests.Response:
            return w.shop.request("GET", path, **signed(header(w) if callable(header) else header))

        return Row(name, make, 401, body, headers=ASKS)

    yield shut("a wrong password", lambda w: basic(w.shop.given["login"], "x"), WRONG_LOGIN)
    yield shut("an empty password", lambda w: basic(w.shop.given["login"], ""), WRONG_LOGIN)
    yield shut("a password in upper case", lambda w: basic(w.shop.given["login"], w.shop.given["password"].upper()),
               WRONG_LOGIN)  # fmt: skip
    client = "client_id", "client_secret"
    yield shut("client id and secret as login", lambda w: basic(*(w.shop.given[each] for each in client)), WRONG_LOGIN)
    yield shut("a neighbour's password", lambda w: basic(w.shop.given["login"], w.neighbour().given["password"]),
               WRONG_LOGIN)  # fmt: skip
    yield shut("the password without a login", lambda w: basic("", w.shop.given["password"]), WRONG_LOGIN)
    yield shut("Basic that is no base64", "Basic ?!", NOT_GIVEN)
    yield shut("Basic without a colon", "Basic " + b64encode(b"mockpsp").decode(), NOT_GIVEN)
    yield shut("Basic with nothing behind it", "Basic", NOT_GIVEN)
    yield shut("Basic in bytes that are no UTF-8", "Basic " + b64encode(b"\xff:\xff").decode(), NOT_GIVEN)
    yield shut("another scheme", "Digest username=x", NOT_GIVEN)
    yield shut("an API key", lambda w: w.shop.given["password"], NOT_GIVEN)
    yield shut("Bearer with nothing behind it", "Bearer", WRONG_TOKEN)
    yield shut("a token of three parts that says nothing", "Bearer a.b.c", WRONG_TOKEN)
    yield shut("a token whose signature was cut", lambda w: f"Bearer {w.shop.token()[:-3]}", WRONG_TOKEN)
    yield shut("a token whose claims were changed", forged, WRONG_TOKEN)
    yield shut("a password as a token", lambda w: f"Bearer {w.shop.given['password']}", WRONG_TOKEN)


def forged(world: World) -> str:
    """A neighbour's token that says it is ours."""
    head, _, signature = world.neighbour().token().split(".")
    claims = f'{{"exp": 99999999999, "azp": "{world.shop.given["client_id"]}"}}'
    return f"Bearer {head}.{b64encode(claims.encode()).decode().rstrip('=')}.{signature}"


def access() -> Iterator[Row]:
    """The token endpoint's own errors."""
    client = ("client_id", "client_secret")

    def ask(name: str, status: int, error: str, says: str, how: Any = None, **form: str) -> Row:
        def make(w: World, _: Any) -> requests.Response:
            usual = {"grant_type": "client_credentials", **{key: w.shop.given[key] for key in client}}
            sent = {key: value for key, value in {**usual, **form}.items() if value}
            return w.shop.request("POST", f"{w.live.url}{TOKEN_PATH}", auth=NoLogin(), **(how or {"data": sent}))

        return Row(f"access token: {name}", make, status, {"error": error, "error_description": says})

    by_json, many = {"json": {"grant_type": "client_credentials"}}, {"data": [("a", "b")] * 99}
    lacking, refused = "Missing form parameter: grant_type", "Invalid client or Invalid client credentials"
    yield ask("no grant", 400, "invalid_request", lacking, grant_type="")
    yield ask("nothing at all", 400, "invalid_request", lacking, {"data": None})
    yield ask("JSON in place of a form", 400, "invalid_request", lacking, by_json)
    yield ask("a form of too many fields", 400, "invalid_request", "The form cannot be read", many)
    for grant in ("password", "refresh_token"):
        yield ask(f"the grant {grant}", 400, "unsupported_grant_type", "Unsupported grant_type", grant_type=grant)
    yield ask("no client", 401, "invalid_client", refused, client_id="")
    yield ask("an unknown client", 401, "invalid_client", refused, client_id=f"nobody_{STRANGE}")
    yield ask("a wrong secret", 401, "unauthorized_client", refused, client_secret="x")
    yield ask("no secret", 401, "unauthorized_client", refused, client_secret="")


# -- where -------------------------------------------------------------------------------------------------------------


def places() -> Iterator[Row]:
    """Paths that lead nowhere, with and without credentials, and methods that a path does not have."""
    paths = (
        "", "/", "/payments", "/order", "/ORDERS", "/orders//", "/v1/orders", f"/orders/{STRANGE}/pay",
        f"/orders/{STRANGE}/items/{STRANGE}", f"/orders/{STRANGE}/execute/x", "/tokens/embedded/x/y", "/webhooks",
        f"/refunds/{STRANGE}/items", "/%00", f"/orders/{STRANGE}%2Fexecute",
    )  # fmt: skip
    for base in BASES:
        for path in paths:
            if base + path not in ("/marketplace/v1/orders", "/marketplace-test/v1/orders"):
                yield Row(
                    f"nothing at {base}{path}",
                    lambda w, _, there=f"{base}{path}": w.shop.request("GET", f"{w.live.url}{there}"),
                    404,
                    NOT_FOUND,
                )
    there = f"{V1}/tokens/embedded"  # which has the form of a token's own address
    yield Row("no token is called embedded", lambda w, _: w.shop.request("GET", "/tokens/embedded"), 404, NOT_FOUND)
    yield Row(
        f"PUT {there}",
        lambda w, _: w.shop.request("PUT", "/tokens/embedded"),
        405,
        {"detail": 'Method "PUT" not allowed.'},
        headers={"Allow": "GET, POST"},
    )
    yield Row("nowhere, by nobody", lambda w, _: w.shop.request("GET", "/nowhere", **signed(None)), 404, NOT_FOUND)
    known: dict[str, set[str]] = {}
    for route in ROUTES:
        known.setdefault(route.path, set()).add(route.method)
    for path, methods in known.items():
        for method in sorted({"GET", "POST", "PUT", "PATCH", "DELETE"} - methods):
            if path == TOKEN_PATH or (path.startswith(V1) and path != f"{V1}/tokens/embedded"):
                where = path.format(**ANY, marketplace=STRANGE)
                yield Row(
                    f"{method} {path}",
                    lambda w, _, method=method, where=where: w.shop.request(method, f"{w.live.url}{where}"),
                    405,
                    {"detail": f'Method "{method}" not allowed.'},
                    headers={"Allow": ", ".join(sorted(methods))},
                )


# -- bodies ------------------------------------------------------------------------------------------------------------


def media() -> Iterator[Row]:
    """Bodies that claim to be something else than what the operation takes."""
    for name in WRITES:
        for said, told in (("text/plain", "text/plain"), ("application/x-www-form-urlencoded",) * 2):
            yield Row(
                f"{name}: a body of {said}",
                lambda w, _, name=name, said=said: w.shop.answered(
                    name, "{}", headers={"Content-Type": said}, **anywhere(name)
                ),
                415,
                {"detail": f'Unsupported media type "{told}" in request.'},
            )
    yield Row(
        "a document as JSON",
        lambda w, _: w.shop.answered("create_document", {"type": "KBIS"}, registration=STRANGE),
        415,
        {"detail": 'Unsupported media type "application/json" in request.'},
    )


def bodies() -> Iterator[Row]:
    """Bodies that are no JSON, or no object."""
    spoilt = {
        "a truncated body": b'{"marketplace": ',
        "a form": b"marketplace=x",
        "single quotes": b"{'a': 1}",
        "a comment": b'/* x */{"a": 1}',
        "NaN": b'{"a": NaN}',
        "two objects": b"{}{}",
        "bad UTF-8": b'{"a": "\xff"}',
        "a lone surrogate": b'{"a": "\\ud800"}',
        "a number of 1e400": b'{"a": 1e400}',
        "endless nesting": b"[" * 100_000,
    }
    for what, body in spoilt.items():
        yield Row(what, lambda w, _, body=body: w.shop.answered("create_order", body), 400, JSON_ERROR)
    for name in WRITES:
        yield Row(
            f"{name}: broken JSON",
            lambda w, _, name=name: w.shop.answered(name, b'{"a"', **anywhere(name)),
            400,
            JSON_ERROR,
        )
        for kind, text in (("list", "[]"), ("str", '"x"'), ("int", "7"), ("bool", "true")):
            yield Row(
                f"{name}: a body of type {kind}",
                lambda w, _, name=name, text=text: w.shop.answered(name, text, **anywhere(name)),
                400,
                {"non_field_errors": [f"Invalid data. Expected a dictionary, but got {kind}."]},
            )
    packed = {"Content-Encoding": "gzip"}
    for what, body in (
        ("plain JSON", b"{}"),
        ("bytes that are no gzip", b"\x1f\x8b\x08 no"),
        ("half", gzip.compress(b'{"marketplace": "x"}')[:-14]),
    ):
        yield Row(
            f"gzip: {what}",
            lambda w, _, body=body: w.shop.answered("create_order", body, headers=packed),
            400,
            {"detail": Begins("JSON parse error - ")},
        )
    yield Row(
        "a body above the limit of 2 MB",
        lambda w, _: w.shop.answered("create_order", '{"a": "' + "x" * 2_200_000 + '"}'),
        413,
        {"detail": "The request body is too large."},
    )


# -- what is not there -------------------------------------------------------------------------------------------------


def strangers() -> Iterator[Row]:
    """Objects of every kind that are not there, by every operation whose path names one."""
    for name, right in RIGHTS.items():
        for parameter in path_names(name):
            for what, value in (("unknown", STRANGE), ("absurd", "x%00y")):

                def make(w: World, scene: Scene, name: str = name, at: Any = (parameter, value)) -> requests.Response:
                    return RIGHTS[name].send(w.shop, name, {**anywhere(name), **scene, at[0]: at[1]})

                yield Row(
                    f"{name}: {what} {parameter}",
                    make,
                    404,
                    NOT_FOUND,
                    before=lambda w, right=right: right.before(w.shop) if right.body(w.shop, ANY) is None else ANY,
                )


def neighbours() -> Iterator[Row]:
    """The same with objects of another marketplace."""
    for name, right in RIGHTS.items():
        if path_names(name) and name not in ("delete_webhook", "get_cashout"):

            def make(w: World, scene: Scene, name: str = name) -> requests.Response:
                theirs = {"marketplace": w.neighbour().uuid} if path_names(name) == ["marketplace"] else {}
                return RIGHTS[name].send(w.shop, name, {**scene, **theirs})

            yield Row(
                f"{name}: another marketplace's",
                make,
                404,
                NOT_FOUND,
                before=lambda w, right=right: right.before(w.neighbour()),
            )


ROWS = [
    *doors(),
    *credentials(),
    *access(),
    *places(),
    *media(),
    *bodies(),
    *strangers(),
    *neighbours(),
]


@pytest.fixture(scope="module")
def shared(live: Threaded) -> Iterator[World]:
    """One world for all rows: none of them changes it."""
    made: list[ControlledSandbox] = []

    def new(**body: Any) -> ControlledSandbox:
        made.append(ControlledSandbox.create(live.url, **body))
        return made[-1]

    world = World(live, new)
    world.neighbour()
    yield world
    for each in made:
        each.delete()


def test_every_operation_is_here_and_no_row_stands_twice() -> None:
    assert set(RIGHTS) | {"get_access_token"} == set(CONTRACT.names()) == {route.operation for route in ROUTES}
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names), sorted(name for name in set(names) if names.count(name) > 1)


@pytest.mark.parametrize("name", RIGHTS)
def test_what_the_rows_spoil_is_right_to_begin_with(name: str, live: Threaded, new_sandbox: NewSandbox) -> None:
    """Otherwise a row would be refused for another reason than its own. Every base, with and without a slash."""
    settings = {"webhook_probe": False}
    world = World(live, new_sandbox, settings)
    right = RIGHTS[name]
    repeats = CONTRACT.operation(name).method == "GET" and name != "execute_mit"
    scene = right.before(world.shop)
    for base in BASES if repeats else BASES[:1]:
        for slash in (False, True) if repeats else (True,):
            answer = right.send(Marketplace(world.controlled, base), name, scene, slash=slash)
            assert answer.status_code == right.status, answer.text


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_a_refusal_without_a_body_still_has_its_headers(method: str, shared: World) -> None:
    before = shared.everything()
    answer = shared.shop.request(method, "/orders")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")
    assert method == "OPTIONS" or answer.content == b""
    assert shared.everything() == before


def test_a_neighbours_cashout_is_not_ours(live: Threaded, new_sandbox: NewSandbox) -> None:
    """Of the same seller on the same day both would have the same uuid; we have none."""
    world = World(live, new_sandbox)
    scene = RIGHTS["get_cashout"].before(world.neighbour())
    assert world.shop.refused("get_cashout", cashout=scene["cashout"]) == (404, NOT_FOUND)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_bad_request_is_refused_and_changes_nothing(row: Row, shared: World) -> None:
    row.check(shared)
