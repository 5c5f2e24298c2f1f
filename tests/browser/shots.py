"""``python -m tests.browser.shots [FOLDER]``: a picture of every hosted page, on a computer and on a phone.

Worldline's checkout is walked through on a running server; then every state of every provider's pages follows, drawn
from samples. With ``--readme`` only the pictures of the README are taken, into docs/pictures or FOLDER.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from tests.support.chromium import Chromium, Person, Tab, chromium, executable
from tests.support.control import ControlledSandbox
from tests.support.gallery import DEVICES, FRAMES, GALLERIES, LANGUAGES, visit
from tests.support.server import threaded
from tests.support.shopfront import Shopfront, shopfront
from tests.support.visits import outcome, stage, start, to_portal, type_card

VISA, DECLINED = "4330264936344675", "4321456998744563"
POOR, REFUSES = "77777777777", "33333333333"
SHOWN = {"showResultPage": True}
ANY = {"redirectPaymentMethodSpecificInput": None}


class Album:
    """Numbered pictures of one language on one device."""

    def __init__(self, folder: Path, tab: Tab, sandbox: ControlledSandbox, shop: Shopfront, locale: str) -> None:
        self.folder = folder
        self.tab = tab
        self.sandbox = sandbox
        self.shop = shop
        self.locale = locale
        self.count = 0

    def take(self, name: str) -> None:
        """The page as it is."""
        self.count += 1
        self.tab.picture(self.folder / f"{self.count:02d}-{name}.png")

    def checkout(self, hosted: Any = SHOWN, **changes: Any) -> str:
        """The page of a new checkout."""
        hosted = {"locale": self.locale, **hosted}
        return str(start(self.sandbox, self.shop, hostedCheckoutSpecificInput=hosted, **changes)["redirectUrl"])

    def to_app(self, page: str, beneficiary: str) -> None:
        """As far as the app's page."""
        to_portal(self.tab, page, beneficiary).click("open-phone")
        self.tab.shows("confirm")


def choosing(album: Album) -> None:
    """The hosted page: choice, mistakes, a card for everything."""
    tab = album.tab
    tab.open(album.checkout(**ANY)).shows("pay")
    album.take("selection")
    tab.click("pay")
    tab.shows("error")
    album.take("selection-nothing-chosen")
    tab.click("product-1")
    tab.click("pay")
    tab.shows("pay-card")
    album.take("card-only")
    tab.click("pay-card")
    tab.shows("error")
    album.take("card-only-empty")
    type_card(tab, DECLINED).until(
        "document.querySelector('[data-testid=error]') && !document.querySelector('.problem')"
    )
    album.take("card-only-refused")
    tab.open(album.checkout(**ANY)).shows("pay").click("product-1")
    tab.click("pay")
    type_card(tab.shows("pay-card"), VISA).until(outcome("paid"))
    album.take("card-only-paid")


def with_vouchers(album: Album) -> None:
    """Vouchers first, a card for the rest."""
    tab = album.tab
    page = album.checkout()
    tab.open(page).shows("continue")
    album.take("confirm")
    tab.fill("beneficiary", "nobody")
    tab.click("continue")
    tab.shows("error")
    album.take("confirm-mistake")
    tab.fill("beneficiary", POOR)
    tab.click("continue")
    tab.until(stage(1))
    album.take("portal-waits-for-the-app")
    app = tab.attribute("open-phone", "href")
    tab.open(app).shows("confirm")
    album.take("app")
    tab.open(page).until(stage(2))
    album.take("portal-waits-for-confirmation")
    tab.open(app).shows("confirm").fill("voucher-amount", "9999")
    tab.click("confirm")
    tab.shows("error")
    album.take("app-mistake")
    tab.fill("voucher-amount", "300")
    tab.click("confirm")
    tab.shows("pay-card")
    album.take("complement")
    tab.open(page).until(stage(3))
    album.take("portal-waits-for-the-card")
    type_card(tab.open(app).shows("pay-card"), DECLINED).shows("error")
    album.take("complement-refused")
    type_card(tab, VISA).until(outcome("paid"))
    album.take("app-paid")
    tab.open(page).until(outcome("paid"))
    album.take("result-paid")


