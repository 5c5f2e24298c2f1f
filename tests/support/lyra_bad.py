"""Bad requests to Lyra's marketplace as rows of a table, and what must hold of each of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import requests
import yaml

from mockpsp.world.sandboxes import Sandbox
from tests.support.control import ControlledSandbox
from tests.support.lyra import ALIAS, CONTRACT, PDF, Marketplace, item, meal
from tests.support.server import Threaded
from tests.support.state import state_of

SCENARIO = Path(__file__).parents[2] / "scenarios" / "default.yaml"
NOW = "2026-07-01T09:00:00Z"


class _Gone:
    def __repr__(self) -> str:
        return "gone"


GONE = _Gone()
"""Put in place of a value: takes the property away."""
REQUIRED, NO_NULL, BLANK = (
    ["This field is required."], ["This field may not be null."], ["This field may not be blank."]
)  # fmt: skip
NO_TEXT, NO_WHOLE, NO_FLAG = ["Not a valid string."], ["A valid integer is required."], ["Must be a valid boolean."]
NO_UUID, NO_MATCH = ["Must be a valid UUID."], ["This value does not match the required pattern."]
NOT_FOUND = {"detail": "Not found."}

EUR_USD = {"currencies": [{"currency": "EUR"}, {"currency": "USD"}, {"currency": "GBP", "is_active": False}]}
"""A marketplace of several currencies, as world data."""

NewSandbox = Callable[..., ControlledSandbox]


class Begins:
    """Equals texts that begin like this, where the rest is another library's."""

    def __init__(self, start: str) -> None:
        self.start = start

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and other.startswith(self.start)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{self.start}…"


class World:
    """The sandbox under test, whose clock stands still, and a neighbour when a row needs one.

    ``settings`` and ``market`` (world data, such as ``sellers``) take the place of the default scenario's.
    """

    def __init__(
        self,
        live: Threaded,
        new: NewSandbox,
        settings: Mapping[str, Any] | None = None,
        market: Mapping[str, Any] | None = None,
    ) -> None:
        self.live = live
        self._new = new
        more = {"scenario": _scenario(settings or {}, market or {})} if settings or market else {}
        self.controlled = new(clock=NOW, **more)
        self.shop = Marketplace(self.controlled)
        self._neighbours: list[Marketplace] = []

    def sandbox(self, of: ControlledSandbox) -> Sandbox:
        """What the server has under a sandbox's id."""
        return self.live.server.sandboxes.get(of.id)

    def neighbour(self) -> Marketplace:
        """Another marketplace of the same server, whose objects are other ones."""
        if not self._neighbours:
            self._neighbours.append(Marketplace(self._new(clock=NOW, seed=99)))
        return self._neighbours[0]

    def everything(self) -> list[Any]:
        """The state of every sandbox that a request could have touched."""
        self.controlled.settle()

        def look() -> list[Any]:
            mine = [self.sandbox(each) for each in (self.controlled, *(each.sandbox for each in self._neighbours))]
            return [state_of(each) for each in (*mine, self.live.server.sandboxes.get("default"))]

        return self.live.call(look)

    def entries(self) -> int:
        """How many journal entries the sandbox has."""
        return self.live.call(lambda: self.sandbox(self.controlled).world.journal.count)

    def explained(self, answer: requests.Response, entries: int) -> str:
        """What the journal says of an answer, in the sandbox that recorded it: ours if it has more ``entries`` now."""
        where = self.controlled if self.entries() > entries else _default_sandbox(self.live.url)
        shown = where.call("GET", f"/journal/{answer.headers['Mockpsp-Trace']}")
        assert (shown["kind"], shown["status"]) == ("request", answer.status_code)
        return str(shown["explanation"])


def _default_sandbox(url: str) -> ControlledSandbox:
    return ControlledSandbox(url, {"id": "default", "credentials": {}})


@cache
def _default() -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = yaml.safe_load(SCENARIO.read_text("utf-8"))
    return loaded


def _scenario(settings: Mapping[str, Any], market: Mapping[str, Any]) -> dict[str, Any]:
    usual = _default()
    world = {**usual["world"], "lyra": {**usual["world"]["lyra"], **market}}
    return {**usual, "world": world, "settings": {"lyra": dict(settings)}}


Make = Callable[..., requests.Response]


