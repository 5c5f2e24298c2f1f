"""The clock of a sandbox: follows real time, shifted, or stands still until it is moved."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from mockpsp.domain.value import Value

ZERO = timedelta(0)


class ClockMode(StrEnum):
    """``real`` runs; ``manual`` stands still between moves."""

    REAL = "real"
    MANUAL = "manual"


_MANUAL = ClockMode.MANUAL  # looked up at every request: an enumeration's members are slow to reach


_A_SECOND = timedelta(seconds=1)


class Machine:
    """The machine's time, without its jumps back: from there it runs on as far ahead as it was.

    Otherwise what is due in a minute would come an hour late after somebody has put the machine right by an hour, and
    the journal would go backwards. A jump ahead is followed; what is due by then happens at once.
    """

    __slots__ = ("_latest", "_lead", "_read")

    def __init__(self, read: Callable[[], datetime]) -> None:
        self._read = read
        self._latest = read()
        self._lead = ZERO

    def now(self) -> datetime:
        """Never earlier than the time before."""
        moment = self._read()
        if self._lead:
            moment += self._lead
        latest = self._latest
        if moment < latest:
            if latest - moment > _A_SECOND:  # less may be another thread that has looked meanwhile
                self._lead += latest - moment
            return latest
        self._latest = moment
        return moment


def _of_the_machine() -> datetime:
    return datetime.now(UTC)


real_now = Machine(_of_the_machine).now
"""The machine's time in UTC; nobody but this module reads it."""


class ClockState(Value, frozen=True):
    """Where a clock stands: how far it runs from the machine's, or since when it stands still."""

    mode: ClockMode
    offset: timedelta
    still: datetime


class SandboxClock:
    """Virtual time. It may be set ahead and back; ``now`` is what every rule of the sandbox goes by."""

    __slots__ = ("_offset", "_still", "mode", "moves")

    def __init__(self, start: datetime | None = None) -> None:
        self.mode = ClockMode.REAL if start is None else ClockMode.MANUAL
        self.moves = 0
        self._offset = ZERO
        self._still = start or datetime.fromtimestamp(0, UTC)

    def now(self) -> datetime:
        """The present moment of the sandbox, in UTC."""
        if self.mode is _MANUAL:
            return self._still
        moment = real_now()
        return moment + self._offset if self._offset else moment

    def set(self, moment: datetime) -> None:
        """Make it this moment now; a running clock runs on from there. ``moves`` counts how often that happened."""
        self.moves += 1
        if self.mode is ClockMode.MANUAL:
            self._still = moment
        else:
            self._offset = moment - real_now()

    def state(self) -> ClockState:
        """For ``be`` of another clock, in another process."""
        return ClockState(self.mode, self._offset, self._still)

    def be(self, state: ClockState) -> None:
        """Go on from where another clock was; whoever waits for a moment has to look again."""
        self.moves += 1
        self.mode, self._offset, self._still = state.mode, state.offset, state.still

    def shift(self, offset: timedelta) -> None:
        """Run so far ahead of the machine's time, or behind it."""
        self._offset = offset

    def switch(self, mode: ClockMode) -> None:
        """Run or stand still, from the present moment of the sandbox on."""
        if mode is self.mode:
            return
        moment = self.now()
        self.mode = mode
        self.set(moment)