def endings(album: Album) -> None:
    """Fixed amounts, and everything that ends otherwise."""
    tab = album.tab
    fixed = {"paymentProduct5412SpecificInput": {"adjustableAmount": False, "beneficiaryId": POOR}}
    album.to_app(album.checkout(redirectPaymentMethodSpecificInput=fixed), POOR)
    album.take("app-fixed-amount")
    page = album.checkout()
    album.to_app(page, POOR)
    tab.click("refuse")
    tab.until(outcome("cancelled"))
    album.take("app-refused")
    tab.open(page).until(outcome("cancelled"))
    album.take("result-cancelled")
    tab.open(album.checkout()).shows("continue").fill("beneficiary", REFUSES)
    tab.click("continue")
    tab.shows("error")
    album.take("confirm-after-ancv-refused")
    page = album.checkout({**SHOWN, "sessionTimeout": 1})
    album.sandbox.advance("PT2H")
    tab.open(page).until(outcome("expired"))
    album.take("result-expired")
    tab.open(page[:-6] + "000000").shows("closed")
    album.take("closed-unknown")


def walks(browser: Chromium, folder: Path) -> None:
    """Worldline's checkout in two languages and two sizes."""
    with threaded() as server, shopfront() as shop:
        for locale in ("fr_FR", "en_GB"):
            for device, (width, height) in DEVICES.items():
                person, sandbox = Person(browser), ControlledSandbox.create(server.url)
                place = _place(folder, f"checkout-{locale[:2]}-{device}")
                album = Album(place, person.tab(width=width, height=height), sandbox, shop, locale)
                for part in (choosing, with_vouchers, endings):
                    part(album)
                person.leave()
                sandbox.delete()


def samples(browser: Chromium, folder: Path) -> None:
    """Every state of every provider's pages, and of their frames in two sizes that banks use."""
    for provider, gallery in GALLERIES.items():
        for language in LANGUAGES:
            for size in (*DEVICES, *FRAMES):
                drawn = gallery.drawn(language, framed=size in FRAMES)
                if not drawn:
                    continue
                place, names = _place(folder, f"{provider}-{language[:2]}-{size}"), list(drawn)
                person = Person(browser)

                def take(tab: Tab, name: str, place: Path = place, names: list[str] = names) -> None:
                    tab.picture(place / f"{names.index(name) + 1:02d}-{name}.png")

                visit(person, drawn, (DEVICES | FRAMES)[size], take)
                person.leave()


README = {
    "cv-connect": ("worldline", "portal-2", (1000, 640)),
    "phone": ("worldline", "app", (360, 640)),
    "meal-voucher": ("adyen", "voucher", (1000, 640)),
}


def for_readme(browser: Chromium, folder: Path) -> None:
    """The pictures that the README shows: page and size by name."""
    for name, (provider, page, size) in README.items():
        person = Person(browser)
        drawn = {page: GALLERIES[provider].drawn("en-US")[page]}
        visit(person, drawn, size, lambda tab, _, name=name: tab.picture(folder / f"{name}.png"))
        person.leave()


def _place(folder: Path, name: str) -> Path:
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    return place


def main(*given: str) -> None:
    """All pictures, or those of the README."""
    readme = "--readme" in given
    named = [Path(each) for each in given if each != "--readme"]
    usual = Path("docs/pictures") if readme else None
    folder = named[0] if named else usual or Path(mkdtemp(prefix="mockpsp-shots-"))
    folder.mkdir(parents=True, exist_ok=True)
    program = executable()
    if program is None:
        sys.exit("Chromium is not installed")
    with chromium(program) as browser:
        for part in (for_readme,) if readme else (walks, samples):
            part(browser, folder)
    sys.stdout.write(f"{folder}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
