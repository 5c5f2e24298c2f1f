"""Draws a story as a sequence diagram: who spoke to whom, in order. ``sequence.html`` turns the result into SVG."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mockpsp.web.story import Chapter, Story

_LANE = 230.0
_SIDE = 110.0
_TOP = 56.0
_STEP = 34.0
_NOTE = 26.0
_GAP = 22.0
_LONGEST = 34
_NOTE_LONGEST = 44
MOST = 60
"""Chapters that are drawn; of more, the latest."""
SHOPPER, SHOP, HOUSE, ENDPOINT = range(4)


class Message(NamedTuple):
    """An arrow. ``dashed`` for answers, ``broken`` where nothing arrived; ``whole`` is the text that was shortened."""

    source: int
    target: int
    text: str
    whole: str
    tone: str
    dashed: bool
    broken: bool
    number: int


class Note(NamedTuple):
    """Something that the provider's side notes: a state that changed, or the clock."""

    text: str
    whole: str
    tone: str


class Pause(NamedTuple):
    """Time that passed."""

    text: str


class Drawn(NamedTuple):
    """A row with its place: a message from ``x`` to ``to_x``, a note around ``x``, a pause across."""

    row: Message | Note | Pause
    y: float
    x: float = 0.0
    to_x: float = 0.0


class Sequence(NamedTuple):
    """The whole drawing; ``left_out`` chapters came before it. ``lanes`` are pairs of a name and a place."""

    width: float
    height: float
    lanes: list[tuple[str, float]]
    rows: list[Drawn]
    left_out: int


def draw(story: Story, provider: str) -> Sequence:
    """The latest chapters of a story with a provider of that title."""
    chapters = story.chapters[-MOST:]
    told = [row for chapter in chapters for row in _rows(chapter)]
    spoke = {lane for row in told if isinstance(row, Message) for lane in (row.source, row.target)} | {SHOP, HOUSE}
    places = {lane: _SIDE + number * _LANE for number, lane in enumerate(sorted(spoke))}
    rows: list[Drawn] = []
    y = _TOP
    for row in told:
        match row:
            case Message():
                rows.append(Drawn(row, y, places[row.source], places[row.target]))
                y += _STEP
            case Note():
                rows.append(Drawn(row, y, places[HOUSE]))
                y += _NOTE
            case Pause():
                rows.append(Drawn(row, y))
                y += _GAP
    names = {SHOPPER: "Shopper", SHOP: "Shop", HOUSE: provider, ENDPOINT: "Webhook endpoint"}
    lanes = [(names[lane], place) for lane, place in places.items()]
    return Sequence(max(places.values()) + _SIDE, y + 10, lanes, rows, len(story.chapters) - len(chapters))


def _rows(chapter: Chapter) -> Iterator[Message | Note | Pause]:
    if chapter.later:
        yield Pause(chapter.later)
    yield from _spoken(chapter)
    for change in chapter.changes:
        whole = f"{change.what} {change.ref}: {f'{change.before} → ' if change.before else ''}{change.after}"
        yield Note(_short(f"{change.what}: {change.after}", _NOTE_LONGEST), whole, change.tone)
    if chapter.actor in ("shop", "shopper") and chapter.answer:
        source = SHOP if chapter.actor == "shop" else SHOPPER
        yield _message(HOUSE, source, chapter.answer, chapter, dashed=True, broken=not chapter.answer.isdigit())


def _spoken(chapter: Chapter) -> Iterator[Message | Note]:
    match chapter.actor:
        case "shop":
            yield _message(SHOP, HOUSE, _operation(chapter), chapter)
        case "shopper":
            yield _message(SHOPPER, HOUSE, _operation(chapter) if chapter.answer else chapter.title, chapter)
        case "endpoint":
            told = f"{chapter.title}: {chapter.answer}"
            yield _message(HOUSE, ENDPOINT, told, chapter, broken=chapter.tone != "good")
        case _:
            yield Note(_short(chapter.title, _NOTE_LONGEST), chapter.title, "quiet")


def _operation(chapter: Chapter) -> str:
    """``create hosted checkout`` says more in a drawing than its address does."""
    return chapter.operation.partition(".")[2].replace("_", " ")


def _message(
    source: int, target: int, text: str, chapter: Chapter, *, dashed: bool = False, broken: bool = False
) -> Message:
    whole = f"{text}: {chapter.title}" if text not in chapter.title else chapter.title
    tone = chapter.tone if dashed or target == ENDPOINT else ""
    return Message(source, target, _short(text, _LONGEST), whole, tone, dashed, broken, chapter.number)


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
