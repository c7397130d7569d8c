"""Counts that processes share."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from core.engine.codes import SOURCES as EXPLAINED_SOURCES
from core.errors import ParkReason
from core.metrics import catalogue
from core.metrics.catalogue import CATALOGUE, NO_SENDER, OTHER, SOURCES, Kind, Metric, Role
from core.metrics.counts import COUNTS, Counts, Latest, Sample, attempt_label

ROLES = frozenset({Role.WORKER})
PLAIN = Metric("a_total", Kind.COUNTER, "A.", ROLES, counted=True)
LABELLED = Metric(
    "b_total", Kind.COUNTER, "B.", ROLES, {"lane": ("x", OTHER), "reason": ("y", "z", OTHER)}, counted=True
)
SIZES = Metric("c", Kind.HISTOGRAM, "C.", ROLES, {"lane": ("x", OTHER)}, (1, 5), counted=True)


def counts() -> Counts:
    return Counts([PLAIN, LABELLED, SIZES], processes=8)


def in_child(work: object) -> None:
    assert callable(work)
    pid = os.fork()
    if not pid:
        try:
            work()
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)


def test_it_adds_up_what_children_counted_though_they_were_killed() -> None:
    found = counts()

    def work(child: int) -> None:
        found.use_place_of(child)
        for _ in range(1000):
            found.add(PLAIN)

    found.add(PLAIN, 5)
    for child in (0, 1, 0):  # the last takes the place of the first
        in_child(lambda child=child: work(child))
    assert found.total(PLAIN) == 3005


def test_it_lets_threads_count_at_the_same_time() -> None:
    found = counts()
    threads = [threading.Thread(target=lambda: [found.add(PLAIN) for _ in range(20_000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.total(PLAIN) == 80_000


def test_it_counts_by_labels_and_takes_what_it_does_not_know_for_other() -> None:
    found = counts()
    found.add(LABELLED, 2, "x", "y")
    found.add_each(LABELLED, {"z": 3, "of a newer version": 4}, "x")
    found.add(LABELLED, 1, "new", "new")
    told = {sample.labels: sample.value for sample in found.samples(LABELLED) if sample.value}
    assert told == {("x", "y"): 2, ("x", "z"): 3, ("x", OTHER): 4, (OTHER, OTHER): 1}


def test_it_puts_a_value_into_the_first_bucket_that_is_not_below_it() -> None:
    found = counts()
    for value, times in ((1, 1), (1.5, 2), (5, 3), (6, 4), (9, 0)):
        found.observe(SIZES, value, times, "x")
    assert next(found.samples(SIZES)) == Sample(("x",), 1 + 3 + 15 + 24, (1, 5, 4))
    assert found.total(SIZES) == 10


def test_the_latest_of_all_processes_is_the_greatest() -> None:
    latest = Latest(processes=4)
    assert latest.greatest() == 0
    latest.note(7.0)

    def work() -> None:
        latest.use_place_of(0)
        latest.note(9.0)

    in_child(work)
    latest.note(8.0)
    assert (latest.greatest(), latest.above(7.5), latest.above(8.5)) == (9.0, 2, 1)


def test_every_code_that_is_counted_has_a_place_of_its_own() -> None:
    assert {str(source) for source in EXPLAINED_SOURCES} <= set(SOURCES)
    for reason in (*ParkReason, OTHER):
        COUNTS.add(catalogue.MESSAGES_PARKED, 0, catalogue.SINGLE, reason)
    assert NO_SENDER in SOURCES
    assert [attempt_label(n) for n in (1, 5, 6, 60)] == ["1", "5", "more", "more"]


@pytest.mark.parametrize("metric", CATALOGUE.values(), ids=lambda metric: metric.name)
def test_a_metric_is_named_and_labelled_as_prometheus_asks(metric: Metric) -> None:
    assert metric.name.startswith("smart_assign_")
    assert metric.name.endswith("_total") is (metric.kind is Kind.COUNTER)
    assert bool(metric.buckets) is (metric.kind is Kind.HISTOGRAM)
    assert list(metric.buckets) == sorted(set(metric.buckets))
    assert metric.words[0].isupper() or metric.words[0].isdigit()
    assert metric.words.endswith(".")
    assert not metric.labels.keys() & {"account", "account_id", "message", "to"}
    assert not metric.counted or all(metric.labels.values())
