"""Played stories as HAR 1.2, for the network panel of a browser and other viewers.

Source: the format's specification (W3C draft "HTTP Archive (HAR) format", 1.2). What it has no word for is under
``_mockpsp``: the number of the journal entry, which ``Mockpsp-Trace`` carries too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from json import dumps
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from mockpsp import __version__
from mockpsp.testing.played import Played

_ORIGIN = "http://localhost:8080"
_UNKNOWN = -1
_NO_TIME = {"send": 0, "wait": 0, "receive": 0}
_VERSION = "HTTP/1.1"


def as_har(stories: Iterable[Played]) -> str:
    """One archive; each story is a page of it, with its calls and webhooks in the order in which they were answered."""
    stories = tuple(stories)
    log = {
        "version": "1.2",
        "creator": {"name": "mockpsp", "version": __version__},
        "pages": [_page(story) for story in stories],
        "entries": [entry for story in stories for entry in _entries(story)],
    }
    return dumps({"log": log}, indent=2, ensure_ascii=False)


def _page(story: Played) -> dict[str, Any]:
    return {"startedDateTime": story.start, "id": story.name, "title": story.title, "pageTimings": {}}


def _entries(story: Played) -> Iterator[dict[str, Any]]:
    """Requests and delivery attempts; those that the scenario answered in the endpoint's place too."""
    queued: dict[int, Mapping[str, Any]] = {}
    for each in story.journal:
        match each["kind"]:
            case "webhook":
                queued[each["webhook"]["number"]] = each["webhook"]
            case "request":
                yield _entry(story, each, _request(each), _answer(each))
            case "delivery" if "attempt" in each["delivery"] and each["delivery"]["number"] in queued:
                webhook = queued[each["delivery"]["number"]]
                yield _entry(story, each, _posted(webhook), _acknowledged(each["delivery"]))
            case "probe":
                sent = _sent("POST", each["probe"]["url"], {}, None)
                yield _entry(story, each, sent, _acknowledged(each["probe"]))


def _entry(
    story: Played, entry: Mapping[str, Any], request: Mapping[str, Any], response: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "pageref": story.name,
        "startedDateTime": entry["at"],
        "time": 0,
        "request": request,
        "response": response,
        "cache": {},
        "timings": _NO_TIME,
        "_mockpsp": {
            "trace": entry["id"],
            "kind": entry["kind"],
            "operation": f"{entry['provider']}.{entry['operation']}",
            "notes": entry.get("notes", []),
        },
    }


def _request(entry: Mapping[str, Any]) -> dict[str, Any]:
    url = f"{_ORIGIN}{entry['target']}"
    return _sent(entry["method"], url, entry["headers"], entry["body"])


def _sent(method: str, url: str, headers: Mapping[str, str], body: Any) -> dict[str, Any]:
    text = _text(body)
    sent = {
        "method": method,
        "url": url,
        "httpVersion": _VERSION,
        "cookies": [],
        "headers": _pairs(headers.items()),
        "queryString": _pairs(parse_qsl(urlsplit(url).query, keep_blank_values=True)),
        "headersSize": _UNKNOWN,
        "bodySize": len(text.encode()),
    }
    return {**sent, "postData": {"mimeType": _media(headers), "text": text}} if body is not None else sent


def _answer(entry: Mapping[str, Any]) -> dict[str, Any]:
    headers = entry["answer_headers"]
    return _response(entry["status"] or 0, headers, entry["answer"])


def _response(status: int, headers: Mapping[str, str], body: Any) -> dict[str, Any]:
    text = _text(body)
    content: dict[str, Any] = {"size": len(text.encode()), "mimeType": _media(headers)}
    if body is not None:
        content["text"] = text
    told = {
        "status": status,
        "statusText": _phrase(status),
        "httpVersion": _VERSION,
        "cookies": [],
        "headers": _pairs(headers.items()),
        "content": content,
        "redirectURL": next((value for name, value in headers.items() if name.lower() == "location"), ""),
        "headersSize": _UNKNOWN,
        "bodySize": len(text.encode()),
    }
    return told if status else {**told, "_error": "the connection was cut"}


def _posted(webhook: Mapping[str, Any]) -> dict[str, Any]:
    return _sent("POST", webhook["url"], {}, webhook["body"])


def _acknowledged(delivery: Mapping[str, Any]) -> dict[str, Any]:
    told = _response(delivery.get("status") or 0, {}, None)
    return {**told, "_error": delivery["error"]} if delivery.get("error") else told


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _pairs(pairs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]


def _media(headers: Mapping[str, str]) -> str:
    return next((value for name, value in headers.items() if name.lower() == "content-type"), "application/json")


def _text(body: Any) -> str:
    if body is None:
        return ""
    return body if isinstance(body, str) else dumps(body, ensure_ascii=False)


__all__ = ["as_har"]
