"""The command line. Each command imports what it needs when it runs: ``--help`` and lists answer at once.

Exit codes: 0 it worked, 1 it did not, 2 the command line was wrong, 3 it worked in part (``record``).
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from mockpsp import __version__
from mockpsp.serving.limits import bounded, chosen

if TYPE_CHECKING:
    from mockpsp.scenario.library import Library, UnknownScenario
    from mockpsp.scenario.model import Scenario
    from mockpsp.serving.run import Beside
    from mockpsp.settings import Settings
    from mockpsp.testing.suite import Result


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
@click.option(
    "--tls-name", "tls_names", multiple=True, metavar="HOST", help="A further name of the certificate; implies --tls."
)
@click.option(
    "--tls-port", type=click.IntRange(0, 65535), help="Port of https; implies --tls.  [default: the next one]"
)
@click.option("--watch", is_flag=True, help="Reload the scenario when its file changes.")
@click.option(
    "--state", type=click.Path(dir_okay=False), help="Keep everything in this file, for the next start with it."
)
@click.option("--ready-file", type=click.Path(path_type=Path), help="Write url and credentials there when ready.")
@click.option(
    "--allow-webhooks-to", "allowed", multiple=True, metavar="HOST", help="A host beyond this network; * for any."
)
@bounded
def serve(
    host: str | None,
    port: int | None,
    scenarios: tuple[str, ...],
    webhooks: dict[str, str],
    seed: int | None,
    tls: bool,
    tls_names: tuple[str, ...],
    tls_port: int | None,
    watch: bool,
    state: str | None,
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
        tls=tls or bool(tls_names) or tls_port is not None,
        tls_names=tls_names,
        tls_port=tls_port,
        watch=watch,
        allow_webhooks_to=(*allowed, *_hosts(webhooks.values())),
        state=state or "",
        **chosen(),
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


def _serve(settings: Settings, ready_file: Path | None, beside: Beside | None = None) -> None:
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
    from mockpsp.world.store import BadState

    try:
        _known(settings.webhooks)
        run(settings, listening, ready_file, click.echo, beside)
    except UnknownScenario as error:
        raise _unknown(error) from error
    except ScenarioError as error:
        _fail("\n".join(str(problem) for problem in error.problems))
    except (NoTls, CannotListen, BadState) as error:
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


# -- demo --------------------------------------------------------------------------------------------------------------


@cli.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port of the providers; 0 finds a free one.  [default: 8080]"
)
@click.option(
    "--shop-port", type=click.IntRange(0, 65535), default=8081, show_default=True, help="Port of the shop; 0 likewise."
)
@click.option(
    "--scenario", "scenarios", multiple=True, metavar="NAME|FILE", help="What happens, on top of the default scenario."
)
@click.option("--bug", "bugs", multiple=True, metavar="NAME", help="A mistake for the shop to make; may be repeated.")
@click.option("--list-bugs", is_flag=True, help="Tell what mistakes there are.")
def demo(port: int | None, shop_port: int, scenarios: tuple[str, ...], bugs: tuple[str, ...], list_bugs: bool) -> None:
    """Run the providers and an example shop that they are paid through, until Ctrl+C.

    The shop's source is in examples/shop. It uses the official SDKs: pip install "mockpsp[demo]".
    """
    from mockpsp.data import MissingData
    from mockpsp.serving import demo as beside
    from mockpsp.serving.sockets import CannotListen, listen

    try:
        if list_bugs:
            click.echo(beside.bugs(), nl=False)
            return
        beside.ready_for_shop()
        listening = listen("localhost", shop_port)
    except (MissingData, beside.NoShop) as error:
        _fail(str(error))
    except CannotListen as error:
        _fail((error.strerror or str(error)).replace("--port", "--shop-port"))
    base = _environment()
    try:
        shown = beside.Demo(listening, bugs)
        settings = replace(
            base, host="localhost", port=base.port if port is None else port, scenarios=("default", *scenarios)
        )
        _serve(shown.settings(settings), None, shown.beside)
    except beside.NoShop as error:
        raise click.BadParameter(str(error), param_hint="--bug") from error
    finally:
        listening.close()


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


_ENDINGS = {"text": "txt", "mermaid": "mmd", "json": "json", "har": "har", "digest": "sha256"}


@cli.command()
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
    library = _library()
    names, single = _targets(library, targets, everything or (bool(tags) and not targets))
    results = [each for each in _played(library, names, tags, single) if each is not None]
    if not results:
        _fail("none of these tells a story" + (f" and has the tag {' or '.join(tags)}" if tags else ""))
    if junit is not None:
        from mockpsp.testing import suite

        _write(junit, suite.junit(results))
    if output is not None:
        for result in results:
            if result.played is not None:
                _write(output / f"{_flat(result.name)}.{_ENDINGS[form]}", _rendered([result], form, verbose))
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
        raise _unknown(error) from error
    return list(dict.fromkeys(names)), single


def _played(library: Library, names: Sequence[str], tags: tuple[str, ...], single: bool) -> Iterator[Result | None]:
    """How each went, told on the terminal as it goes; None for what has no such tag, or tells no story."""
    from mockpsp.scenario.loader import ScenarioError
    from mockpsp.testing.suite import Result

    for number, name in enumerate(names, 1):
        if single:
            scenario = _load(library, name)
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
            _fail(f"{scenario.name} tells no story; add 'story:' to the file, or choose another one")


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


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8", newline="\n")
    except OSError as error:
        _fail(f"{path}: {error.strerror or error}")


# -- asking a running server -------------------------------------------------------------------------------------------


def _asks(command: Any) -> Any:
    """The options by which a command finds the server and the sandbox that it asks about."""
    at = click.option("--url", default="http://localhost:8080", show_default=True, help="Where the server answers.")
    which = click.option("--sandbox", default="default", show_default=True, help="The sandbox that is asked about.")
    return at(which(command))


def _ask(url: str, method: str, path: str, body: Any = None) -> Any:
    """The answer of the control API, or the end of the program with what it says."""
    from mockpsp.testing.remote import Refused, call

    try:
        return call(url, method, path, body)
    except Refused as refused:
        _fail(str(refused))


def _in(sandbox: str, path: str) -> str:
    from urllib.parse import quote

    return f"/sandboxes/{quote(sandbox, safe='')}{path}"


@cli.command()
@click.argument("trace", type=click.IntRange(1))
@_asks
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def explain(trace: int, url: str, sandbox: str, form: str) -> None:
    """Say why an answer is as it is; TRACE is the number in its header Mockpsp-Trace."""
    from mockpsp.testing import explaining

    entry = _ask(url, "GET", _in(sandbox, f"/journal/{trace}")).json()
    click.echo(_json(entry) if form == "json" else explaining.explanation(entry))


@cli.command()
@click.argument("operation", required=False)
@_asks
@click.option("--kind", help="Kind of journal entry: request, webhook, delivery, event, …  [default: request]")
@click.option("--provider", help="Only what this provider did.")
@click.option("--reference", help="About this object, by any of its references.")
@click.option("--status", help="HTTP status, or where a webhook is on its way.")
@click.option("--body", "fields", multiple=True, metavar="FIELD=VALUE", help="Of the body, such as amount.value=1850.")
@click.option("--count", type=click.IntRange(0), help="Exactly so many.")
@click.option("--at-least", type=click.IntRange(0), help="So many or more.  [default: 1]")
@click.option("--at-most", type=click.IntRange(0), help="So many or fewer.")
@click.option("--then", "later", multiple=True, metavar="OPERATION", help="And after it this; may be repeated.")
@click.option(
    "--file", "file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Checks as YAML or JSON."
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def verify(
    operation: str | None,
    url: str,
    sandbox: str,
    file: Path | None,
    form: str,
    **given: Any,
) -> None:
    """Check what was called and which webhooks were sent; exit code 1 when it was not so.

    OPERATION is exact or has a *, with or without the provider in front: create_payment, adyen.*.
    """
    from mockpsp.testing import checking, explaining

    try:
        check = checking.from_options(operation, given)
        checks = checking.from_file(file) if file is not None else []
    except checking.BadCheck as error:
        raise click.UsageError(str(error)) from error
    if not check and not checks:
        raise click.UsageError("say what to look for: an OPERATION, an option such as --reference, or a --file")
    answer = _ask(url, "POST", _in(sandbox, "/journal/verify"), [*([check] if check else []), *checks]).json()
    click.echo(_json(answer) if form == "json" else explaining.verification(answer))
    if not answer["ok"]:
        raise SystemExit(1)


@cli.command()
@click.argument("sandbox", default="default")
@click.option("--url", default="http://localhost:8080", show_default=True, help="Where the server answers.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the file there.")
def record(sandbox: str, url: str, output: Path | None) -> None:
    """Write what was done by hand in SANDBOX as a scenario file, which plays it again and expects the same.

    Exit code 3 when something could not be recorded; comments in the file say what.
    """
    answer = _ask(url, "GET", _in(sandbox, "/recording"))
    if output is None:
        click.echo(answer.text, nl=False)
    else:
        _write(output, answer.text)
    missing = int(answer.headers.get("Mockpsp-Unrecorded", "0"))
    if missing:
        for line in answer.text.splitlines():
            if line.startswith("# Not recorded: "):
                click.echo(line.removeprefix("# "), err=True)
        things = "1 thing" if missing == 1 else f"{missing} things"
        _fail(f"{things} could not be recorded; see the comments of the file", code=3)
