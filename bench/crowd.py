"""``python -m bench.crowd``: hundreds of sandboxes of one server, driven at the same time by the official SDKs.

Each sandbox has its own scenario, seed, standing clock and webhook address. Steps of all of them are mixed: a sandbox
takes one step, then goes to the end of the queue. Afterwards everything is looked at over the control API: is there
anything of another sandbox in a journal, at a webhook address, in a balance; and does a sandbox that is reset and
driven again, alone, tell the same journal? ``tests/world/test_crowd.py`` does that with forty.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import http.client
import json
import re
import tracemalloc
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from hmac import digest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from statistics import median, quantiles
from threading import Lock, Thread
from time import perf_counter
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from weakref import ref

import Adyen
from Adyen.util import is_valid_hmac_notification
from onlinepayments.sdk.communicator_configuration import CommunicatorConfiguration
from onlinepayments.sdk.domain.create_hosted_checkout_request import CreateHostedCheckoutRequest
from onlinepayments.sdk.factory import Factory

from bench.__main__ import resident_kilobytes, server
from mockpsp.app import catalogues
from mockpsp.edge.keys import LIBRARY
from mockpsp.scenario.library import Library
from mockpsp.scenario.problems import Problems
from mockpsp.scenario.yaml_nodes import plain, read_text
from mockpsp.testing.server import running

PROVIDERS = ("worldline", "adyen", "lyra")
MONDAY = datetime(2026, 7, 6, 8, tzinfo=UTC)
CONTROL = "/_mockpsp/sandboxes"


# -- HTTP ------------------------------------------------------------------------------------------------------------


class Refused(Exception):
    """An answer that is not the one a step needs."""


class Line:
    """A client that keeps its connection."""

    def __init__(self, url: str) -> None:
        self.url = url
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        self._one = Lock()

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The answer's JSON. Raises Refused."""
        told = None if body is None else json.dumps(body).encode()
        sent = {**headers, **({} if told is None else {"Content-Type": "application/json"})}
        with self._one:
            self._connection.request(method, path, told, sent)
            answer = self._connection.getresponse()
            content = answer.read()
        if answer.status >= 300:
            raise Refused(f"{method} {path}: {answer.status} {content.decode()}")
        return json.loads(content) if content else None

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


class Hit(NamedTuple):
    """A webhook as it came."""

    headers: Mapping[str, str]
    body: bytes


