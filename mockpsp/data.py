"""Finds the files that come with the package: beside it in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


class MissingData(FileNotFoundError):
    """The package was built or copied without its data."""


def folder(name: str) -> Path:
    """``openapi``, ``scenarios`` or ``examples``, of which a wheel has the shop. Raises MissingData."""
    for place in (_PACKAGE / "shipped" / name, _PACKAGE.parent / name):
        if place.is_dir():
            return place
    raise MissingData(f"mockpsp was installed without its {name} files")
