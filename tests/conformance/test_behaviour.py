"""What every provider does alike, over real HTTP: money, idempotence, isolation, reset, faults, webhooks, traces."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from json import dumps
from re import sub, subn
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from mockpsp.app import catalogues
from mockpsp.domain.money import Money
from mockpsp.edge import pipeline
from mockpsp.edge.pipeline import TRACE
from mockpsp.edge.provider import Access, Provider
from mockpsp.scenario.engine import Script
from mockpsp.scenario.library import Library
from mockpsp.scenario.model import Signature
from mockpsp.testing.player import journal_lines, play
from mockpsp.world.records import Queued
from tests.conformance.subject import Subject
from tests.conformance.workbench import Bench, promised
from tests.support.control import ControlledSandbox
from tests.support.plainhttp import Answer, exchange
from tests.support.receiver import Receiver

TEN = Money(1000, "EUR")
OURS = "the rule under test"


def explained(bench: Bench, answer: Answer, sandbox: str = "") -> str:
    """What the journal says of an answer."""
    where = ControlledSandbox(bench.live.url, {"id": sandbox or bench.controlled.id, "credentials": {}})
    shown = where.call("GET", f"/journal/{answer.headers[TRACE]}")
    assert (shown["kind"], shown["status"]) == ("request", answer.status)
    return str(shown["explanation"])


# -- money -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", [Money(1234, "JPY"), Money(123_456, "EUR"), Money(1_234_567, "KWD")], ids=str)
def test_an_amount_survives_with_no_two_and_three_decimals(amount: Money, bench: Bench) -> None:
    created = bench.made(bench.subject.create(amount))
    assert bench.subject.amount(bench.made(bench.subject.read(created))) == amount


# -- idempotence -------------------------------------------------------------------------------------------------------


def test_the_same_key_twice_has_one_effect(bench: Bench) -> None:
    first = bench.call(bench.subject.create(TEN), key="key-1")
    bench.settle()
    before = bench.state()
    again = bench.call(bench.subject.create(TEN), key="key-1")
    bench.settle()
    if bench.keyed:
        assert (again.status, again.body) == (first.status, first.body)
        assert bench.state() == before
    else:
        assert bench.subject.reference(again.json()) != bench.subject.reference(first.json()), "every call counts"
    other = bench.made(bench.subject.create(TEN), key="key-2")
    assert bench.subject.reference(other) != bench.subject.reference(first.json())


def test_keys_are_kept_apart_between_sandboxes(new_bench: Callable[..., Bench]) -> None:
    one, two = new_bench(), new_bench()
    one.made(one.subject.create(TEN), key="key-1")
    before = two.objects()
    two.made(two.subject.create(TEN), key="key-1")
    assert two.objects() == before + 1


# -- isolation ---------------------------------------------------------------------------------------------------------


def test_two_sandboxes_never_see_each_other(new_bench: Callable[..., Bench]) -> None:
    one, two = new_bench(), new_bench()
    untouched = two.state()
    created = one.made(one.subject.create(TEN))
    assert two.state() == untouched
    unseen = two.call(two.subject.read(created))
    assert 400 <= unseen.status < 500, unseen.text
    mine = two.made(two.subject.create(Money(77, "EUR")))
    assert two.subject.amount(two.made(two.subject.read(mine))) == Money(77, "EUR")
    assert one.subject.amount(one.made(one.subject.read(created))) == TEN


def test_credentials_of_a_deleted_sandbox_are_refused_in_the_providers_words(
    bench: Bench, new_sandbox: Callable[..., ControlledSandbox]
) -> None:
    deleted = ControlledSandbox.create(bench.live.url)
    found = bench.live.call(lambda: bench.live.server.sandboxes.get(deleted.id))
    ghost = Bench(bench.live, bench.provider, bench.subject, deleted, found)
    ghost.made(ghost.subject.create(TEN))
    deleted.delete()
    answer = ghost.raw(ghost.subject.create(TEN))
    assert answer.status in (401, 403), answer.text
    assert promised(bench.contract, ghost.subject.create(TEN).operation, answer) is None
    assert "refused: " in explained(bench, answer, "default").lower()


# -- reset and repetition ----------------------------------------------------------------------------------------------


def everything(bench: Bench) -> tuple[Any, ...]:
    """The sandbox and its whole journal."""
    lines = [
        (each.number, each.at, each.kind, each.provider, each.operation, each.reference, each.cause, each.data)
        for each in bench.entries()
    ]
    return bench.state(), lines, bench.sandbox.world.clock.now(), bench.controlled.accounts()


def test_reset_leaves_nothing_behind(new_bench: Callable[..., Bench], provider: Provider) -> None:
    line = {"operation": f"{provider.name}.*", "times": 5, "then": {"latency": "0s"}}
    bench = new_bench(faults=[line])
    bench.controlled.endpoint(bench.provider.name, "http://localhost:1/hook")
    bench.controlled.call("POST", "/reset")
    fresh = everything(bench)
    created = bench.made(bench.subject.create(TEN), key="key-1")
    for operation in bench.provider.catalogue().operations:
        bench.subject.provoke(operation, bench)
    bench.settle()
    bench.controlled.advance("P3D")
    assert everything(bench) != fresh
    bench.controlled.call("POST", "/reset")
    assert everything(bench) == fresh
    assert bench.call(bench.subject.read(created)).status >= 400
    again = bench.made(bench.subject.create(TEN), key="key-1")
    assert bench.subject.reference(again) == bench.subject.reference(created)


async def test_the_same_story_twice_gives_the_same_journal_byte_for_byte(provider: Provider, subject: Subject) -> None:
    story = Library(catalogues).from_value(dict(subject.story))
    first, second = await play(story), await play(story)
    assert [str(failure) for failure in first.failures] == []
    assert len(first.webhooks) > 1
    assert "\n".join(journal_lines(first)) == "\n".join(journal_lines(second))


@pytest.mark.long  # tests/golden plays each of them, too
async def test_every_shipped_story_comes_true(provider: Provider) -> None:
    library = Library(catalogues)
    for name in library.names():
        if name.startswith(f"{provider.name}/"):
            played = await play(library.load(name))
            assert [str(failure) for failure in played.failures] == [], name


def test_another_seed_gives_other_links_and_the_same_one_the_same(new_bench: Callable[..., Bench]) -> None:
    """Ids that count up may be equal; an answer as a whole, with its links and tokens, is not."""
    one, two = new_bench(seed=1), new_bench(seed=2)
    assert one.made(one.subject.create(TEN)) != two.made(two.subject.create(TEN))
    one.controlled.call("POST", "/reset")
    first = one.made(one.subject.create(TEN))
    one.controlled.call("POST", "/reset")
    assert one.made(one.subject.create(TEN)) == first


# -- traces ------------------------------------------------------------------------------------------------------------


def test_every_answer_has_a_trace_whose_entry_explains_it(bench: Bench) -> None:
    created = bench.call(bench.subject.create(TEN))
    assert "was decided" in explained(bench, created)
    read = bench.call(bench.subject.read(created.json()))
    assert "No command was decided" in explained(bench, read)
    refused = bench.call(bench.subject.bad())
    assert refused.status >= 400
    assert "refused: " in explained(bench, refused).lower()


def test_every_entry_about_money_is_filed_under_the_provider(bench: Bench) -> None:
    """Also where the money goes out of every account that we keep, as a refund to somebody's card does."""
    for operation in bench.provider.catalogue().operations:
        bench.subject.provoke(operation, bench)
    bench.settle()
    postings = [each for each in bench.entries() if each.kind == "posting"]
    assert {each.operation for each in postings} > {"opening balance"}
    assert {each.provider for each in postings} == {bench.provider.name}


