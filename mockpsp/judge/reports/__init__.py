"""A judgement as files: a page for people, JUnit and SARIF for CI servers, JSON, a badge; and the baseline.

Each form is made from the judgement alone. ``write`` is what ``judge`` and ``explore`` call at their end.
"""

from mockpsp.judge.reports.baseline import BadBaseline, Baseline
from mockpsp.judge.reports.wanted import Wanted, write

__all__ = ["BadBaseline", "Baseline", "Wanted", "write"]
