"""The overview for people: it shows what the control API tells."""

from __future__ import annotations

import requests

from mockpsp.world.records import EndpointChanged
from tests.support.control import ControlledSandbox
from tests.support.server import Threaded


def test_a_sandboxs_page_tells_where_webhooks_go(live: Threaded, sandbox: ControlledSandbox) -> None:
    sandbox.endpoint("worldline", "http://localhost:1/all")
    world = live.server.sandboxes.get(sandbox.id).world
    live.run(world.commit([EndpointChanged("worldline", (), "payment.created")]))
    page = requests.get(f"{live.url}/_mockpsp/sandbox/{sandbox.id}", timeout=30).text
    assert "webhooks go to http://localhost:1/all" in page
    assert "payment.created webhooks go to nobody" in page