@dataclass(frozen=True)
class Row:
    """One bad request. ``before`` sets the scene, and what it returns is handed to ``make``.

    ``body`` is the answer's whole JSON (None: no body), or a function that makes it of world and scene.
    """

    name: str
    make: Make
    status: int
    body: Any
    before: Callable[..., Any] = lambda _: None
    settings: Mapping[str, Any] = field(default_factory=dict)
    market: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    inferred: str = ""

    def check(self, world: World) -> None:
        """The request is refused as the row says, the journal explains it, and nothing has changed."""
        scene = self.before(world)
        before, entries = world.everything(), world.entries()

        answer = self.make(world, scene)

        told = answer.json() if answer.content else None
        expected = self.body(world, scene) if callable(self.body) else self.body
        assert (answer.status_code, told) == (self.status, expected), f"{answer.status_code} {answer.text} {expected}"
        for name, value in self.headers.items():
            assert answer.headers[name] == value.format(url=world.live.url), f"{name}: {answer.headers[name]}"
        explanation = world.explained(answer, entries)
        assert f"was answered with status {self.status}" in explanation, explanation
        assert "refused: " in explanation or "Refused: " in explanation, explanation
        assert "internal fault" not in explanation, explanation
        assert not self.inferred or f"inferred: {self.inferred}" in explanation, explanation
        after = world.everything()
        changed = [name for was, now in zip(before, after, strict=True) for name in was if was[name] != now[name]]
        assert not changed, f"{changed} of a sandbox changed"


def put(body: Any, path: str, value: Any) -> Any:
    """The body with another value at a dotted path; an empty path replaces all of it."""
    if not path:
        return value
    changed = deepcopy(body)
    *parents, last = path.split(".")
    inner = changed
    for part in parents:
        inner = inner[int(part)] if isinstance(inner, list) else inner.setdefault(part, {})
    if value is GONE:
        del inner[int(last) if isinstance(inner, list) else last]
    else:
        inner[int(last) if isinstance(inner, list) else last] = value
    return changed


def at(path: str, told: Any) -> Any:
    """An error where its field is: objects around it, and empty objects before it in lists."""
    for part in reversed(path.split(".")):
        told = [*({} for _ in range(int(part))), told] if part.isdigit() else {part: told}
    return told


# -- right requests ----------------------------------------------------------------------------------------------------

Scene = Mapping[str, Any]
NOTHING: Scene = {}


@dataclass(frozen=True)
class Right:
    """A right request of one operation. ``before`` makes what its path and its body name."""

    status: int = 200
    before: Callable[[Marketplace], Scene] = lambda _: NOTHING
    body: Callable[[Marketplace, Scene], Any] = lambda _, __: None
    query: Mapping[str, str] = field(default_factory=dict)
    form: Callable[[Scene], Mapping[str, Any]] = lambda _: {}

    def send(
        self, shop: Marketplace, operation: str, scene: Scene, body: Any = GONE, **changed: Any
    ) -> requests.Response:
        """The request, as it is right or with another body or other values of the path."""
        named = {name: scene[name] for name in path_names(operation) if name in scene}
        how = {**named, **self.form(scene), **changed}
        sent = self.body(shop, scene) if body is GONE else body
        return shop.answered(operation, sent, query=self.query or None, **how)


def new_order(shop: Marketplace) -> Scene:
    """An order that nobody has executed; its first item."""
    made = shop.order()
    return {"order": made["uuid"], "item": made["items"][0]["uuid"]}


def held_order(shop: Marketplace) -> Scene:
    """The same, the payout of its item held back."""
    made = shop.order(item(2500, hold_payment=True))
    return {"order": made["uuid"], "item": made["items"][0]["uuid"]}


def executed(shop: Marketplace) -> Scene:
    """An order whose shopper is paying."""
    scene = new_order(shop)
    shop.execute(scene["order"])
    return scene


def with_alias(shop: Marketplace) -> Scene:
    """An order that can be paid without the buyer."""
    return {"order": shop.order(alias=ALIAS)["uuid"]}


def pending(shop: Marketplace) -> Scene:
    """A paid order before its capture; its first item, its transaction, one of its transfers."""
    return _parts(shop, shop.paid())


def waiting(shop: Marketplace) -> Scene:
    """A paid order that waits to be validated."""
    return _parts(shop, shop.paid(awaiting_validation=True))


def succeeded(shop: Marketplace) -> Scene:
    """A captured order."""
    return _parts(shop, shop.captured())


def cancelled(shop: Marketplace) -> Scene:
    """An order that its marketplace cancelled."""
    scene = new_order(shop)
    shop.call("cancel_order", order=scene["order"])
    return scene


def failed(shop: Marketplace) -> Scene:
    """An order whose card was refused."""
    scene = executed(shop)
    shop.pay(scene["order"], {"with": "card", "number": "4970100000000098"})
    return scene


def abandoned(shop: Marketplace) -> Scene:
    """An order whose shopper never came."""
    scene = executed(shop)
    shop.sandbox.advance("PT11M")
    return scene


