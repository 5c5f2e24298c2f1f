"""A shop with Adyen's real Drop-in in its page, and what a person does there.

The packages are served as they come from npm: version 5 has a build for a script element, version 6 a CommonJS one,
which needs what Node.js would wrap around it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.chromium import ProtocolError, Tab
from tests.support.connection import session
from tests.support.control import ControlledSandbox
from tests.support.needed import missing
from tests.support.shopfront import Shopfront

MODULES = Path(__file__).parents[1] / "node/node_modules"
PACKAGES = {5: MODULES / "adyen-web-5/dist", 6: MODULES / "@adyen/adyen-web/dist"}
SCRIPTS = {5: "adyen.js", 6: "cjs/index.cjs"}
STYLES = {5: "adyen.css", 6: "es/adyen.css"}
ADYENS = "Adyen's own"
"""In place of an address: the page names none, and the browser is led to the simulator by other means."""
SHOP = Path(__file__).parents[1] / "browser/dropin_shop.js"
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Shop</title><link rel="icon" href="/favicon.ico"><link rel="stylesheet" href="/adyen-%(version)s.css">
<style>body { max-width: 500px; margin: 16px auto; padding: 0 8px; font-family: sans-serif }</style>
<h1>Panier</h1><div id="dropin"></div>
<script type="application/json" id="given">%(given)s</script>
<script src="/adyen-%(version)s.js"></script><script src="/shop.js"></script></html>"""


def package(version: int) -> tuple[bytes, bytes]:
    """Script and styles. Skips the test where the package is not installed."""
    folder = PACKAGES[version]
    if not (folder / SCRIPTS[version]).exists():
        missing("Adyen's Drop-in is not installed (make node)")
    script, styles = ((folder / name[version]).read_bytes() for name in (SCRIPTS, STYLES))
    if version == 6:
        script = b"window.AdyenWeb = (exports => {" + script + b"\nreturn exports})({});"
    return _without_maps(script), _without_maps(styles)


def _without_maps(text: bytes) -> bytes:
    """Source maps are for people who debug; the browser would ask the shop for them."""
    return text.replace(b"sourceMappingURL=", b"no-map=")


EVERYWHERE = pytest.mark.parametrize(
    ("version", "flow"),
    [(6, "sessions"), (6, "advanced"), (5, "sessions"), pytest.param(5, "advanced", marks=pytest.mark.long)],
)
"""Both versions of Drop-in, in both flows; the older one in the older flow is left to ``make long``."""


