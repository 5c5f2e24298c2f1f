"""One request of the journal as a step of a story: what the merchant's side has to be asked to send it again."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from msgspec import Struct, field

from mockpsp.control.recorded_values import Discretion, References, leaves, placeholder, without
from mockpsp.domain.errors import Refusal
from mockpsp.edge.journal_view import header, request_value
from mockpsp.edge.provider import Access, Provider, Route
from mockpsp.scenario.model import ShopperScript
from mockpsp.world.journal import Entry, Request
from mockpsp.world.masking import HIDDEN, mask_header, mask_segment
from mockpsp.world.plain import body_text

if TYPE_CHECKING:
    from mockpsp.world.sandboxes import Sandbox

_PROBE = "mockpsp-recording-key"
_OPAQUE = 24
_UNKNOWN = (401, 403)
_REFUSED = 400
_LEARNED = re.compile(r"\w+ \$\{\x02[^}]+\}")
_SEALED = re.compile(r"eyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){4}")
"""A compact JWE."""
_CREDENTIALS = ("authorization", "x-api-key")
_VARIABLE = re.compile(r"\{(\w+)(?::([^{}]*(?:\{[^{}]*\}[^{}]*)*))?\}")


class Page(Struct):
    """A request of a hosted page: whose page, and what the shopper did there, if anything.

    With a reference and no script it belongs to what the shopper did before.
    """

    ref: str = ""
    script: ShopperScript | None = None


class Said(Struct):
    """A merchant's step, or None where there is no step for it; ``answer`` is the JSON value that came back."""

    said: dict[str, Any] | None
    answer: Any = None
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Asked(Struct):
    """What a merchant's side is asked to send, with the values that were really sent."""

    operation: str
    path: dict[str, str]
    query: dict[str, Any]
    body: Any
    key: str | None
    headers: dict[str, str]


@cache
def _pattern(path: str) -> re.Pattern[str]:
    """aiohttp's path pattern as a regular expression."""
    pieces, end = [], 0
    for match in _VARIABLE.finditer(path):
        pieces += [re.escape(path[end : match.start()]), f"(?P<{match[1]}>{match[2] or '[^/]+'})"]
        end = match.end()
    return re.compile("".join([*pieces, re.escape(path[end:]), "/?"]))


