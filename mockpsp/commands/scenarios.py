"""``scenarios``: what there is, and whether yours is right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mockpsp.commands.shared import fail, library_of_all, unknown

if TYPE_CHECKING:
    from mockpsp.scenario.library import Library


@click.group()
def scenarios() -> None:
    """The scenario files: what there is, and whether yours is right."""


@scenarios.command("list")
def list_() -> None:
    """All shipped scenarios, with title and tags."""
    from mockpsp.scenario.library import Library

    library = Library(dict)
    rows = []
    for name in library.names():
        found = library.headline(name)
        unread = "(cannot be read; see 'mockpsp scenarios check')"
        rows.append((name, found.title, ", ".join(found.tags)) if found is not None else (name, unread, ""))
    names = max((len(row[0]) for row in rows), default=0)
    titles = max((len(row[1]) for row in rows), default=0)
    for name, title, tags in rows:
        click.echo(f"{name:<{names}}  {title:<{titles}}  {tags}".rstrip())


@scenarios.command()
@click.argument("name")
def show(name: str) -> None:
    """Print a scenario's file."""
    from mockpsp.scenario.library import Library, UnknownScenario

    try:
        path = Library(dict).path(name)
    except UnknownScenario as error:
        raise unknown(error) from error
    click.echo(path.read_text(encoding="utf-8", errors="replace"), nl=False)


@scenarios.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def check(files: tuple[str, ...]) -> None:
    """Report every mistake of every file as file:line:column: message."""
    from mockpsp.scenario.library import UnknownScenario
    from mockpsp.scenario.loader import ScenarioError

    library, bad = library_of_all(), 0
    for file in files:
        try:
            given = Path(file)
            at = given if given.is_file() else library.path(file)
            library.parse(_bytes(library, file), file=file, name=file, at=at)
        except UnknownScenario as error:
            raise unknown(error) from error
        except ScenarioError as error:
            bad += 1
            for problem in error.problems:
                click.echo(str(problem))
    if bad:
        raise SystemExit(1)
    click.echo(f"{len(files)} checked, no mistakes", err=True)


def _bytes(library: Library, file: str) -> bytes:
    """The content of a file, whatever it is called, or of a shipped scenario. Raises UnknownScenario."""
    given = Path(file)
    path = given if given.is_file() else library.path(file)
    try:
        return path.read_bytes()
    except OSError as error:
        fail(f"{file}: {error.strerror or error}")


@scenarios.command()
def schema() -> None:
    """Print the grammar of scenario files as JSON Schema, for editors."""
    from mockpsp.app import catalogues
    from mockpsp.scenario.grammar import render
    from mockpsp.scenario.grammar import schema as grammar

    click.echo(render(grammar(catalogues())), nl=False)
