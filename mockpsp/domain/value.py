"""What all our facts, commands and states are: frozen values that are cheap to make, to keep and to define."""

from __future__ import annotations

from msgspec import Struct


class Value(Struct, frozen=True, gc=False):
    """A frozen record. Made in C: a tenth of a dataclass's time to create, a fiftieth to define (docs/adr/0003).

    The garbage collector does not look at values: they are immutable and never part of a cycle.
    """


class Row(Struct, gc=False, eq=False):
    """A record that is filled in as time goes by, and is itself and no other; the collector does not look at it either.

    It must hold values, texts and bytes only, so that it can never be part of a cycle.
    """
