"""What a page may get wrong: each refusal is Adyen's error, can be read by the page, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from json import dumps
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockpsp.providers.adyen import PROVIDER, tokens
from mockpsp.providers.adyen.web_routes import WEB_BASES, WEB_OPERATIONS
from tests.providers.adyen.test_bad_requests import (
    ANCV,
    FUZZED,
    GONE,
    NOT_JSON,
    UNAUTHORISED,
    MakeWorld,
    Row,
    Unruly,
    World,
    busy,
    card,
    check_error,
    check_shape,
    entry_of,
    euros,
    faults,
    lacks,
    mistyped,
    mutated,
    new_world,
    packed,
    put,
    state,
    voucher,
    wrong,
)
from tests.support.plainhttp import Answer

__all__ = ["busy", "new_world"]

BASE = WEB_BASES[0]
THREE_DS = "4917610000000000"
HIDDEN_CARD = {
    "type": "scheme",
    "encryptedCardNumber": "test_4111111111111111",
    "encryptedExpiryMonth": "test_03",
    "encryptedExpiryYear": "test_2030",
    "encryptedSecurityCode": "test_737",
}
NO_ORDER = "Field 'order.orderData' is not valid."


@dataclass
class Scene:
    """A session of a browser: its id, the newest sessionData, and what else a row needs."""

    id: str
    data: str
    order: dict[str, str] | None = None
    more: str = ""


def call(
    b: Unruly, path: str, body: Any = None, *, key: str | None = "", name: str = "clientKey", raw: bytes | None = None
) -> Answer:
    """One call of a page. ``key`` is the client key, None for none, empty for the right one."""
    query = "" if key is None else f"?{name}={quote(key or b.given['client_key'])}"
    return b.send(
        "POST", f"{BASE}/{path}{query}", body, raw=raw, key=None, headers=(("Origin", "https://shop.example"),)
    )


def done(b: Unruly, scene: Scene, what: str, **body: Any) -> Any:
    """A call of the session that is right."""
    answer = call(b, f"v1/sessions/{scene.id}/{what}", {"sessionData": scene.data, **body})
    assert answer.status == 200, answer.text
    told = answer.json()
    scene.data = told["sessionData"]
    b.settle()
    return told


# -- what is there before --------------------------------------------------------------------------------------------


def opened(b: Unruly, **changes: Any) -> Scene:
    """An open session."""
    made = b.session(**changes)
    return Scene(made["id"], made.get("sessionData", ""))


def ordered(b: Unruly) -> Scene:
    """A session with an open order."""
    scene = opened(b)
    told = done(b, scene, "orders")
    scene.order = {name: told[name] for name in ("pspReference", "orderData")}
    return scene


def part_paid(b: Unruly) -> Scene:
    """The same, of which a voucher has paid a part."""
    scene = ordered(b)
    done(b, scene, "payments", paymentMethod=voucher("5075990000006120"), order=scene.order)
    return scene


def refused(b: Unruly) -> Scene:
    """A session whose card was refused; ``more`` is the sessionData from before."""
    scene = opened(b)
    scene.more = scene.data
    done(b, scene, "payments", paymentMethod=card(holderName="DECLINED"))
    return scene


def completed(b: Unruly) -> Scene:
    """A session that is paid."""
    scene = opened(b)
    done(b, scene, "payments", paymentMethod=card())
    return scene


def expired(b: Unruly) -> Scene:
    """A session whose hour is over."""
    scene = opened(b)
    b.controlled.advance("PT2H")
    return scene


def at_bank(b: Unruly) -> Scene:
    """A session whose shopper is at the bank's page; ``more`` is the page."""
    scene = opened(b)
    told = done(b, scene, "payments", paymentMethod=card(number=THREE_DS))
    scene.more = told["action"]["url"]
    return scene


def returned(b: Unruly) -> Scene:
    """The same, back with a result; ``more`` is the redirectResult."""
    from urllib.parse import parse_qs, urlsplit

    scene = at_bank(b)
    page = "/" + scene.more.split("/", 3)[3]
    answer = b.form(page, "step=authenticate&user=user&password=password")
    scene.more = parse_qs(urlsplit(answer.headers["Location"]).query)["redirectResult"][0]
    b.settle()
    return scene


