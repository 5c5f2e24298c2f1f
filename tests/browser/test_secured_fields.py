"""What a secured field says to the page around it, and what it takes from whom: a page of ours speaks for Adyen Web."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from mockpsp.providers.adyen.encryption import open_field
from tests.support.adyen_web import inside
from tests.support.axe import accessible
from tests.support.chromium import Person, Tab
from tests.support.control import ControlledSandbox
from tests.support.shopfront import Shopfront

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Shop</title>
<iframe id="field" title="field" referrerpolicy="origin" width="300" height="40"></iframe>
<script>
"use strict";
const given = %s;
const field = document.getElementById("field");
const heard = [];
addEventListener("message", ({data, origin}) => heard.push({origin, text: typeof data, ...JSON.parse(data)}));
const say = told => field.contentWindow.postMessage(JSON.stringify({numKey: given.numKey, ...told}), "*");
field.addEventListener("load", () => say(given));
field.src = %s;
</script></html>"""
OPENED = datetime(2026, 7, 1, 9, tzinfo=UTC)
NUMBER, DATE, CODE = "encryptedCardNumber", "encryptedExpiryDate", "encryptedSecurityCode"
BRANDS = ["visa", "mc", "cartebancaire", "amex", "maestro"]
CARD = {"numKey": 4711, "txVariant": "card", "isCreditCardType": True, "cardGroupTypes": BRANDS, "extraFieldData": None,
        "cvcPolicy": "required", "expiryDatePolicy": "required"}  # fmt: skip
VOUCHER = {"numKey": 4711, "txVariant": "giftcard", "isCreditCardType": False}
ERRORS = {"cc.num.901": "Not all of it", "cc.num.902": "Not a card number"}
FIELD = "document.getElementById('field')"


@pytest.fixture
def sandbox(new_sandbox: Callable[..., ControlledSandbox]) -> ControlledSandbox:
    """A fresh sandbox in the summer of 2026."""
    return new_sandbox(clock="2026-07-01T09:00:00Z")


