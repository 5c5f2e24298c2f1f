"""Small neutral drawings of payment methods and of a form's signs; the brands' own logos are not ours to give away.

Names are those that adyen-web asks for: ``images/logos/visa.svg``, ``images/components/bento_lock.svg``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from zlib import crc32

from mockpsp.providers.adyen.holdings import GIFT_CARD_BRANDS, MEAL_VOUCHER

_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]{0,60})\.(?:svg|gif|png)")

_FRAME = '<rect x=".5" y=".5" width="39" height="25" rx="3.5" fill="#fff" stroke="#b6bfcc"/>'
_WORD = (
    '<text x="{x}" y="{y}" font-family="sans-serif" font-size="{size}" font-weight="700" text-anchor="middle" '
    'fill="#17202b">{word}</text>'
)
_STRIPE = '<rect x="1" y="5" width="38" height="4" fill="{tint}"/>'
_PERFORATION = '<path d="M13 2v22" stroke="{tint}" stroke-width="1.6" stroke-dasharray="2 2"/>'
_PLATE = (
    '<circle cx="20" cy="13" r="7" fill="none" stroke="{tint}" stroke-width="1.6"/>'
    '<circle cx="20" cy="13" r="3.4" fill="{tint}"/>'
    '<path d="M8 6v4a2 2 0 0 0 4 0V6m-2 0v14m21 0V6c3 2 3 5 0 7" fill="none" stroke="#5d6878" stroke-width="1.2"/>'
)
_RIBBON = (
    '<path d="M11 1h3.5v24H11zM1 11h38v3.5H1z" fill="{tint}" opacity=".75"/>'
    '<path d="M12.7 12C11 7 5 7 6 10.5c.5 1.5 4.5 1.5 6.7 1.5zm0 0c1.7-5 7.7-5 6.7-1.5-.5 1.5-4.5 1.5-6.7 1.5z" '
    'fill="{tint}"/>'
)
_CHIP = (
    '<rect x="6" y="9" width="7" height="5" rx="1" fill="#c9a94f"/>'
    '<path d="M6 19h12m12 0h4" stroke="#8a94a3" stroke-width="1.6"/>'
)

_CARDS: Mapping[str, tuple[str, str]] = {
    "visa": ("Visa", "#3e5c9a"),
    "mc": ("MC", "#b8623a"),
    "amex": ("Amex", "#3a7f9a"),
    "cartebancaire": ("CB", "#3a8a5f"),
    "bcmc": ("BC", "#4a6fae"),
    "maestro": ("Maestro", "#7a5ba6"),
    "diners": ("Diners", "#5d6878"),
    "discover": ("Disc", "#b8863a"),
    "jcb": ("JCB", "#3a8a5f"),
    "cup": ("CUP", "#a63f4f"),
    "ancv": ("CV", "#b0487a"),
}
_TINTS = ("#3e5c9a", "#b8623a", "#3a7f9a", "#3a8a5f", "#7a5ba6", "#b0487a", "#7d6a2c", "#5d6878")

_DISC = "M14.5 8a6.5 6.5 0 1 1-13 0 6.5 6.5 0 0 1 13 0z"
_PLATE_OF_CARD = "M3.5 3.5h9A1.5 1.5 0 0 1 14 5v6a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 2 11V5a1.5 1.5 0 0 1 1.5-1.5z"
_SIGNS: Mapping[str, tuple[str, str]] = {
    "lock": ("#fff", "M4 7h8v6.5H4zM5.5 7V5a2.5 2.5 0 0 1 5 0v2"),  # on a dark button
    "checkmark": ("#0a7d4f", "m3 8.5 3.3 3.3L13 5"),
    "success": ("#0a7d4f", f"{_DISC}M5 8.3l2.2 2.2L11.3 6"),
    "error": ("#c12424", f"{_DISC}M8 4.7v4m0 2.3v.2"),
    "info": ("#3e5c9a", f"{_DISC}M8 7.3v4m0-6.5V5"),
    "cross": ("#00112c", "m4 4 8 8m0-8-8 8"),
    "arrow": ("#00112c", "m4 6 4 4 4-4"),
    "trash": ("#00112c", "M3 4.5h10m-6-2h2m-4.5 2 .6 9h5.8l.6-9"),
    "copy": ("#00112c", "M5.5 5.5h8v8h-8zM10.5 2.5h-6a2 2 0 0 0-2 2v6"),
    "heart": ("#b0487a", "M8 13S2.5 9.5 2.5 6A2.8 2.8 0 0 1 8 5a2.8 2.8 0 0 1 5.5 1c0 3.5-5.5 7-5.5 7z"),
    "date": ("#5d6878", f"{_PLATE_OF_CARD}M2 6.5h12M9 10.5h3"),
    "code": ("#5d6878", f"{_PLATE_OF_CARD}M2 6h12M9 9.8h.2m1.3 0h.2m1.3 0h.2"),
}
_OTHER_SIGN = ("#5d6878", "M10 8a2 2 0 1 1-4 0 2 2 0 0 1 4 0z")
_PEN = 'fill="none" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round"'


@lru_cache(maxsize=256)
def drawing(folder: str, file: str) -> bytes | None:
    """A picture as SVG, whatever its name ends in; None for what is no name of a picture."""
    found = _NAME.fullmatch(file)
    if found is None or folder not in ("logos", "components"):
        return None
    return (_logo(found[1]) if folder == "logos" else _sign(found[1])).encode()


def _svg(width: int, height: int, inner: str) -> str:
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{inner}</svg>'


def _logo(name: str) -> str:
    if name in _CARDS:
        word, tint = _CARDS[name]
        size = 11 if len(word) < 3 else 9 if len(word) < 5 else 7
        return _svg(40, 26, _FRAME + _STRIPE.format(tint=tint) + _WORD.format(x=20, y=20, size=size, word=word))
    tint = _TINTS[crc32(name.encode()) % len(_TINTS)]
    if name.startswith(MEAL_VOUCHER):
        return _svg(40, 26, _FRAME + _PLATE.format(tint=tint))
    if name in GIFT_CARD_BRANDS or "gift" in name:
        return _svg(40, 26, _FRAME + _RIBBON.format(tint=tint))
    if name in ("card", "nocard", "noCard", "scheme"):
        return _svg(40, 26, _FRAME + _CHIP)
    initials = "".join(part[0] for part in re.split(r"[_-]+", name) if part)[:2].upper()
    return _svg(40, 26, _FRAME + _PERFORATION.format(tint=tint) + _WORD.format(x=26, y=17, size=10, word=initials))


_ALSO = {"expiry": "date", "cvc": "code", "delete": "trash", "checkout": "info"}


def _sign(name: str) -> str:
    words = name.lower().split("_")
    named = next((_ALSO.get(each, each) for each in reversed(words) if _ALSO.get(each, each) in _SIGNS), "")
    ink, line = _SIGNS.get(named, _OTHER_SIGN)
    if named == "lock" and "black" in words:
        ink = "#00112c"
    return _svg(16, 16, f'<path d="{line}" stroke="{ink}" {_PEN}/>')
