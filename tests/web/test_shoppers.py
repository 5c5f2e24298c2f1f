"""The shoppers' page: what waits for one, and acting in the shopper's place with plain forms."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import requests

import mockpsp
from mockpsp.web.refusals import SENTENCES
from tests.support.adyen_pages import new_link
from tests.support.control import ControlledSandbox
from tests.support.dashboard import HOSTILE, Dashboard, Page
from tests.support.lyra_pages import new_page, new_token, with_settings
from tests.support.worldline import Merchant, checkout_body

New = Callable[..., ControlledSandbox]
NOON = "2026-07-01T10:00:00Z"


@pytest.fixture
def sandbox(new_sandbox: New) -> ControlledSandbox:
    """One whose clock stands still on a Wednesday."""
    return new_sandbox(clock=NOON)


def a_checkout(sandbox: ControlledSandbox, amount: int = 140000, **changes: Any) -> str:
    body = checkout_body(amount, **changes)
    return str(Merchant(sandbox).call("create_hosted_checkout", body).json()["hostedCheckoutId"])


def waiting(sandbox: ControlledSandbox) -> dict[str, str]:
    """What is left to pay, by reference."""
    return {each["ref"]: each["remaining"] for each in sandbox.call("GET", "/checkouts")["checkouts"]}


def options(page: Page) -> list[str]:
    """The values of all options of the page."""
    return [unescape(each) for each in re.findall(r'<option value="([^"]+)"', page.html)]


def test_nothing_waits_at_first(sandbox: ControlledSandbox) -> None:
    page = Dashboard(sandbox).open("/checkouts")
    assert page.text("count") == "0 checkouts wait for a shopper"
    assert "Nothing waits for a shopper" in page.text("empty")


def test_the_newest_stands_first_with_what_there_is_to_know(sandbox: ControlledSandbox) -> None:
    first = a_checkout(sandbox)
    sandbox.advance("PT5M")
    link = new_link(sandbox, reference="TABLE-12")
    page = Dashboard(sandbox).open("/checkouts")
    newest, oldest = page.texts("checkout")
    assert newest.startswith("43.50 EUR TABLE-12 Adyen, a payment link's page · since 2026-07-01 10:05:00 · expires in")
    assert f" {link['id']} Meal voucher Gift card Card Open the shopper's page" in newest
    assert (
        "1400.00 EUR ORD-2026-0002 Worldline / CAWL, the hosted checkout · since 2026-07-01 10:00:00 (5 min)" in oldest
    )
    assert f" {first} CV Connect Open" in oldest
    assert page.attribute("open", "href") == link["url"]


def test_all_is_paid_with_one_tender(sandbox: ControlledSandbox) -> None:
    ref = a_checkout(sandbox)
    page = Dashboard(sandbox).send("/checkouts", ref=ref, do="pay", **{"with": "cv_connect?beneficiary=11111111111"})
    assert waiting(sandbox) == {}
    told = page.harmless().text("notice")
    assert told.startswith(f"The shopper pays with cv connect …1111 at {ref}. waits no more")
    assert "CV Connect:" in page.text("decisions")


def test_the_split_that_is_suggested_works_at_all_three(sandbox: ControlledSandbox) -> None:
    a_checkout(sandbox)
    new_link(sandbox)
    new_page(sandbox)
    for _ in range(3):
        page = Dashboard(sandbox).open("/checkouts")
        ref = next(iter(reversed(waiting(sandbox))))
        form = re.search(r'<fieldset class="split">(.*?)</fieldset>', page.html, re.DOTALL)
        assert form is not None
        chosen: dict[str, str] = {}
        for row, at in zip(form[1].split('class="split-row"')[1:], range(1, 5), strict=False):
            selected = re.search(r'<option value="([^"]+)" selected', row)
            amount = re.search(r' value="([^"]*)" inputmode', row)
            assert amount is not None
            chosen |= {f"with{at}": unescape(selected[1]) if selected else "", f"amount{at}": amount[1]}
        assert sum(bool(chosen[each]) for each in chosen if each.startswith("with")) >= 2
        done = Dashboard(sandbox).send("/checkouts", ref=ref, do="split", **chosen)
        assert done.status == 200, done.text("error")
        assert ref not in waiting(sandbox)
    assert waiting(sandbox) == {}


def test_a_part_is_paid_and_the_rest_still_waits(sandbox: ControlledSandbox) -> None:
    ref = a_checkout(sandbox)
    form = {"with1": "cv_connect?beneficiary=11111111111", "amount1": "300,5"}
    page = Dashboard(sandbox).send("/checkouts", ref=ref, do="split", **form)
    assert "still waits" in page.text("notice")
    assert waiting(sandbox) == {ref: "1099.50 EUR"}
    assert page.text("remaining") == "1099.50 EUR"
    assert "left of 1400.00 EUR" in page.text("checkout")


def test_data_that_is_typed_in(sandbox: ControlledSandbox) -> None:
    link = new_link(sandbox)
    series = {"own-number": "5075990000001234", "own-cvc": "737", "own-expiry": "03/2030"}
    Dashboard(sandbox).send("/checkouts", ref=link["id"], do="own", tender="meal_voucher", amount="12.34", **series)
    assert waiting(sandbox) == {link["id"]: "31.16 EUR"}


@pytest.mark.parametrize("what", ["cancel", "abandon"])
def test_a_shopper_cancels_or_leaves(sandbox: ControlledSandbox, what: str) -> None:
    ref = a_checkout(sandbox)
    page = Dashboard(sandbox).send("/checkouts", ref=ref, do=what)
    assert list(waiting(sandbox)) == ([ref] if what == "abandon" else [])
    assert page.text("notice").startswith("The shopper " + ("leaves" if what == "abandon" else "cancels"))


def test_a_shopper_is_refused_by_the_issuer_and_it_is_told_why(sandbox: ControlledSandbox) -> None:
    ref = a_checkout(sandbox)
    Dashboard(sandbox).send("/checkouts", ref=ref, do="split", with1="cv_connect?beneficiary=77777777777", amount1="")
    page = Dashboard(sandbox).send("/checkouts", ref=ref, do="refuse", **{"with": "card?number=4321456998744563"})
    assert "the issuer refuses this card" in page.text("decisions")
    assert waiting(sandbox) == {ref: "1100.00 EUR"}


def test_a_shopper_refuses_in_the_app_wherever_there_is_one(sandbox: ControlledSandbox) -> None:
    a_checkout(sandbox)
    page = Dashboard(sandbox).open("/checkouts")
    assert page.texts("open-decline") == ["Refuse in the app"]
    assert 'data-testid="decline-amount"' not in page.html
    ref = next(iter(waiting(sandbox)))
    done = Dashboard(sandbox).send("/checkouts", ref=ref, do="decline", tender="cv_connect", **{"with": POOR})
    assert done.text("notice").startswith(f"The shopper refuses with cv connect …7777 in the app at {ref}.")
    assert waiting(sandbox) == {}
    new_link(sandbox)
    assert Dashboard(sandbox).open("/checkouts").texts("open-decline") == []


def test_a_shopper_refuses_a_part_in_the_app_at_lyra(new_sandbox: New) -> None:
    sandbox = with_settings(new_sandbox, extra_attempts=1)
    new_page(sandbox)
    (ref,) = waiting(sandbox)
    page = Dashboard(sandbox).send("/checkouts", ref=ref, do="decline", tender="cv_connect", amount="12,5")
    assert page.text("notice").startswith("The shopper refuses 12.50 EUR with cv connect in the app")
    assert "the beneficiary declines in the app" in page.text("decisions")
    assert ref in waiting(sandbox)
    page = Dashboard(sandbox).send("/checkouts", ref=ref, do="decline", tender="cv_connect", amount="9999")
    assert page.status == 422
    assert 'value="9999"' in page.html
    page = Dashboard(sandbox).send("/checkouts", ref=ref, do="decline", tender="cv_connect")
    assert page.text("notice").startswith(f"The shopper refuses in the app at {ref}.")
    assert waiting(sandbox) == {}


RICH, POOR = "cv_connect?beneficiary=11111111111", "cv_connect?beneficiary=77777777777"
STRANGE = "Tender: This is not among the test data here any more"
REFUSED: list[tuple[dict[str, str], str]] = [
    ({"do": "split", "with1": POOR, "amount1": "999"}, "Amount: It can pay 300.00 EUR at most."),
    ({"do": "split", "with1": RICH, "amount1": "9999"}, "Amount: No more than 1400.00 EUR is left to pay."),
    ({"do": "split", "with1": RICH, "amount1": "nothing"}, "Amount: “nothing” is not an amount;"),
    ({"do": "split", "with1": RICH, "amount1": "-1"}, "Amount: A shopper pays more than nothing;"),
    ({"do": "split", "with1": RICH, "amount1": "1.001"}, "Amount: “1.001” is not an amount;"),
    ({"do": "split", "with1": RICH, "amount1": "Infinity"}, "Amount: “Infinity” is not an amount;"),
    ({"do": "split", "with1": RICH, "amount1": "1 USD"}, "Amount: “1 USD” is not an amount;"),
    ({"do": "split"}, "Tender: Choose at least one tender."),
    ({"do": "pay", "with": "cv_connect?beneficiary=00000000000"}, STRANGE),
    ({"do": "pay", "with": HOSTILE}, STRANGE),
    ({"do": "own", "tender": "card", "own-number": "4111111111111111"}, "Tender: This tender is not on offer"),
    ({"do": "own", "tender": "cv_connect", "own-beneficiary": HOSTILE}, ""),
    ({"do": "decline", "tender": "card"}, "Tender: There is no app to refuse in here now."),
    ({"do": "decline", "tender": "cv_connect", "with": HOSTILE}, STRANGE),
    ({"do": HOSTILE}, "The form does not say what the shopper does."),
]


@pytest.mark.parametrize(("form", "why"), REFUSED)
def test_a_refusal_is_told_in_words_with_its_field_and_changes_nothing(
    sandbox: ControlledSandbox, form: dict[str, str], why: str
) -> None:
    ref = a_checkout(sandbox)
    page = Dashboard(sandbox).send("/checkouts", ref=ref, **form).harmless()
    assert page.status == 422
    assert why in page.text("error")
    assert waiting(sandbox) == {ref: "1400.00 EUR"}


def test_what_was_typed_stands_there_again(sandbox: ControlledSandbox) -> None:
    ref = a_checkout(sandbox)
    form = {"with1": "cv_connect?beneficiary=77777777777", "amount1": "999.99"}
    page = Dashboard(sandbox).send("/checkouts", ref=ref, do="split", **form)
    again = page.html[page.html.index('data-testid="again"') : page.html.index('data-testid="waiting"')]
    assert 'value="cv_connect?beneficiary=77777777777" selected' in again
    assert 'value="999.99"' in again
    assert 'aria-invalid="true"' in again
    assert "<details" in again
    assert "open>" in again


def test_what_was_paid_before_a_refusal_is_told(sandbox: ControlledSandbox) -> None:
    ref = a_checkout(sandbox)
    form = {"with1": "cv_connect?beneficiary=77777777777", "with2": "cv_connect?beneficiary=11111111111"}
    page = Dashboard(sandbox).send("/checkouts", ref=ref, do="split", **form)
    assert page.status == 422
    assert "300.00 EUR" in page.text("decisions")
    assert waiting(sandbox) == {ref: "1100.00 EUR"}


def test_who_comes_too_late_is_told(sandbox: ControlledSandbox) -> None:
    ref = a_checkout(sandbox)
    sandbox.shopper(ref, {"cancel": True})
    page = Dashboard(sandbox).send("/checkouts", ref=ref, do="cancel")
    assert page.status == 409
    assert "It does not wait for a shopper any more." in page.text("error")


def test_a_registration_pays_nothing(sandbox: ControlledSandbox) -> None:
    new_token(sandbox)
    (ref,) = waiting(sandbox)
    page = Dashboard(sandbox).open("/checkouts")
    assert page.text("remaining") == "Nothing to pay"
    Dashboard(sandbox).send("/checkouts", ref=ref, do="pay", **{"with": options(page)[0]})
    assert waiting(sandbox) == {}


def test_ten_stand_on_a_page(sandbox: ControlledSandbox) -> None:
    refs = [a_checkout(sandbox, 1000 + each) for each in range(12)]
    first, second = Dashboard(sandbox).open("/checkouts"), Dashboard(sandbox).open("/checkouts", page="1")
    assert (len(first.texts("checkout")), len(second.texts("checkout"))) == (10, 2)
    assert refs[-1] in first.texts("checkout")[0]
    assert refs[0] in second.texts("checkout")[1]
    assert len(Dashboard(sandbox).open("/checkouts", page="99").texts("checkout")) == 2
    assert Dashboard(sandbox).open("/checkouts", page=HOSTILE).status == 200


def test_what_merchants_and_scenarios_write_is_only_text(new_sandbox: New) -> None:
    wallets = [{"beneficiary": "11111111111", "balance": "9999.00 EUR", "holder": HOSTILE}]
    sandbox = new_sandbox(scenario={"title": HOSTILE, "world": {"worldline": {"wallets": wallets}}})
    a_checkout(sandbox, order={"references": {"merchantReference": HOSTILE[:40]}})
    page = Dashboard(sandbox).open("/checkouts")
    assert HOSTILE[:40].strip() in page.text("checkout")
    assert " ".join(HOSTILE.split()) in page.text("scenario")
    assert any(HOSTILE in unescape(each) for each in re.findall(r"<option[^>]*>([^<]*)</option>", page.html))


def test_the_qr_code_is_a_picture_of_the_pages_address(sandbox: ControlledSandbox) -> None:
    ref = a_checkout(sandbox)
    base = Dashboard(sandbox).base
    answer = requests.get(f"{base}/checkouts/qr", params={"ref": ref}, timeout=30)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/svg+xml")
    assert answer.content.startswith(b"<?xml")
    assert requests.get(f"{base}/checkouts/qr", params={"ref": HOSTILE}, timeout=30).status_code == 404


def test_only_our_own_pages_act_for_a_shopper(sandbox: ControlledSandbox) -> None:
    ref = a_checkout(sandbox)
    assert Dashboard(sandbox).refused("/checkouts", ref=ref, do="cancel")
    assert list(waiting(sandbox)) == [ref]


def test_an_address_that_tells_of_no_act_shows_the_page(sandbox: ControlledSandbox) -> None:
    a_checkout(sandbox)
    for number in ("1", "999999", HOSTILE):
        assert not Dashboard(sandbox).open("/checkouts", act=number).has("notice")


def test_every_refusal_of_a_page_has_a_sentence() -> None:
    folder = Path(mockpsp.__file__).parent / "providers"
    texts = [each.read_text(encoding="utf-8") for each in folder.rglob("*.py")]
    raised = {key for text in texts for key in re.findall(r"ShopperRefused\(\s*\"(\w+)\"", text)}
    assert raised - SENTENCES.keys() == set()
    assert len(raised) > 20