def test_where_nothing_is_served_the_provider_says_so_itself_with_a_trace(bench: Bench) -> None:
    for prefix in bench.provider.prefixes:
        answer = requests.get(f"{bench.live.url}{prefix}/there/is/nothing/here", timeout=30)
        assert answer.status_code in (404, 405), prefix
        assert answer.headers[TRACE]
        assert "Traceback" not in answer.text


def test_pages_and_assets_have_traces_too(bench: Bench) -> None:
    """What is not an operation of the contract: a made-up link is refused kindly, and never a fault.

    Of assets only refusals are in the journal.
    """
    for route in bench.provider.routes:
        if route.operation in bench.contract.names():
            continue
        target = _made_up(route.path)
        answer = requests.request(route.method, f"{bench.live.url}{target}", timeout=30, allow_redirects=False)
        assert answer.status_code < 500, f"{route.method} {target}: {answer.text}"
        assert (TRACE in answer.headers) == (route.access is not Access.ASSET or not answer.ok), target


def _made_up(pattern: str) -> str:
    return sub(r"\{[^/]*\}", "0" * 32, sub(r"\{[a-z_]+:\[0-9a-f\]\{32\}\}", "0" * 32, pattern))


# -- faults and rules --------------------------------------------------------------------------------------------------


def faulty(new_bench: Callable[..., Bench], provider: Provider, subject: Subject, **then: Any) -> Bench:
    """A sandbox in which one create call goes wrong."""
    operation = f"{provider.name}.{subject.create(TEN).operation}"
    return new_bench(faults=[{"name": OURS, "operation": operation, "times": 1, "then": then}])


