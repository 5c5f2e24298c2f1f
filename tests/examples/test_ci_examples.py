"""The CI examples: they can be parsed, and every command in them is one that we have."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from mockpsp.cli import cli

FOLDER = Path(__file__).parents[2] / "examples" / "ci"
PIPELINES = ("github-actions.yml", "gitlab-ci.yml")
GIVEN = {"${{ github.run_number }}": "7", "$CI_PIPELINE_IID": "7"}
"""What the CI server puts in."""


def texts(value: Any) -> Iterator[str]:
    """All texts in a document."""
    if isinstance(value, dict):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, str):
        yield value


def commands(text: str) -> Iterator[list[str]]:
    """Our command lines, in words."""
    for name, value in GIVEN.items():
        text = text.replace(name, value)
    for line in text.splitlines():
        if line.startswith("mockpsp "):
            yield shlex.split(line)[1:]


def parsed(words: list[str]) -> dict[str, Any]:
    """What the command understands. Raises click.UsageError for what it does not know."""
    command = cli.get_command(click.Context(cli), words[0])
    if command is None:
        raise click.UsageError(f"no such command: {words[0]}")
    # A file that the pipeline makes before is not there now.
    for each in command.params:
        if isinstance(each.type, click.Path):
            each.type.exists = False
    with command.make_context(words[0], list(words[1:])) as context:
        return context.params


@pytest.mark.parametrize("name", PIPELINES)
def test_every_option_of_a_pipeline_exists(name: str) -> None:
    document = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    found = [words for text in texts(document) for words in commands(text)]
    assert {words[0] for words in found} == {"judge", "explore"}
    judging, exploring = (parsed(words) for words in sorted(found, key=lambda each: each[0], reverse=True))
    assert (judging["command"], judging["baseline"].name) == ("./ci/buy.sh", "judge-baseline.json")
    assert all(judging[each] for each in ("html", "junit", "sarif", "json"))
    assert (exploring["seconds"], exploring["seed"], exploring["into"].name) == (900.0, 7, "explored")


def test_what_the_pipelines_upload_is_what_is_written() -> None:
    github = yaml.safe_load((FOLDER / "github-actions.yml").read_text(encoding="utf-8"))
    steps = {each.get("name", each.get("uses")): each for each in github["jobs"]["judge"]["steps"]}
    [words] = commands(steps["Judge"]["run"])
    assert steps["Show findings beside the code"]["with"]["sarif_file"] == str(parsed(words)["sarif"].as_posix())
    assert str(parsed(words)["html"].parent) == steps["Keep the reports"]["with"]["path"].rstrip("/")
    gitlab = yaml.safe_load((FOLDER / "gitlab-ci.yml").read_text(encoding="utf-8"))
    [words] = commands(gitlab["judge"]["script"][0])
    assert gitlab["judge"]["artifacts"]["reports"]["junit"] == parsed(words)["junit"].as_posix()


def test_commands_of_the_guide_exist() -> None:
    found = list(commands((FOLDER / "README.md").read_text(encoding="utf-8")))
    assert [parsed(words)["command"] for words in found] == ["./ci/buy.sh", "./ci/buy.sh"]
