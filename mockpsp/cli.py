"""The command line. Each command imports what it needs when it runs: ``--help`` and lists answer at once.

Exit codes: 0 it worked, 1 it did not, 2 the command line was wrong.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from mockpsp import __version__

if TYPE_CHECKING:
    from mockpsp.scenario.library import Library, UnknownScenario
    from mockpsp.scenario.model import Scenario
    from mockpsp.settings import Settings


def main() -> None:
    """The entry point ``mockpsp``."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    cli(prog_name="mockpsp")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="mockpsp %(version)s")
def cli() -> None:
    """Payment providers on your own machine, steered by scenarios."""


def _fail(message: str, code: int = 1) -> NoReturn:
    click.echo(message, err=True)
    raise SystemExit(code)


def _library() -> Library:
    """All scenarios, able to load them; imports the providers."""
    from mockpsp.app import catalogues
    from mockpsp.scenario.library import Library

    return Library(catalogues)


def _unknown(error: UnknownScenario) -> click.UsageError:
    return click.UsageError(f"{error}\n'mockpsp scenarios list' shows them all.")


def _load(library: Library, name: str) -> Scenario:
    """One scenario, or the end of the program with the reasons."""
    from mockpsp.scenario.library import UnknownScenario
    from mockpsp.scenario.loader import ScenarioError

    try:
        return library.load(name)
    except UnknownScenario as error:
        raise _unknown(error) from error
    except ScenarioError as error:
        _fail("\n".join(str(problem) for problem in error.problems))
    except OSError as error:
        _fail(f"{name}: {error.strerror or error}")


# -- serve -------------------------------------------------------------------------------------------------------------


def _webhooks(_: click.Context, __: click.Parameter, given: Sequence[str]) -> dict[str, str]:
    """``PROVIDER=URL`` each."""
    from urllib.parse import urlsplit

    found = {}
    for each in given:
        provider, equals, url = each.partition("=")
        parts = urlsplit(url)
        if not (provider and equals and parts.scheme in ("http", "https") and parts.hostname):
            raise click.BadParameter(f"{each!r}; write it like worldline=http://localhost:3000/webhooks")
        found[provider] = url
    return found


@cli.command()
@click.option("--host", help="Address to listen on; only this machine can reach the default.  [default: localhost]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 finds a free one.  [default: 8080]")
@click.option("--scenario", "scenarios", multiple=True, metavar="NAME|FILE", help="What happens; several add up.")
@click.option(
    "--webhook", "webhooks", multiple=True, metavar="PROVIDER=URL", callback=_webhooks, help="Where webhooks go."
)
@click.option("--seed", type=click.IntRange(0), help="Ids follow from it, instead of the scenario's.")
@click.option("--tls", is_flag=True, help="Serve https as well, with a certificate made on the spot.")
@click.option("--watch", is_flag=True, help="Reload the scenario when its file changes.")
@click.option("--ready-file", type=click.Path(path_type=Path), help="Write url and credentials there when ready.")
@click.option(
    "--allow-webhooks-to", "allowed", multiple=True, metavar="HOST", help="A host beyond this network; * for any."
)
def serve(
    host: str | None,
    port: int | None,
    scenarios: tuple[str, ...],
    webhooks: dict[str, str],
    seed: int | None,
    tls: bool,
    watch: bool,
    ready_file: Path | None,
    allowed: tuple[str, ...],
) -> None:
    """Run the providers until Ctrl+C."""
    base = _environment()
    settings = replace(
        base,
        host=base.host if host is None else host,
        port=base.port if port is None else port,
        scenarios=scenarios or base.scenarios,
        webhooks=webhooks,
        seed=seed,
        tls=tls,
        watch=watch,
        allow_webhooks_to=(*allowed, *_hosts(webhooks.values())),
    )
    _serve(settings, ready_file)


def _environment() -> Settings:
    from mockpsp.settings import Settings

    try:
        return Settings.from_environment()
    except ValueError as error:
        raise click.UsageError(f"MOCKPSP_PORT: {error}") from error


def _hosts(urls: Iterable[str]) -> Iterable[str]:
    """Hosts that the user named as webhook targets are allowed by that."""
    from urllib.parse import urlsplit

    return [urlsplit(url).hostname or "" for url in urls]


def _serve(settings: Settings, ready_file: Path | None) -> None:
    from mockpsp.serving.sockets import CannotListen, listen

    if ready_file is not None:
        _clear(ready_file)
    try:
        listening = listen(settings.host, settings.port)
    except CannotListen as error:
        _fail(error.strerror or str(error))
    gc.disable()  # imports make hardly any garbage; ``run`` enables it when all is there
    # from here on clients can connect; they wait while the rest is imported
    from mockpsp.scenario.library import UnknownScenario
    from mockpsp.scenario.loader import ScenarioError
    from mockpsp.serving.run import run
    from mockpsp.serving.tls import NoTls

    try:
        _known(settings.webhooks)
        run(settings, listening, ready_file, click.echo)
    except UnknownScenario as error:
        raise _unknown(error) from error
    except ScenarioError as error:
        _fail("\n".join(str(problem) for problem in error.problems))
    except (NoTls, CannotListen) as error:
        _fail(str(error))
    finally:
        gc.enable()
        listening.close()


