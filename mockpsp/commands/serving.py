"""``serve``, ``demo``, ``credentials``: what runs the providers, and what it takes to reach them."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mockpsp.commands.shared import fail, in_json, library_of_all, unknown, webhook_option
from mockpsp.serving.limits import bounded, chosen

if TYPE_CHECKING:
    from mockpsp.serving.run import Beside
    from mockpsp.settings import Settings


@click.command()
@click.option("--host", help="Address to listen on; only this machine can reach the default.  [default: localhost]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 finds a free one.  [default: 8080]")
@click.option("--scenario", "scenarios", multiple=True, metavar="NAME|FILE", help="What happens; several add up.")
@webhook_option
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
    "--state",
    type=click.Path(dir_okay=False),
    metavar="FILE|URL",
    help="Keep everything in this file, or in this database (postgresql://…), for the next start with it.",
)
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, help="Serve with so many processes; needs a database as state."
)
@click.option("--ready-file", type=click.Path(path_type=Path), help="Write url and credentials there when ready.")
@click.option(
    "--allow-webhooks-to", "allowed", multiple=True, metavar="HOST", help="A host beyond this network; * for any."
)
@click.option("--allow-host", "names", multiple=True, metavar="NAME", help="A further name of this server; * for any.")
@click.option(
    "--control-token", metavar="TOKEN", help="What steering takes.  [default: made up, if other machines get in]"
)
@click.option("--drain", type=click.FloatRange(0), help="Seconds for webhooks that are due at the end.  [default: 5]")
@click.option("--log", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Its form.")
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="warning", show_default=True
)
@click.option("--log-requests", is_flag=True, help="A line in the log for each request.")
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
    workers: int,
    ready_file: Path | None,
    allowed: tuple[str, ...],
    names: tuple[str, ...],
    control_token: str | None,
    drain: float | None,
    form: str,
    log_level: str,
    log_requests: bool,
) -> None:
    """Run the providers until Ctrl+C."""
    base = _environment()
    if control_token is not None and not _is_token(control_token):
        raise click.BadParameter("at least 8 visible ASCII characters", param_hint="--control-token")
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
        state=state or base.state,
        workers=workers,
        allow_hosts=(*base.allow_hosts, *names),
        control_token=base.control_token if control_token is None else control_token,
        drain=base.drain if drain is None else drain,
        log_requests=log_requests,
        **chosen(),
    )
    _serve(settings, ready_file, log=(form, log_level))


def _is_token(text: str) -> bool:
    return len(text) >= 8 and text.isascii() and text.isprintable() and not any(each.isspace() for each in text)


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


def _serve(
    settings: Settings,
    ready_file: Path | None,
    beside: Beside | None = None,
    log: tuple[str, str] = ("text", "warning"),
) -> None:
    from mockpsp.serving.sockets import CannotListen, listen

    if settings.workers > 1:
        _may_be_several(settings.state)
    if ready_file is not None:
        _clear(ready_file)
    try:
        listening = listen(settings.host, settings.port)
    except CannotListen as error:
        fail(error.strerror or str(error))
    gc.disable()  # imports make hardly any garbage; ``run`` enables it when all is there
    # from here on clients can connect; they wait while the rest is imported
    from mockpsp.serving.authorities import read_later

    with read_later():
        from mockpsp.serving.run import run
    from mockpsp.scenario.library import UnknownScenario
    from mockpsp.scenario.loader import ScenarioError
    from mockpsp.serving.logs import set_up
    from mockpsp.serving.tls import NoTls
    from mockpsp.world.store import BadState, StoreFailed

    try:
        _known(settings.webhooks)
        set_up(*log, requests=settings.log_requests)
        guarded = _guarded(settings, listening.exposed)
        if settings.workers > 1:
            from mockpsp.serving.workers import run_all

            run_all(guarded, listening, ready_file, click.echo)
        else:
            run(guarded, listening, ready_file, click.echo, beside)
    except UnknownScenario as error:
        raise unknown(error) from error
    except ScenarioError as error:
        fail("\n".join(str(problem) for problem in error.problems))
    except (NoTls, CannotListen, BadState, StoreFailed) as error:
        fail(str(error))
    finally:
        gc.enable()
        listening.close()


def _may_be_several(state: str) -> None:
    from mockpsp.settings import is_shared

    if not is_shared(state):
        raise click.UsageError(
            "--workers needs --state postgresql://…: several processes share their sandboxes in a database"
        )
    if not hasattr(os, "fork"):
        raise click.UsageError(
            "--workers needs Linux or macOS; elsewhere put several servers with the same --state behind a balancer"
        )


def _guarded(settings: Settings, exposed: bool) -> Settings:
    """Where other machines get in, steering takes a token: the one that was given, or one that we make up."""
    if not exposed or settings.control_token:
        return replace(settings, exposed=exposed)
    from mockpsp.world.ids import made_up_token

    return replace(settings, exposed=True, control_token=made_up_token(), token_made_up=True)


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


@click.command()
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
        fail(str(error))
    except CannotListen as error:
        fail((error.strerror or str(error)).replace("--port", "--shop-port"))
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


@click.command()
@click.option("--format", "form", type=click.Choice(["env", "json"]), default="env", show_default=True)
@click.option("--url", default="http://localhost:8080", show_default=True, help="Where the server answers.")
def credentials(form: str, url: str) -> None:
    """What to put into the application's settings; constants of the default scenario, no server is needed."""
    from mockpsp.providers import discover
    from mockpsp.settings import Settings
    from mockpsp.world.sandboxes import DEFAULT

    scenario = library_of_all().together(Settings().scenarios)
    issued = {name: dict(provider.credentials(DEFAULT, scenario)) for name, provider in discover().items()}
    if form == "json":
        click.echo(in_json(issued))
        return
    from shlex import quote

    for number, (name, provider) in enumerate(discover().items()):
        click.echo(("\n" if number else "") + f"# {provider.title}")
        for variable, value in provider.environment(issued[name], url.rstrip("/")).items():
            click.echo(f"{variable}={quote(value)}")
