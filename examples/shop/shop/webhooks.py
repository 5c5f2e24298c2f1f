"""What can be wrong with a webhook."""

from __future__ import annotations


class Forged(Exception):
    """Nobody who has the key has signed this. It is answered with 401, and changes nothing."""


class NotForUs(Exception):
    """Genuine, and about something else: another merchant account, or the live environment. Acknowledged, and ignored.

    An error would make the provider repeat it for days and hold up what comes behind it.
    """
