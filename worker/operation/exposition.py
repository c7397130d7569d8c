"""The figures of a process in Prometheus's text format, every one by its entry in the catalogue."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from core.metrics import catalogue as known
from core.metrics.catalogue import CATALOGUE, Kind
from core.metrics.counts import COUNTS, LEFT_ALONE_UNTIL, Counts, Sample
from worker.handoff.observing import Looked
from worker.operation.health import Checked
from worker.operation.observer import Observer, Slow, paused_lately
from worker.settings import Settings

#: One value of a gauge, with the values of its labels.
Value = tuple[known.Metric, float, tuple[str, ...]]


class Counted(Collector):
    """What the processes of this role have counted."""

    def __init__(self, counts: Counts = COUNTS) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """As prometheus_client asks."""
        for metric in CATALOGUE.values():
            if metric.counted:
                yield _family(metric, self._counts.samples(metric))


class Gauges(Collector):
    """What is so at the moment; `values` are asked each time."""

    def __init__(self, values: Callable[[], Iterable[Value]]) -> None:
        self._values = values

    def collect(self) -> Iterator[Metric]:
        """As prometheus_client asks."""
        families: dict[str, GaugeMetricFamily] = {}
        for metric, value, labels in self._values():
            family = families.get(metric.name)
            if family is None:
                family = families[metric.name] = GaugeMetricFamily(
                    metric.name, metric.words, labels=list(metric.labels)
                )
            family.add_metric(labels, value)
        yield from families.values()


def _family(metric: known.Metric, samples: Iterable[Sample]) -> Metric:
    labels = list(metric.labels)
    if metric.kind is Kind.HISTOGRAM:
        histogram = HistogramMetricFamily(metric.name, metric.words, labels=labels)
        bounds = [*(f"{bound:g}" for bound in metric.buckets), "+Inf"]
        for sample in samples:
            buckets = list(zip(bounds, accumulate(sample.buckets), strict=True))
            histogram.add_metric(sample.labels, buckets, sample.value)
        return histogram
    counter = CounterMetricFamily(metric.name.removesuffix("_total"), metric.words, labels=labels)
    for sample in samples:
        counter.add_metric(sample.labels, sample.value)
    return counter


def text_of(collectors: Iterable[Collector]) -> bytes:
    """Prometheus's text of what the collectors tell."""
    registry = CollectorRegistry()
    for each in collectors:
        registry.register(each)
    return generate_latest(registry)


def observed_values(observer: Observer) -> Iterator[Value]:
    """What was seen of the deployment; what could not be looked at lately is left out."""
    if observer.looked is not None:
        yield from _queue_values(observer.looked)
    if observer.slow is not None:
        yield from _slow_values(observer.slow)


def _queue_values(looked: Looked) -> Iterator[Value]:
    for name, queue in looked.queues.items():
        yield known.DOCUMENTS_WAITING, queue.waiting, (name,)
        if queue.oldest_s is not None:
            yield known.OLDEST_AGE, queue.oldest_s, (name,)
    yield known.OUTBOX, looked.outbox, ()
    yield known.CAMPAIGNS_IN_FLIGHT, looked.campaigns, ()
    for campaign, share in looked.shares.items():
        yield known.CAMPAIGN_SETTLED, share, (campaign,)
    if looked.in_hand is not None:
        yield known.DOCUMENTS_IN_HAND, looked.in_hand, ()
    if looked.claims_open is not None and looked.claims_overdue is not None:
        yield known.CLAIMS_OPEN, looked.claims_open, ()
        yield known.CLAIMS_OVERDUE, looked.claims_overdue, ()


def _slow_values(slow: Slow) -> Iterator[Value]:
    if slow.rules_version is not None:
        yield known.RULES_INFO, 1, (slow.rules_version,)
    if slow.rules_from is not None:
        yield known.RULES_AGE, (datetime.now(UTC) - slow.rules_from).total_seconds(), ()
    for found in slow.at_risk:
        yield known.DEFAULTS_AT_RISK, found.count, (found.reason, "true" if found.usable_now else "false")
    yield known.DEFAULTS_AT_RISK_SOON, slow.at_risk_soon, ()
    if slow.memory is not None:
        yield known.REDIS_MEMORY, slow.memory.used, ()
        yield known.REDIS_MEMORY_LIMIT, slow.memory.limit, ()
        yield known.REDIS_EVICTS, int(slow.memory.evicts), ()


def process_values(settings: Settings, database: str, started: float, checked: Checked) -> Iterator[Value]:
    """What there is to say of any process; `database` is the name of its kind, `started` in Unix time."""
    broker = "redis" if settings.broker_is_redis else "rabbitmq"
    yield known.BUILD_INFO, 1, (version("smart-assign"), platform.python_version(), broker, database)
    yield known.START_TIME, started, ()
    yield known.HEALTHY, int(checked.health().ok), ()


def worker_values(settings: Settings, at_work: int, settled_at: float) -> Iterator[Value]:
    """What a worker alone has to say; `settled_at` in monotonic seconds."""
    now = time.monotonic()
    yield known.WORK_IN_HAND, at_work, ()
    yield known.SETTLED_AGE, now - settled_at, ()
    yield known.DISPATCH_LIMIT, settings.dispatch_max_length, ()
    yield known.INTAKE_PAUSED, int(paused_lately()), ()
    for service, until in LEFT_ALONE_UNTIL.items():
        yield known.BREAKER_OPEN, until.above(now), (service,)


def work_values(ages: dict[str, float]) -> Iterator[Value]:
    """How long ago each thread and duty came to a good end."""
    for name, age in sorted(ages.items()):
        yield known.WORK_AGE, age, (name,)
    if "repair_epochs" in ages:
        yield known.EPOCHS_LAG, ages["repair_epochs"], ()