def _parts(shop: Marketplace, order: Mapping[str, Any]) -> Scene:
    moved = shop.call("list_order_transfers", order=order["uuid"])["results"]
    return {
        "order": order["uuid"],
        "item": order["items"][0]["uuid"],
        "transaction": order["transactions"][0]["trans_uuid"],
        "transfer": moved[0]["uuid"],
    }


def refund(shop: Marketplace) -> Scene:
    """A refund that nobody has processed, of a captured order."""
    scene = succeeded(shop)
    return {**scene, "refund": shop.refund(scene["order"])["uuid"]}


def sent_refund(shop: Marketplace) -> Scene:
    """One that is being processed."""
    scene = refund(shop)
    shop.sandbox.advance("PT20M")
    return scene


def settled_refund(shop: Marketplace) -> Scene:
    """One that is done."""
    scene = refund(shop)
    shop.sandbox.advance("PT3H")
    return scene


def cancelled_refund(shop: Marketplace) -> Scene:
    """One that was cancelled."""
    scene = refund(shop)
    shop.call("delete_refund", refund=scene["refund"])
    return scene


def failed_refund(shop: Marketplace) -> Scene:
    """One that asked for more than was paid."""
    scene = succeeded(shop)
    made = shop.refund(scene["order"], 900_000)
    shop.sandbox.advance("PT3H")
    return {**scene, "refund": made["uuid"]}


def registration(shop: Marketplace) -> Scene:
    """A registration without any document; its legal representative, and the reference that Lyra gave it."""
    made = shop.register(external_ref=None)
    return {"registration": made["uuid"], "member": made["board"][0]["uuid"], "reference": made["reference"]}


def complete(shop: Marketplace) -> Scene:
    """A registration that can be submitted."""
    scene = registration(shop)
    for kind, member in (("PASSPORT", scene["member"]), ("IBAN", None), ("KBIS", None)):
        shop.upload(scene["registration"], kind, member)
    return scene


def submitted(shop: Marketplace) -> Scene:
    """A registration under review."""
    scene = complete(shop)
    shop.call("submit_registration", registration=scene["registration"])
    return scene


def forced(status: str) -> Callable[[Marketplace], Scene]:
    """A registration that Lyra's back office has brought into this status."""

    def before(shop: Marketplace) -> Scene:
        scene = submitted(shop)
        shop.sandbox.call("POST", f"/back-office/lyra/{scene['registration']}", {"status": status})
        return scene

    return before


def registered_seller(shop: Marketplace) -> Scene:
    """A seller that is the marketplace's alone, as it came by a registration."""
    scene = forced("SUCCEEDED")(shop)
    return {**scene, "seller": shop.call("get_registration", registration=scene["registration"])["seller"]}


def token(shop: Marketplace) -> Scene:
    """A request to store a card."""
    return {"token": shop.register_card()["token"]}


def stored(shop: Marketplace) -> Scene:
    """The alias of a card that the shopper has just stored."""
    scene = token(shop)
    shop.sandbox.shopper(scene["token"], {"pay": [{"with": "card"}]})
    return {**scene, "alias": shop.call("get_token", token=scene["token"])["alias"]}


def cashout(shop: Marketplace) -> Scene:
    """A payout of a seller that registered."""
    scene = succeeded(shop)
    shop.sandbox.advance("P2D")
    return {**scene, "cashout": shop.call("list_cashouts")["results"][0]["uuid"]}


def document(scene: Scene) -> Mapping[str, Any]:
    """An upload's form."""
    return {"data": {"type": "KBIS", "reference": "DOC-1"}, "files": {"file": PDF}}


