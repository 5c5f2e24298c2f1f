"""What we depend on: no version that is known to be unsafe, no licence that surprises, nothing that is not declared.

Known vulnerabilities of today are another matter: ``make audit`` asks for them, and needs a network service.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
SAFE = {
    "aiohttp": (3, 13, 3),  # CVE-2025-69223: a compressed body fills the memory
    "jinja2": (3, 1, 6),  # CVE-2025-27516: a way out of the sandbox
    "jwcrypto": (1, 5, 6),  # CVE-2024-28102: a compressed token fills the memory
    "pyyaml": (5, 4),  # CVE-2020-14343: code in a document, by the full loader, which we do not use
}
"""The first version of each without the worst that is known of those before it."""
FREE = re.compile(
    r"\b(MIT|BSD|0BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|Unlicense|CC0|Zlib)\b", re.IGNORECASE
)
NAMED = {"jwcrypto": "LGPL: the extra crypto imports it as it is, and its users may replace it"}


def bounds() -> dict[str, tuple[int, ...]]:
    """The lower bound of each package that is shipped or offered."""
    every = [*PROJECT["dependencies"], *(each for name, extra in EXTRAS.items() if name != "demo" for each in extra)]
    found = {}
    for each in every:
        match = re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?>=([0-9.]+)", each)
        assert match is not None, f"{each} has no lower bound"
        found[match[1].lower()] = tuple(map(int, match[2].split(".")))
    return found


@pytest.mark.parametrize("name", sorted(SAFE))
def test_no_version_is_let_in_that_is_known_to_be_unsafe(name: str) -> None:
    assert bounds()[name] >= SAFE[name]


def installed() -> Iterator[Distribution]:
    """The packages that ours need, and those that they need, with the extras that are not for development."""
    waiting = [
        *PROJECT["dependencies"],
        *(each for name in EXTRAS if name not in ("dev", "demo") for each in EXTRAS[name]),
    ]
    seen = set()
    while waiting:
        name = re.split(r"[^A-Za-z0-9._-]", waiting.pop())[0].lower().replace("_", "-")
        if name in seen:
            continue
        seen.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # for another system or Python, or an extra that is not installed
        yield found
        waiting += [each for each in found.requires or () if "extra ==" not in each]


def test_every_licence_is_a_free_one() -> None:
    strange = {}
    names = []
    for each in installed():
        name = each.metadata["Name"].lower()
        names.append(name)
        classifiers = [line for line in each.metadata.get_all("Classifier") or () if line.startswith("License")]
        licence = each.metadata.get("License") or ""
        told = " ".join([each.metadata.get("License-Expression") or "", licence[:200], *classifiers])
        if name not in NAMED and not FREE.search(told):
            strange[name] = told
    assert {"aiohttp", "msgspec", "multidict"} <= set(names)
    assert strange == {}
