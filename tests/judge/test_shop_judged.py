"""The example shop under the probes that are meant for its mistakes: found with them, silent without.

A bounded part; ``make judged`` does all of it, with every probe and three seeds, over the command line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from aiohttp import ClientError
from shop.buy import Wish, Wrong, purchase
from shop.visitor import NotThere

from bench.judge_table import MEANT, OF, PROVIDERS
from mockpsp.judge.command import Ended
from mockpsp.judge.judging import judge
from mockpsp.judge.model import Judgement, Outcome
from mockpsp.judge.probes import chosen
from mockpsp.judge.runner import Setup
from mockpsp.judge.stage import OneSandbox
from tests.support.control import ControlledSandbox
from tests.support.merchant import merchant
from tests.support.server import Threaded

QUICK = (
    "accepts-forged-webhook", "header-case", "no-dedupe", "trusts-return-url",
    "ignores-returnmac", "trusts-lyra-webhook-body", "partial-capture-is-paid", "no-give-back", "no-idempotency-key",
    "charges-again-after-timeout", "believes-refund-request",
)  # fmt: skip
"""Mistakes that show without waiting."""
WAITS_SECONDS, IN_VAIN_SECONDS = 60.0, 2.0


def buying(live: Threaded, url: str, kind: str, *, refund: bool) -> Callable[[str, Mapping[str, str], float], Ended]:
    """The scripted shopper as the command. What a probe forbids to come true is not waited for as long."""

    def run(command: str, env: Mapping[str, str], limit: float) -> Ended:
        probe = chosen((env["MOCKPSP_PROBE"],))[0] if "/" in env["MOCKPSP_PROBE"] else None
        wait = WAITS_SECONDS if probe is None or probe.completes else IN_VAIN_SECONDS
        try:
            told = live.run(
                purchase(url, Wish(kind=kind, refund=refund, wait=wait, settle=wait, linger=0.1)), timeout=200
            )
        except (Wrong, NotThere, ClientError) as error:
            return Ended(1, str(error), 0.1, None)
        return Ended(0, str(told), 0.1, None)

    return run


def judged(
    live: Threaded,
    sandbox: ControlledSandbox,
    bugs: tuple[str, ...],
    kind: str,
    probes: tuple[str, ...],
    *,
    refund: bool = True,
) -> Judgement:
    with merchant(live, sandbox, *bugs, poll=0.3) as shop:
        setup = Setup(run=kind, settle=20.0, facts=f"{shop.url}/merchant/{{reference}}/facts")
        hooks = {each: f"{shop.url}/webhooks/{each}" for each in PROVIDERS}
        stage = OneSandbox(live.url, sandbox.id, False, hooks)
        names = tuple(f"{OF[kind]}/{each}" for each in probes if each != "plain")
        return judge(setup, stage, chosen(names) if names else (), command=buying(live, shop.url, kind, refund=refund))


@pytest.mark.parametrize("bug", QUICK)
def test_a_mistake_is_found(live: Threaded, sandbox: ControlledSandbox, bug: str) -> None:
    meant = MEANT[bug]
    judgement = judged(live, sandbox, (bug,), meant.kind, (meant.probe,), refund="refund" in meant.arguments)
    assert judgement.plain.outcome is Outcome.HELD, judgement.plain
    found = {each.name for each in judgement.counted}
    assert found & set(meant.finding.split()), judgement.probes


@pytest.mark.parametrize("kind", OF)
def test_nothing_is_found_in_the_shop_without_mistakes(live: Threaded, sandbox: ControlledSandbox, kind: str) -> None:
    probes = tuple(dict.fromkeys(MEANT[bug].probe for bug in QUICK if MEANT[bug].kind == kind))
    judgement = judged(live, sandbox, (), kind, probes)
    assert judgement.findings == ()
    assert {each.outcome for each in (judgement.plain, *judgement.probes)} == {Outcome.HELD}