def used(b: Unruly) -> Scene:
    """The same, handed in already."""
    scene = returned(b)
    done(b, scene, "paymentDetails", details={"redirectResult": scene.more})
    return scene


def in_app(b: Unruly) -> Scene:
    """A session whose shopper is to answer in ANCV's app; ``more`` is the paymentData."""
    scene = ordered(b)
    told = done(b, scene, "payments", paymentMethod=ANCV, order=scene.order)
    scene.more = told["action"]["paymentData"]
    return scene


def identified(b: Unruly) -> Scene:
    """A session whose payment waits for its fingerprint; ``more`` is the paymentData."""
    scene = opened(b, authenticationData={"threeDSRequestData": {"nativeThreeDS": "preferred"}}, channel="iOS")
    told = done(b, scene, "payments", paymentMethod=card(number=THREE_DS))
    scene.more = told["action"]["paymentData"]
    return scene


# -- the calls -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """A right call: ``path`` has the session's id in it, ``before`` sets the scene."""

    path: str
    body: Callable[[Scene], Any]
    before: Callable[[Unruly], Scene] = opened
    name: str = "clientKey"

    def send(self, b: Unruly, scene: Scene, body: Any = GONE, **how: Any) -> Answer:
        """The call, as it is right or with another body."""
        sent = self.body(scene) if body is GONE else body
        return call(b, self.path.replace("{id}", scene.id), sent, name=self.name, **how)


def _session(what: str, before: Callable[[Unruly], Scene] = opened, **body: Any) -> Call:
    def make(scene: Scene) -> Any:
        filled = {name: getattr(scene, value) if value in ("order", "more") else value for name, value in body.items()}
        return {"sessionData": scene.data, **filled}

    return Call(f"v1/sessions/{{id}}/{what}", make, before)


CALLS: Mapping[str, Call] = {
    "session_setup": _session("setup", ordered, order="order"),
    "session_balance": _session("paymentMethodBalance", paymentMethod=voucher("5075990000006120")),
    "session_order": _session("orders"),
    "session_cancel_order": _session("orders/cancel", ordered, order="order"),
    "session_payments": _session("payments", ordered, paymentMethod=HIDDEN_CARD, order="order"),
    "session_details": Call(
        "v1/sessions/{id}/paymentDetails",
        lambda scene: {"sessionData": scene.data, "details": {"redirectResult": scene.more}},
        returned,
    ),
    "session_disable_token": Call(
        "v1/sessions/{id}/disableToken",
        lambda scene: {"sessionData": scene.data, "storedPaymentMethodId": scene.more},
        lambda b: _of_ada(b),
    ),
    "order_status": Call("v1/order/status", lambda scene: {"orderData": (scene.order or {})["orderData"]}, ordered),
    "submit_fingerprint": Call(
        "v1/submitThreeDS2Fingerprint",
        lambda scene: {"fingerprintResult": packed({"threeDSCompInd": "Y"}), "paymentData": scene.more},
        identified,
        "token",
    ),
    "bin_lookup": Call(
        "v3/bin/binLookup",
        lambda scene: {"encryptedBin": "test_41111111111", "requestId": "4711", "supportedBrands": ["visa"]},
        name="token",
    ),
    "payment_status": Call("services/PaymentInitiation/v1/status", lambda scene: {"paymentData": scene.more}, in_app),
}


def _of_ada(b: Unruly) -> Scene:
    """A session of a shopper who has stored a card; ``more`` is its token."""
    token = b.stored()
    scene = opened(b, shopperReference="ada")
    scene.more = token
    return scene


IN_SESSIONS = [name for name in CALLS if name.startswith("session_")]


def spoiled(name: str, path: str, value: Any) -> Callable[[Unruly, Any], Answer]:
    """A right call with another value somewhere."""
    right = CALLS[name]
    return lambda b, scene: right.send(b, scene, put(right.body(scene), path, value))


# -- rows ------------------------------------------------------------------------------------------------------------