@pytest.mark.parametrize("late", [False, True], ids=["before the effect", "after the effect"])
def test_a_scripted_status(late: bool, new_bench: Callable[..., Bench], provider: Provider, subject: Subject) -> None:
    then = {"status": 503, "after_effect": True} if late else {"status": 503}
    bench = faulty(new_bench, provider, subject, **then)
    before = bench.objects()
    answer = bench.call(subject.create(TEN), key="key-1")
    assert answer.status == 503
    assert OURS in explained(bench, answer)
    assert bench.objects() == before + late
    assert bench.call(subject.create(TEN), key="key-1").status < 300
    bench.settle()
    twice = late and not bench.keyed
    assert bench.objects() == before + 1 + twice, "the same key finds what the first call did"


@pytest.mark.parametrize("late", [False, True], ids=["before the effect", "after the effect"])
def test_a_scripted_cut(late: bool, new_bench: Callable[..., Bench], provider: Provider, subject: Subject) -> None:
    bench = faulty(new_bench, provider, subject, drop="after_effect" if late else "before_effect")
    before = bench.objects()
    bench.cut(subject.create(TEN), key="key-1")
    assert bench.objects() == before + late
    (request,) = [each for each in bench.entries() if each.kind == "request"]
    assert request.data.status == 0
    assert any(OURS in note for note in request.data.notes)
    assert bench.call(subject.create(TEN), key="key-1").status < 300
    assert bench.objects() == before + 1 + (late and not bench.keyed)


def test_scripted_latency(
    new_bench: Callable[..., Bench], provider: Provider, subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(pipeline, "asyncio", SimpleNamespace(sleep=sleep))
    bench = faulty(new_bench, provider, subject, latency="7s")
    answer = bench.call(subject.create(TEN))
    assert answer.status < 300
    assert waited == [7.0]
    assert OURS in explained(bench, answer)
    bench.call(subject.create(TEN))
    assert waited == [7.0]


def test_a_refused_request_uses_no_line_up(
    new_bench: Callable[..., Bench], provider: Provider, subject: Subject
) -> None:
    bench = faulty(new_bench, provider, subject, status=503)
    before = bench.state()
    assert bench.call(subject.bad()).status not in (200, 201, 503)
    request, method = bench.request(subject.create(TEN))
    forged = _forged(request, bench.controlled.credentials[provider.name])
    assert exchange(bench.live.port, forged, method).status in (401, 403, 404)
    assert bench.state() == before
    assert bench.call(subject.create(TEN)).status == 503


def _forged(request: bytes, credentials: Mapping[str, Any]) -> bytes:
    """The same request by somebody whom nobody knows."""
    told = [value.encode() for value in credentials.values() if isinstance(value, str)]
    named = [value for value in told if value in request.partition(b"\r\n\r\n")[0]]
    if named:
        longest = max(named, key=len)
        return request.replace(longest, b"x" * len(longest))
    changed, count = subn(rb"(?i)(\r\nauthorization: \w+ )[^\r]+", rb"\1eDp4", request, count=1)
    assert count, "credentials stand in a header, as they are or encoded"
    return changed


def test_a_fault_matches_on_the_facts_of_its_catalogue(new_bench: Callable[..., Bench], provider: Provider) -> None:
    """Whatever the call, the facts are those that the catalogue names, so that a condition can never be in vain."""
    bench = new_bench()
    seen: list[set[str]] = []
    subject, facts = bench.subject, provider.call_facts

    class Spying:
        def __call__(self, exchange: Any) -> Mapping[str, Any]:
            found = facts(exchange)
            seen.append(set(found))
            return found

    line = {"operation": f"{provider.name}.*", "nth": 999, "then": {"status": 500}}
    bench.controlled.call("PUT", "/scenario", {"mockpsp": 1, "title": "t", "faults": [line],
                          "world": {provider.name: dict(subject.world)}})  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provider, "call_facts", Spying(), raising=True)
        created = bench.made(subject.create(TEN))
        bench.call(subject.read(created))
        for operation in provider.catalogue().operations:
            subject.provoke(operation, bench)
    assert len(seen) > 2
    assert all(each == set(provider.catalogue().call_facts) for each in seen)


