"""Steps as a table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

import pytest

from mockpsp.domain.errors import Refusal
from mockpsp.domain.machine import IllegalStep, follow


class Opened:
    """A step."""


class Closed:
    """Another one."""


class Door(Enum):
    """States."""

    SHUT = "shut"
    OPEN = "open"
    WALLED_UP = "walled up"


TABLE: Mapping[Door, Mapping[type[Any], Door]] = {
    Door.SHUT: {Opened: Door.OPEN},
    Door.OPEN: {Closed: Door.SHUT},
    Door.WALLED_UP: {},
}


def test_a_step_that_the_table_has_leads_on() -> None:
    assert follow(TABLE, Door.SHUT, Opened) is Door.OPEN


def test_a_step_that_it_has_not_is_refused_and_names_those_that_it_has() -> None:
    with pytest.raises(IllegalStep, match="Closed is not possible in state shut") as refused:
        follow(TABLE, Door.SHUT, Closed)
    assert refused.value.allowed == ("Opened",)
    assert isinstance(refused.value, Refusal)


@pytest.mark.parametrize("step", [Opened, Closed])
def test_a_final_state_allows_nothing(step: type[Any]) -> None:
    with pytest.raises(IllegalStep) as refused:
        follow(TABLE, Door.WALLED_UP, step)
    assert refused.value.allowed == ()