def doors() -> Iterator[Row]:
    """Client keys that are none."""
    for name, right in CALLS.items():
        for what, how in (
            ("no client key", {"key": None}),
            ("an unknown client key", {"key": "test_UNKNOWN"}),
            ("an API key as client key", {"key": "AQE-mockpsp-adyen-api-key-for-local-use-only"}),
            ("a client key with accents", {"key": "t\xe9st"}),
        ):
            yield Row(
                f"{name}: {what}",
                lambda b, scene, r=right, h=how: r.send(b, scene, **h),
                401,
                "000",
                UNAUTHORISED,
                "security",
                before=right.before,
            )


def bodies() -> Iterator[Row]:
    """Bodies that are none, fields that are missing or of another kind."""
    for name, right in CALLS.items():
        for what, raw in (("not JSON", b"{"), ("a list", b"[{}]"), ("nothing", b""), ("NaN", b'{"a":NaN}')):
            make = lambda b, scene, r=right, raw=raw: r.send(b, scene, None, raw=raw)  # noqa: E731
            yield Row(f"{name}: a body that is {what}", make, 400, "702", NOT_JSON, before=right.before)
    for name, path, says in (
        *((name, "sessionData", lacks("sessionData")) for name in IN_SESSIONS),
        ("session_cancel_order", "order", "Required object 'order' is not provided."),
        ("session_details", "details", "Required object 'details' is not provided."),
        ("session_disable_token", "storedPaymentMethodId", lacks("storedPaymentMethodId")),
        ("order_status", "orderData", lacks("orderData")),
        ("submit_fingerprint", "fingerprintResult", lacks("fingerprintResult")),
        ("payment_status", "paymentData", lacks("paymentData")),
        ("session_setup", "order.orderData", lacks("order.orderData")),
        ("session_payments", "order.pspReference", lacks("order.pspReference")),
    ):
        before = CALLS[name].before
        yield Row(f"{name} without {path}", spoiled(name, path, GONE), 422, "702", says, before=before)
        yield Row(f"{name}: {path} that is null", spoiled(name, path, None), 422, "702", says, before=before)
    for name in ("session_balance", "session_payments"):
        missing = "Missing payment method details"
        before = CALLS[name].before
        yield Row(f"{name}: no means", spoiled(name, "paymentMethod", GONE), 422, "14_004", missing, before=before)
    for name, path, value in (
        *((name, "sessionData", 7) for name in IN_SESSIONS),
        ("session_payments", "origin", 7),
        ("session_payments", "origin", ["https://shop.example"]),
        ("session_payments", "origin", {"url": "https://shop.example"}),
        ("session_payments", "browserInfo", "Mozilla/5.0"),
        ("session_payments", "riskData", []),
        ("session_payments", "clientStateDataIndicator", "yes"),
        ("session_payments", "storePaymentMethod", "yes"),
        ("session_payments", "paymentMethod", "scheme"),
        ("session_payments", "paymentMethod.encryptedCardNumber", 4111111111111111),
        ("session_payments", "order", "ORDER"),
        ("session_setup", "browserInfo", 1),
        ("session_setup", "order.orderData", 1),
        ("session_balance", "paymentMethod", []),
        ("session_cancel_order", "order", True),
        ("session_details", "details", "x"),
        ("session_details", "details.payload", 1),
        ("session_details", "paymentData", {}),
        ("order_status", "orderData", 5),
        ("submit_fingerprint", "paymentData", 5),
        ("payment_status", "paymentData", ["x"]),
    ):
        what = f"{name}: {path} that is {type(value).__name__} {value}"[:80]
        yield Row(what, spoiled(name, path, value), 400, "702", mistyped(path), before=CALLS[name].before)