# -- rules -------------------------------------------------------------------------------------------------------------


def ruled(new_bench: Callable[..., Bench], provider: str, line: tuple[str, str, str | None]) -> Bench:
    """A sandbox in which one rule asks for one outcome."""
    operation, outcome, reason = line
    then = {"outcome": outcome, **({"reason": reason} if reason else {})}
    return new_bench(rules=[{"name": OURS, "operation": f"{provider}.{operation}", "times": 1, "then": then}])


def check_books(bench: Bench) -> None:
    """Every posting balanced, nothing below zero but the outside world."""
    totals: dict[str, int] = {}
    for (account, currency), minor in bench.state()["balances"].items():
        totals[currency] = totals.get(currency, 0) + minor
        assert minor >= 0 or account.startswith("world/"), account
    assert not any(totals.values())


def check_webhook(bench: Bench, sent: Queued) -> None:
    """The body is what the contract says of this type."""
    from json import loads

    described = bench.contract.document["webhooks"][sent.kind]["post"]["requestBody"]
    schema = bench.contract.resolve(described)["content"]["application/json"]["schema"]
    problems = [each.message for each in bench.contract.validator(schema).iter_errors(loads(sent.body))]
    assert not problems, (sent.kind, problems, sent.body)


def kinds(value: Any) -> str:
    """The kind of fact that a value is."""
    match value:
        case bool():
            return "flag"
        case Money():
            return "money"
        case int():
            return "number"
        case str():
            return "text"
        case _:
            return "none"


