"""Adyen's pages, drawn from samples: complete in both languages, deaf to what strangers write, as documented."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mockpsp.edge.texts import Texts
from mockpsp.providers.adyen import texts, views
from tests.support.adyen_views import Samples, eur, frames, pages

LANGUAGES = ("fr-FR", "en-US")
HOSTILE = """<script>hit=1</script><img src=x onerror="hit=1">'"&{{7*7}}"""
TEMPLATES = Path(views.__file__).parent / "templates"
NAMED = {"aria-labelledby", "aria-describedby", "for"}


class Drawn(HTMLParser):
    """What a page consists of: tags with their attributes, texts, and whatever has no name for a screen reader."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, Mapping[str, str]]] = []
        self.text: list[str] = []
        self.feed(html)
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

    def with_testid(self, testid: str) -> list[Mapping[str, str]]:
        """Attributes of the tags of that name."""
        return [attributes for _, attributes in self.tags if attributes.get("data-testid") == testid]


def drawn(view: views.View) -> Drawn:
    """A page, read again."""
    return Drawn(views.render(view))


def every(samples: Samples) -> dict[str, views.View]:
    """All pages and frames."""
    return dict(pages(samples)) | dict(frames(samples))


ALL = [(language, name) for language in LANGUAGES for name in every(Samples(language))]


def test_both_languages_say_the_same() -> None:
    assert texts.TEXTS.differences() == ()


def test_what_only_one_language_says_is_found() -> None:
    uneven = Texts(en={"a": "{x}", "b": "b"}, fr={"a": "{y}", "c": "c"})
    assert uneven.differences() == ("a: placeholders differ", "b: only in English", "c: only in French")


def test_every_text_differs_between_the_languages_or_is_known_not_to() -> None:
    french, english = texts.TEXTS.table["fr"], texts.TEXTS.table["en"]
    same = {key for key in french if french[key] == english[key]}
    assert same == {"summary_total", "summary_description", "bank_time", "portal_brand"}


@pytest.mark.parametrize(("language", "name"), ALL)
def test_a_page_is_complete(language: str, name: str) -> None:
    html = views.render(every(Samples(language))[name])
    page = Drawn(html)
    assert f'<html lang="{language[:2]}">' in html
    assert re.search(r"<title>\s*\S.*</title>", html)
    assert html.count("<main ") == 1
    assert len([tag for tag, _ in page.tags if tag == "h1"]) == (0 if "told" in name or name == "fingerprint" else 1)

    ids = page.all("id")
    assert len(ids) == len(set(ids))
    named = {each for attribute in NAMED for value in page.all(attribute) for each in value.split()}
    assert named <= set(ids)
    assert {href[1:] for href in page.all("href") if href.startswith("#")} <= set(ids)
    for tag, attributes in page.tags:
        if tag == "input" and attributes["type"] in ("text", "password"):
            assert attributes["id"] in page.all("for")
        if tag == "form":
            assert attributes["method"] == "post"
            assert attributes["action"]


@pytest.mark.parametrize(("language", "name"), ALL)
def test_nothing_is_inline(language: str, name: str) -> None:
    """The content security policy allows neither styles nor scripts in the page."""
    html = views.render(every(Samples(language))[name])
    assert " style=" not in html
    assert "<style" not in html
    for tag, attributes in Drawn(html).tags:
        assert tag != "script" or attributes["src"].startswith("/")
        assert not [name for name in attributes if name.startswith("on")]


@pytest.mark.parametrize("name", every(Samples("fr-FR")))
def test_nothing_is_left_in_the_other_language(name: str) -> None:
    def whole(table: Mapping[str, str], other: Mapping[str, str]) -> set[str]:
        return {text for key, text in table.items() if "{" not in text and len(text) > 9 and text != other[key]}

    french, english = texts.TEXTS.table["fr"], texts.TEXTS.table["en"]
    in_french, in_english = (drawn(every(Samples(language))[name]).text for language in LANGUAGES)
    assert not {text.strip() for text in in_french} & whole(english, french)
    assert not {text.strip() for text in in_english} & whole(french, english)


def test_every_text_is_used_by_a_page_or_meant_for_the_handlers() -> None:
    """What templates say, and what only handlers can say: problems, effects of test data, names of methods."""
    said = "\n".join(file.read_text("utf-8") for file in TEMPLATES.glob("*.html"))
    built = ("hint_", "told_", "closed_", "outcome_", "problem_", "test_data_", "method_")
    own = texts.TEXTS.table["en"].keys() - Texts(en={}, fr={}).table["en"].keys()
    assert {key for key in own if not key.startswith(built) and f'"{key}"' not in said} == set()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", every(Samples("fr-FR")))
def test_what_strangers_write_is_text(language: str, name: str) -> None:
    samples = Samples(language, merchant=HOSTILE, reference=HOSTILE, description=HOSTILE)
    view = every(samples)[name]
    html = views.render(view)
    assert "<script>" not in html
    assert "<img" not in html
    assert "49" not in "".join(Drawn(html).text).replace("4917610000000000", "")
    if getattr(view, "merchant", "") == HOSTILE and name not in ("closed-unknown", "closed-paid"):
        assert HOSTILE in "".join(Drawn(html).text)


def test_names_of_methods_are_text_too() -> None:
    samples = Samples("en-US")
    strange = views.Method(kind="gift_card", type="giftcard", brand='x" onload="hit', name=HOSTILE, brands=(HOSTILE,))
    leg = views.Leg(kind="card", name=HOSTILE, brand='x" onload="hit', last_four=HOSTILE, amount=eur(1))
    checked = views.Checked(balance=eur(1), take=eur(1), token='"><script>', last_four=HOSTILE)
    for view in (
        samples.payment(methods=(strange,), legs=(leg,)),
        samples.voucher(method=strange, expiry=HOSTILE),
        samples.checked(checked, method=strange),
        samples.card(method=strange, holder=HOSTILE),
        samples.result("paid", legs=(leg,), return_url='"><script>'),
        samples.challenge(card_name=HOSTILE, last_four=HOSTILE, at=HOSTILE, user=HOSTILE),
    ):
        page = drawn(view)
        assert [tag for tag, attributes in page.tags if tag == "img" or "onload" in attributes] == []
        assert [attributes["src"] for tag, attributes in page.tags if tag == "script"] == ["/_mockpsp/static/pages.js"]


# -- what a test can take hold of --------------------------------------------------------------------------------------


def documented() -> set[str]:
    """Names of TESTIDS.md, as patterns."""
    told = (TEMPLATES / "TESTIDS.md").read_text("utf-8")
    names: set[str] = set()
    for row in (line for line in told.splitlines() if line.startswith("|")):
        cells = row.split("|")
        cell = cells[2] if len(cells) == 6 else cells[1]
        names |= set(re.findall(r"`([^`]+)`", cell))
    return names


def pattern(name: str) -> str:
    """A documented name as a regular expression."""
    return re.sub("<[a-z]+>", r"[\\w-]+", name)


def shown() -> set[str]:
    """All ``data-testid`` of all samples."""
    return {testid for view in every(Samples("fr-FR")).values() for testid in drawn(view).all("data-testid")}


def test_every_testid_is_documented_and_every_documented_one_exists() -> None:
    there, told = shown(), documented()
    assert {testid for testid in there if not any(re.fullmatch(pattern(name), testid) for name in told)} == set()
    assert {name for name in told if not any(re.fullmatch(pattern(name), testid) for testid in there)} == set()


@pytest.mark.parametrize("name", every(Samples("fr-FR")))
def test_testids_are_unique_where_they_are_promised_to_be(name: str) -> None:
    testids = drawn(every(Samples("fr-FR"))[name]).all("data-testid")
    repeated = {testid for testid in testids if testids.count(testid) > 1}
    assert repeated <= {"leg", "test-datum", "fill"}


def test_forms_post_what_the_docstring_promises() -> None:
    """``step`` and fields of every form, over all samples, as the table of ``views`` says."""
    table: dict[str, set[str]] = {}
    for row in re.findall(
        r"^\| .*(?:View\b|checked)(?! \| ``step).* \| ``(\w+)`` \| (.*) \|$", views.__doc__ or "", re.MULTILINE
    ):
        table.setdefault(row[0], set()).update(re.findall(r"``(\w+)``", row[1]))
    found: dict[str, set[str]] = {}
    for view in every(Samples("fr-FR")).values():
        step = ""
        for tag, attributes in drawn(view).tags:
            if tag == "input" and attributes["name"] == "step":
                step = attributes["value"]
                found.setdefault(step, set())
            elif tag == "input":
                found[step].add(attributes["name"])
    assert found == table


def test_one_click_fills_in_fields_that_are_there() -> None:
    for name, view in every(Samples("fr-FR")).items():
        page = drawn(view)
        for fills in page.all("data-fill"):
            assert set(json.loads(fills)) <= set(page.all("name")), name


# -- single pages ------------------------------------------------------------------------------------------------------


def test_the_summary_adds_up() -> None:
    view = Samples("fr-FR").payment(legs=Samples("fr-FR").legs)
    assert (view.paid, view.remaining) == (eur(3000), eur(1350))
    text = " ".join(" ".join(drawn(view).text).split())
    assert all(amount in text for amount in ("43,50", "25,00", "5,00", "13,50"))


def test_only_one_method_or_the_chosen_one_is_ticked() -> None:
    samples = Samples("en-US")

    def ticked(view: views.View) -> list[str]:
        return [attributes["value"] for tag, attributes in drawn(view).tags if "checked" in attributes]

    assert ticked(samples.payment()) == []
    assert ticked(samples.payment(chosen="givex")) == ["givex"]
    assert ticked(samples.payment(methods=(samples.sodexo,))) == ["mealVoucher_FR_sodexo"]


def test_secrets_are_not_shown_again() -> None:
    for view in every(Samples("fr-FR")).values():
        for tag, attributes in drawn(view).tags:
            if tag == "input" and attributes["name"] in ("number", "cvc", "password"):
                assert attributes["value"] == ""


def test_an_error_is_told_in_the_title_too() -> None:
    samples = Samples("fr-FR")
    assert "<title>Erreur" in views.render(samples.voucher(errors=(samples.error("", "problem_balance_card"),)))


@pytest.mark.parametrize(
    ("kind", "outcome", "message"),
    [
        ("challenge", "Y", {"type": "challengeResult", "result": {"transStatus": "Y"}}),
        ("challenge", "N", {"type": "challengeResult", "result": {"transStatus": "N"}}),
        ("challenge", "U", {"type": "challengeResult", "result": {"transStatus": "U"}}),
        ("fingerprint", "Y", {"type": "fingerPrintResult", "result": {"threeDSCompInd": "Y"}}),
        ("fingerprint", "N", {"type": "fingerPrintResult", "result": {"threeDSCompInd": "N"}}),
    ],
)
def test_a_frame_carries_what_adyen_web_listens_for(kind: str, outcome: str, message: object) -> None:
    view = views.ToldView(language="fr-FR", sandbox="", scenario="", kind=kind, outcome=outcome)  # type: ignore[arg-type]
    page = drawn(view)
    told = page.with_testid("told")[0]
    assert json.loads(told["data-message"]) == message
    assert told["data-target"] == "*"
    assert "/checkoutshopper/assets/tell.js" in page.all("src")
    assert (views.STATIC / "tell.js").is_file()


@pytest.mark.parametrize(
    ("kind", "brand", "locale", "name"),
    [
        ("mealVoucher_FR", "mealVoucher_FR_natixis", "fr-FR", "Bimpli (ex Apetiz) Titre-Restaurant"),
        ("mealVoucher_FR_groupeup", "", "en-US", "Up Titre-Restaurant"),
        ("mealVoucher_FR", "", "en-US", "Titre-Restaurant"),
        ("giftcard", "givex", "fr-FR", "Givex"),
        ("giftcard", "newone", "fr-FR", "newone"),
        ("giftcard", "", "fr-FR", "Carte cadeau"),
        ("scheme", "", "fr-FR", "Carte bancaire"),
        ("scheme", "", "de-DE", "Credit or debit card"),
        ("scheme", "mc", "fr-FR", "Mastercard"),
        ("ideal", "", "fr-FR", "ideal"),
    ],
)
def test_names_of_methods(kind: str, brand: str, locale: str, name: str) -> None:
    assert texts.method_name(kind, brand, locale) == name
