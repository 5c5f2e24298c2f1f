"""A stranger's browser: opens the addresses to which a provider would lead the shopper back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from mockpsp.judge.model import Visit
from mockpsp.judge.observed import Call, Saw
from mockpsp.judge.trade import TRADES, at
from mockpsp.testing.answers import Entry

_SECONDS = 15.0


class _Stay(HTTPRedirectHandler):
    """Tells where it would be sent, and does not go there."""

    def redirect_request(self, *_: Any) -> None:
        """No further request."""


def visits(entries: Sequence[Entry], visit: Visit) -> list[Saw]:
    """Open each return address of these entries; what the merchant answered."""
    found = []
    for url, proves in dict.fromkeys(addresses(entries)):
        match visit:
            case Visit.PLAIN:
                found.append(_open(url, "as the provider would lead there"))
            case Visit.TWICE:
                found += [_open(url, "for the first time"), _open(url, "for the second time")]
            case Visit.TAMPERED:
                found += [_open(_tampered(url, proves), f"with a made-up {proves}"), _open(url, "as it was given out")]
    return found


def addresses(entries: Sequence[Entry], provider: str = "") -> Iterator[tuple[str, str]]:
    """Return addresses with what the provider adds to them, and the parameter that cannot be guessed."""
    for entry in entries:
        trade = TRADES.get(entry.provider or "")
        if entry.kind != "request" or trade is None or entry.operation not in trade.makes:
            continue
        if provider not in ("", entry.provider):
            continue
        call = Call(entry)
        url = next((each for each in (at(call.body, path) for path in trade.returns) if isinstance(each, str)), "")
        if urlsplit(url).scheme in ("http", "https") and 200 <= call.status < 300:
            yield _with(url, _added(call)), trade.proves


def _added(call: Call) -> dict[str, str]:
    answer = call.answer if isinstance(call.answer, dict) else {}
    if call.provider == "worldline":
        given = {"hostedCheckoutId": answer.get("hostedCheckoutId"), "RETURNMAC": answer.get("RETURNMAC")}
        return {name: str(value) for name, value in given.items() if value}
    return {}


def _with(url: str, query: dict[str, str]) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=urlencode([*parse_qsl(parts.query), *query.items()])))


def _tampered(url: str, proves: str) -> str:
    parts = urlsplit(url)
    query = {**dict(parse_qsl(parts.query)), **({proves: "00000000-0000-4000-8000-000000000000"} if proves else {})}
    return urlunsplit(parts._replace(query=urlencode(query)))


def _open(url: str, how: str) -> Saw:
    opener = build_opener(ProxyHandler({}), _Stay())
    try:
        with opener.open(Request(url), timeout=_SECONDS) as answer:  # noqa: S310 - checked above
            return Saw(url=url, how=how, status=answer.status)
    except HTTPError as error:
        with error:
            return Saw(url=url, how=how, status=error.code, location=error.headers.get("Location", ""))
    except (OSError, HTTPException, ValueError) as error:
        return Saw(url=url, how=how, status=0, error=str(error) or type(error).__name__)