def sessions() -> Iterator[Row]:
    """Sessions that are none, are over, or are another one's, for each call of a session."""
    unknown = ("702", wrong("sessionId"))
    closed = ("SIM_CHECKOUT_CLOSED", "Session or payment link is no longer active")
    bad = ("702", wrong("sessionData"))
    for name in IN_SESSIONS:
        right = CALLS[name]

        def other(b: Unruly, scene: Scene, r: Call = right, **changes: Any) -> Answer:
            body = r.body(scene)
            changed = Scene(**{**scene.__dict__, **changes})
            return r.send(b, changed, body)

        for what, id in (
            ("unknown", "CS0000000000000000"),
            ("absurd", "x"),
            ("of a payment", "X" * 16),
        ):
            make = lambda b, scene, o=other, id=id: o(b, scene, id=id)  # noqa: E731
            yield Row(f"{name}: an {what} session", make, 422, *unknown, before=right.before)
        yield Row(
            f"{name}: a payment link as a session",
            lambda b, scene, o=other: o(b, scene[0], id=scene[1]),
            422,
            *unknown,
            before=lambda b, r=right: (r.before(b), b.link()["id"]),
        )
        yield Row(
            f"{name}: a session of another client key",
            lambda b, scene, r=right: r.send(b, scene, key=b.neighbour().given["client_key"]),  # type: ignore[attr-defined]
            422,
            *unknown,
            before=lambda b, r=right: (r.before(b), b.neighbour())[0],  # type: ignore[attr-defined]
        )
        for what, data in (
            ("empty", ""),
            ("garbage", "garbage"),
            ("with accents", "Ab02b4c0!BQABAg\xe9"),
            ("of 6000 characters", "Ab02b4c0!BQABAg" + "A" * 6000),
            ("of nobody", tokens.session_data("CS0000000000000000", "0" * 32, 0)),
        ):
            yield Row(
                f"{name}: sessionData that is {what}",
                spoiled(name, "sessionData", data),
                422,
                *bad,
                before=right.before,
            )
        yield Row(
            f"{name}: the sessionData of another session",
            lambda b, scene, r=right: r.send(b, scene[0], put(r.body(scene[0]), "sessionData", scene[1])),
            422,
            *bad,
            before=lambda b, r=right: (r.before(b), opened(b).data),
        )
        if name in ("session_order", "session_cancel_order", "session_payments"):  # others only look
            yield Row(
                f"{name}: stale sessionData",
                lambda b, scene, r=right: r.send(b, scene[0], put(r.body(scene[0]), "sessionData", scene[1])),
                422,
                *bad,
                inferred="stale_session_data",
                before=lambda b, r=right: _with_stale(b, r),
            )
        if right.before is opened:
            for what, before in (("paid", completed), ("expired", expired)):
                yield Row(f"{name}: a session that is {what}", right.send, 422, *closed, before=before)
    yield Row("set up an expired session", _plain_setup, 422, *closed, before=expired)
    yield Row("set up a paid session", _plain_setup, 422, *closed, before=completed)


def _plain_setup(b: Unruly, scene: Scene) -> Answer:
    return call(b, f"v1/sessions/{scene.id}/setup", {"sessionData": scene.data})


def _with_stale(b: Unruly, right: Call) -> tuple[Scene, str]:
    """The scene, and a sessionData of its session from before a payment that was refused since."""
    scene = right.before(b)
    before = scene.data
    more = {"order": scene.order} if scene.order else {}
    done(b, scene, "payments", paymentMethod=card(holderName="DECLINED"), **more)
    return scene, before


def orders() -> Iterator[Row]:
    """Orders that are foreign, forged or over."""
    for name in ("session_setup", "session_cancel_order", "session_payments"):
        right = CALLS[name]

        def with_order(b: Unruly, scene: Any, r: Call = right) -> Answer:
            mine, order = scene
            return r.send(b, mine, put(r.body(mine), "order", order))

        for what, foreign in (
            ("another session's", lambda b: ordered(b).order),
            ("the server's own", lambda b: b.order()),
            ("nobody's", lambda _: {"pspReference": "X" * 16, "orderData": "x"}),
            ("a forged", lambda b: {"pspReference": "X" * 16, "orderData": tokens.order_data("X" * 16, "0" * 32, 0)}),
        ):
            yield Row(
                f"{name}: {what} order",
                with_order,
                422,
                "SIM_ORDER_UNKNOWN",
                NO_ORDER,
                inferred="order_errors",
                before=lambda b, r=right, f=foreign: (r.before(b), f(b)),
            )
        if name == "session_cancel_order":
            continue  # an order may be cancelled twice
        yield Row(
            f"{name}: an order that was removed",
            right.send,
            422,
            "SIM_ORDER_CANCELLED",
            "Order is cancelled",
            inferred="order_errors",
            before=_removed,
        )
    for what, data in (("garbage", "x"), ("empty", ""), ("nobody's", tokens.order_data("X" * 16, "0" * 32, 0))):
        yield Row(
            f"the state of {what} order",
            spoiled("order_status", "orderData", data),
            422,
            "SIM_ORDER_UNKNOWN",
            NO_ORDER,
            inferred="order_errors",
            before=ordered,
        )
    yield Row(
        "the state of an order of another client key",
        lambda b, scene: CALLS["order_status"].send(b, scene, key=b.neighbour().given["client_key"]),  # type: ignore[attr-defined]
        422,
        "SIM_ORDER_UNKNOWN",
        NO_ORDER,
        inferred="order_errors",
        before=lambda b: (ordered(b), b.neighbour())[0],  # type: ignore[attr-defined]
    )


