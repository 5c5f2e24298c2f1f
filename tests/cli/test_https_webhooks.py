"""Webhooks to https: the server reads whom to trust when the first one leaves, not when it starts."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from mockpsp.serving.authorities import read_later
from mockpsp.serving.tls import Certificate, certificate
from tests.support.adyen import Shop, card
from tests.support.control import ControlledSandbox
from tests.support.receiver import Receiver, receiving


@pytest.fixture
def shown() -> Iterator[Certificate]:
    if find_spec("trustme") is None:
        pytest.skip("needs mockpsp[tls]")
    with certificate("localhost") as issued:
        yield issued


@pytest.fixture
def receiver(shown: Certificate) -> Iterator[Receiver]:
    with receiving(shown.context) as listening:
        yield listening


def paid(served: Any, receiver: Receiver) -> Any:
    """The first webhook's row, after an attempt."""
    sandbox = ControlledSandbox.create(served.told["url"])
    sandbox.endpoint("adyen", receiver.url)
    Shop(sandbox).pay(1000, card())
    sandbox.settle()
    return sandbox.webhooks()[0]


def test_an_endpoint_that_the_machine_trusts_gets_its_webhooks(
    serve: Callable[..., Any], receiver: Receiver, shown: Certificate
) -> None:
    row = paid(serve(environment={"SSL_CERT_FILE": str(shown.ca_file)}), receiver)
    assert row["status"] == "delivered"
    assert len(receiver.received) == 1


def test_one_that_it_does_not_trust_gets_none(serve: Callable[..., Any], receiver: Receiver) -> None:
    row = paid(serve(), receiver)
    assert row["status"] == "retrying"
    assert "certificate verify failed" in row["attempts"][0]["error"]
    assert receiver.received == []


def test_a_context_that_is_made_later_is_as_usual(shown: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(shown.ca_file))
    with read_later():
        assert ssl.create_default_context().get_ca_certs() == []
    assert len(ssl.create_default_context().get_ca_certs()) >= 1
