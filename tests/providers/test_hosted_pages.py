"""What holds of the hosted pages of all three providers, in every state and language."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import requests

from mockpsp.edge.texts import Texts
from mockpsp.providers.adyen import texts as adyen_texts
from mockpsp.providers.lyra import texts as lyra_texts
from mockpsp.providers.worldline import texts as worldline_texts
from mockpsp.providers.worldline import views as worldline
from tests.support.adyen_pages import SODEXO, body_of, new_link, new_session
from tests.support.control import ControlledSandbox
from tests.support.gallery import GALLERIES, LANGUAGES
from tests.support.lyra_pages import new_page
from tests.support.worldline import Merchant, checkout_body
from tests.support.worldline_views import Samples, eur

TEXTS: Mapping[str, Texts] = {
    "worldline": worldline_texts.TEXTS,
    "adyen": adyen_texts.TEXTS,
    "lyra": lyra_texts.TEXTS,
}
SAME = {"summary_total", "summary_description", "bank_time", "portal_brand", "method_cv_connect"}
REPEATED = {"leg", "test-datum", "fill"}
SCRIPTS = {"/_mockpsp/static/pages.js", "/checkoutshopper/assets/tell.js"}


class Drawn(HTMLParser):
    """Tags with their attributes, and texts, of a document."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, Mapping[str, str]]] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See HTMLParser."""
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        """See HTMLParser."""
        self.texts.append(data.strip())

    def all(self, attribute: str) -> list[str]:
        """All values of an attribute."""
        return [attributes[attribute] for _, attributes in self.tags if attribute in attributes]


def every(provider: str, language: str) -> dict[str, Drawn]:
    """All pages and frames, read again."""
    gallery = GALLERIES[provider]
    drawn = gallery.drawn(language) | gallery.drawn(language, framed=True)
    return {name: Drawn(html) for name, html in drawn.items()}


def documented(provider: str) -> Iterator[str]:
    """The names of TESTIDS.md, as patterns: of a table of three columns the first, of four the second."""
    told = (Path(worldline.__file__).parents[1] / provider / "templates/TESTIDS.md").read_text("utf-8")
    columns = 0
    for line in told.splitlines():
        cells = line.split("|")
        if len(cells) < 4:
            continue
        if "data-testid" in line and "What it is" in line:
            columns = [cell.strip() for cell in cells].index("data-testid")
        for name in re.findall(r"`([^`]+)`", cells[columns]):
            yield re.sub("<[a-z]+>", r"[\\w-]+", name)


@pytest.mark.parametrize("provider", GALLERIES)
def test_every_testid_is_documented_and_every_documented_one_exists(provider: str) -> None:
    there = {testid for page in every(provider, "fr-FR").values() for testid in page.all("data-testid")}
    told = set(documented(provider))
    assert {testid for testid in there if not any(re.fullmatch(name, testid) for name in told)} == set()
    assert {name for name in told if not any(re.fullmatch(name, testid) for testid in there)} == set()


