"""All probes, provider by provider, in the order in which they are run."""

from __future__ import annotations

from fnmatch import fnmatchcase

from mockpsp.judge.model import Probe
from mockpsp.judge.probes.catalogue import NOTHING_TO_BEND, PROBES


def chosen(wanted: tuple[str, ...], providers: tuple[str, ...] = ()) -> tuple[Probe, ...]:
    """Those with these names (``adyen/lost``, ``lost``, ``adyen/*``), or all; only of these providers, if any is named.

    Raises LookupError for a name that means none.
    """
    found: dict[str, Probe] = {}
    for name in wanted:
        some = {f"{each.provider}/{each.name}": each for each in PROBES if _is_called(each, name)}
        if not some:
            raise LookupError(name)
        found |= some
    probes = found.values() if wanted else PROBES
    return tuple(each for each in probes if not providers or each.provider in providers)


def _is_called(probe: Probe, name: str) -> bool:
    return fnmatchcase(probe.name, name) or fnmatchcase(f"{probe.provider}/{probe.name}", name)


__all__ = ["NOTHING_TO_BEND", "PROBES", "chosen"]
