"""What ``serve`` tells when it is ready: a block for people, a file for scripts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mockpsp import __version__
from mockpsp.edge.provider import Provider
from mockpsp.serving.sockets import Listening
from mockpsp.serving.tls import Certificate, how_to_trust, led_here
from mockpsp.settings import Settings, without_password
from mockpsp.world.clock import ClockMode
from mockpsp.world.plain import instant
from mockpsp.world.sandboxes import Sandbox


class Secure(NamedTuple):
    """Where https is served, and what it shows."""

    listening: Listening
    shown: Certificate

    @property
    def origin(self) -> str:
        """What clients put in front of paths."""
        return self.listening.origin("https")


def block(
    sandbox: Sandbox,
    providers: Mapping[str, Provider],
    settings: Settings,
    url: str,
    https: Secure | None,
    warnings: tuple[str, ...],
) -> str:
    """Addresses, scenario, credentials, and what to type next."""
    lines = [f"mockpsp {__version__} is ready at {url}", ""]
    lines.extend(f"  {name:<12}{what}" for name, what in _facts(sandbox, settings, url, https))
    if https is not None:
        lines += ["", "  To trust its certificate, set one of these for the client:"]
        lines += [f"    {line}" for line in how_to_trust(https.shown.ca_file)]
        if settings.tls_names:
            lines += ["", "  A browser that finds it under its other names:"]
            lines += [f"    {led_here(settings.tls_names, https.listening.port, https.shown.pin)}"]
    for name, provider in providers.items():
        lines += ["", f"  {provider.title}"]
        variables = provider.environment(sandbox.credentials[name], url)
        lines += [f"    {variable}={value}" for variable, value in variables.items()]
    lines += ["", "  Next"]
    commands = list(_commands(url, settings))
    width = max(len(command) for command, _ in commands)
    lines += [f"    {command:<{width}}  {what}" for command, what in commands]
    for warning in warnings:
        lines += ["", f"  Warning: {warning}"]
    return "\n".join([*lines, ""])


def _facts(sandbox: Sandbox, settings: Settings, url: str, https: Secure | None) -> Iterator[tuple[str, str]]:
    scenario, clock = sandbox.world.scenario, sandbox.world.clock
    if https is not None:
        yield "https", https.origin
    yield "Dashboard", f"{url}/_mockpsp/"
    yield "Scenario", f"{scenario.name}: {scenario.title}"
    if clock.mode is ClockMode.MANUAL:
        yield "Clock", f"stands still at {instant(clock.now())}, as the scenario says, until it is moved"
    for provider, target in settings.webhooks.items():
        yield "Webhooks", f"{provider} sends to {target}"
    if settings.control_token:
        yield "Control", f"takes the token {settings.control_token if settings.token_made_up else 'that was given'}"
    if settings.state:
        yield "State", f"kept in {without_password(settings.state)}; the next start with it goes on from there"
    if settings.workers > 1:
        yield "Workers", f"{settings.workers} processes answer; one that dies is started again"
    if settings.watch:
        yield "Watching", ", ".join(settings.scenarios)


def _commands(url: str, settings: Settings) -> Iterator[tuple[str, str]]:
    at = "" if url == "http://localhost:8080" else f" --url {url}"
    yield f"mockpsp credentials{at}", "these lines again, to put into a .env file"
    yield "mockpsp scenarios list", "what else can happen; serve --scenario NAME"
    yield "mockpsp play NAME", "one of them from first call to last webhook"
    if not settings.webhooks:
        yield "mockpsp serve --webhook ...", "PROVIDER=URL: where webhooks go"
    yield "Ctrl+C", "ends the server"


def document(
    sandbox: Sandbox,
    providers: Mapping[str, Provider],
    url: str,
    https: Secure | None,
    pid: int | None = None,
    token: str = "",
) -> dict[str, Any]:
    """The content of the ready file. ``pid`` is the process that ends the server, if it is not this one."""
    base_urls: dict[str, str] = {}
    for provider in providers.values():
        base_urls.update(provider.base_urls(url))
    told = {
        "url": url,
        "pid": os.getpid() if pid is None else pid,
        "version": __version__,
        "dashboard": f"{url}/_mockpsp/",
        "base_urls": base_urls,
        "credentials": {name: dict(each) for name, each in sandbox.credentials.items()},
    }
    if https is not None:
        told |= {"https_url": https.origin, "ca_file": str(https.shown.ca_file), "tls_pin": https.shown.pin}
    if token:
        told["control_token"] = token
    return told


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Write the file so that nobody ever reads half of it, and nobody else at all if there is a token in it."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.touch(mode=0o600 if "control_token" in content else 0o666)
    part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    part.replace(path)