class Framed:
    """A secured field in a shop's page."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab

    def heard(self, *actions: str) -> list[dict[str, Any]]:
        """What it has said, or what of it under these actions."""
        return [each for each in self.tab.evaluate("heard") if not actions or each["action"] in actions]

    def until(self, action: str, count: int = 1) -> dict[str, Any]:
        """Wait until it has said this so often; the last time."""
        self.tab.until(f"heard.filter(each => each.action === {json.dumps(action)}).length >= {count}")
        return self.heard(action)[-1]

    def say(self, **told: Any) -> None:
        """Tell it something, and wait until it has heard that: messages keep their order."""
        self.tab.evaluate(f"say({json.dumps(told)})")
        self.inside("new Promise(done => setTimeout(done))")

    def inside(self, expression: str) -> Any:
        """A value of its page."""
        return inside(self.tab, FIELD, expression)

    def type(self, text: str) -> None:
        """Key by key."""
        for each in text:
            self.tab.call("Input.dispatchKeyEvent", type="char", text=each)

    @property
    def value(self) -> str:
        """What stands in it."""
        return str(self.inside("document.querySelector('input').value"))


@pytest.fixture
def framed(sandbox: ControlledSandbox, shop: Shopfront, person: Person) -> Callable[..., Framed]:
    """Opens a page with one field, the cursor in it."""

    def make(name: str, *, origin: str = "", kind: dict[str, Any] = CARD, **more: Any) -> Framed:
        made = b64encode((origin or shop.url).encode()).decode()
        key = sandbox.credentials["adyen"]["client_key"]
        base = f"{sandbox.url}/checkoutshopper/test/securedfields/{key}/{more.pop('version', '6.3.0')}"
        path = f"{base}/securedFields.html?type=card&d={made}"
        aria = {"lang": "fr-FR", name: {"iframeTitle": "Le champ", "label": "Numéro", "error": ERRORS}}
        look = {"ariaConfig": aria, **more.pop("look", {})}
        configuration = {**kind, "fieldType": name, "iframeUIConfig": look, **more}
        text = json.dumps(configuration).replace("<", "\\u003c")
        tab = person.tab(width=400, height=200).open(shop.put("/frame", PAGE % (text, json.dumps(path))))
        field = Framed(tab)
        if not origin:
            field.until("config")
            tab.click_on(FIELD)
            tab.wait_for(lambda: field.inside("document.activeElement.localName === 'input'"), "the cursor")
        return field

    return make


def opened(told: dict[str, Any]) -> dict[str, str | None]:
    """The values that an encryption carries, by name."""
    parts = told[told["fieldType"]]
    assert all(each["blob"].count(".") == 4 for each in parts), "compact JWE"
    found = {each["encryptedFieldName"]: open_field(each["blob"]) for each in parts}
    assert {each.generated for each in found.values()} == {OPENED}, "the sandbox's time when the field was opened"
    return {name: each.value for name, each in found.items()}


@pytest.mark.parametrize(("name", "wrong"), [(NUMBER, "4111111111111112"), (DATE, "0120"), (CODE, "7")])
def test_a_field_is_accessible_empty_and_with_a_mistake(framed: Callable[..., Framed], name: str, wrong: str) -> None:
    field = framed(name)
    accessible(field.tab, "an empty field")
    field.type(wrong)
    field.say(externalValidation=True, code="cc.num.901")
    accessible(field.tab, "a field with a mistake")


# -- card numbers ----------------------------------------------------------------------------------------------------


def test_a_number_is_formatted_recognised_and_encrypted_last(framed: Callable[..., Framed], shop: Shopfront) -> None:
    field = framed(NUMBER)
    field.type("4111 1111 11111111")
    done = field.until("encryption")
    assert field.value == "4111 1111 1111 1111"
    assert opened(done) == {NUMBER: "4111111111111111"}
    assert (done["type"], done["endDigits"], done["issuerBin"]) == (NUMBER, "1111", "41111111")
    heard = field.heard()
    assert {each["numKey"] for each in heard} == {4711}
    assert {each["text"] for each in heard} == {"string"}
    assert [each["action"] for each in heard][:3] == ["config", "focus", "brand"]
    assert [each["brand"] for each in field.heard("brand")] == ["visa"]
    assert heard[-1]["action"] == "encryption", "after it, anything else would make the field invalid"


def test_the_first_digits_are_told_encrypted_from_the_eleventh_on(framed: Callable[..., Framed]) -> None:
    field = framed(NUMBER)
    field.type("41111111111")
    found = field.until("binValue", 9)
    assert (found["binValue"], open_field(found["encryptedBin"]).value) == ("41111111", "41111111111")
    assert found["uuid"]
    field.tab.press("Backspace")
    assert set(field.until("binValue", 10)) == {"action", "fieldType", "numKey", "origin", "text", "binValue"}


def test_a_wrong_check_digit_is_told_when_the_number_is_complete(framed: Callable[..., Framed]) -> None:
    field = framed(NUMBER)
    field.type("4111111111111112")
    assert field.until("luhnCheck")["error"] == "cc.num.902"
    assert field.inside("document.querySelector('input').getAttribute('aria-invalid')") == "true"
    assert field.inside("document.getElementById('problem').textContent") == "Not a card number"
    field.tab.press("Backspace")
    assert field.until("numberKeyPressed")["error"] == ""
    field.type("1")
    assert opened(field.until("encryption")) == {NUMBER: "4111111111111111"}
    field.tab.press("Backspace")
    assert field.until("delete")["error"] == ""
    assert field.heard("luhnCheck")[1:] == []


def test_adyen_web_5_is_told_in_its_own_words(framed: Callable[..., Framed]) -> None:
    field = framed(NUMBER, version="4.10.0")
    field.type("4111111111111112")
    assert field.until("luhnCheck")["error"] == "error.va.sf-cc-num.01"
    field.tab.press("Enter")
    field.tab.press("Backspace")
    field.until("numberKeyPressed")
    assert field.heard("enterKeyPressed") == [], "it would take this for an error"


def test_who_leaves_half_a_number_is_told(framed: Callable[..., Framed]) -> None:
    field = framed(NUMBER)
    field.type("4111")
    field.inside("document.querySelector('input').blur()")
    assert field.until("incomplete field")["error"] == "cc.num.901"
    assert [each["focus"] for each in field.heard("focus")] == [True, False]
    assert field.heard("focus")[-1]["numChars"] == 4


def test_american_express_has_other_gaps(framed: Callable[..., Framed]) -> None:
    field = framed(NUMBER)
    field.type("370000000000002")
    assert field.value == "3700 000000 00002"
    assert (field.until("brand")["brand"], field.until("encryption")["endDigits"]) == ("amex", "0002")


def test_the_cursor_stays_where_somebody_corrects(framed: Callable[..., Framed]) -> None:
    field = framed(NUMBER)
    field.type("411111111111111")
    field.inside("document.querySelector('input').setSelectionRange(1, 1)")
    field.type("2")
    assert field.value == "4211 1111 1111 1111"
    assert field.inside("document.querySelector('input').selectionStart") == 2


def test_a_look_up_that_is_forgotten_is_guessed_and_encrypted_again(framed: Callable[..., Framed]) -> None:
    field = framed(NUMBER)
    field.type("4035501000000008")
    field.until("encryption")
    field.say(brand="cartebancaire", enableLuhnCheck=True, panLength=16)
    field.say(brand="reset")
    field.until("encryption", 2)
    assert [each["action"] for each in field.heard("brand", "encryption")] == ["brand", "encryption"] * 2


def test_a_brand_that_the_shop_does_not_take_stops_the_field(framed: Callable[..., Framed]) -> None:
    field = framed(NUMBER)
    field.type("4111111111111111")
    field.until("encryption")
    field.say(unsupportedCard=True, code="cc.num.903")
    before = len(field.heard())
    for _ in range(3):
        field.tab.press("Backspace")
    field.type("111")
    assert {each["action"] for each in field.heard()[before:]} <= {"binValue"}
    field.say(unsupportedCard=False, code="")
    field.until("encryption", 2)


def test_a_number_without_check_digit_where_the_look_up_says_so(framed: Callable[..., Framed]) -> None:
    field = framed(NUMBER)
    field.type("4111111111111112")
    field.until("luhnCheck")
    field.say(brand="visa", enableLuhnCheck=False)
    assert opened(field.until("encryption")) == {NUMBER: "4111111111111112"}


# -- dates and codes -------------------------------------------------------------------------------------------------


def test_a_date_is_month_and_year(framed: Callable[..., Framed]) -> None:
    field = framed(DATE, exposeExpiryDate=True)
    field.type("3")
    assert field.value == "03/"
    field.tab.press("Backspace")
    assert field.value == "03"
    field.type("/30")
    done = field.until("encryption")
    assert (field.value, done["type"], done["expiryDate"]) == ("03/30", "year", "03/30")
    assert [each["type"] for each in done[DATE]] == ["month", "year"]
    assert opened(done) == {"encryptedExpiryMonth": "03", "encryptedExpiryYear": "2030"}


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("0626", "cc.dat.912"),
        ("0726", "cc.dat.914"),
        ("0826", ""),
        ("0957", "cc.dat.913"),
        ("1330", "cc.dat.911"),
    ],
)
def test_a_date_is_checked_on_the_sandboxs_clock(framed: Callable[..., Framed], typed: str, code: str) -> None:
    field = framed(DATE, minimumExpiryDate="08/26")
    field.type(typed)
    told = field.until("dateKeyPressed" if code else "encryption")
    assert told.get("error", "") == code


def test_half_a_date_is_told_to_who_leaves(framed: Callable[..., Framed]) -> None:
    field = framed(DATE)
    field.type("12")
    field.inside("document.querySelector('input').blur()")
    assert field.until("incomplete field")["error"] == "cc.dat.911"


def test_month_and_year_in_fields_of_their_own(framed: Callable[..., Framed]) -> None:
    month = framed("encryptedExpiryMonth")
    month.type("3")
    assert opened(month.until("encryption")) == {"encryptedExpiryMonth": "03"}
    year = framed("encryptedExpiryYear")
    year.type("30")
    assert opened(year.until("encryption")) == {"encryptedExpiryYear": "2030"}


def test_a_code_follows_the_brand_and_its_policy(framed: Callable[..., Framed]) -> None:
    field = framed(CODE)
    field.type("737")
    assert opened(field.until("encryption")) == {CODE: "737"}
    field.say(brand="amex", cvcPolicy="required")
    assert field.until("delete")["error"] == ""
    field.type("3")
    assert opened(field.until("encryption", 2)) == {CODE: "7373"}
    field.say(brand="bcmc", cvcPolicy="hidden")
    assert field.inside("document.querySelector('input').checkVisibility()") is False


def test_number_and_code_of_a_voucher(framed: Callable[..., Framed]) -> None:
    number = framed(NUMBER, kind=VOUCHER, extraFieldData='{"length": "15-32", "maskInterval": 4}')
    number.type("5075990000006120")
    number.until("encryption", 2)  # with fifteen digits, too, it might be one
    assert (number.value, number.heard("encryption")[-1]["endDigits"]) == ("5075 9900 0000 6120", "6120")
    assert opened(number.heard("encryption")[-1]) == {NUMBER: "5075990000006120"}
    assert number.heard("brand", "binValue", "luhnCheck") == []
    code = framed(CODE, kind=VOUCHER, extraFieldData='{"length": "3-10", "maskInterval": 0}')
    code.type("73")
    code.inside("document.querySelector('input').blur()")
    assert code.until("incomplete field")["error"] == "cc.cvc.921"


# -- the shop's page -------------------------------------------------------------------------------------------------


def test_it_says_what_it_is_and_looks_as_the_shop_wants(framed: Callable[..., Framed]) -> None:
    styles = {
        "base": {"color": "rgb(1, 2, 3)", "fontSize": "20px", "backgroundImage": "url(http://elsewhere.test/x.png)"},
        "placeholder": {"color": "rgb(4, 5, 6)"},
        "error": {"color": "rgb(7, 8, 9)"},
        "validated": {"color": "rgb(10, 11, 12)"},
    }
    field = framed(NUMBER, look={"sfStyles": styles, "placeholders": {NUMBER: "1234 …"}})
    look = "getComputedStyle(document.querySelector('input'))"
    hint = "getComputedStyle(document.querySelector('input'), '::placeholder')"
    assert field.inside("[document.documentElement.lang, document.title]") == ["fr-FR", "Le champ"]
    described = "(e => [e.getAttribute('aria-label'), e.placeholder, e.inputMode, e.autocomplete])"
    assert field.inside(f"{described}(document.querySelector('input'))") == ["Numéro", "1234 …", "numeric", "cc-number"]
    assert field.inside(f"[{look}.color, {look}.fontSize]") == ["rgb(1, 2, 3)", "20px"]
    assert field.inside(f"{hint}.color") == "rgb(4, 5, 6)"
    field.say(externalValidation=True, code="cc.num.900")
    assert field.inside(f"{look}.color") == "rgb(7, 8, 9)"
    field.type("4111111111111111")
    field.until("encryption")
    assert field.inside(f"{look}.color") == "rgb(10, 11, 12)"
    [blocked] = field.tab.told()
    assert "elsewhere.test" in blocked
    assert "Content Security Policy" in blocked
    field.tab.problems.clear()


def test_focus_autofill_enter_and_the_end(framed: Callable[..., Framed]) -> None:
    field = framed(DATE)
    field.inside("document.querySelector('input').blur()")
    field.say(autoComplete="03/30")
    field.until("encryption")
    field.say(focus=True)
    field.tab.press("Enter")
    field.until("enterKeyPressed")
    field.say(destroy=True)
    assert field.inside("document.querySelector('input')") is None
    before = len(field.heard())
    field.say(focus=True)
    assert len(field.heard()) == before


def test_it_listens_to_the_page_around_it_alone(framed: Callable[..., Framed]) -> None:
    field = framed(NUMBER)
    field.say(numKey=1, styleObject={"base": {"color": "rgb(9, 9, 9)"}})
    other = "const other = document.body.appendChild(document.createElement('iframe'));"
    said = json.dumps({"numKey": 4711, "autoComplete": "4111"})
    script = f"parent.frames[0].postMessage({json.dumps(said)}, '*')"
    field.tab.evaluate(f"(() => {{ {other} other.contentWindow.eval({json.dumps(script)}) }})()")
    for odd in ("{", "null", "[]", "7"):
        field.tab.evaluate(f"field.contentWindow.postMessage({json.dumps(odd)}, '*')")
    field.say(anything="else")
    assert field.value == ""
    assert field.inside("getComputedStyle(document.querySelector('input')).color") != "rgb(9, 9, 9)"


def test_a_page_of_another_origin_gets_no_field(framed: Callable[..., Framed], sandbox: ControlledSandbox) -> None:
    field = framed(NUMBER, origin="https://another.example")
    field.tab.wait_for(lambda: field.inside("document.readyState") == "complete", "the frame")
    field.say(fieldType=NUMBER, isCreditCardType=True)
    assert field.inside("document.querySelector('input')") is None
    assert field.heard() == []
