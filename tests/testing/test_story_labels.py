"""References to earlier answers."""

from __future__ import annotations

import pytest

from mockpsp.testing.labels import Labels, UnknownReference


@pytest.fixture
def labels() -> Labels:
    found = Labels({"origin": "http://localhost:8080"})
    found.keep("pay", {"id": 7, "items": [{"ref": "x"}], "extra": {"card.last": "1111"}, "yes": True}, 201)
    found.keep("own", {"status": "PAID"}, 200)
    return found


@pytest.mark.parametrize(
    ("written", "filled"),
    [
        ("${pay.id}", 7),
        ("id ${pay.id}, ${pay.yes}", "id 7, true"),
        ("${pay.items[0].ref}", "x"),
        ("${pay.items.0.ref}", "x"),
        ("${pay.extra.card.last}", "1111"),
        ("${pay.status}", 201),
        ("${own.status}", "PAID"),
        ("${origin}/pay", "http://localhost:8080/pay"),
        ({"${pay.items[0].ref}": ["${pay.items}"]}, {"x": [[{"ref": "x"}]]}),
        ("costs $5 {not a reference}", "costs $5 {not a reference}"),
        (12, 12),
    ],
)
def test_references_become_values(labels: Labels, written: object, filled: object) -> None:
    assert labels.fill(written) == filled


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("${nobody.id}", "no step before this one kept an answer as 'nobody'"),
        ("${pay.items[3].ref}", "the answer 'pay' has no items[3].ref"),
        ("id ${pay.items}", "a part of a text can only be a text or a number, not list"),
    ],
)
def test_references_that_lead_nowhere_are_told(labels: Labels, written: str, told: str) -> None:
    with pytest.raises(UnknownReference, match="^.*" + told.replace("[", r"\[") + "$"):
        labels.fill(written)
