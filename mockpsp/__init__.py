"""mockpsp: payment providers on your own machine, steered by scenarios."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mockpsp.app import build_app
    from mockpsp.settings import Settings

__version__ = "0.1.0"
__all__ = ["Settings", "__version__", "build_app"]


def __getattr__(name: str) -> Any:
    """Import late what only some callers need, so that the command line answers at once."""
    if name == "build_app":
        from mockpsp.app import build_app

        return build_app
    if name == "Settings":
        from mockpsp.settings import Settings

        return Settings
    raise AttributeError(name)
