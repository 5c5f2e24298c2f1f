"""Whoever adds a page must add it to what is looked at: by axe-core, by keyboard, without scripts, by strangers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from aiohttp.web import UrlDispatcher

from mockpsp.edge.provider import Access
from mockpsp.providers import discover
from tests.browser.test_hostile import ADDRESSES
from tests.support.gallery import GALLERIES, LANGUAGES

PAGES = sorted(GALLERIES)
NO_DOCUMENT = {"poll", "poll_state", "poll_pending", "poll_progress", "asset", "picture"}
"""Operations that our pages ask, and that draw nothing."""
FRAMED = {"three_ds_method"}
"""What is loaded in an invisible frame says what it has to say to anybody, and repeats nothing."""


def views_of(provider: str) -> Any:
    """Its module of views."""
    return import_module(f"mockpsp.providers.{provider}.views")


def templates(provider: str) -> dict[str, type]:
    """The views that have a template of their own, by its name."""
    return {
        view.template: view
        for view in vars(views_of(provider)).values()
        if isinstance(view, type) and "template" in vars(view)
    }


@pytest.mark.parametrize("provider", PAGES)
def test_every_page_is_drawn_in_the_gallery(provider: str) -> None:
    """From there all judges of pages, and the pictures, take them; see tests/support/gallery.py."""
    gallery = GALLERIES[provider]
    samples = gallery.samples(LANGUAGES[0])
    drawn = {type(view) for shown in (gallery.pages, gallery.frames) for view in shown(samples).values()}
    missing = {view.__name__ for view in templates(provider).values()} - {view.__name__ for view in drawn}
    assert not missing


@pytest.mark.parametrize("provider", PAGES)
def test_every_template_is_a_page_or_a_part_of_one(provider: str) -> None:
    folder = Path(views_of(provider).__file__).parent / "templates"
    texts = {file.name: file.read_text("utf-8") for file in folder.glob("*.html")}
    used = {name for text in texts.values() for name in re.findall(r'(?:extends|import|include) "([^"]+)"', text)}
    assert set(texts) <= used | set(templates(provider))


def pages() -> Iterator[tuple[str, str]]:
    """Operation and path of all hosted pages."""
    for provider in discover().values():
        for route in provider.routes:
            if route.access is Access.PAGE and route.method == "GET" and route.operation not in NO_DOCUMENT | FRAMED:
                yield route.operation, route.path


@pytest.mark.parametrize(("operation", "path"), list(pages()))
def test_every_page_is_among_those_that_strangers_try(operation: str, path: str) -> None:
    resource = UrlDispatcher().add_resource(path)
    tried = [address.partition("?")[0].replace("{}", "x") for address in ADDRESSES]
    assert any(resource._match(each) is not None for each in tried), f"{operation} at {path}"