def _removed(b: Unruly) -> Scene:
    scene = part_paid(b)
    done(b, scene, "orders/cancel", order=scene.order)
    return scene


def means() -> Iterator[Row]:
    """Means of payment that cannot be asked."""
    for name in ("session_payments", "session_balance"):
        for what, value, status, code, says in (
            ("a wrong check digit", card(number="4111111111111112"), 422, "101", "Invalid card number"),
            ("a short voucher", voucher("507"), 422, "101", "Invalid card number"),
            ("an expiry in month 13", card(expiryMonth="13"), 422, "140", _MONTH),
            ("what is not encrypted", {**HIDDEN_CARD, "encryptedCardNumber": "4111"}, 422, "174", _UNREADABLE),
            ("an unknown token", {"type": "scheme", "storedPaymentMethodId": "X1"}, 422, "800", "Contract not found"),
            ("paypal", {"type": "paypal"}, 500, "905", "Payment details are not supported"),
        ):
            kind = "configuration" if status == 500 else "validation"
            make = spoiled(name, "paymentMethod", value)
            yield Row(f"{name}: {what}", make, status, code, says, kind, before=CALLS[name].before)
    yield Row(
        "a voucher for dollars",
        lambda b, scene: call(
            b,
            f"v1/sessions/{scene.id}/payments",
            {"sessionData": scene.data, "paymentMethod": voucher("5075990000006120")},
        ),
        422,
        "138",
        "Unsupported currency specified",
        before=lambda b: opened(b, amount=euros(100, "USD")),
    )


_MONTH = "Expiry month should be between 1 and 12 inclusive"
_UNREADABLE = "Unable to decrypt data"


def completions() -> Iterator[Row]:
    """Results that nobody brought back from anywhere."""
    broken = ("14_018", "Invalid payload provided")
    for what, details in (
        ("garbage", {"redirectResult": "x"}),
        ("nobody's", {"redirectResult": tokens.redirect_result("X" * 16, "0" * 32)}),
        ("a payload of nobody", {"payload": tokens.payload("X" * 16, "0" * 32)}),
        ("a garbage payload", {"payload": "x"}),
        ("an empty payload", {"payload": ""}),
    ):
        make = spoiled("session_details", "details", details)
        yield Row(f"details that are {what}", make, 422, *broken, before=returned)
    right = CALLS["session_details"]
    yield Row("details for the second time", right.send, 422, *broken, before=used)
    yield Row(
        "details of another session",
        lambda b, scene: right.send(b, scene[0], put(right.body(scene[0]), "details.redirectResult", scene[1])),
        422,
        *broken,
        before=lambda b: (opened(b), returned(b).more),
    )
    yield Row(
        "details of nothing",
        spoiled("session_details", "details", {}),
        422,
        "14_002",
        lacks("paymentData"),
        before=returned,
    )
    bad = ("14_003", wrong("paymentData"))
    for name, before in (("payment_status", in_app), ("submit_fingerprint", identified)):
        for what, data in (
            ("garbage", "x"),
            ("nobody's", tokens.payment_data("X" * 16, "0" * 32)),
            ("of 9000 characters", "Ab02b4c0!BQABAg" + "A" * 9000),
        ):
            yield Row(f"{name}: {what}", spoiled(name, "paymentData", data), 422, *bad, before=before)
        yield Row(
            f"{name}: of another client key",
            lambda b, scene, n=name: CALLS[n].send(b, scene, key=b.neighbour().given["client_key"]),  # type: ignore[attr-defined]
            422,
            *bad,
            before=lambda b, set_up=before: (set_up(b), b.neighbour())[0],  # type: ignore[attr-defined]
        )
    yield Row(
        "the state of a payment that waits for its fingerprint",
        lambda b, scene: CALLS["payment_status"].send(b, scene),
        422,
        *bad,
        before=identified,
    )
    yield Row(
        "the fingerprint of a payment that waits in the app",
        lambda b, scene: CALLS["submit_fingerprint"].send(b, scene),
        422,
        *bad,
        before=in_app,
    )
    for what, result in (
        ("garbage", "garbage"),
        ("empty", ""),
        ("a list", packed([])),
        ("bytes", packed(b"\xff")),
        ("a challenge's", packed({"transStatus": "Y"})),
        ("about nothing", packed({"a": 1})),
    ):
        make = spoiled("submit_fingerprint", "fingerprintResult", result)
        yield Row(f"a fingerprint that is {what}", make, 422, *bad, before=identified)
    yield Row(
        "a fingerprint of nothing",
        spoiled("submit_fingerprint", "paymentData", GONE),
        422,
        "14_002",
        lacks("paymentData"),
        before=identified,
    )


