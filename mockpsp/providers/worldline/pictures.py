"""Small neutral drawings of the payment products, served by us; the brands' own logos are not ours to give away."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

ASSETS = "/assets/worldline/"

_CARD = (
    '<rect x="1" y="1" width="70" height="46" rx="6" fill="#fff" stroke="#8a94a3" stroke-width="2"/>'
    '<rect x="2" y="9" width="68" height="8" fill="{tint}"/>'
    '<text x="36" y="38" font-family="sans-serif" font-size="{size}" font-weight="700" text-anchor="middle" '
    'fill="#17202b">{word}</text>'
)
_VOUCHER = (
    '<path d="M4 8h64v10a6 6 0 0 0 0 12v10H4V30a6 6 0 0 0 0-12z" fill="#fff" stroke="#8a94a3" stroke-width="2"/>'
    '<path d="M24 8v32" stroke="{tint}" stroke-width="3" stroke-dasharray="4 3"/>'
    '<text x="46" y="31" font-family="sans-serif" font-size="{size}" font-weight="700" text-anchor="middle" '
    'fill="#17202b">{word}</text>'
)

_PICTURES: Mapping[str, tuple[str, str, str, int]] = {
    "visa": (_CARD, "Visa", "#3e5c9a", 15),
    "mastercard": (_CARD, "Mastercard", "#b8623a", 10),
    "amex": (_CARD, "Amex", "#3a7f9a", 15),
    "cb": (_CARD, "CB", "#3a8a5f", 17),
    "cards": (_CARD, "••••", "#5d6878", 17),
    "cvconnect": (_VOUCHER, "CV", "#b0487a", 17),
}


def url(name: str, origin: str) -> str:
    """Where a picture is served."""
    return f"{origin}{ASSETS}pm/{name}.svg"


@cache
def drawing(name: str) -> bytes | None:
    """A picture as SVG, 72 by 48; None when there is none of this name."""
    if name not in _PICTURES:
        return None
    shape, word, tint, size = _PICTURES[name]
    inner = shape.format(word=word, tint=tint, size=size)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 48" width="72" height="48">{inner}</svg>'.encode()
