"""Lyra's pages, drawn from samples: complete in both languages, deaf to what strangers write, as documented."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mockpsp.edge.texts import Texts
from mockpsp.providers.lyra import texts, views
from tests.support.chromium import Person, chromium, executable
from tests.support.gallery import LANGUAGES, served
from tests.support.lyra_views import Samples, eur, frames, pages
from tests.support.needed import missing

HOSTILE = """<script>hit=1</script><img src=x onerror="hit=1">'"&{{7*7}}"""
TEMPLATES = Path(views.__file__).parent / "templates"
NAMED = {"aria-labelledby", "aria-describedby", "for"}


class Drawn(HTMLParser):
    """What a page consists of: tags with their attributes, and texts."""

    def __init__(self, view: views.View) -> None:
        super().__init__()
        self.tags: list[tuple[str, Mapping[str, str]]] = []
        self.text: list[str] = []
        self.feed(views.render(view))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See HTMLParser."""
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        """See HTMLParser."""
        self.text.append(data)

    def all(self, attribute: str) -> list[str]:
        """All values of an attribute."""
        return [attributes[attribute] for _, attributes in self.tags if attribute in attributes]

    def one(self, testid: str) -> Mapping[str, str]:
        """Attributes of the only tag of that name."""
        [found] = [attributes for _, attributes in self.tags if attributes.get("data-testid") == testid]
        return found

    @property
    def words(self) -> str:
        """All that it says, white space made plain."""
        return " ".join(" ".join(self.text).split())

    def forms(self) -> Iterator[tuple[str, str, dict[str, str]]]:
        """Address, ``step`` and the names and values of the other fields of every form."""
        found: list[tuple[str, dict[str, str]]] = []
        for tag, attributes in self.tags:
            if tag == "form":
                found.append((attributes["action"], {}))
            elif tag == "input":
                found[-1][1][attributes["name"]] = attributes["value"]
        for action, fields in found:
            yield action, fields.pop("step", ""), fields


def every(samples: Samples) -> dict[str, views.View]:
    """All pages and frames."""
    return dict(pages(samples)) | dict(frames(samples))


ALL = [(language, name) for language in LANGUAGES for name in every(Samples(language))]
NAMES = list(every(Samples("fr-FR")))


# -- all pages ---------------------------------------------------------------------------------------------------------


def test_both_languages_say_the_same() -> None:
    assert texts.TEXTS.differences() == ()


def test_every_text_differs_between_the_languages_or_is_known_not_to() -> None:
    french, english = texts.TEXTS.table["fr"], texts.TEXTS.table["en"]
    same = {key for key in french if french[key] == english[key]}
    assert same == {"summary_total", "method_cv_connect", "bank_time", "portal_brand"}


@pytest.mark.parametrize(("language", "name"), ALL)
def test_a_page_is_complete(language: str, name: str) -> None:
    view = every(Samples(language))[name]
    html, page = views.render(view), Drawn(view)
    assert f'<html lang="{language[:2]}">' in html
    assert re.search(r"<title>\s*\S.*</title>", html)
    assert [tag for tag, _ in page.tags if tag in ("main", "h1")] == ["main", "h1"]

    ids = page.all("id")
    assert len(ids) == len(set(ids))
    named = {each for attribute in NAMED for value in page.all(attribute) for each in value.split()}
    assert named <= set(ids)
    assert {href[1:] for href in page.all("href") if href.startswith("#")} <= set(ids)
    for tag, attributes in page.tags:
        if tag == "input" and attributes.get("type") == "text":
            assert attributes["id"] in page.all("for")
        if tag == "form":
            assert attributes["method"] == "post"
            assert attributes["action"]


@pytest.mark.parametrize(("language", "name"), ALL)
def test_nothing_is_inline(language: str, name: str) -> None:
    """The content security policy allows neither styles nor scripts in the page."""
    page = Drawn(every(Samples(language))[name])
    assert page.all("style") == []
    assert [attributes["src"] for tag, attributes in page.tags if tag == "script"] == ["/_mockpsp/static/pages.js"]
    assert not [tag for tag, attributes in page.tags if tag == "style" or any(at[:2] == "on" for at in attributes)]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_left_in_the_other_language(name: str) -> None:
    def whole(table: Mapping[str, str], other: Mapping[str, str]) -> set[str]:
        return {text for key, text in table.items() if "{" not in text and len(text) > 9 and text != other[key]}

    french, english = texts.TEXTS.table["fr"], texts.TEXTS.table["en"]
    in_french, in_english = (Drawn(every(Samples(language))[name]).text for language in LANGUAGES)
    assert not {text.strip() for text in in_french} & whole(english, french)
    assert not {text.strip() for text in in_english} & whole(french, english)


def test_every_text_is_used_by_a_page_or_meant_for_the_handlers() -> None:
    """What templates say, and what only handlers can say: problems, effects of test data, names of methods."""
    said = "\n".join(file.read_text("utf-8") for file in TEMPLATES.glob("*.html"))
    built = (
        "hint_",
        "closed_",
        "outcome_",
        "registered_",
        "attempts_left_",
        "problem_",
        "test_data_",
        "method_",
        "connected_",
        "portal_step_",
    )
    own = texts.TEXTS.table["en"].keys() - Texts(en={}, fr={}).table["en"].keys()
    assert {key for key in own if not key.startswith(built) and f'"{key}"' not in said} == set()


@pytest.mark.parametrize("name", NAMES)
def test_what_strangers_write_is_text(name: str) -> None:
    view = every(Samples("fr-FR", merchant=HOSTILE, reference=HOSTILE))[name]
    page = Drawn(view)
    assert [tag for tag, attributes in page.tags if tag == "img" or "onerror" in attributes] == []
    assert len([tag for tag, _ in page.tags if tag == "script"]) == 1
    assert name.startswith("closed") or HOSTILE in "".join(page.text)


def test_names_of_means_are_text_too() -> None:
    samples = Samples("en-US")
    strange = views.Method(kind="stored", name=HOSTILE, brand='x" onload="hit', last_four=HOSTILE)
    leg = views.Leg(kind="card", name=HOSTILE, brand='x" onload="hit', last_four=HOSTILE, amount=eur(1))
    for view in (
        samples.payment(methods=(strange,), legs=(leg,)),
        samples.conecs(expiry=HOSTILE, typed=HOSTILE),
        samples.cv_connect(beneficiary=HOSTILE, typed=HOSTILE),
        samples.card(brands=('x" onload="hit',), holder=HOSTILE, expiry=HOSTILE),
        samples.card(stored=strange),
        samples.challenge(card_name=HOSTILE, last_four=HOSTILE, at=HOSTILE),
        samples.result("paid", legs=(leg,), return_url='"><script>'),
        samples.returning(fields=((HOSTILE, HOSTILE),)),
    ):
        page = Drawn(view)
        assert [tag for tag, attributes in page.tags if tag == "img" or "onload" in attributes] == []
        assert [attributes["src"] for tag, attributes in page.tags if tag == "script"] == ["/_mockpsp/static/pages.js"]


# -- what a test can take hold of --------------------------------------------------------------------------------------


def documented() -> set[str]:
    """Names of TESTIDS.md, as patterns."""
    told = (TEMPLATES / "TESTIDS.md").read_text("utf-8")
    names: set[str] = set()
    for row in (line for line in told.splitlines() if line.startswith("|")):
        cells = row.split("|")
        names |= set(re.findall(r"`([^`]+)`", cells[2] if len(cells) == 6 else cells[1]))
    return {re.sub("<[a-z]+>", r"[\\w-]+", name) for name in names}


def test_every_testid_is_documented_and_every_documented_one_exists() -> None:
    there = {testid for view in every(Samples("fr-FR")).values() for testid in Drawn(view).all("data-testid")}
    told = documented()
    assert {testid for testid in there if not any(re.fullmatch(name, testid) for name in told)} == set()
    assert {name for name in told if not any(re.fullmatch(name, testid) for testid in there)} == set()


@pytest.mark.parametrize("name", NAMES)
def test_testids_are_unique_where_they_are_promised_to_be(name: str) -> None:
    testids = Drawn(every(Samples("fr-FR"))[name]).all("data-testid")
    assert {testid for testid in testids if testids.count(testid) > 1} <= {"leg", "test-datum", "fill"}


def test_forms_post_what_the_docstring_promises() -> None:
    """``step`` and fields of every form, over all samples, as the table of ``views`` says."""
    rows: list[tuple[str, str]] = re.findall(
        r"^\| \w+View.* \| ``(\w+)`` \| (.*) \|$", views.__doc__ or "", re.MULTILINE
    )
    table = {step: set(re.findall(r"``(\w+)``", fields)) for step, fields in rows}
    found: dict[str, set[str]] = {}
    for view in every(Samples("fr-FR")).values():
        if not isinstance(view, views.ReturnView):
            for action, step, fields in Drawn(view).forms():
                assert action == ("/cancel" if step == "cancel" and hasattr(view, "legs") else "/post")
                found.setdefault(step, set()).update(fields)
    assert found == table


def test_one_click_fills_in_fields_that_are_there() -> None:
    for name, view in every(Samples("fr-FR")).items():
        page = Drawn(view)
        for fills in page.all("data-fill"):
            assert set(json.loads(fills)) <= set(page.all("name")), name


# -- single pages ------------------------------------------------------------------------------------------------------


def test_the_summary_adds_up() -> None:
    samples = Samples("fr-FR")
    view = samples.payment(legs=samples.legs)
    assert (view.paid, view.remaining, view.given_back) == (eur(4900), eur(3100), eur(4900))
    words = Drawn(view).words
    assert all(amount in words for amount in ("80,00", "19,00", "30,00", "31,00"))


def test_each_means_says_what_it_can_pay() -> None:
    samples = Samples("en-US")
    assert "up to €19.00" in Drawn(samples.payment()).words
    assert "pays everything" in Drawn(samples.payment()).words
    rest = Drawn(samples.payment(legs=samples.legs[:1])).words
    assert "pays all that is left" in rest
    assert "pays everything" not in rest


def test_only_vouchers_are_given_back_to_who_cancels() -> None:
    samples = Samples("en-US")
    told = Drawn(samples.card(legs=(*samples.legs, samples.visa))).words
    assert "If you cancel, the vouchers already used are given back to you: €49.00." in told
    assert "cancel-returns" not in Drawn(samples.card(legs=(samples.visa,))).all("data-testid")
    assert "cancel-returns" not in Drawn(samples.card(legs=samples.legs, cancel_url="")).all("data-testid")


def test_the_only_means_or_the_chosen_one_is_ticked() -> None:
    samples = Samples("en-US")

    def ticked(view: views.View) -> list[str]:
        return [attributes["value"] for _, attributes in Drawn(view).tags if "checked" in attributes]

    assert ticked(samples.payment()) == []
    assert ticked(samples.payment(chosen="conecs")) == ["conecs"]
    assert ticked(samples.payment(methods=samples.methods[3:])) == ["card"]


def test_what_may_stay_empty_is_not_required() -> None:
    samples = Samples("en-US")
    for view in (samples.conecs(), samples.cv_connect(), samples.card(), samples.challenge()):
        fields = [at for tag, at in Drawn(view).tags if tag == "input" and at["type"] == "text"]
        assert {at["name"] for at in fields if "required" not in at} <= {"amount", "holder"}
        assert {at["name"] for at in fields if "required" in at} & {"amount", "holder"} == set()


def test_what_was_typed_stays_but_secrets_are_not_shown_again() -> None:
    samples = Samples("fr-FR")
    conecs = Drawn(samples.conecs(expiry="12/30", typed="12,50"))
    assert (conecs.one("expiry")["value"], conecs.one("amount")["value"]) == ("12/30", "12,50")
    assert Drawn(samples.cv_connect(beneficiary="a@b.fr")).one("beneficiary")["value"] == "a@b.fr"
    assert Drawn(samples.card(holder="C. M.")).one("holder")["value"] == "C. M."
    for view in every(samples).values():
        for tag, attributes in Drawn(view).tags:
            if tag == "input" and attributes["name"] in ("number", "cvv", "code"):
                assert attributes["value"] == ""


def test_a_stored_card_is_only_confirmed() -> None:
    samples = Samples("en-US")
    page = Drawn(samples.card(stored=samples.stored, legs=samples.legs))
    assert [(step, fields) for _, step, fields in page.forms()] == [("stored", {}), ("cancel", {})]
    assert "Pay €31.00" in page.words


@pytest.mark.parametrize("outcome", ["paid", "refused", "cancelled", "expired"])
def test_registering_a_card_never_speaks_of_an_amount(outcome: views.Outcome) -> None:
    samples = Samples("en-US")
    for view in (
        samples.register(test_data=()),
        samples.result(outcome, registered=True, amount=eur(0)),
        samples.challenge(amount=None),
    ):
        assert "€" not in Drawn(view).words


def test_attempts_left_are_told_with_an_error() -> None:
    samples = Samples("fr-FR")
    refused = (samples.error("", "problem_card_refused"),)
    assert "Il vous reste 2 essais." in Drawn(samples.card(errors=refused, attempts_left=2)).words
    assert "attempts-left" not in Drawn(samples.card(errors=refused)).all("data-testid")
    assert "attempts-left" not in Drawn(samples.card(attempts_left=2)).all("data-testid")


def test_an_error_is_told_in_the_title_too() -> None:
    samples = Samples("fr-FR")
    assert "<title>Erreur" in views.render(samples.conecs(errors=(samples.error("", "problem_conecs_limit"),)))


def test_a_framed_result_returns_above_its_frame() -> None:
    framed = Drawn(Samples("en-US").result("paid", embedded=True))
    assert framed.one("return")["target"] == "_top"
    assert "simulator-band" not in framed.all("data-testid")


def test_the_way_back_by_post_carries_its_fields_in_order() -> None:
    view = Samples("en-US").returning()
    [(action, step, fields)] = Drawn(view).forms()
    assert (action, step, tuple(fields.items())) == (view.return_url, "", view.fields)


@pytest.mark.browser
def test_the_way_back_by_post_sends_itself() -> None:
    """Even where a field hides the form's own ``submit``, and with the security headers of a page."""
    program = executable()
    if program is None:
        missing("Chromium is not installed")
    drawn = {"return": views.render(Samples("en-US").returning(return_url="/shop"))}
    with served(drawn) as origin, chromium(program) as browser:
        person = Person(browser)
        person.tab().open(f"{origin}/return").until("location.pathname === '/shop'")
        waiting = person.tab(scripts=False).open(f"{origin}/return").shows("returning")
        waiting.click("return")
        waiting.until("location.pathname === '/shop'")
        person.leave()


@pytest.mark.parametrize(
    ("kind", "locale", "brand", "name"),
    [
        ("conecs", "fr-FR", "", "Carte titre-restaurant"),
        ("cv_connect", "en-US", "", "Chèque-Vacances Connect"),
        ("card", "fr-FR", "", "Carte bancaire"),
        ("card", "de-DE", "", "Bank card"),
        ("stored", "fr-FR", "VISA", "Visa"),
        ("card", "fr-FR", "NEWONE", "NEWONE"),
    ],
)
def test_names_of_means(kind: str, locale: str, brand: str, name: str) -> None:
    assert texts.method_name(kind, locale, brand) == name
