"""``play``: the stories of scenarios, run against themselves."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mockpsp.commands.shared import fail, library_of_all, load, unknown, write

if TYPE_CHECKING:
    from mockpsp.scenario.library import Library
    from mockpsp.scenario.model import Scenario
    from mockpsp.testing.suite import Result

_ENDINGS = {"text": "txt", "mermaid": "mmd", "json": "json", "har": "har", "digest": "sha256"}


@click.command()
@click.argument("targets", nargs=-1, metavar="NAME|FILE|FOLDER|PATTERN...")
@click.option("--all", "everything", is_flag=True, help="All shipped scenarios.")
@click.option("--tag", "tags", multiple=True, help="Only scenarios with this tag; may be repeated, one is enough.")
@click.option("--format", "form", type=click.Choice(list(_ENDINGS)), default="text", show_default=True)
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), help="Write a file per scenario there.")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write a report for CI there.")
@click.option("--verbose", is_flag=True, help="Whole bodies, every event, and the rules that nearly matched.")
@click.option("--quiet", is_flag=True, help="Print only what was not as expected.")
def play(
    targets: tuple[str, ...],
    everything: bool,
    tags: tuple[str, ...],
    form: str,
    output: Path | None,
    junit: Path | None,
    verbose: bool,
    quiet: bool,
) -> None:
    """Run the stories of scenarios against themselves and print the exchange.

    A FOLDER is one of shipped scenarios (lyra/) or of files; a PATTERN has a * (adyen/*refund*). Exit code 1 when
    something was not as expected. With --format digest a line for each journal, and one for all of them, tells
    whether two machines came to the same bytes.
    """
    library = library_of_all()
    names, single = _targets(library, targets, everything or (bool(tags) and not targets))
    results = [each for each in _played(library, names, tags, single) if each is not None]
    if not results:
        fail("none of these tells a story" + (f" and has the tag {' or '.join(tags)}" if tags else ""))
    if junit is not None:
        from mockpsp.testing import suite

        write(junit, suite.junit(results))
    if output is not None:
        for result in results:
            if result.played is not None:
                write(output / f"{_flat(result.name)}.{_ENDINGS[form]}", _rendered([result], form, verbose))
    elif not quiet and any(each.played for each in results):
        click.echo(_rendered(results, form, verbose, single=single))
    _verdict(results, told=form == "text" and output is None and not quiet, single=single)


def _targets(library: Library, targets: tuple[str, ...], everything: bool) -> tuple[list[str], bool]:
    """What to play, and whether it is one scenario that was named."""
    from mockpsp.scenario.library import UnknownScenario
    from mockpsp.testing import suite

    if not targets and not everything:
        raise click.UsageError("say what to play: a name, a file, a folder, a pattern, --tag or --all")
    try:
        names = [*(library.names() if everything else ()), *suite.chosen(library, targets)]
        single = not everything and len(targets) == 1 and not suite.several(library, targets[0])
    except UnknownScenario as error:
        raise unknown(error) from error
    return list(dict.fromkeys(names)), single


def _played(library: Library, names: Sequence[str], tags: tuple[str, ...], single: bool) -> Iterator[Result | None]:
    """How each went, told on the terminal as it goes; None for what has no such tag, or tells no story."""
    from mockpsp.scenario.loader import ScenarioError
    from mockpsp.testing.suite import Result

    for number, name in enumerate(names, 1):
        if single:
            scenario = load(library, name)
        else:
            try:
                scenario = library.load(name)
            except (ScenarioError, OSError) as error:
                yield Result(name, 0.0, None, tuple(map(str, getattr(error, "problems", (error,)))))
                continue
        if tags and not set(tags) & set(scenario.tags):
            yield None
        elif scenario.story:
            result = _play(name, scenario)
            if not single and sys.stderr.isatty():
                told = "ok" if result.ok else f"{len(result.complaints)} not met"
                click.echo(f"{number:>4}/{len(names)}  {name}: {told} ({result.seconds:.2f} s)", err=True)
            yield result
        elif single:
            fail(f"{scenario.name} tells no story; add 'story:' to the file, or choose another one")


def _play(name: str, scenario: Scenario) -> Result:
    import asyncio
    from dataclasses import replace
    from time import perf_counter

    from mockpsp.testing.player import play as run
    from mockpsp.testing.suite import Result

    started = perf_counter()
    played = asyncio.run(run(scenario))
    return Result(name, perf_counter() - started, replace(played, name=name))


def _rendered(results: Sequence[Result], form: str, verbose: bool, *, single: bool = True) -> str:
    from mockpsp.testing import har, render

    stories = [each.played for each in results if each.played is not None]
    match form:
        case "har":
            return har.as_har(stories)
        case "json" if single:
            return render.as_json(stories[0])
        case "json":
            return "[" + ",\n".join(map(render.as_json, stories)) + "]"
        case "mermaid":
            return "\n\n".join(map(render.mermaid, stories))
        case "digest":
            return render.digests(stories)
        case _:
            return "\n\n\n".join(render.text(each, verbose=verbose) for each in stories)


def _verdict(results: Sequence[Result], *, told: bool, single: bool) -> None:
    """What was not as expected, and the end of the program with 1 if there was anything."""
    wrong = [each for each in results if not each.ok]
    for result in wrong:
        if not told or result.played is None:
            click.echo(
                "\n".join(f"{'' if single else f'{result.name}: '}{each}" for each in result.complaints), err=True
            )
    if not single:
        count = len(results)
        stories = "1 story" if count == 1 else f"{count} stories"
        click.echo(f"{stories}, {len(wrong)} not as expected" if wrong else f"{stories}, all as expected", err=True)
    if wrong:
        raise SystemExit(1)


def _flat(name: str) -> str:
    """A file's name for a scenario: folders of shipped ones stay, a user's file gives its last part."""
    path = Path(name)
    return path.stem if path.suffix else name