def methods() -> Iterator[Row]:
    """GET of what is only POST."""
    for name, right in CALLS.items():
        yield Row(
            f"GET {name}",
            lambda b, scene, r=right: b.plain(
                "GET", f"{BASE}/{r.path.replace('{id}', scene.id)}?clientKey={b.given['client_key']}"
            ),
            405,
            "SIM_METHOD_NOT_ALLOWED",
            "Method not allowed",
            before=right.before,
        )


ROWS = [*doors(), *bodies(), *sessions(), *orders(), *means(), *completions(), *methods()]


def test_every_call_of_a_browser_is_in_the_table() -> None:
    assert set(CALLS) == WEB_OPERATIONS <= {route.operation for route in PROVIDER.routes}
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names), sorted(name for name in set(names) if names.count(name) > 1)


@pytest.mark.parametrize("name", CALLS)
def test_what_the_rows_spoil_is_right_to_begin_with(name: str, new_world: MakeWorld) -> None:
    world = new_world()
    right = CALLS[name]
    answer = right.send(world, right.before(world))
    assert answer.status == 200, answer.text


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_bad_call_is_refused_and_changes_nothing(
    row: Row, new_world: MakeWorld, caplog: pytest.LogCaptureFixture
) -> None:
    world: World = new_world()
    scene = row.before(world)
    before = world.everything()
    entries = world.live.call(lambda: world.sandbox.world.journal.count)

    answer = row.make(world, scene)

    check_error(answer, row)
    assert answer.headers["Access-Control-Allow-Origin"] == "*", "the page may read why"
    if "of another client key" not in row.name:
        told = entry_of(world, answer, entries)["explanation"]
        assert f"was answered with status {row.status}" in told
        assert "internal fault" not in told
    assert world.everything() == before
    assert not faults(caplog)


SPOILED = {
    "payments": ("payments", {"paymentMethod": HIDDEN_CARD, "origin": "https://shop.example", "riskData": {"a": "b"}}),
    "payments by holiday voucher": ("payments", {"paymentMethod": ANCV}),
    "balance": ("paymentMethodBalance", {"paymentMethod": voucher("5075990000006120")}),
    "setup": ("setup", {"browserInfo": {"a": 1}, "order": {"pspReference": "X" * 16, "orderData": "x"}}),
    "details": ("paymentDetails", {"details": {"payload": "x"}, "paymentData": "x"}),
    "token": ("disableToken", {"storedPaymentMethodId": "x"}),
}


@pytest.mark.parametrize("what", SPOILED)
@FUZZED
@given(data=st.data())
def test_no_json_at_any_place_is_a_server_error(what: str, busy: Unruly, data: st.DataObject) -> None:
    path, body = SPOILED[what]
    scene = opened(busy)
    changed = data.draw(mutated({"sessionData": scene.data, **body}), label="body")
    text = dumps(changed, ensure_ascii=data.draw(st.booleans())).encode("utf-8", "surrogatepass")
    before = state(busy)
    answer = call(busy, f"v1/sessions/{scene.id}/{path}", raw=text)
    if answer.status == 200:
        busy.settle()
        return
    told = check_shape(answer)
    assert answer.status in (400, 422) or told["errorCode"] == "905", told
    assert state(busy) == before
