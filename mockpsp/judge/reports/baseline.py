"""The baseline: findings that are known, and do not fail the build until they are mended.

A finding is known by its key (probe and name), which is the same in every run and for every seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import DecodeError, ValidationError, field
from msgspec.json import decode, encode
from msgspec.json import format as laid_out

from mockpsp.domain.value import Value
from mockpsp.judge.model import Finding, Judgement, Outcome, Report

FORMAT = 1


class BadBaseline(Exception):
    """The file is no baseline of this version; the message says why."""


class _File(Value, frozen=True):
    """What the file holds. Titles are there for who reviews it."""

    format: int
    known: dict[str, str] = field(default_factory=dict)


class Baseline(Value, frozen=True):
    """Keys of known findings, with their titles."""

    known: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Baseline:
        """Raises BadBaseline, OSError."""
        try:
            file = decode(path.read_bytes(), type=_File)
        except (DecodeError, ValidationError) as error:
            raise BadBaseline(f"{path} is no baseline: {error}") from error
        if file.format != FORMAT:
            raise BadBaseline(f"{path} has format {file.format}, this version reads {FORMAT}; write it again")
        return cls(file.known)

    @classmethod
    def of(cls, judgement: Judgement) -> Baseline:
        """All that counts in this judgement."""
        return cls({each.key: each.title for each in judgement.counted})

    def text(self) -> str:
        """The file: sorted, so that a change of it is easy to review."""
        known = dict(sorted(self.known.items()))
        return laid_out(encode(_File(FORMAT, known)), indent=2).decode() + "\n"

    def knows(self, finding: Finding) -> bool:
        """Whether it was there when the baseline was written."""
        return finding.key in self.known

    def fresh(self, judgement: Judgement) -> tuple[Finding, ...]:
        """What counts and is not known, the worst first."""
        return tuple(each for each in judgement.counted if not self.knows(each))

    def gone(self, judgement: Judgement) -> tuple[str, ...]:
        """Known keys that were not found although their probe was run: the baseline can let go of them."""
        ran = {each.probe for each in _ran(judgement)}
        found = {each.key for each in judgement.counted}
        return tuple(key for key in sorted(self.known) if key not in found and key.rpartition("/")[0] in ran)

    def passes(self, judgement: Judgement) -> bool:
        """Whether nothing is new, and all could be run."""
        broken = any(each.outcome is Outcome.BROKEN for each in (judgement.plain, *judgement.probes))
        return not broken and not self.fresh(judgement)


def _ran(judgement: Judgement) -> Sequence[Report]:
    return [each for each in (judgement.plain, *judgement.probes) if each.outcome in (Outcome.HELD, Outcome.FOUND)]
