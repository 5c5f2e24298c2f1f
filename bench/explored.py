"""The explorer explored: the example shop's two-step mistakes, each found and shrunk, and the shop without one.

``python -m bench.explored`` (``make explored``) walks with the whole budget; exit code 1 when a mistake is not found,
is not shrunk below thirty lines or is found by a probe of ``judge``, or when the right shop shows something.
``--into FOLDER`` keeps the scenario files.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from bench.judge_table import OF, PROVIDERS, Shop, shop
from mockpsp.judge.command import Ended
from mockpsp.judge.exploring import Explored, Plan, explore
from mockpsp.judge.model import Judgement
from mockpsp.judge.runner import Setup
from mockpsp.judge.stage import OneSandbox
from mockpsp.testing.client import Mockpsp
from mockpsp.testing.threads import Threaded, threaded

MOST_LINES = 30


@dataclass(frozen=True)
class TwoSteps:
    """What a mistake is found with: the purchase, the finding, and what it is shrunk to."""

    kind: str
    finding: str
    bends: str
    on: tuple[str, ...]
    again: bool = False


MEANT: Mapping[str, TwoSteps] = {
    "new-key-for-each-news": TwoSteps(
        "lunch", "captured-twice", "adyen.AUTHORISATION twice + adyen.capture lost",
        ("adyen.capture", "adyen.AUTHORISATION", "adyen.ORDER_CLOSED"),
    ),
    "late-refusal-ends": TwoSteps(
        "holiday", "undone-by-old-event", "worldline.card_complement refused + worldline.payment.rejected late",
        ("worldline.card_complement", "worldline.payment.rejected"), again=True,
    ),
    "failed-look-is-no": TwoSteps(
        "basket", "made-again-without-looking", "lyra.create_order lost + lyra.list_orders broken",
        ("lyra.create_order", "lyra.list_orders"),
    ),
}  # fmt: skip


def buying(up: Shop, meant: TwoSteps, wait: float) -> Callable[[str, Mapping[str, str], float], Ended]:
    """The scripted shopper as the command, in this process; it ends when the shop has nothing left to do."""
    from aiohttp import ClientError
    from shop.buy import Wish, Wrong, purchase
    from shop.visitor import NotThere

    def run(command: str, env: Mapping[str, str], limit: float) -> Ended:
        wish = Wish(kind=meant.kind, again=meant.again, wait=wait, settle=wait, linger=0.1)
        try:
            told = up.server.run(purchase(up.url, wish), timeout=200)
        except (Wrong, NotThere, ClientError) as error:
            return Ended(1, str(error), 0.1, None)
        finally:
            up.rest()
        return Ended(0, str(told), 0.1, None)

    return run


def explored(
    server: Threaded, bugs: Sequence[str], meant: TwoSteps, plan: Plan, *, seed: int = 1, wait: float = 6.0,
    judged: Judgement | None = None, tell: Callable[[str, str], None] = lambda *_: None, poll: float = 0.5,
) -> Explored:  # fmt: skip
    """One exploration of the shop with these mistakes; the shop stays up."""
    with Mockpsp(server.url).new_sandbox() as sandbox, shop(server, sandbox, bugs, poll) as up:
        setup = Setup(
            run=f"buy {meant.kind}", seed=seed, settle=12.0, facts=f"{up.url}/merchant/{{reference}}/facts",
            providers=(OF[meant.kind],),
        )  # fmt: skip
        stage = OneSandbox(server.url, sandbox.id, False, {each: f"{up.url}/webhooks/{each}" for each in PROVIDERS})
        return explore(setup, stage, plan, tell, buying(up, meant, wait), judged)


def main() -> int:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--seed", type=int, default=1)
    reader.add_argument("--budget", type=int, default=200)
    reader.add_argument("--bug", action="append", default=[], choices=list(MEANT))
    reader.add_argument("--near", action="store_true", help="bend only what the mistake is about")
    reader.add_argument("--correct", action="store_true", help="only the shop without a mistake")
    reader.add_argument("--into", type=Path)
    reader.add_argument("--verbose", action="store_true")
    options = reader.parse_args()
    wrong = 0
    with threaded() as server:
        for bug in options.bug or MEANT:
            plan = Plan(budget=options.budget, first=not options.correct, on=MEANT[bug].on if options.near else ())
            began = perf_counter()

            def tell(bent: str, found: str) -> None:
                if options.verbose:
                    sys.stdout.write(f"  {bent}: {found or 'ok'}\n")
                    sys.stdout.flush()

            cases: list[list[str]] = [[]] if options.correct else [[bug]] if options.near else [[], [bug]]
            for bugs in cases:
                result = explored(server, bugs, MEANT[bug], plan, seed=options.seed, tell=tell)
                wrong += not _row(bugs, MEANT[bug], result, perf_counter() - began, options.into)
    return 1 if wrong else 0


def _row(bugs: Sequence[str], meant: TwoSteps, result: Explored, seconds: float, into: Path | None) -> bool:
    counted = result.judgement.counted
    lines = {name: len(text.splitlines()) for name, text in result.files.items()}
    told = "; ".join(f"{each.probe}: {each.name}" for each in counted) or result.judgement.plain.told or "nothing"
    good = all(each < MOST_LINES for each in lines.values())
    good = good and (any(each.name == meant.finding for each in counted) if bugs else result.judgement.ok)
    what = " ".join(bugs) or f"no mistake, {meant.kind}"
    sys.stdout.write(
        f"{'ok ' if good else 'NO '} {what}: {result.runs} runs in {seconds:.0f} s: {told} {list(lines.values())}\n"
    )
    sys.stdout.flush()
    if into is not None:
        into.mkdir(parents=True, exist_ok=True)
        for name, text in result.files.items():
            (into / name).write_text(text, encoding="utf-8", newline="\n")
    return good


if __name__ == "__main__":
    sys.exit(main())
