"""Metrics in the words of Prometheus. Everything is counted elsewhere, cheaply; here it is only told.

Labels are names of providers, operations, statuses and outcomes: ours, few, and without anything a client sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily

from mockpsp import __version__
from mockpsp.edge.gate import GATE
from mockpsp.edge.keys import COURIER, SANDBOXES
from mockpsp.edge.meters import BOUNDS, CUT, METERS
from mockpsp.world.outbox import Delivery

if TYPE_CHECKING:
    from aiohttp import web
    from prometheus_client import Metric

MEDIA_TYPE = CONTENT_TYPE_LATEST


def exposition(app: web.Application) -> bytes:
    """All metrics of this process, as text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_House(app))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _House:
    """What prometheus_client asks for the metrics."""

    def __init__(self, app: web.Application) -> None:
        self._app = app

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("mockpsp", "What runs.", {"version": __version__})
        yield from self._requests()
        yield from self._gate()
        yield from self._happened()
        yield from self._there()

    def _requests(self) -> Iterator[Metric]:
        counts = CounterMetricFamily(
            "mockpsp_requests", "Requests by operation and status; cut is no answer.",
            labels=("provider", "operation", "status"),
        )  # fmt: skip
        took = HistogramMetricFamily(
            "mockpsp_request_seconds", "How long answers took, faults of scenarios included.",
            labels=("provider", "operation"),
        )  # fmt: skip
        for provider, operation, meter in self._app[METERS]:
            for status, count in sorted(meter.statuses.items()):
                counts.add_metric((provider, operation, "cut" if status == CUT else str(status)), count)
            took.add_metric((provider, operation), _cumulated(meter.buckets), meter.seconds)
        yield counts
        yield took

    def _gate(self) -> Iterator[Metric]:
        yield _counter(
            "mockpsp_turned_away", "Requests by a strange name, from a page of another site, or without the token.",
            ("reason",), {(reason,): count for reason, count in self._app[GATE].turned_away.items()},
        )  # fmt: skip

    def _happened(self) -> Iterator[Metric]:
        tally = self._app[COURIER].tally
        yield _counter("mockpsp_events", "Events that were committed.", (), {(): tally.events})
        yield _counter(
            "mockpsp_conflicts", "Commits decided again because another process was faster.", (), {(): tally.conflicts}
        )
        yield _counter("mockpsp_rules_struck", "Rules of scenarios that decided.", ("operation",), _single(tally.rules))
        yield _counter("mockpsp_faults_struck", "Faults of scenarios.", ("operation",), _single(tally.faults))
        yield _counter(
            "mockpsp_webhook_attempts", "Attempts to deliver a webhook.", ("provider", "outcome"), tally.attempts
        )

    def _there(self) -> Iterator[Metric]:
        sandboxes = self._app[SANDBOXES].all()
        yield GaugeMetricFamily("mockpsp_sandboxes", "Sandboxes that are there.", len(sandboxes))
        waiting: dict[tuple[str, ...], int] = {}
        entries = objects = timers = 0
        for each in sandboxes:
            world = each.world
            entries += world.journal.count - world.journal.entries_dropped
            objects += sum(map(len, world.objects.values()))
            for work in world.outbox.work():
                if isinstance(work, Delivery):
                    label = work.queued.provider, work.status.value
                    waiting[label] = waiting.get(label, 0) + 1
                else:
                    timers += 1
        yield GaugeMetricFamily("mockpsp_journal_entries", "Journal entries that are kept.", entries)
        yield GaugeMetricFamily("mockpsp_objects", "Payments, orders, checkouts and the like.", objects)
        yield GaugeMetricFamily("mockpsp_timers", "Timers and scripted shoppers that are ahead.", timers)
        queue = GaugeMetricFamily("mockpsp_webhooks", "Webhooks on their way.", labels=("provider", "status"))
        for labels, count in sorted(waiting.items()):
            queue.add_metric(labels, count)
        yield queue


def _counter(name: str, told: str, labels: tuple[str, ...], counts: Mapping[tuple[str, ...], int]) -> Metric:
    family = CounterMetricFamily(name, told, labels=labels)
    for values, count in sorted(counts.items()):
        family.add_metric(values, count)
    return family


def _single(counts: Mapping[str, int]) -> dict[tuple[str, ...], int]:
    return {(name,): count for name, count in counts.items()}


def _cumulated(buckets: Iterable[int]) -> list[tuple[str, float]]:
    """As Prometheus has buckets: each counts all that was quicker."""
    total, found = 0, []
    for end, count in zip((*map(str, BOUNDS), "+Inf"), buckets, strict=True):
        total += count
        found.append((end, float(total)))
    return found


__all__ = ["MEDIA_TYPE", "exposition"]