@contextmanager
def receiving() -> Iterator[tuple[str, dict[str, list[Hit]]]]:
    """A webhook receiver for everybody: its address, and what came to each path."""
    hits: dict[str, list[Hit]] = {}
    one = Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            if body:  # Lyra asks a new target with an empty request
                with one:
                    hits.setdefault(self.path, []).append(Hit(dict(self.headers.items()), body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *told: object) -> None:
            pass

    class Receiver(ThreadingHTTPServer):
        request_queue_size = 1024
        daemon_threads = True

    server = Receiver(("127.0.0.1", 0), Handler)
    worker = Thread(target=server.serve_forever, args=(0.05,))
    worker.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", hits
    finally:
        server.shutdown()
        server.server_close()
        worker.join()


# -- one sandbox -----------------------------------------------------------------------------------------------------


def worlds() -> dict[str, list[Mapping[str, Any]]]:
    """The worlds of the shipped stories, by provider; none is there twice. Not what would refuse our calls."""
    library = Library(catalogues)
    found: dict[str, list[Mapping[str, Any]]] = {each: [{}] for each in PROVIDERS}
    for name in library.names():
        provider, _, story = name.partition("/")
        root = read_text(library.path(name).read_text(encoding="utf-8"), Problems(name))
        if not story or root is None:
            continue
        told = plain(root).get("world", {}).get(provider, {})
        world = {key: each for key, each in told.items() if key != "marketplace"}
        if world not in found[provider]:
            found[provider].append(world)
    return found


class Member:
    """One sandbox and its shop. ``expected`` is what its own calls must have moved, by account reference."""

    def __init__(self, number: int, line: Line, theirs: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        self.number = number
        self.url = line.url
        self.provider = PROVIDERS[number % len(PROVIDERS)]
        self.line = line
        self.path = f"/crowd/{number}/"
        self.name = f"CROWD-{number:05d}-SHOP"
        self.voucher = 700 + number % 300
        self.card = 300 + number % 17
        shipped = theirs[self.provider]
        made = self.line.call("POST", CONTROL, self._body(shipped[number // len(PROVIDERS) % len(shipped)]))
        self.id: str = made["id"]
        self.base = f"{CONTROL}/{self.id}"
        self.given: Mapping[str, Any] = made["credentials"][self.provider]
        self.credentials: Mapping[str, Mapping[str, Any]] = made["credentials"]
        self.before: dict[str, int] = {}
        self.ids: set[str] = set()
        self._steps: Iterator[None] = iter(())

    def _body(self, world: Mapping[str, Any]) -> dict[str, Any]:
        own = {
            "worldline": {"wallets": {"beneficiary": f"9{self.number:010d}", "balance": "5000.00 EUR"}},
            "adyen": {"meal_vouchers": {"number": f"50759900{self.number:08d}", "balance": "90.00 EUR"}},
            "lyra": {
                "meal_cards": {"number": f"50176700{self.number:08d}", "balance": "90.00 EUR"},
                "sellers": {"external_ref": f"seller-{self.number}", "vouchers": {"CONECS": f"77{self.number:05d}"}},
            },
        }[self.provider]
        merged = {**world, **{key: [*world.get(key, ()), row] for key, row in own.items()}}
        scenario = {"mockpsp": 1, "title": self.name, "world": {self.provider: merged}}
        clock = (MONDAY + timedelta(minutes=self.number)).isoformat()
        return {"scenario": scenario, "seed": self.number // 2, "clock": clock}

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """One call below this sandbox."""
        return self.line.call(method, f"{self.base}{path}", body)

    def begin(self) -> None:
        """From the start of its story."""
        self.before = self.accounts()
        self.ids = set()
        story: Mapping[str, Callable[[], Iterator[None]]] = {
            "worldline": self._worldline,
            "adyen": self._adyen,
            "lyra": self._lyra,
        }
        self._steps = story[self.provider]()

    def step(self) -> bool:
        """Take one step, and let its webhooks go out; whether there was one left."""
        if next(self._steps, self) is self:
            return False
        self.control("POST", "/webhooks/settle")
        return True

    def accounts(self) -> dict[str, int]:
        """Balances in cents."""
        rows = self.control("GET", "/accounts")["accounts"]
        return {f"{each['provider']} {each['ref']}": _cents(each["balance"]) for each in rows}

    def journal(self) -> list[dict[str, Any]]:
        """All entries."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.control("GET", f"/journal?after={found[-1]['id'] if found else 0}")["entries"]
            if not page:
                return found
            found.extend(page)

    def marks(self) -> set[str]:
        """Texts that belong to this sandbox alone."""
        named = {str(each) for told in self.credentials.values() for each in told.values() if isinstance(each, str)}
        return {*named, *self.ids, self.name, f"9{self.number:010d}", self.path}

    # -- the shops ---------------------------------------------------------------------------------------------------

    def _shopper(self, ref: str, *pays: Mapping[str, Any]) -> None:
        self.control("POST", f"/checkouts/{ref}/shopper", {"pay": [*pays]})

    def _worldline(self) -> Iterator[None]:
        configuration = CommunicatorConfiguration(
            api_endpoint=self.url,
            api_key_id=self.given["api_key_id"],
            secret_api_key=self.given["secret_api_key"],
            authorization_type="v1HMAC",
            connect_timeout=30,
            socket_timeout=60,
            max_connections=1,
            integrator="crowd",
        )
        with Factory.create_client_from_configuration(configuration) as client:
            merchant = client.merchant(self.given["merchant_id"])
            wanted = CreateHostedCheckoutRequest()
            wanted.from_dictionary(
                {
                    "order": {
                        "amountOfMoney": {"amount": self.voucher + self.card, "currencyCode": "EUR"},
                        "references": {"merchantReference": self.name},
                    },
                    "hostedCheckoutSpecificInput": {"locale": "fr_FR", "returnUrl": "https://shop.example/back"},
                    "redirectPaymentMethodSpecificInput": {
                        "paymentProductId": 5412,
                        "requiresApproval": False,
                        "paymentProduct5412SpecificInput": {
                            "adjustableAmount": True,
                            "beneficiaryId": f"9{self.number:010d}",
                        },
                    },
                }
            )
            made = merchant.hosted_checkout().create_hosted_checkout(wanted)
            self.ids.add(made.returnmac)  # Worldline's own ids are numbers that every sandbox counts from the same one
            yield
            voucher = {"with": "cv_connect", "amount": f"{self.voucher / 100:.2f} EUR"}
            self._shopper(made.hosted_checkout_id, voucher, {"with": "card", "number": "4111111111111111"})
            yield
            found = merchant.hosted_checkout().get_hosted_checkout(made.hosted_checkout_id)
            assert found.status == "PAYMENT_CREATED", found.status
            payment = found.created_payment_output.payment
            yield
            details = merchant.payments().get_payment_details(payment.id)
            assert details.payment_output.acquired_amount.amount == self.voucher + self.card
            yield

    def _adyen(self) -> Iterator[None]:
        checkout = Adyen.Adyen(xapikey=self.given["api_key"], platform="test").checkout
        for api in (checkout.orders_api, checkout.payments_api):
            api.baseUrl = f"{self.url}/v72"
        account = {"merchantAccount": self.given["merchant_account"]}
        method = {
            "type": "mealVoucher_FR",
            "brand": "mealVoucher_FR_sodexo",
            "encryptedCardNumber": f"test_50759900{self.number:08d}",
            "encryptedExpiryMonth": "test_03",
            "encryptedExpiryYear": "test_2030",
            "encryptedSecurityCode": "test_737",
        }
        whole = {"currency": "EUR", "value": self.voucher + self.card}
        key = {"idempotency_key": self.name}
        asked = {**account, "paymentMethod": method, "amount": whole}
        checkout.orders_api.get_balance_of_gift_card(asked, idempotency_key=f"{self.name}-balance")
        yield
        order = checkout.orders_api.orders({**account, "reference": self.name, "amount": whole}, **key).message
        self.ids.add(order["pspReference"])
        yield
        card = {
            "type": "scheme",
            "encryptedCardNumber": "test_4111111111111111",
            "encryptedExpiryMonth": "test_03",
            "encryptedExpiryYear": "test_2030",
            "encryptedSecurityCode": "test_737",
        }
        for leg, (tender, cents) in enumerate(((method, self.voucher), (card, self.card)), 1):
            wanted = {
                **account,
                "reference": f"{self.name}-{leg}",
                "amount": {"currency": "EUR", "value": cents},
                "paymentMethod": tender,
                "order": {name: order[name] for name in ("pspReference", "orderData")},
                "returnUrl": "https://shop.example/back",
                "countryCode": "FR",
            }
            paid = checkout.payments_api.payments(wanted, idempotency_key=f"{self.name}-{leg}").message
            assert paid["resultCode"] == "Authorised", paid
            self.ids.add(paid["pspReference"])
            order = {**order, **paid["order"]}
            yield

    def _lyra(self) -> Iterator[None]:
        login = b64encode(f"{self.given['login']}:{self.given['password']}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", "Accept": "application/json"}
        item = {
            "seller_external_ref": f"seller-{self.number}",
            "reference": self.name,
            "description": "Menu du jour",
            "amount": self.voucher + self.card,
            "vouchers": [{"contract_type": "CONECS", "eligible_amount": self.voucher}],
        }
        wanted = {
            "marketplace": self.given["marketplace"],
            "reference": self.name,
            "description": "Un repas",
            "currency": "EUR",
            "url_return": "https://shop.example/back",
            "buyer": {"type": "PRIVATE", "email": "paul@example.com", "phone_number": "+33 6 00 00 00 00"},
            "shipping": {"shipping_method": "RECLAIM_IN_SHOP"},
            "items": [item],
        }
        made = self.line.call("POST", "/marketplace-test/orders?expand=items", wanted, **headers)
        self.ids |= {made["uuid"], *(each["uuid"] for each in made["items"])}
        yield
        self.line.call("GET", f"/marketplace-test/orders/{made['uuid']}/execute", **headers)
        yield
        voucher = {
            "with": "conecs",
            "number": f"50176700{self.number:08d}",
            "amount": f"{self.voucher / 100:.2f} EUR",
        }
        self._shopper(made["uuid"], voucher, {"with": "card", "number": "4970100000000014"})
        yield
        path = f"/marketplace-test/orders/{made['uuid']}?expand=items,transactions"
        found = self.line.call("GET", path, **headers)
        assert found["status"] == "PENDING", found["status"]
        yield


def _cents(balance: str) -> int:
    return round(float(balance.split()[0]) * 100)


# -- the crowd -------------------------------------------------------------------------------------------------------


def drive(members: Sequence[Member], workers: int) -> None:
    """Let all of them take their steps, mixed. Raises what a step raises."""
    waiting: SimpleQueue[Member] = SimpleQueue()
    for each in members:
        waiting.put(each)

    def work() -> None:
        while True:
            try:
                member = waiting.get_nowait()
            except Empty:
                return
            if member.step():
                waiting.put(member)

    with ThreadPoolExecutor(workers) as pool:
        for each in [pool.submit(work) for _ in range(workers)]:
            each.result()


_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{5,}|/crowd/[0-9]+/")


def leaks(members: Sequence[Member], hits: Mapping[str, Sequence[Hit]]) -> list[str]:
    """What is where it does not belong, or is not where it should be; nothing, if all is well."""
    owners: dict[str, Member] = {}
    found = []
    for member in members:
        for mark in member.marks():
            other = owners.setdefault(mark, member)
            if other is not member:
                found.append(f"{mark} belongs to {other.id} and to {member.id}")
    for member in members:
        found.extend(_in_journal(member, owners))
        found.extend(_in_balances(member))
        found.extend(_at_endpoint(member, owners, hits))
    strangers = {path for path in hits if not any(path.startswith(each.path) for each in members)}
    return [*found, *(f"a webhook came to {path}, nobody's address" for path in strangers)]


def _strangers(text: str, member: Member, owners: Mapping[str, Member]) -> set[str]:
    return {each for each in _WORD.findall(text) if owners.get(each, member) is not member}


def _in_journal(member: Member, owners: Mapping[str, Member]) -> Iterator[str]:
    entries = member.journal()
    told = json.dumps(entries)
    for word in _strangers(told, member, owners):
        yield f"the journal of {member.id} tells {word}, which is of {owners[word].id}"
    if [each["id"] for each in entries] != list(range(1, len(entries) + 1)):
        yield f"the journal of {member.id} has gaps"
    if member.name not in told:
        yield f"the journal of {member.id} does not tell of its own calls"
    at = {each["at"][:16] for each in entries}
    own = (MONDAY + timedelta(minutes=member.number)).isoformat()[:16]
    if at != {own}:
        yield f"the journal of {member.id} tells of other times than {own}: {at}"


def _in_balances(member: Member) -> Iterator[str]:
    now = member.accounts()
    moved = {ref: cents - member.before.get(ref, 0) for ref, cents in now.items()}
    lost = [ref for ref in member.before if ref not in now]
    wanted = [-member.voucher]
    if member.provider != "lyra":  # Lyra's sellers are paid at the capture
        wanted.append(member.voucher + member.card)
    if any("/card/1111-" in ref for ref in member.before):  # in some worlds the card has a balance of its own
        wanted.append(-member.card)
    if lost or sorted(cents for cents in moved.values() if cents) != sorted(wanted):
        told = {ref: cents for ref, cents in moved.items() if cents}
        yield f"balances of {member.id} ({member.provider}) moved by {told}, not {wanted}; gone: {lost}"


def _at_endpoint(member: Member, owners: Mapping[str, Member], hits: Mapping[str, Sequence[Hit]]) -> Iterator[str]:
    came = hits.get(f"{member.path}{member.provider}", ())
    rows = member.control("GET", "/webhooks")["webhooks"]
    if not rows or len(rows) != len(came) or any(each["status"] != "delivered" for each in rows):
        yield f"{member.id} sent {len(rows)} webhooks, {len(came)} came"
    for path, those in hits.items():
        if path.startswith(member.path) and path != f"{member.path}{member.provider}":
            yield f"{len(those)} webhooks came to {path}, which nobody used"
    for hit in came:
        for word in _strangers(hit.body.decode(), member, owners):
            yield f"a webhook of {member.id} tells {word}, which is of {owners[word].id}"
        if not _signed(member, hit):
            yield f"a webhook of {member.id} is not signed by its own key"


def _signed(member: Member, hit: Hit) -> bool:
    match member.provider:
        case "worldline":
            own = b64encode(digest(member.given["webhook_secret"].encode(), hit.body, sha256)).decode()
            return hit.headers.get("X-GCS-Signature") == own
        case "adyen":
            return is_valid_hmac_notification(json.loads(hit.body), member.given["hmac_key"]) is True
        case _:
            return any(uuid in member.ids for uuid in json.loads(hit.body).values())


_BY_CLIENT = ("headers", "client")
"""What an SDK sends anew each time: dates, signatures, connections."""


def told_again(member: Member) -> list[str]:
    """Reset a sandbox, drive it alone, and compare journals; what is different, if anything is."""
    before = member.journal()
    member.control("POST", "/reset")
    member.begin()
    while member.step():
        pass
    after = member.journal()
    pairs = zip(map(_lasting, before), map(_lasting, after), strict=False)
    wrong = [f"{member.id}, entry {old['id']}: {old} and then {new}" for old, new in pairs if old != new]
    return wrong[:1] or (
        [] if len(before) == len(after) else [f"{member.id}: {len(before)} entries, then {len(after)}"]
    )


def _lasting(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in entry.items() if name not in _BY_CLIENT}


def crowd(
    url: str, count: int, workers: int, again: int, *, at_most: Callable[[], None] = lambda: None
) -> tuple[list[str], dict[str, float]]:
    """Make, drive, look, drive some again alone, delete: what was wrong, and how many seconds each took.

    ``at_most`` is called when all is there, before it is deleted.
    """
    took: dict[str, float] = {}
    with receiving() as (receiver, hits), ExitStack() as open_lines:
        theirs = worlds()

        def join(number: int) -> Member:
            line = Line(url)
            open_lines.callback(line.close)
            member = Member(number, line, theirs)
            for provider in PROVIDERS:
                member.control("PUT", f"/webhook-endpoints/{provider}", {"url": f"{receiver}{member.path}{provider}"})
            member.begin()
            return member

        began = perf_counter()
        with ThreadPoolExecutor(workers) as pool:
            members = [*pool.map(join, range(count))]
        took["made"] = perf_counter() - began
        began = perf_counter()
        drive(members, workers)
        took["driven"] = perf_counter() - began
        wrong = leaks(members, hits)
        for member in members[:: max(1, count // again)]:
            wrong.extend(told_again(member))
        at_most()
        for member in members:
            member.control("DELETE", "")
    return wrong, took


# -- what a sandbox costs --------------------------------------------------------------------------------------------

SMALL: Mapping[str, Any] = {
    "world": {"worldline": {"wallets": [{"beneficiary": "11111111111", "balance": "300.00 EUR"}]}},
    "rules": [{"operation": "worldline.cv_connect", "times": 1, "then": {"outcome": "refused"}}],
}
"""An inline scenario as a test would send it."""


async def in_process(count: int) -> list[str]:
    """Milliseconds of ``Sandboxes.create``, bytes of an idle sandbox by tracemalloc, and what deleting leaves."""
    lines = []
    async with running() as server:
        library = server.app[LIBRARY]
        kinds = (("default", library.together(("default",))), ("small inline", library.from_value(dict(SMALL))))
        for name, scenario in kinds:
            times = []
            for _ in range(count):
                began = perf_counter()
                await server.sandboxes.create(scenario)
                times.append((perf_counter() - began) * 1000)
            lines.append(f"| in process, {name} | {median(times):.2f} ms, p99 {quantiles(times, n=100)[98]:.2f} ms |")
            for each in server.sandboxes.all()[1:]:
                await server.sandboxes.drop(each.id)
            gc.collect()
            tracemalloc.start()
            made = [await server.sandboxes.create(scenario) for _ in range(count)]
            gc.collect()
            held = tracemalloc.get_traced_memory()[0] / count
            worlds = [ref(each.world) for each in made]
            for each in made:
                await server.sandboxes.drop(each.id)
            del each, made
            gc.collect()
            left = tracemalloc.get_traced_memory()[0] / count
            tracemalloc.stop()
            alive = sum(1 for each in worlds if each() is not None)
            lines.append(
                f"| memory by tracemalloc, {name} | {held / 1000:.1f} KB; deleted {left / 1000:.1f} KB, {alive} alive |"
            )
    return lines


def by_http(port: int, pid: int, count: int) -> Iterator[str]:
    """Milliseconds of ``POST /_mockpsp/sandboxes`` over one connection, and resident memory."""
    for name, scenario in (("default", None), ("small inline", SMALL), ("shipped story", "adyen/voucher-then-card")):
        line = Line(f"http://127.0.0.1:{port}")
        body = {} if scenario is None else {"scenario": scenario}
        line.call("DELETE", f"{CONTROL}/{line.call('POST', CONTROL, body)['id']}")
        before, times, made = resident_kilobytes(pid), [], []
        for _ in range(count):
            began = perf_counter()
            made.append(line.call("POST", CONTROL, body)["id"])
            times.append((perf_counter() - began) * 1000)
        after = resident_kilobytes(pid)
        yield f"| by HTTP, {name} | {median(times):.2f} ms, p99 {quantiles(times, n=100)[98]:.2f} ms |"
        for each in made:
            line.call("DELETE", f"{CONTROL}/{each}")
        if before is not None and after is not None:
            yield f"| resident memory, {name} | {(after - before) * 1.024 / count:.1f} KB |"
        line.close()


def main() -> None:
    """The crowd, and what a sandbox costs."""
    parser = argparse.ArgumentParser(prog="bench.crowd")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--workers", type=int, default=32)
    parser.add_argument("--again", type=int, default=25, help="how many are reset and driven again, alone")
    parser.add_argument("--turns", type=int, default=4, help="how many crowds, one after the other")
    given = parser.parse_args()
    print("| a fresh sandbox | |\n|---|---|")
    print("\n".join(asyncio.run(in_process(given.count))))
    with server("mockpsp") as (port, pid, _):
        print("\n".join(by_http(port, pid, given.count)), flush=True)
    with server("mockpsp") as (port, pid, _):
        url = f"http://127.0.0.1:{port}"
        sizes: list[str] = []

        def look() -> None:
            sizes.append(f"{(resident_kilobytes(pid) or 0) // 1024} MB")

        look()
        for turn in range(given.turns):
            again = 1 if turn else given.again
            wrong, took = crowd(url, given.count, given.workers, again, at_most=look)
            look()
            told = f"made in {took['made']:.1f} s, driven in {took['driven']:.1f} s, {len(wrong)} leaks"
            print(f"{given.count} sandboxes, {told}", *wrong[:20], sep="\n  ")
    print("resident memory at the start, then of each crowd before and after it was deleted:", *sizes)


if __name__ == "__main__":
    main()
