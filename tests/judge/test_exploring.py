"""The explorer: what it bends and in which order, how it shrinks, and what it makes of merchants that are functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from mockpsp.judge import oracles
from mockpsp.judge.bends import Bend, Set, bends_of, later_of, lines_of, named, shuffled
from mockpsp.judge.command import Ended, run_command
from mockpsp.judge.exploring import Explored, Explorer, Plan, explore, replay
from mockpsp.judge.model import Judgement, Outcome, Report, Severity, Took
from mockpsp.judge.regression import read, text
from mockpsp.judge.runner import Setup
from mockpsp.judge.shrinking import shrink
from mockpsp.judge.stage import OwnServer
from mockpsp.providers import discover
from mockpsp.scenario.library import Library
from tests.judge.runs import Story, names
from tests.judge.runs import found as findings
from tests.judge.test_judging import charge
from tests.support.server import Threaded

ALL = ("worldline", "adyen", "lyra")
MANUAL = {"extends": "default", "settings": {"adyen": {"capture": "manual"}}}


def checked(file: Path) -> Any:
    """The file as ``scenarios check`` reads it. Raises ScenarioError."""
    return Library(lambda: {name: each.catalogue() for name, each in discover().items()}).load(str(file))


def bend(about: str, how: str = "lost", section: str = "faults", **more: Any) -> Bend:
    return Bend(section=section, about=about, how=how, does={"drop": "after_effect"}, **{"nth": 1, **more})


# -- what can be bent --------------------------------------------------------------------------------------------------


def story() -> Story:
    told = Story()
    told.call("payments")
    told.call("page_form")
    told.add("decision", "adyen.payments")
    told.webhook("AUTHORISATION").webhook("AUTHORISATION")
    told.call("capture")
    told.call("get_payment_link")
    return told


def test_what_a_run_came_to_can_be_bent() -> None:
    found = [each.name for each in bends_of(story().run().entries, ALL)]
    assert {"adyen.payments lost", "adyen.payments busy", "adyen.capture slow", "adyen.payments refused"} <= set(found)
    assert {"adyen.get_payment_link broken", "adyen.AUTHORISATION twice", "adyen.AUTHORISATION late 2"} <= set(found)
    assert "adyen.get_payment_link lost" not in found, "nothing is lost with the answer to a question"
    assert not any("page_form" in each for each in found), "the merchant hears nothing of it"
    assert len(found) == len(set(found))


def test_only_of_the_providers_that_are_asked_for() -> None:
    assert bends_of(story().run().entries, ("lyra",)) == []


def test_lines_of_a_scenario() -> None:
    late = Bend(section="webhooks", about="adyen.CAPTURE", how="late", does={"after": "3s"})
    lost = bend("adyen.capture")
    assert lines_of((late, lost)) == lines_of((lost, late)) == {
        "faults": [{"operation": "adyen.capture", "nth": 1, "then": {"drop": "after_effect"}}],
        "webhooks": [{"event": "adyen.CAPTURE", "deliver": {"after": "3s"}}],
    }  # fmt: skip
    assert later_of(lines_of((late,))) == ""
    assert later_of({"rules": [{}]}) == "2h"


def test_one_line_strikes_at_a_time() -> None:
    assert bend("adyen.capture").excludes(bend("adyen.capture", "slow"))
    assert bend("adyen.capture", nth=0).excludes(bend("adyen.capture", nth=2))
    assert not bend("adyen.capture").excludes(bend("adyen.capture", nth=2))
    assert not bend("adyen.capture").excludes(bend("adyen.refund"))


# -- in which order ----------------------------------------------------------------------------------------------------


def pairs() -> list[Set]:
    return list(combinations([bend(f"adyen.{each}", at=(number,)) for number, each in enumerate("abcdefgh")], 2))


def test_the_order_follows_from_the_seed_alone() -> None:
    one = shuffled(pairs(), 1, {})
    assert one == shuffled(reversed(pairs()), 1, {})
    assert sorted(map(named, one)) == sorted(map(named, pairs()))
    assert one != shuffled(pairs(), 2, {})


def test_what_is_likely_comes_sooner() -> None:
    heavy = (bend("adyen.x", weight=50, at=(1,)), bend("adyen.y", section="webhooks", weight=50, at=(2,)))
    far = (bend("adyen.x", weight=50, at=(1,)), bend("adyen.z", section="webhooks", weight=50, at=(90_000,)))
    ranks = [shuffled([*pairs(), heavy], seed, {}).index(heavy) for seed in range(20)]
    assert sum(ranks) < sum(shuffled([*pairs(), far], seed, {}).index(far) for seed in range(20))
    born = {"adyen.h lost": {"adyen.b lost", "adyen.a lost"}}
    kin = next(each for each in pairs() if named(each) == "adyen.a lost + adyen.h lost")
    assert sum(shuffled(pairs(), seed, born).index(kin) for seed in range(20)) < sum(
        shuffled(pairs(), seed, {}).index(kin) for seed in range(20)
    )


# -- shrinking ---------------------------------------------------------------------------------------------------------


@given(st.sets(st.integers(0, 7), min_size=1), st.sets(st.integers(0, 7), min_size=1))
def test_nothing_that_is_needed_goes_and_nothing_else_stays(needed: set[int], others: set[int]) -> None:
    whole = tuple(bend(f"adyen.op{number}") for number in sorted(needed | others))
    wanted = {f"adyen.op{number}" for number in needed}
    left = shrink(whole, lambda some: wanted <= {each.about for each in some})
    assert {each.about for each in left} == wanted


def test_numbers_become_smaller_where_that_shows_the_same() -> None:
    late = Bend(section="webhooks", about="adyen.CAPTURE", how="late", does={"after": "3s"})
    assert shrink((late,), lambda some: True)[0].does == {"after": "1s"}
    assert shrink((late,), lambda some: False)[0].does == {"after": "3s"}


# -- what holds in any mixture -----------------------------------------------------------------------------------------


def paid(said: Mapping[str, Any], **more: Any) -> list[str]:
    told = story()
    told.paid()
    return names(oracles.together, told.run(said=[said], **more), plainly())


def plainly() -> Any:
    return story().paid().run()


def test_the_merchant_agrees_with_the_provider() -> None:
    assert paid({"state": "paid", "shipments": 1}) == []
    assert paid({"state": "waiting"}) == ["lost-order"]
    assert paid({"state": "ended", "shipments": 1}) == ["undone-by-old-event"]
    unpaid = story().run(said=[{"state": "paid"}])
    assert names(oracles.together, unpaid, plainly()) == ["shipped-without-payment"]
    assert names(oracles.together, story().run(code=1), plainly()) == []
    assert names(oracles.together, story().paid().run(code=1), plainly()) == ["lost-order"]


def test_nothing_is_captured_or_shipped_twice() -> None:
    told = story().paid()
    told.call("capture", key="one")
    told.call("capture", key="two")
    seen = findings(oracles.conserved, told.run(said=[{"state": "paid", "shipments": 2}]), plainly())
    assert {each.name for each in seen} == {"captured-twice", "shipped-twice"}
    assert {each.probe for each in seen} == {"probe"}, "reports find their findings by it"


def test_no_more_is_captured_than_was_to_be_paid() -> None:
    def captured(*keys: str) -> list[str]:
        told = Story()
        told.call("payments", body={"reference": "O-1", "amount": {"currency": "EUR", "value": 1850}})
        for key in keys:
            told.call("capture", key=key, body={"amount": {"currency": "EUR", "value": 1850}})
        return names(oracles.conserved, told.run())

    assert captured("one", "one") == []
    assert "captured-twice" in captured("one", "two"), "also in a plain run, which is compared with itself"


def test_a_capture_of_the_run_before_is_none_of_this_one() -> None:
    told = Story()
    told.call("payments", body={"reference": "O-1", "amount": {"currency": "EUR", "value": 1850}})
    told.call("capture", key="one", body={"amount": {"currency": "EUR", "value": 1850}})
    left = {"amount": {"currency": "EUR", "value": 1850}}
    told.call("capture", key="two", target="/v72/payments/BEFORE/captures", status=422, body=left)
    assert names(oracles.conserved, told.run()) == []


def test_a_look_that_failed_is_no_look() -> None:
    told = Story("lyra")
    told.cut("create_order")
    told.call("list_orders", status=500)
    told.call("create_order")
    assert "made-again-without-looking" in names(oracles.together, told.run(), provider="lyra")


def test_what_several_bends_bring_up_goes_with_each_of_them() -> None:
    stage = OwnServer("http://localhost:1", False, {}, lambda: 0.0)
    explorer = Explorer(Setup(run="x"), stage, Plan(on=("* lost",)), lambda *_: None, run_command, None)
    plain = Story()
    for each in ("payments", "create_session"):
        plain.call(each)
    explorer.learn(plain.run())
    bent = Story()
    bent.call("cancel")
    for under in ("adyen.payments lost", "adyen.create_session lost"):
        explorer.learn(bent.run(), under)
    assert {named(each) for each in explorer.sets(2)} == {
        "adyen.create_session lost + adyen.payments lost",
        "adyen.cancel lost + adyen.payments lost",
        "adyen.cancel lost + adyen.create_session lost",
    }


# -- merchants ---------------------------------------------------------------------------------------------------------


def merchant(*, nervous: bool) -> Callable[[str, Mapping[str, str], float], Ended]:
    """Charges and captures, each again when no answer came. A nervous one whose purchase went that way makes the
    second capture under a key of its own.
    """

    def run(command: str, env: Mapping[str, str], limit: float) -> Ended:
        keys = iter(("capture-1", "capture-2" if nervous else "capture-1"))
        try:
            made = charge(env, "pay")
        except requests.ConnectionError:
            made = charge(env, "pay")
        else:
            keys = iter(("capture-1", "capture-1"))
        if made.status_code != 200 or made.json()["resultCode"] != "Authorised":
            return Ended(1, made.text, 0.1, None)
        target = f"{env['ADYEN_ENDPOINT']}/v72/payments/{made.json()['pspReference']}/captures"
        body = {"merchantAccount": env["ADYEN_MERCHANT_ACCOUNT"], "amount": {"currency": "EUR", "value": 1850}}
        for key in keys:
            headers = {"X-API-Key": env["ADYEN_API_KEY"], "Idempotency-Key": key}
            try:
                answer = requests.post(target, json=body, headers=headers, timeout=60)
            except requests.ConnectionError:
                continue
            return Ended(0 if answer.ok else 1, answer.text, 0.1, None)
        return Ended(1, "no answer", 0.1, None)

    return run


PLAIN = Report(probe="plain", provider="", title="", severity=Severity.HIGH, outcome=Outcome.HELD)
NOTHING = Judgement(command="", seed=1, clock="real", plain=PLAIN, probes=(), took=Took(wall=0.0))


def explored(live: Threaded, *, nervous: bool, judged: Judgement = NOTHING, **plan: Any) -> tuple[Explored, list[str]]:
    told: list[str] = []
    setup = Setup(run="pay", settle=5.0, base=MANUAL)
    stage = OwnServer(live.url, False, {}, lambda: 0.0)
    wanted = Plan(**{"on": ("* lost", "*.payments refused"), "first": True, "most": 2, **plan})
    return explore(
        setup, stage, wanted, lambda bent, found: told.append(f"{bent}: {found}"), merchant(nervous=nervous), judged
    ), told


def test_a_mistake_in_two_steps_is_found_and_shrunk(live: Threaded, tmp_path: Path) -> None:
    found, told = explored(live, nervous=True)
    [finding] = found.judgement.counted
    assert finding.key == "adyen/explored: capture lost + payments lost/captured-twice"
    assert (finding.name, finding.severity) == ("captured-twice", Severity.CRITICAL)
    [(name, file)] = found.files.items()
    assert name == "adyen-captured-twice-capture-lost-payments-lost.yaml"
    assert len(file.splitlines()) < 30
    assert "# Found by mockpsp explore --seed 1: adyen, captured twice (critical)" in file
    path = tmp_path / name
    path.write_text(file, encoding="utf-8")
    assert checked(path)
    again, same = explored(live, nervous=True)
    assert (list(again.files), same) == (list(found.files), told), "the same seed, the same walk"
    setup, stage = Setup(run="pay", settle=5.0, base=read(path)[0]), OwnServer(live.url, False, {}, lambda: 0.0)
    replayed = replay(setup, stage, path.name, read(path)[1], merchant(nervous=True))
    assert {each.name for each in replayed.counted} == {"captured-twice", "charged-again"}
    mended = replay(setup, stage, path.name, read(path)[1], merchant(nervous=False))
    assert (mended.ok, mended.probes[0].outcome) == (True, Outcome.HELD)


def test_a_right_merchant_stands_all_of_it(live: Threaded) -> None:
    found, told = explored(live, nervous=False)
    assert found.judgement.ok
    assert found.files == {}
    assert len(told) > 3
    assert found.runs == len(told) + 1
    assert [each.probe for each in found.judgement.probes] == ["explored single bends", "explored pairs"]


def test_the_budget_ends_the_walk(live: Threaded) -> None:
    found, told = explored(live, nervous=True, budget=2)
    assert (len(told), found.runs, found.judgement.ok) == (2, 3, True)


def test_what_a_probe_finds_by_itself_does_not_count(live: Threaded) -> None:
    found, _ = explored(live, nervous=True)
    [finding] = found.judgement.counted
    again, _ = explored(live, nervous=True, judged=found.judgement)
    [known] = again.judgement.findings
    assert (known.name, known.severity) == (finding.name, Severity.NOTE)
    assert known.evidence[-1].told.startswith("judge finds it, too: ")
    assert again.judgement.ok


def test_a_plain_run_that_fails_ends_it(live: Threaded) -> None:
    setup, stage = Setup(run="pay", settle=5.0), OwnServer(live.url, False, {}, lambda: 0.0)
    ended = explore(setup, stage, Plan(), command=lambda *_: Ended(1, "no", 0.1, None))
    assert (ended.judgement.plain.outcome, ended.judgement.probes, ended.runs) == (Outcome.BROKEN, (), 1)


# -- the file ----------------------------------------------------------------------------------------------------------


def test_the_file_says_what_was_found_and_reads_back(tmp_path: Path) -> None:
    told = story()
    told.call("capture", key="one", target="/v72/x")
    told.call("capture", key="two", target="/v72/x")
    [finding] = findings(oracles.conserved, told.run(), plainly())
    lines = lines_of(
        (bend("adyen.capture"), Bend(section="webhooks", about="adyen.*", how="twice", does={"copies": 2}))
    )
    base = {**MANUAL, "faults": [{"operation": "adyen.refund", "nth": 1, "then": {"status": 500}}]}
    path = tmp_path / "found.yaml"
    path.write_text(text(finding, "On: a “title”", base, lines, 7), encoding="utf-8")
    assert checked(path)
    assert read(path) == (MANUAL, {**lines, "faults": [*lines["faults"], *base["faults"]]})


@pytest.mark.parametrize(
    "file", sorted((Path(__file__).parent / "explored").glob("*.yaml")), ids=lambda file: file.stem
)
def test_kept_files_are_short_and_can_be_loaded(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) < 30
    assert checked(file)
