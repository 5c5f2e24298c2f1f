"""Addresses of the hosted pages, each of which leads to its sandbox: the first digits, or the code, hold its key."""

from __future__ import annotations

from mockpsp.domain.ids import Ids

PAGE = "/vads-payment/{page}"
EMBEDDED = "/vads-payment/embedded"
PROGRESS = "/vads-payment/progress"
RETURN = "/vads-payment/return"
LINK = "/t/{code}"
_NODE = ".vadpayment01"
_EXEC = "exec.refresh.a;jsessionid="
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_KEYS = 2**32
_FIRST = 1000
"""Codes have eight characters from here on, as Lyra's have."""


def page_ids(key: str, ids: Ids) -> tuple[str, str]:
    """The 21 digits and the session of a new page's address."""
    number = ids.next("lyra.page") * 0x9E3779B1 % 10**11
    return f"{int(key, 16):010d}{number:011d}", ids.hex(24)


def page_key(cache_id: str) -> str:
    """The sandbox's key in a page's 21 digits; empty when it is none."""
    if len(cache_id) != 21 or not (cache_id.isascii() and cache_id.isdigit()):
        return ""
    return f"{int(cache_id[:10]):08x}"


def page_url(origin: str, cache_id: str, secret: str) -> str:
    """Where a shopper pays."""
    return f"{origin}/vads-payment/{_EXEC}{secret}{_NODE}?cacheId={cache_id}"


def page_query(path: str, cache_id: str, secret: str) -> str:
    """What belongs to a page but is at another path: its progress, or its way back by POST."""
    return f"{path}?cacheId={cache_id}&jsessionid={secret}"


def session_of(page: str) -> str:
    """The session in the last part of a page's path; empty when it is another page."""
    if not (page.startswith(_EXEC) and page.endswith(_NODE)):
        return ""
    return page[len(_EXEC) : -len(_NODE)]


def form_token(key: str, ids: Ids) -> str:
    """A new form token; its first eight characters lead to the sandbox."""
    return f"{key}{ids.hex(24)}"


def embedded_url(origin: str, token: str) -> str:
    """The page of a form token."""
    return f"{origin}{EMBEDDED}?formToken={token}"


def link_code(key: str, ids: Ids) -> str:
    """The code of a new persistent link: a number in base 62 that holds the sandbox's key."""
    number = (ids.next("lyra.link") + _FIRST) * _KEYS + int(key, 16)
    text = ""
    while number:
        number, rest = divmod(number, 62)
        text = _DIGITS[rest] + text
    return text


def link_key(code: str) -> str:
    """The sandbox's key in a link's code; empty when it is none."""
    number = 0
    for each in code[:16]:
        digit = _DIGITS.find(each)
        if digit < 0:
            return ""
        number = number * 62 + digit
    return f"{number % _KEYS:08x}"


def link_url(origin: str, code: str) -> str:
    """A persistent payment link."""
    return f"{origin}/t/{code}"