@pytest.mark.parametrize("provider", GALLERIES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_ids_and_testids_are_unique_and_references_lead_somewhere(provider: str, language: str) -> None:
    for name, page in every(provider, language).items():
        testids, ids = page.all("data-testid"), page.all("id")
        assert {each for each in testids if testids.count(each) > 1} <= REPEATED, name
        assert len(ids) == len(set(ids)), name
        named = page.all("for") + page.all("aria-labelledby") + page.all("aria-describedby")
        assert {each for value in named for each in value.split()} <= set(ids), name


@pytest.mark.parametrize("provider", GALLERIES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_says_its_language_and_has_nothing_inline(provider: str, language: str) -> None:
    for name, page in every(provider, language).items():
        [html] = [attributes for tag, attributes in page.tags if tag == "html"]
        assert html == {"lang": language[:2]}, name
        assert not [tag for tag, _ in page.tags if tag == "style"], name
        assert not [each for _, attributes in page.tags for each in attributes if each.startswith(("on", "style"))]
        assert {attributes["src"] for tag, attributes in page.tags if tag == "script"} <= SCRIPTS, name


@pytest.mark.parametrize("provider", GALLERIES)
def test_both_languages_say_the_same_in_words_of_their_own(provider: str) -> None:
    french, english = TEXTS[provider].table["fr"], TEXTS[provider].table["en"]
    assert TEXTS[provider].differences() == ()
    assert {key for key in french if french[key] == english[key]} <= SAME


@pytest.mark.parametrize("provider", GALLERIES)
def test_nothing_is_left_in_the_other_language(provider: str) -> None:
    def own(language: str, other: str) -> set[str]:
        table, others = TEXTS[provider].table[language], TEXTS[provider].table[other]  # type: ignore[index]
        return {text for key, text in table.items() if "{" not in text and len(text) > 9 and text != others[key]}

    for language, other in (("fr", "en"), ("en", "fr")):
        foreign = own(other, language)
        for name, page in every(provider, f"{language}-XX").items():
            assert not foreign & set(page.texts), name


# -- Worldline's views -------------------------------------------------------------------------------------------------


def test_what_is_left_is_the_order_without_the_vouchers() -> None:
    samples = Samples("fr-FR")
    assert samples.app().remaining == samples.card().remaining == eur(110000)
    words = " ".join(Drawn(worldline.render(samples.card())).texts)
    assert all(amount in words for amount in ("1\u202f400,00", "300,00", "1\u202f100,00"))


def test_secrets_are_not_shown_again() -> None:
    for page in every("worldline", "fr-FR").values():
        for tag, attributes in page.tags:
            if tag == "input" and attributes.get("name") in ("card_number", "cvv"):
                assert attributes["value"] == ""


def test_all_mistakes_of_a_card_are_told_at_once(sandbox: ControlledSandbox) -> None:
    page = f"{checkout(sandbox, 'en_GB', redirectPaymentMethodSpecificInput={'paymentProductId': 1})}?method=1"
    for typed, wrong in (
        ({}, ["card_number", "expiry", "cvv"]),
        ({"expiry": "12/30"}, ["card_number", "cvv"]),
        ({"card_number": "4330264936344675", "cvv": "x"}, ["expiry", "cvv"]),
        ({"card_number": "4330264936344675", "expiry": "12/30"}, ["cvv"]),
    ):
        answer = requests.post(page, data={"step": "card", **typed}, timeout=30)
        assert answer.status_code == 422
        assert re.findall(r'data-testid="error-(\w+)"', answer.text) == wrong


# -- language and test data, of the default scenario -------------------------------------------------------------------


def titles(url: str, **headers: str) -> list[str]:
    """The first line of every row of test data on a page."""
    html = requests.get(url, headers=headers, timeout=30).text
    return [" ".join(each.split()) for each in re.findall(r'class="test-data-label">([^<]*)<', html)]


def language(url: str, **headers: str) -> str:
    """What the page says that its language is."""
    found = re.search(r'<html lang="(\w+)">', requests.get(url, headers=headers, timeout=30).text)
    return found[1] if found is not None else ""


def checkout(sandbox: ControlledSandbox, locale: str | None = None, **changes: Any) -> str:
    """Worldline's page for 1400.00 EUR."""
    hosted = {"returnUrl": "https://shop.example/", **({} if locale is None else {"locale": locale})}
    body = checkout_body(hostedCheckoutSpecificInput=hosted, **changes)
    return str(Merchant(sandbox).call("create_hosted_checkout", body).json()["redirectUrl"])


def test_worldlines_wallets_are_called_by_what_they_do_with_the_order(sandbox: ControlledSandbox) -> None:
    rest = ["Declines in the app", "Never answers", "Pays up to €300.00"]
    most = ["Pays everything", "Pays up to €700.00", "Refused by its issuer"]
    assert titles(checkout(sandbox, "en_GB")) == [*most, *rest]
    most = ["Paie tout", "Paie jusqu\u2019à 700,00 €", "Refus de l\u2019émetteur"]
    rest = ["Refuse dans l\u2019application", "Ne répond jamais", "Paie jusqu\u2019à 300,00 €"]
    assert titles(checkout(sandbox, "fr_FR")) == [*most, *rest]


def test_adyens_vouchers_are_called_by_what_they_do_with_the_order(sandbox: ControlledSandbox) -> None:
    english, french = (new_link(sandbox, shopperLocale=locale)["url"] for locale in ("en-GB", "fr-FR"))
    most = ["Pays up to €25.00", "Pays everything", "Has nothing left", "Refused by its issuer"]
    assert titles(f"{english}?method={SODEXO}") == most
    most = ["Paie jusqu\u2019à 25,00 €", "Paie tout", "N\u2019a plus rien", "Refus de l\u2019émetteur"]
    assert titles(f"{french}?method={SODEXO}") == most


def test_lyras_test_data_are_called_by_what_they_do_with_the_order(sandbox: ControlledSandbox) -> None:
    english, french = (new_page(sandbox, language=language) for language in ("en", "fr"))
    vouchers = ["Pays everything", "Pays everything", "Pays everything", "Has nothing left", "Refused by its issuer"]
    assert titles(f"{english}&method=conecs") == vouchers
    wallets = ["Paie tout", "Paie tout", "Refus de l\u2019émetteur"]
    assert titles(f"{french}&method=cv_connect") == wallets
    cards = titles(f"{french}&method=card")
    assert cards[:2] == ["CB", "CB"]
    assert {"Mastercard", "CB"} <= set(cards) <= {"CB", "Mastercard", "Maestro"}


def test_a_scenario_s_own_titles_come_first(new_sandbox: Callable[..., ControlledSandbox]) -> None:
    wallets = [{"beneficiary": "77777777777", "holder": "Camille Martin", "balance": "300.00 EUR"}]
    sandbox = new_sandbox(scenario={"mockpsp": 1, "title": "t", "world": {"worldline": {"wallets": wallets}}})
    assert titles(checkout(sandbox, "fr_FR")) == ["Camille Martin"]


LOCALES = [
    ("fr_FR", "fr"),
    ("fr-BE", "fr"),
    ("FR", "fr"),
    ("en_GB", "en"),
    ("nl_NL", "en"),
    ("fro", "en"),
    ("<b>", "en"),
]


@pytest.mark.parametrize(("locale", "spoken"), LOCALES)
def test_the_merchants_locale_chooses_whatever_the_browser_says(
    sandbox: ControlledSandbox, locale: str, spoken: str
) -> None:
    other = {"Accept-Language": "en-US,en" if spoken == "fr" else "fr-FR,fr"}
    assert language(checkout(sandbox, locale), **other) == spoken
    assert language(new_link(sandbox, shopperLocale=locale)["url"], **other) == spoken
    assert language(new_session(sandbox, shopperLocale=locale)["url"], **other) == spoken


def test_without_a_locale_a_session_is_american_and_a_link_the_browsers(sandbox: ControlledSandbox) -> None:
    french = {"Accept-Language": "fr-FR"}
    assert language(new_session(sandbox, shopperLocale=None)["url"], **french) == "en"
    assert language(new_link(sandbox, shopperLocale=None)["url"], **french) == "fr"


def test_lyras_language_chooses_or_else_the_browsers(sandbox: ControlledSandbox) -> None:
    assert language(new_page(sandbox, language="FR"), **{"Accept-Language": "en"}) == "fr"
    assert language(new_page(sandbox, language="de"), **{"Accept-Language": "fr"}) == "en"
    assert language(new_page(sandbox, language=None), **{"Accept-Language": "fr,en;q=0.9"}) == "fr"
    assert language(new_page(sandbox, language=None), **{"Accept-Language": "de"}) == "en"


def test_worldline_reads_the_customers_locale_where_the_checkout_has_none(sandbox: ControlledSandbox) -> None:
    changes = {"order": {"customer": {"locale": "fr_FR"}}}
    assert language(checkout(sandbox, **changes), **{"Accept-Language": "en"}) == "fr"


# -- where a page may lead ---------------------------------------------------------------------------------------------

NO_PLACES = [
    "javascript:alert(1)",
    " javascript:alert(1)",
    "JavaScript://shop.example/%0aalert(1)",
    "java\tscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "//elsewhere.example/x",
    "/\\elsewhere.example",
    "https:\\\\elsewhere.example",
    "https://shop.example\\@elsewhere.example/",
    "https://shop.example/\r\nX-Strange: 1",
    "https:elsewhere.example",
    "http:///elsewhere.example",
    "elsewhere",
]
ELSEWHERE = "https://elsewhere.example/"


def stays(page: str) -> None:
    """Who cancels stays on our pages, and none of them has a link to the merchant."""
    left = requests.post(page, data={"step": "cancel"}, allow_redirects=False, timeout=30)
    assert left.status_code == 303
    for _ in range(3):
        if not left.is_redirect:
            break
        target = left.headers["Location"]
        assert re.match(r"/(?![/\\])", target), target
        left = requests.get(urljoin(page, target), allow_redirects=False, timeout=30)
    assert left.status_code == 200
    assert 'data-testid="return"' not in left.text
    assert "X-Strange" not in left.headers


@pytest.mark.parametrize("address", NO_PLACES)
def test_worldline_refuses_what_is_no_place_to_return_to(sandbox: ControlledSandbox, address: str) -> None:
    answer = Merchant(sandbox).call(
        "create_hosted_checkout", checkout_body(hostedCheckoutSpecificInput={"returnUrl": address})
    )
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["propertyName"]) == (400, "hostedCheckoutSpecificInput.returnUrl")


@pytest.mark.parametrize("address", NO_PLACES)
def test_adyen_refuses_it_or_never_leads_there(sandbox: ControlledSandbox, address: str) -> None:
    for path, more in (("/paymentLinks", {}), ("/sessions", {"mode": "hosted"})):
        headers = {"X-API-Key": sandbox.credentials["adyen"]["api_key"]}
        body = body_of(sandbox, returnUrl=address, **more)
        answer = requests.post(f"{sandbox.url}/v72{path}", json=body, headers=headers, timeout=30)
        if answer.status_code == 422:
            assert answer.json()["errorCode"] == "702"
            assert "returnUrl" in answer.json()["message"]
        else:
            assert ":" not in address.partition("/")[0] or address.startswith(("http:", "https:"))
            stays(answer.json()["url"])


@pytest.mark.parametrize("address", NO_PLACES)
def test_lyra_never_leads_there(sandbox: ControlledSandbox, address: str) -> None:
    stays(new_page(sandbox, url_return=address))


@pytest.mark.parametrize("step", ["cancel", "choose", "confirm", "card", "remove", "ask", "authenticate", "anything"])
def test_no_form_can_be_made_to_lead_elsewhere(sandbox: ControlledSandbox, step: str) -> None:
    names = ("returnUrl", "return_url", "url_return", "url", "next", "redirect", "post_url", "method", "product")
    form = {"step": step, **dict.fromkeys(names, ELSEWHERE)}
    pages = (checkout(sandbox, "fr_FR"), new_link(sandbox)["url"], new_session(sandbox)["url"], new_page(sandbox))
    for page in pages:
        query = "&".join(f"{name}={ELSEWHERE}" for name in names)
        address = f"{page}{'&' if '?' in page else '?'}{query}"
        answer = requests.post(address, data=form, allow_redirects=False, timeout=30)
        assert answer.status_code in (303, 422), answer.text
        target = answer.headers.get("Location", "")
        assert not target.startswith((ELSEWHERE, "//")), target
        policy = answer.headers.get("Content-Security-Policy", "")
        assert "elsewhere.example" not in policy
        assert not re.search(r'(href|action|src)="https://elsewhere', answer.text)