class WebShop:
    """A merchant with a payment page: ``api`` is what the page calls the simulator by, ``server`` what the server does.

    ``shopper`` is the reference of a known one, ``more`` goes into the server's calls that open a session or pay.
    ``questions`` are what its page asked, ``answers`` what the simulator said to that, in order. ``trust`` is the file
    with the CA of ``server``.
    """

    def __init__(
        self, sandbox: ControlledSandbox, front: Shopfront, *, api: str = "", server: str = "", trust: str | bool = True
    ) -> None:
        self.sandbox = sandbox
        self.front = front
        self.api = api or f"{sandbox.url}/checkoutshopper/test/"
        self.server = server or sandbox.url
        self.given = sandbox.credentials["adyen"]
        self.amount: dict[str, Any] = {}
        self.locale = "en-US"
        self.shopper = ""
        self.more: dict[str, Any] = {}
        self.questions: list[tuple[str, Any]] = []
        self.answers: list[tuple[str, Any]] = []
        self.trust = trust
        for version in PACKAGES:
            script, styles = package(version)
            front.put(f"/adyen-{version}.js", script, "text/javascript; charset=utf-8")
            front.put(f"/adyen-{version}.css", styles, "text/css; charset=utf-8")
        front.put("/shop.js", SHOP.read_bytes(), "text/javascript; charset=utf-8")
        for name in ("paymentMethods", "balance", "orders", "cancel", "payments", "details"):
            front.calls[f"/api/{name}"] = self._called(name)

    # -- the shop's server ---------------------------------------------------------------------------------------------

    def _called(self, name: str) -> Callable[[Any], Any]:
        does: Mapping[str, Callable[[Any], tuple[str, dict[str, Any]]]] = {
            "paymentMethods": lambda data: ("/paymentMethods", {**self._country, "amount": self.amount, **data}),
            "balance": lambda data: ("/paymentMethods/balance", {"amount": self.amount, **data}),
            "orders": lambda data: ("/orders", {"amount": self.amount, "reference": "RESTO-1"}),
            "cancel": lambda data: ("/orders/cancel", {"order": _bare(data)}),
            "payments": self._payment,
            "details": lambda data: ("/payments/details", data),
        }

        def answer(data: Any) -> Any:
            self.questions.append((name, data))
            path, body = does[name](data)
            found = self.call(path, body)
            self.answers.append((name, found))
            return found

        return answer

    @property
    def _country(self) -> dict[str, Any]:
        known = {"shopperReference": self.shopper} if self.shopper else {}
        return {"countryCode": "FR", "shopperLocale": self.locale, **known}

    def _payment(self, data: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        body = {"amount": self.amount, "reference": "RESTO-1-1", "returnUrl": f"{self.front.url}/back?cart=7", **data}
        if "order" in data:
            body["order"] = _bare(data["order"])
            body["amount"] = self._share(data)
        return "/payments", {**self._country, **body, **self.more}

    def _share(self, data: dict[str, Any]) -> dict[str, Any]:
        """What a server must decide of an order's next payment: what the card can pay, at most what remains."""
        left = self.amount["value"]
        for name, found in self.answers:
            if name in ("payments", "details") and "order" in found and "remainingAmount" in found["order"]:
                left = found["order"]["remainingAmount"]["value"]
            if name == "cancel":
                left = self.amount["value"]
        if data["paymentMethod"]["type"] in ("mealVoucher_FR", "giftcard"):
            found = [each for name, each in self.answers if name == "balance"][-1]
            left = min(left, found["balance"]["value"], found.get("transactionLimit", {}).get("value", left))
        return {**self.amount, "value": left}

    def asked(self, name: str) -> list[Any]:
        """What its page asked it under this name."""
        return [data for each, data in self.questions if each == name]

    def call(self, path: str, body: dict[str, Any]) -> Any:
        """One call with the API key; refusals are the shop's business as well."""
        headers = {"X-API-Key": self.given["api_key"]}
        if path != "/payments/details":
            body = {"merchantAccount": self.given["merchant_account"], **body}
        return (
            session().post(f"{self.server}/v71{path}", json=body, headers=headers, timeout=30, verify=self.trust).json()
        )

    # -- its page ------------------------------------------------------------------------------------------------------

    def page(self, value: int, *, version: int = 6, flow: str = "sessions", locale: str = "en-US", **more: Any) -> str:
        """The address of a payment page over so many cents."""
        self.amount, self.locale = {"currency": "EUR", "value": value}, locale
        session = None
        if flow == "sessions":
            body = {"amount": self.amount, "reference": "RESTO-1", "returnUrl": f"{self.front.url}/back?cart=7"}
            made = self.call("/sessions", {**body, **self._country, **self.more})
            session = {"id": made["id"], "sessionData": made["sessionData"]}
            self.session = made["id"]
        return self.put("/pay", version=version, flow=flow, session=session, **more)

    def configuration(self, version: int) -> dict[str, Any]:
        """What a shop tells Drop-in to find the simulator."""
        configuration = {"environment": "test", "clientKey": self.given["client_key"], "locale": self.locale}
        configuration |= {"countryCode": "FR", "amount": self.amount, "showPayButton": True}
        if self.api == ADYENS:
            return configuration
        if version == 5:
            return {**configuration, "environmentUrls": {"api": self.api}}
        analytics = self.api.partition("/checkoutshopper/")[0] + "/checkoutanalytics/"
        urls = {"api": self.api, "analytics": analytics, "cdn": {"images": self.api, "translations": self.api}}
        return {**configuration, "_environmentUrls": urls}

    def put(self, path: str, *, version: int, flow: str, **more: Any) -> str:
        """Publish a page with Drop-in."""
        given = {"version": version, "flow": flow, "configuration": self.configuration(version), **more}
        text = json.dumps(given).replace("<", "\\u003c")
        return self.front.put(path, PAGE % {"version": version, "given": text})


def _bare(order: Mapping[str, Any]) -> dict[str, Any]:
    return {name: order[name] for name in ("orderData", "pspReference")}


# -- what a person does ------------------------------------------------------------------------------------------------

NUMBER, DATE, CODE = "encryptedCardNumber", "encryptedExpiryDate", "encryptedSecurityCode"
_METHOD = ".adyen-checkout__payment-method"
OPEN = f"{_METHOD}--selected"


def frame(field: str) -> str:
    """The frame of a secured field of the method that is open, in JavaScript."""
    return f"document.querySelector('{OPEN} [data-cse=\"{field}\"] iframe')"


def hittable(element: str) -> str:
    """Whether a click in the middle of an element would hit it."""
    return f"""(() => {{
      const found = {element};
      if (!found || !found.checkVisibility({{visibilityProperty: true, opacityProperty: true}})) return false;
      found.scrollIntoView({{block: "center"}});
      const box = found.getBoundingClientRect();
      const on = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
      return Boolean(on) && (found.contains(on) || on.contains(found));
    }})()"""


def seen(tab: Tab, name: str) -> list[Any]:
    """What the shop was told under this name."""
    return [data for each, data in tab.evaluate("seen") if each == name]


def until_seen(tab: Tab, name: str, count: int = 1) -> Any:
    """Wait until the shop was told so often; the data of the last time."""
    tab.until(f"seen.filter(([name]) => [{json.dumps(name)}, 'broken'].includes(name)).length >= {count}")
    assert not seen(tab, "broken"), seen(tab, "broken")
    return seen(tab, name)[-1]


def refusal(version: int, flow: str) -> str:
    """The callback that is told of a refusal: sessions of version 5 have one for all results."""
    return "completed" if (version, flow) == (5, "sessions") else "failed"


def button(text: str) -> str:
    """A button outside of the methods that are closed, by its text in plain spaces."""
    return (
        "[...document.querySelectorAll('button')].find(each => each.innerText.replace(/\\s+/g, ' ').trim() === "
        f"{json.dumps(text)} && (each.closest('{OPEN}') || !each.closest('{_METHOD}')))"
    )


def press(tab: Tab, text: str) -> None:
    """Press a button of Drop-in that can be hit; by script, as a look-up of the card moves it away from the mouse."""
    tab.until(hittable(button(text)))
    tab.evaluate(f"{button(text)}.click()")


def submit(tab: Tab, text: str) -> None:
    """Press the button of a form that is filled in: encryption takes a moment, and Drop-in wants its result."""
    tab.until("mounted.isValid")
    press(tab, text)


def insist(tab: Tab, element: str, done: Callable[[], object], what: str) -> None:
    """Click until something is done: a click may miss while a form is still opening. Nothing that a click undoes."""
    tab.wait_for(lambda: done() or (not tab.hit(element) and done()), what)


def choose(tab: Tab, name: str) -> None:
    """Open a payment method of the list, if it is not the one that is open."""
    method = f"[...document.querySelectorAll('{_METHOD}')].find(each => each.innerText.includes({json.dumps(name)}))"
    header = f"{method}?.querySelector('{_METHOD}__header')"
    tab.until(hittable(header))
    insist(tab, header, lambda: tab.evaluate(f"{method}?.matches('{OPEN}')"), name)


def keep(tab: Tab) -> None:
    """Take the offer to store the card."""
    offer = f"document.querySelector('{OPEN} .adyen-checkout__store-details')"
    tab.until(hittable(f"{offer}?.querySelector('span')"))
    tab.evaluate(f"{offer}.querySelector('input').click()")
    tab.until("mounted.dropinRef.state.activePaymentMethod.data.storePaymentMethod")  # some frames after the tick


def inside(tab: Tab, element: str, expression: str) -> Any:
    """The value of a JavaScript expression in the page of a frame; None while there is no such page."""
    try:
        found = tab.call("Runtime.evaluate", expression=element)["result"].get("objectId", "")
        node = tab.call("DOM.describeNode", objectId=found)["node"]
        world = tab.call("Page.createIsolatedWorld", frameId=node["frameId"])["executionContextId"]
        answer = tab.call("Runtime.evaluate", expression=expression, contextId=world, returnByValue=True)
    except ProtocolError:
        return None
    return answer["result"].get("value")


CURSOR = "document.hasFocus() && document.activeElement?.localName === 'input'"
"""Whether the cursor is in the field of a frame, in JavaScript."""


def type_in(tab: Tab, **fields: str) -> None:
    """Type into secured fields: number, date, code. They are there when the shop's page has told each what it is."""
    for name, text in fields.items():
        field = frame({"number": NUMBER, "date": DATE, "code": CODE}[name])
        tab.wait_for(partial(inside, tab, field, "Boolean(document.querySelector('input'))"), f"the field {name}")
        tab.until(hittable(field))
        insist(tab, field, partial(inside, tab, field, CURSOR), f"the cursor in {name}")
        tab.write(text)


def hosts(tab: Tab) -> set[str]:
    """Every host that the tab's pages and frames have asked."""
    tab.told()
    return {urlsplit(url).netloc for url in tab.requested if not url.startswith(("about:", "data:", "blob:"))}


def in_bank(tab: Tab, password: str) -> None:
    """Answer the bank in the frame of native 3-D Secure."""
    bank = "document.querySelector('iframe[name=threeDSIframe]')"
    tab.wait_for(
        lambda: inside(tab, bank, "Boolean(document.querySelector('[data-testid=submit]'))"), "the bank's frame"
    )
    inside(tab, bank, "document.querySelector('[name=password]').focus()")
    tab.write(password)
    inside(tab, bank, "document.querySelector('[data-testid=submit]').click()")
