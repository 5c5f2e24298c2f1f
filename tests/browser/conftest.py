"""A browser for the session, a shop for each test, and people who come to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.chromium import Chromium, Person, chromium, executable
from tests.support.needed import missing
from tests.support.served import Served
from tests.support.shopfront import Shopfront, shopfront

ADYEN = ("checkoutshopper-test.adyen.com", "checkoutshopper-test.cdn.adyen.com", "checkoutanalytics-test.adyen.com")
SHOP_HOST = "shop.test"
"""A host without https: browsers have no WebCrypto on its pages."""


def _program() -> str:
    program = executable()
    if program is None:
        missing("Chromium is not installed")
    return str(program)


@pytest.fixture(scope="session")
def browser() -> Iterator[Chromium]:
    """Chromium, once for all tests; each person has a profile of their own in it."""
    with chromium(_program()) as running:
        yield running


@pytest.fixture(scope="session")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """``mockpsp serve`` with https and Adyen's names, as a shop's developer starts it: what its ready file says."""
    if find_spec("trustme") is None:
        missing("the package trustme is not installed (mockpsp[tls])")
    names = (option for name in ADYEN for option in ("--tls-name", name))
    started = Served(tmp_path_factory.mktemp("served") / "ready.json", "--port", "0", "--tls-port", "0", *names)
    yield started.told
    started.end()


@pytest.fixture(scope="session")
def led_browser(secure: dict[str, Any]) -> Iterator[Chromium]:
    """Chromium that finds ``secure`` under Adyen's names and as localhost:8080, and takes its certificate."""
    https, http = urlsplit(secure["https_url"]).port, urlsplit(secure["url"]).port
    rules = [
        *(f"MAP {name}:443 127.0.0.1:{https}" for name in ADYEN),
        f"MAP localhost:8080 127.0.0.1:{http}",
        "MAP localhost 127.0.0.1",
        f"MAP {SHOP_HOST} 127.0.0.1",
        "MAP * ~NOTFOUND",
        "EXCLUDE 127.0.0.1",
    ]
    flags = (f"--host-resolver-rules={' , '.join(rules)}", f"--ignore-certificate-errors-spki-list={secure['tls_pin']}")
    with chromium(_program(), *flags) as running:
        yield running


@contextmanager
def _people(browser: Chromium) -> Iterator[Callable[[], Person]]:
    made: list[Person] = []

    def arrive() -> Person:
        made.append(Person(browser))
        return made[-1]

    yield arrive
    told = [each for person in made for each in person.told() if not any(part in each for part in person.expects)]
    for person in made:
        person.leave()
    assert told == []


@pytest.fixture
def people(browser: Chromium) -> Iterator[Callable[[], Person]]:
    """Makes people; when the test ends, no console may have complained of anything that its person does not expect."""
    with _people(browser) as arrive:
        yield arrive


@pytest.fixture
def led_person(led_browser: Chromium) -> Iterator[Person]:
    """One person in front of ``led_browser``."""
    with _people(led_browser) as arrive:
        yield arrive()


@pytest.fixture
def person(people: Callable[[], Person]) -> Person:
    """One person."""
    return people()


@pytest.fixture
def shop() -> Iterator[Shopfront]:
    """The shop's own pages."""
    with shopfront() as front:
        yield front
