"""A browser for the session, a shop for each test, and people who come to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.chromium import Chromium, Person, chromium, executable
from tests.support.needed import missing
from tests.support.shopfront import Shopfront, shopfront


@pytest.fixture(scope="session")
def browser() -> Iterator[Chromium]:
    """Chromium, once for all tests; each person has a profile of their own in it."""
    program = executable()
    if program is None:
        missing("Chromium is not installed")
    with chromium(program) as running:
        yield running


@pytest.fixture
def people(browser: Chromium) -> Iterator[Callable[[], Person]]:
    """Makes people; when the test ends, no console may have complained except of pages with status 422."""
    made: list[Person] = []

    def arrive() -> Person:
        made.append(Person(browser))
        return made[-1]

    yield arrive
    told = [problem for person in made for problem in person.told() if "status of 422" not in problem]
    for person in made:
        person.leave()
    assert told == []


@pytest.fixture
def person(people: Callable[[], Person]) -> Person:
    """One person."""
    return people()


@pytest.fixture
def shop() -> Iterator[Shopfront]:
    """The shop's own pages."""
    with shopfront() as front:
        yield front
