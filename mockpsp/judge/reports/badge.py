"""A judgement as a small picture for a README: how many findings there are, and how bad the worst one is."""

from __future__ import annotations

from xml.sax.saxutils import escape

from mockpsp.judge.model import Judgement, Outcome, Severity
from mockpsp.judge.reports.baseline import Baseline

_GOOD, _KNOWN, _BROKEN = "#1a7f4b", "#5c6773", "#5c6773"
_COLOURS = {
    Severity.CRITICAL: "#b3261e", Severity.HIGH: "#b3261e", Severity.MEDIUM: "#a15c00", Severity.LOW: "#7a6a00"
}  # fmt: skip
_LETTER = 6.7
"""About the width of a letter in 11 pixels; text is set to the width that is left for it."""


def badge(judgement: Judgement, baseline: Baseline) -> str:
    """An SVG of its own, with its words as title."""
    said, colour = verdict(judgement, baseline)
    left, right = _wide("mockpsp judge"), _wide(said)
    wide = left + right
    words = escape(f"mockpsp judge: {said}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="20" role="img" aria-label="{words}">\n'
        f"  <title>{words}</title>\n"
        f'  <path fill="#2b3440" d="M4 0h{left - 4}v20H4a4 4 0 0 1-4-4V4a4 4 0 0 1 4-4z"/>\n'
        f'  <path fill="{colour}" d="M{left} 0h{right - 4}a4 4 0 0 1 4 4v12a4 4 0 0 1-4 4h-{right - 4}z"/>\n'
        f'  <g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">\n'
        f"    {_text('mockpsp judge', left / 2, left)}\n    {_text(said, left + right / 2, right)}\n"
        "  </g>\n</svg>\n"
    )


def verdict(judgement: Judgement, baseline: Baseline) -> tuple[str, str]:
    """What it says, and in which colour."""
    fresh = baseline.fresh(judgement)
    if any(each.outcome is Outcome.BROKEN for each in (judgement.plain, *judgement.probes)):
        return "could not run", _BROKEN
    if fresh:
        count = "1 finding" if len(fresh) == 1 else f"{len(fresh)} findings"
        return f"{count}, {fresh[0].severity}", _COLOURS[fresh[0].severity]
    known = len(judgement.counted)
    if known:
        return f"{known} known", _KNOWN
    held = sum(each.outcome is Outcome.HELD for each in judgement.probes)
    return f"{held} probes held" if held != 1 else "1 probe held", _GOOD


def _wide(text: str) -> int:
    return round(len(text) * _LETTER) + 12


def _text(text: str, middle: float, room: int) -> str:
    return f'<text x="{middle:g}" y="14" textLength="{room - 12}" lengthAdjust="spacingAndGlyphs">{escape(text)}</text>'
