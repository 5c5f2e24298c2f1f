"""For test suites and stories: the pytest plugin and its client, a server in this process, and the player of stories.

With pytest there is nothing to import: the fixture ``mockpsp`` is a fresh ``Sandbox`` (``client``, ``plugin``). Without
it, ``Mockpsp(url).new_sandbox()`` is the same. ``threads.threaded`` starts a server for blocking clients,
``server.running`` one in the present event loop; ``player.play`` runs a story from its first request to its last
webhook, ``render`` tells what happened. Importing this package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mockpsp.testing.client import Mockpsp, Sandbox
    from mockpsp.testing.inbox import Inbox

__all__ = ["Inbox", "Mockpsp", "Sandbox"]


def __getattr__(name: str) -> Any:
    """Import late: pytest imports this package in every session, and few of them use it."""
    if name in ("Mockpsp", "Sandbox"):
        from mockpsp.testing import client

        return getattr(client, name)
    if name == "Inbox":
        from mockpsp.testing.inbox import Inbox

        return Inbox
    raise AttributeError(name)
