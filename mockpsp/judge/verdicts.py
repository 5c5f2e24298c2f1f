"""What a merchant can do wrong, each as a check that looks at one run. All that a check says, it shows."""

from __future__ import annotations

from collections.abc import Iterator

from mockpsp.judge.model import Finding, Trial


def plainly(trial: Trial) -> Iterator[Finding]:
    """What is wrong even when nothing is bent."""
    yield from ()