def test_every_outcome_can_be_asked_for(
    provider_name: str,
    line: tuple[str, str, str | None],
    new_bench: Callable[..., Bench],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    questions = []
    ask = Script.ask

    def listening(self: Script, question: Any, *more: Any) -> Any:
        questions.append(question)
        return ask(self, question, *more)

    monkeypatch.setattr(Script, "ask", listening)
    bench = ruled(new_bench, provider_name, line)
    operation = line[0]

    bench.subject.provoke(operation, bench)
    bench.settle()

    assert bench.decided_by(OURS) == [operation]
    statuses = [each.data.status for each in bench.entries() if each.kind == "request"]
    assert all(0 < status < 500 for status in statuses)
    check_books(bench)
    for sent in bench.webhooks():
        check_webhook(bench, sent)
    for question in questions:
        known = bench.provider.catalogue().operations[question.operation.partition(".")[2]].facts
        assert set(question.facts) == set(known), question.operation
        for fact, value in question.facts.items():
            assert value is None or kinds(value) == known[fact], (question.operation, fact, value)


def test_every_webhook_type_is_really_sent_and_signed(
    new_bench: Callable[..., Bench], provider: Provider, subject: Subject
) -> None:
    """All outcomes of all operations together lead to every event of the catalogue; each signature verifies."""
    sent: dict[str, tuple[Bench, Queued]] = {}
    for operation, asked in provider.catalogue().operations.items():
        for outcome in asked.outcomes:
            bench = ruled(new_bench, provider.name, (operation, outcome, None))
            subject.provoke(operation, bench)
            bench.settle()
            sent.update({each.kind: (bench, each) for each in bench.webhooks()})
    bench = new_bench()
    subject.other_events(bench)
    sent.update({each.kind: (bench, each) for each in bench.webhooks()})
    assert set(sent) == set(provider.catalogue().events)
    for bench, each in sent.values():
        check_signature(bench, each)


def check_signature(bench: Bench, sent: Queued) -> None:
    """Right as it is sent; wrong with one byte of the body changed, with another sandbox's secret, or with none.

    A provider that signs nothing sends the same whatever a scenario wants of the signature.
    """
    calls, given = bench.provider.merchant(), bench.sandbox.credentials[bench.provider.name]
    settings = bench.sandbox.world.setups[bench.provider.name].settings
    headers, body = bench.provider.policy.message(sent, given, Signature.RIGHT, settings)
    assert calls.webhook_kind(bench.sandbox, headers, body)[0] == sent.kind
    if not bench.subject.signed:
        for kind in Signature:
            assert bench.provider.policy.message(sent, given, kind, settings) == (headers, body)
        return
    tampered = list(bench.subject.tamper(body))
    assert tampered
    for changed in tampered:
        with pytest.raises(ValueError):
            calls.webhook_kind(bench.sandbox, headers, changed)
    for bad in (Signature.WRONG, Signature.MISSING):
        with pytest.raises(ValueError):
            calls.webhook_kind(bench.sandbox, *bench.provider.policy.message(sent, given, bad, settings))


def test_a_webhook_arrives_as_it_was_signed(bench: Bench, receiver: Receiver) -> None:
    bench.controlled.endpoint(bench.provider.name, receiver.url)
    bench.made(bench.subject.create(TEN))
    for operation in bench.provider.catalogue().operations:
        bench.subject.provoke(operation, bench)
    bench.settle()
    assert receiver.received
    calls = bench.provider.merchant()
    found = [calls.webhook_kind(bench.sandbox, dict(each.headers), each.body)[0] for each in receiver.received]
    assert sorted(found) == sorted(each.kind for each in bench.webhooks())


def test_places_of_the_catalogue_are_where_shoppers_are_waited_for(bench: Bench) -> None:
    """Every place comes up, is listed as a checkout, and its tenders are words of the catalogue."""
    for operation in bench.provider.catalogue().operations:
        bench.subject.provoke(operation, bench)
    bench.made(bench.subject.create(TEN))
    bench.subject.other_places(bench)
    places = bench.provider.catalogue().places
    origin = "http://localhost:8080"
    offers = bench.live.call(lambda: list(bench.provider.checkouts(bench.sandbox, origin)))
    assert {offer.place.partition(".")[2] for offer in offers} == set(places)
    for offer in offers:
        assert set(offer.tenders) <= set(places[offer.place.partition(".")[2]].tenders)
        page = requests.get(offer.url.replace(origin, bench.live.url), timeout=30)
        assert page.status_code == 200


def test_credentials_and_addresses_can_be_told(bench: Bench) -> None:
    given = bench.controlled.credentials[bench.provider.name]
    assert given
    assert dumps(given)
    assert given == dict(bench.provider.credentials(bench.sandbox.id, bench.sandbox.world.scenario))
    environment = bench.provider.environment(given, "http://localhost:8080")
    assert all(isinstance(value, str) and value for value in environment.values())
    urls = bench.provider.base_urls("http://localhost:8080")
    assert all(url.startswith("http://localhost:8080") for url in urls.values())


def test_keys_stay_when_the_scenario_changes(bench: Bench) -> None:
    """An application that was told its keys once can go on with any scenario."""
    before = bench.provider.identities(bench.controlled.credentials[bench.provider.name])
    bench.controlled.call("PUT", "/scenario", {"mockpsp": 1, "title": "Another"})
    after = bench.controlled.call("GET", "")["credentials"][bench.provider.name]
    assert before
    assert bench.provider.identities(after) == before


def test_a_back_office_describes_what_it_takes(bench: Bench) -> None:
    office = bench.provider.back_office
    assert bench.provider.catalogue().back_office == ({} if office is None else office.schema)
    home = f"{bench.live.url}/_mockpsp/sandboxes/{bench.controlled.id}/back-office/{bench.provider.name}"
    refused = requests.post(f"{home}/nobody", json={"no such": "key"}, timeout=30)
    assert refused.status_code == (404 if office is None else 400)
    if office is not None:
        assert office.schema["type"] == "object"
        assert office.schema["additionalProperties"] is False
        assert all(each.get("description") for each in office.schema["properties"].values())
