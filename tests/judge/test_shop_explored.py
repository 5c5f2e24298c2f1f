"""The example shop's two-step mistakes under the explorer: found, shrunk, and gone where the mistake is not made.

A bounded part: only some bends are tried. ``make explored`` walks with the whole budget, and asks whether a probe of
``judge`` finds them as well.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from shop.bugs import TWO_STEPS

from bench.explored import MEANT, MOST_LINES, OF, TwoSteps, buying, explored
from bench.judge_table import PROVIDERS, shop
from mockpsp.judge.exploring import Plan, replay
from mockpsp.judge.model import Judgement
from mockpsp.judge.regression import read
from mockpsp.judge.runner import Setup
from mockpsp.judge.stage import OneSandbox
from mockpsp.testing.client import Mockpsp
from tests.judge.test_exploring import NOTHING
from tests.support.server import Threaded

KEPT = Path(__file__).parent / "explored"
FILES = {
    "new-key-for-each-news": "adyen-captured-twice-authorisation-twice-capture-lost.yaml",
    "late-refusal-ends": "worldline-undone-by-old-event-card_complement-refused-payment.rejected-late.yaml",
    "failed-look-is-no": "lyra-made-again-without-looking-create_order-lost-list_orders-broken.yaml",
}
WAIT_SECONDS = 30.0
POLL_SECONDS = 2.0
"""A mistake shows only while a call has no answer: on a busy machine the shop must not take it up again too soon."""


def test_all_of_them_are_explored() -> None:
    assert set(TWO_STEPS) == set(MEANT) == set(FILES)


@pytest.mark.parametrize(
    "bug", [pytest.param(each, marks=[pytest.mark.long] if n else []) for n, each in enumerate(TWO_STEPS)]
)
def test_a_mistake_in_two_steps_is_found_and_shrunk(live: Threaded, bug: str) -> None:
    meant = MEANT[bug]
    plan = Plan(budget=30, on=tuple(meant.bends.split(" + ")), first=True, most=2)
    found = explored(live, [bug], meant, plan, wait=WAIT_SECONDS, judged=NOTHING, poll=POLL_SECONDS)
    [finding] = found.judgement.counted
    assert finding.name == meant.finding
    assert finding.probe == f"{OF[meant.kind]}/explored: {meant.bends.replace(f'{OF[meant.kind]}.', '')}"
    [(name, text)] = found.files.items()
    assert name == FILES[bug]
    assert len(text.splitlines()) < MOST_LINES


@pytest.mark.parametrize("bug", TWO_STEPS)
def test_the_kept_file_tells_whether_it_is_mended(live: Threaded, bug: str) -> None:
    assert MEANT[bug].finding in {each.name for each in replayed(live, bug, bug).counted}
    assert replayed(live, bug).ok


def replayed(live: Threaded, file: str, *bugs: str) -> Judgement:
    """The kept file against the shop with these mistakes."""
    meant: TwoSteps = MEANT[file]
    base, lines = read(KEPT / FILES[file])
    with Mockpsp(live.url).new_sandbox() as sandbox, shop(live, sandbox, bugs, POLL_SECONDS) as up:
        facts = f"{up.url}/merchant/{{reference}}/facts"
        setup = Setup(run="buy", settle=12.0, base=base, facts=facts, providers=(OF[meant.kind],))
        stage = OneSandbox(live.url, sandbox.id, False, {each: f"{up.url}/webhooks/{each}" for each in PROVIDERS})
        return replay(setup, stage, FILES[file], lines, buying(up, meant, WAIT_SECONDS))