class Calls:
    """Reads requests; knows what the merchant's side of each provider adds by itself."""

    def __init__(
        self, sandbox: Sandbox, providers: Mapping[str, Provider], references: References, discretion: Discretion
    ) -> None:
        self.sandbox = sandbox
        self.providers = providers
        self.references = references
        self.discretion = discretion
        self._answers: list[tuple[int, str, Any]] = []

    def _route(self, entry: Entry, request: Request) -> tuple[Route, dict[str, str]] | None:
        path = request.target.partition("?")[0]
        for route in self.providers[entry.provider].routes:
            if route.operation == entry.operation and route.method == request.method:
                match = _pattern(route.path).fullmatch(path)
                if match is not None:
                    return route, {name: unquote(value) for name, value in match.groupdict().items()}
        return None

    def page(self, entry: Entry, request: Request, led_to: Collection[str]) -> Page | None:
        """What a request of a hosted page means, to which these operations were due; None for a call of the API."""
        found = self._route(entry, request)
        if found is None or found[0].access is not Access.PAGE:
            return None
        form = request_value(request) if request.method == "POST" else {}
        if not isinstance(form, dict):
            return Page()
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        query = {name: values[-1] for name, values in parse_qs(request.target.partition("?")[2]).items()}
        driver = self.providers[entry.provider].driver
        told = driver.told(self.sandbox, entry.operation, {**found[1], **query}, fields, led_to)
        return Page() if told is None else Page(*told)

    # -- calls -------------------------------------------------------------------------------------------------------

    def said(self, entry: Entry, request: Request, index: int) -> Said:
        """The step that sends a request again, as step ``index`` of the story."""
        provider = self.providers[entry.provider]
        found = self._route(entry, request)
        what = f"{request.method} {request.target.partition('?')[0]} ({entry.provider}.{entry.operation})"
        if found is None or entry.operation not in provider.catalogue().calls:
            return Said(None, missing=[f"{what}, which is no call that a story can make"])
        if not request.finished:
            return Said(None, missing=[f"{what}, which has not been answered yet"])
        said = Said({"merchant": f"{entry.provider}.{entry.operation}"})
        self.references.speaking = entry.provider
        if request.dropped and request.body is None:
            said.missing.append(f"the body of {what}, which the bounded journal had to drop")
        host = header(request.headers, b"host")
        if host:
            self.references.origins |= {f"http://{host}", f"https://{host}"}
        asked = self._asked(entry, request, found[1], provider, said)
        self._shorten(asked, request, provider, said)
        self._write(asked, entry, provider, said)
        self.references.said([asked.path, asked.query, asked.body])
        said.answer = body_text(request.answer) if request.answer and not request.cut else None
        self._answers.append((index, entry.provider, said.answer))
        return said

    def _asked(self, entry: Entry, request: Request, path: dict[str, str], provider: Provider, said: Said) -> Asked:
        body = self._body(entry, request, said)
        query = parse_qs(request.target.partition("?")[2], keep_blank_values=True)
        plain_query = {name: values[0] if len(values) == 1 else values for name, values in query.items()}
        asked = Asked(entry.operation, path, plain_query, body, None, {})
        probed = self._made(provider, Asked(entry.operation, path, plain_query, body, _PROBE, {}))
        sent = {name.decode("latin-1").lower(): value.decode("utf-8", "replace") for name, value in request.headers}
        if probed is not None:
            carriers = [name for name, value in probed[2].items() if value == _PROBE]
            asked.key = next((sent[each.lower()] for each in carriers if sent.get(each.lower())), None)
            asked.headers = dict(self._headers(request, sent, probed[2], said))
        return asked

    def _body(self, entry: Entry, request: Request, said: Said) -> Any:
        value = request_value(request)
        media = header(request.headers, b"content-type").partition(";")[0].strip().lower()
        if media.startswith("multipart/") and isinstance(value, dict):
            whole = request_value(request, files=True)
            files = [name for name, each in whole.items() if isinstance(each, dict)]
            said.notes += [f"The content of the file '{name}' is left out; another one is sent." for name in files]
            return {name: "(a file)" if name in files else each for name, each in whole.items()}
        if isinstance(value, str):
            said.missing.append(f"the body of {entry.operation}, which is no JSON; a story sends it as a JSON text")
            return value
        value = self.providers[entry.provider].merchant().opened(value)
        if not any(_SEALED.fullmatch(text) for _, _, text in leaves(value) if isinstance(text, str)):
            return value
        if not request.status or request.status < _REFUSED:
            said.missing.append(
                f"what a browser encrypted for {entry.operation}; only the process that made the key reads it"
            )
            return value
        said.notes.append("What a browser encrypted could not be read, and what stands in its place cannot either.")
        return _unreadable(value)

    def _headers(
        self, request: Request, sent: Mapping[str, str], made: Mapping[str, str], said: Said
    ) -> Iterator[tuple[str, str]]:
        """Headers that a story's call would not have by itself: other credentials, another media type."""
        usual = {name.lower(): (name, value) for name, value in made.items()}
        for name in _CREDENTIALS:
            own_name, own = usual.get(name, (name.title().replace("Api", "API"), ""))
            told = self._credential(request, name, sent.get(name), own, said)
            if told is not None:
                yield own_name, told
        media, own_media = sent.get("content-type", ""), usual.get("content-type", ("", ""))[1]
        if media and own_media and _media(media) != _media(own_media):
            yield "Content-Type", media

    def _credential(self, request: Request, name: str, value: str | None, own: str, said: Said) -> str | None:
        """What to send as a header with credentials; None when a story's own are as good."""
        if value is None:
            if not request.stranger or not own:
                return None
            said.notes.append("It came without credentials.")
            return "none"
        filled = self.references.text(value)
        if not request.stranger:
            another = value.split(" ")[0] != own.split(" ")[0] or _client(value, own)
            return filled if another and "${" in filled else None
        if value == own or _LEARNED.fullmatch(filled):
            return None if value == own else filled
        said.notes.append("Its credentials were wrong; what proves them is masked.")
        if request.status not in _UNKNOWN:
            said.missing.append(f"credentials to which the answer is {request.status}; masked ones get another answer")
        return self.references.text(mask_header(name, value))

    def _made(self, provider: Provider, asked: Asked) -> tuple[str, str, dict[str, str], bytes | None] | None:
        """What the merchant's side sends when it is asked for this; None when it cannot."""
        try:
            return provider.merchant().request(
                self.sandbox, asked.operation, path=asked.path, query=asked.query, body=asked.body, key=asked.key,
                headers=asked.headers, now=self.sandbox.world.clock.now(),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError, AttributeError):
            return None

    def _shorten(self, asked: Asked, request: Request, provider: Provider, said: Said) -> None:
        """Leave out what the merchant's side adds by itself, and tell what it adds that was not sent."""
        whole = self._made(provider, asked)
        if whole is None:
            said.missing.append(f"{asked.operation} as it was sent; a story's call cannot be made like that")
            return
        added = parse_qs(whole[1].partition("?")[2], keep_blank_values=True)
        if not asked.query and added:
            asked.query = dict.fromkeys(added, "")
            whole = self._made(provider, asked) or whole
        for part in (asked.path, asked.body if isinstance(asked.body, dict) else {}):
            for name in list(part):
                value = part.pop(name)
                less = self._made(provider, asked)
                if less is None or less[1] != whole[1] or not _same(less[3], whole[3]):
                    part[name] = value
        sent = body_text(request.body) if request.body else None
        made = body_text(whole[3]) if whole[3] else None
        if isinstance(sent, dict) and isinstance(made, dict) and set(made) - set(sent):
            more = ", ".join(sorted(set(made) - set(sent)))
            said.missing.append(f"that {asked.operation} was sent without {more}, which a story's call always has")

    def _write(self, asked: Asked, entry: Entry, provider: Provider, said: Said) -> None:
        """Put the values into the step: references instead of ids, masks instead of secrets."""
        assert said.said is not None, "the step has its operation by now"
        if any("${" in text for _, _, text in leaves([asked.path, asked.query, asked.body])):
            said.missing.append("a text with ${ in it, which a story takes for a reference")
        hidden = self.discretion.hidden
        told = {
            "path": {name: mask_segment(value) for name, value in asked.path.items()},
            "query": asked.query,
            "body": asked.body,
            "headers": asked.headers,
        }
        filled = {name: self.references.fill(value) if name != "headers" else value for name, value in told.items()}
        of = self._usual(filled["body"], asked, provider)
        if of is not None:
            step, filled["body"], used = of
            said.said["of"] = placeholder(step)
            self.references.used.add(step)
            filled["path"] = {name: value for name, value in filled["path"].items() if name not in used}
        for name, value in filled.items():
            if value is not None and (value or (name == "body" and of is None)):
                said.said[name] = self.discretion.masked(value)
        if asked.key is not None:
            said.said["key"] = self.references.text(asked.key)
        if self.discretion.hidden > hidden:
            said.missing.append("a secret or a card number that is none of the scenario's; it is masked")

    def _usual(self, body: Any, asked: Asked, provider: Provider) -> tuple[int, Any, set[str]] | None:
        """The earlier answer whose usual call brings what only a shopper's browser has told the application."""
        wanted = {(path, text) for path, _, text in leaves(body) if len(text) >= _OPAQUE and _opaque(text)}
        if not wanted:
            return None
        for index, name, answer in reversed(self._answers):
            if name != provider.name:
                continue
            try:
                path, usual = provider.merchant().usual(self.sandbox, asked.operation, amount=None, of=answer)
            except (KeyError, LookupError, TypeError, ValueError, AttributeError, Refusal):
                continue
            told = {(where, text) for where, _, text in leaves(usual)}
            if wanted & told - self._always(asked.operation, provider):
                patch = without(usual, body)
                return index, patch or None, {each for each, value in path.items() if asked.path.get(each) == value}
        return None

    def _always(self, operation: str, provider: Provider) -> set[tuple[str, str]]:
        """What the usual call says whatever it is about."""
        try:
            _, usual = provider.merchant().usual(self.sandbox, operation, amount=None, of=None)
        except (KeyError, LookupError, TypeError, ValueError, AttributeError, Refusal):
            return set()
        return {(where, text) for where, _, text in leaves(usual)}


def _unreadable(value: Any) -> Any:
    """The body with a mask in place of what was encrypted for somebody else."""
    if isinstance(value, Mapping):
        return {name: _unreadable(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_unreadable(each) for each in value]
    return HIDDEN if isinstance(value, str) and _SEALED.fullmatch(value) else value


def _media(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _opaque(text: str) -> bool:
    return "${" not in text and " " not in text and "://" not in text


def _client(value: str, own: str) -> bool:
    """Whether two Authorization headers of one family are of different kinds: ``GCS v1Client:…``, ``GCS v1HMAC:…``."""
    return ":" in value and ":" in own and value.partition(":")[0] != own.partition(":")[0]


def _same(one: bytes | None, other: bytes | None) -> bool:
    """Whether two bodies say the same."""
    return one == other or (one is not None and other is not None and body_text(one) == body_text(other))