RIGHTS: Mapping[str, Right] = {
    "list_orders": Right(),
    "create_order": Right(201, body=lambda shop, _: shop.order_body(), query={"expand": "items"}),
    "get_order": Right(before=new_order),
    "update_order": Right(before=new_order, body=lambda shop, _: shop.order_body(), query={"expand": "items"}),
    "cancel_order": Right(204, new_order),
    "execute": Right(before=new_order),
    "execute_token": Right(before=new_order),
    "execute_embedded": Right(before=new_order),
    "execute_embedded_token": Right(before=new_order),
    "execute_mit": Right(before=with_alias),
    "persist": Right(302, new_order),
    "validate_order": Right(302, waiting),
    "activate_order": Right(302, held_order),
    "list_order_items": Right(before=new_order),
    "create_order_item": Right(201, new_order, lambda _, __: meal()),
    "list_order_transactions": Right(before=pending),
    "list_order_refunds": Right(before=pending),
    "list_order_transfers": Right(before=pending),
    "list_items": Right(),
    "create_item": Right(201, new_order, lambda _, scene: {"order": scene["order"], **meal()}),
    "get_item": Right(before=new_order),
    "update_item": Right(before=new_order, body=lambda _, __: meal(3000)),
    "list_item_transfers": Right(before=pending),
    "activate_item": Right(302, held_order),
    "list_refunds": Right(),
    "create_refund": Right(201, succeeded, lambda shop, scene: shop.refund_body(scene["order"])),
    "get_refund": Right(before=refund),
    "update_refund": Right(before=refund, body=lambda shop, scene: shop.refund_body(scene["order"], 300)),
    "delete_refund": Right(204, refund),
    "list_transactions": Right(),
    "get_transaction": Right(before=pending),
    "list_transaction_transfers": Right(before=pending),
    "list_transfers": Right(),
    "get_transfer": Right(before=pending),
    "list_tokens": Right(),
    "create_token": Right(201, body=lambda shop, _: shop.token_body()),
    "create_embedded_token": Right(201, body=lambda shop, _: shop.token_body()),
    "get_token": Right(before=token),
    "list_cashouts": Right(),
    "get_cashout": Right(before=cashout),
    "list_marketplaces": Right(),
    "get_marketplace": Right(),
    "list_marketplace_orders": Right(),
    "list_marketplace_sellers": Right(),
    "list_marketplace_registrations": Right(),
    "list_marketplace_transactions": Right(),
    "get_alias": Right(before=stored),
    "list_webhooks": Right(),
    "create_webhook": Right(body=lambda _, __: {"event_type": "order", "target": "http://127.0.0.1:9/hooks"}),
    "update_webhook": Right(body=lambda _, __: {"event_type": "order", "target": None}),
    "delete_webhook": Right(204, lambda _: {"event": "order"}),
    "list_sellers": Right(),
    "get_seller": Right(before=registered_seller),
    "list_seller_items": Right(before=registered_seller),
    "list_seller_transfers": Right(before=registered_seller),
    "list_seller_cashouts": Right(before=registered_seller),
    "list_registrations": Right(),
    "create_registration": Right(201, body=lambda shop, _: shop.registration_body()),
    "get_registration": Right(before=registration),
    "update_registration": Right(before=registration, body=lambda _, __: {"description": "Cuisine"}),
    "get_registration_status": Right(before=registration),
    "submit_registration": Right(204, complete),
    "list_documents": Right(before=registration),
    "create_document": Right(201, registration, form=document),
}
"""Every operation but that of the access token."""


def path_names(operation: str) -> list[str]:
    """The parameters of its path."""
    return re.findall(r"\{([a-z_]+)\}", CONTRACT.operation(operation).path)


Spoilt = tuple[str, Any, Any]
"""Dotted path of a field, its wrong value, and what is said there."""


# -- what is said of one field ---------------------------------------------------------------------------------------


def too_long(most: int) -> list[str]:
    """What is said of a text with more characters than that."""
    return [f"Ensure this field has no more than {most} characters."]


def no_choice(value: Any) -> list[str]:
    """What is said of a word that is none of an enum."""
    return [f'"{value}" is not a valid choice.']


def below(least: int) -> list[str]:
    """What is said of a number that is too small."""
    return [f"Ensure this value is greater than or equal to {least}."]


def above(most: int) -> list[str]:
    """What is said of one that is too large."""
    return [f"Ensure this value is less than or equal to {most}."]


def no_object(kind: str) -> list[str]:
    """What is said of something else than an object."""
    return [f"Invalid data. Expected a dictionary, but got {kind}."]


def no_pk(value: str) -> list[str]:
    """What is said of the uuid of something that is not there."""
    return [f'Invalid pk "{value}" - object does not exist.']


def spoil(operation: str, path: str, value: Any, told: Any, name: str = "", **more: Any) -> Row:
    """An operation's right request with one wrong value, refused with what is told at the same place."""

    def make(w: World, scene: Scene) -> requests.Response:
        body = RIGHTS[operation].body(w.shop, scene)
        return RIGHTS[operation].send(w.shop, operation, scene, put(body, path, value))

    right = RIGHTS[operation]
    more.setdefault("before", lambda w: right.before(w.shop))
    return Row(
        f"{operation}: {name or f'{path} {repr(value)[:60]} ({len(repr(value))})'}", make, 400, at(path, told), **more
    )


def changeable(world: World) -> Scene:
    """An order that can be changed."""
    return new_order(world.shop)


def ordering(*items: Mapping[str, Any], **changes: Any) -> Callable[[World, Scene], requests.Response]:
    """POST /orders."""
    return lambda w, _: w.shop.answered("create_order", w.shop.order_body(*items, **changes), query={"expand": "items"})
