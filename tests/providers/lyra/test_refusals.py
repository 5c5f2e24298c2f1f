"""What the journal says of a refusal: the sentences of its body, each after the field that it is about."""

from __future__ import annotations

from typing import Any

import pytest

from mockpsp.providers.lyra.errors import Invalid


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"status": "It is paid."}, "status: It is paid."),
        ({"seller": ["This field is required."]}, "seller: This field is required."),
        (
            {"items": [{}, {"vouchers": [{"amount": ["A.", "B."]}]}]},
            "items[1].vouchers[0].amount: A.; items[1].vouchers[0].amount: B.",
        ),
        ({"a": "X.", "b": "Y."}, "a: X.; b: Y."),
        ({}, ""),
    ],
)
def test_a_refusal_reads_as_sentences(body: dict[str, Any], said: str) -> None:
    assert str(Invalid(body)) == said
