"""Counts of what happened in all sandboxes since the server started, for metrics. They only ever grow."""

from __future__ import annotations

from collections import Counter


class Tally:
    """One per server; labels are names of ours, never what a client sent."""

    __slots__ = ("attempts", "conflicts", "events", "faults", "rules")

    def __init__(self) -> None:
        self.events = 0
        self.conflicts = 0
        """Commits that were decided again, because another process had been faster."""
        self.rules: Counter[str] = Counter()
        """Rules of scenarios that decided, by operation."""
        self.faults: Counter[str] = Counter()
        """Faults of scenarios that struck, by operation."""
        self.attempts: Counter[tuple[str, ...]] = Counter()
        """Attempts to deliver a webhook, by provider and outcome."""

    def attempted(self, provider: str, accepted: bool, status: int | None, blocked: bool) -> None:
        """Count an attempt; without a status nobody answered."""
        outcome = "delivered" if accepted else "blocked" if blocked else "unreachable" if status is None else "refused"
        self.attempts[provider, outcome] += 1