def _clear(ready_file: Path) -> None:
    """A file of an earlier run would tell that we are ready."""
    try:
        ready_file.unlink(missing_ok=True)
    except OSError as error:
        raise click.BadParameter(f"{ready_file}: {error.strerror}", param_hint="--ready-file") from error
    if not ready_file.absolute().parent.is_dir():
        raise click.BadParameter(f"{ready_file.parent} is no directory", param_hint="--ready-file")


def _known(providers: Iterable[str]) -> None:
    from difflib import get_close_matches

    from mockpsp.providers import discover

    names = list(discover())
    for name in providers:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
            raise click.BadParameter(f"no provider is called {name!r}; {hint}", param_hint="--webhook")


# -- credentials -------------------------------------------------------------------------------------------------------


@cli.command()
@click.option("--format", "form", type=click.Choice(["env", "json"]), default="env", show_default=True)
@click.option("--url", default="http://localhost:8080", show_default=True, help="Where the server answers.")
def credentials(form: str, url: str) -> None:
    """What to put into the application's settings; constants of the default scenario, no server is needed."""
    from mockpsp.providers import discover
    from mockpsp.settings import Settings
    from mockpsp.world.sandboxes import DEFAULT

    scenario = _library().together(Settings().scenarios)
    issued = {name: dict(provider.credentials(DEFAULT, scenario)) for name, provider in discover().items()}
    if form == "json":
        click.echo(_json(issued))
        return
    from shlex import quote

    for number, (name, provider) in enumerate(discover().items()):
        click.echo(("\n" if number else "") + f"# {provider.title}")
        for variable, value in provider.environment(issued[name], url.rstrip("/")).items():
            click.echo(f"{variable}={quote(value)}")


def _json(value: Any) -> str:
    from json import dumps

    return dumps(value, indent=2, ensure_ascii=False)


# -- scenarios ---------------------------------------------------------------------------------------------------------


@cli.group()
def scenarios() -> None:
    """The scenario files: what there is, and whether yours is right."""


@scenarios.command("list")
def list_() -> None:
    """All shipped scenarios, with title and tags."""
    from mockpsp.scenario.library import Library

    library = Library(dict)
    rows = [(name, *_headline(library.path(name))) for name in library.names()]
    names = max((len(row[0]) for row in rows), default=0)
    titles = max((len(row[1]) for row in rows), default=0)
    for name, title, tags in rows:
        click.echo(f"{name:<{names}}  {title:<{titles}}  {tags}".rstrip())


def _headline(path: Path) -> tuple[str, str]:
    """Title and tags of a file, without checking the rest of it."""
    import yaml

    loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        with path.open(encoding="utf-8") as file:
            read = yaml.load(file, Loader=loader)  # noqa: S506 - the base loader makes nothing but texts
        return str(read["title"]), ", ".join(read.get("tags", ()))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, yaml.YAMLError):
        return "(cannot be read; see 'mockpsp scenarios check')", ""


@scenarios.command()
@click.argument("name")
def show(name: str) -> None:
    """Print a scenario's file."""
    from mockpsp.scenario.library import Library, UnknownScenario

    try:
        path = Library(dict).path(name)
    except UnknownScenario as error:
        raise _unknown(error) from error
    click.echo(path.read_text(encoding="utf-8", errors="replace"), nl=False)


@scenarios.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def check(files: tuple[str, ...]) -> None:
    """Report every mistake of every file as file:line:column: message."""
    from mockpsp.scenario.library import UnknownScenario
    from mockpsp.scenario.loader import ScenarioError

    library, bad = _library(), 0
    for file in files:
        try:
            given = Path(file)
            at = given if given.is_file() else library.path(file)
            library.parse(_bytes(library, file), file=file, name=file, at=at)
        except UnknownScenario as error:
            raise _unknown(error) from error
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
        _fail(f"{file}: {error.strerror or error}")


@scenarios.command()
def schema() -> None:
    """Print the grammar of scenario files as JSON Schema, for editors."""
    from mockpsp.app import catalogues
    from mockpsp.scenario.grammar import render
    from mockpsp.scenario.grammar import schema as grammar

    click.echo(render(grammar(catalogues())), nl=False)


# -- play --------------------------------------------------------------------------------------------------------------


@cli.command()
@click.argument("name", metavar="NAME|FILE")
@click.option("--format", "form", type=click.Choice(["text", "mermaid", "json"]), default="text", show_default=True)
@click.option("--verbose", is_flag=True, help="Whole bodies, every event, and the rules that nearly matched.")
def play(name: str, form: str, verbose: bool) -> None:
    """Run one scenario's story against itself and print the exchange."""
    import asyncio

    scenario = _load(_library(), name)
    if not scenario.story:
        _fail(f"{scenario.name} tells no story; add 'story:' to the file, or choose another one")
    from mockpsp.testing import render
    from mockpsp.testing.player import play as run

    played = asyncio.run(run(scenario))
    if form == "text":
        click.echo(render.text(played, verbose=verbose))
    else:
        click.echo(render.mermaid(played) if form == "mermaid" else render.as_json(played))
        for failure in played.failures:
            click.echo(str(failure), err=True)
    if played.failures:
        raise SystemExit(1)
