"""Counts that a process and the children that it forks share, in memory, without a file and without a lock between them.

Memory is mapped before the fork. Each process adds in a place of its own there, so that none waits for another and nothing is
lost when one is killed; whoever reads takes the sum. A child that replaces another goes on where that one stopped.
What is counted is fixed beforehand (core/metrics/catalogue.py), so a count is an addition at a known place.
"""

from __future__ import annotations

import mmap
import os
import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from core.metrics.catalogue import ATTEMPTS, CATALOGUE, OTHER, Kind, Metric

#: Processes that may count at the same time; more children than that, nobody has. Untouched memory costs nothing.
MOST_PROCESSES = 1024
_BYTES = 8


@dataclass(frozen=True, slots=True)
class Sample:
    """What was counted for one set of label values; of a histogram, `buckets` are the counts of each, not yet added up."""

    labels: tuple[str, ...]
    value: float
    buckets: tuple[float, ...] = ()


class Counts:
    """Counters and histograms of one program. Safe for threads; a forked child must say so by `use_place_of`."""

    def __init__(self, metrics: Iterable[Metric], processes: int = MOST_PROCESSES) -> None:
        self._places: dict[tuple[str, ...], int] = {}
        self._labels: dict[str, list[tuple[str, ...]]] = {}
        width = 1  # the first cell says that the place is in use
        for metric in metrics:
            self._labels[metric.name] = list(product(*metric.labels.values()))
            for labels in self._labels[metric.name]:
                self._places[metric.name, *labels] = width
                width += len(metric.buckets) + 2 if metric.kind is Kind.HISTOGRAM else 1
        self._width, self._processes = width, processes
        self._memory = memoryview(mmap.mmap(-1, processes * width * _BYTES)).cast("d")
        self._lock = threading.Lock()
        self._base = 0
        self._in_use = memoryview(mmap.mmap(-1, processes))
        self._in_use[0] = 1

    def use_place_of(self, child: int) -> None:
        """Count in the place of this child (from 0) from now on; it is another one than that of the parent."""
        place = 1 + child % (self._processes - 1)
        self._lock, self._base = threading.Lock(), place * self._width
        self._in_use[place] = 1

    def add(self, metric: Metric, amount: float = 1, *labels: str) -> None:
        """Count; a label value that its list does not have counts as OTHER."""
        place = self._places.get((metric.name, *labels)) or self._place_of_other(metric, labels)
        with self._lock:
            self._memory[self._base + place] += amount

    def add_each(self, metric: Metric, amounts: Mapping[str, int], *before: str) -> None:
        """The same for several values of the last label; `before` are those of the others."""
        for value, amount in amounts.items():
            self.add(metric, amount, *before, value)

    def observe(self, metric: Metric, value: float, times: int = 1, *labels: str) -> None:
        """Add a value to a histogram, so many times."""
        if times <= 0:
            return
        place = self._places.get((metric.name, *labels)) or self._place_of_other(metric, labels)
        bucket = bisect_left(metric.buckets, value)
        with self._lock:
            at = self._base + place
            self._memory[at + bucket] += times
            self._memory[at + len(metric.buckets) + 1] += times * value

    def _place_of_other(self, metric: Metric, labels: tuple[str, ...]) -> int:
        known = (
            value if value in values else (OTHER if OTHER in values else values[-1])
            for value, values in zip(labels, metric.labels.values(), strict=True)
        )
        return self._places[metric.name, *known]

    def total(self, metric: Metric) -> float:
        """The sum over all processes and labels; of a histogram, how many values."""
        return sum(sum(sample.buckets) if sample.buckets else sample.value for sample in self.samples(metric))

    def samples(self, metric: Metric) -> Iterator[Sample]:
        """The sums over all processes, by labels; a histogram has them all, a counter those too that are 0."""
        bases = [place * self._width for place, used in enumerate(self._in_use) if used]
        for labels in self._labels[metric.name]:
            at = self._places[metric.name, *labels]
            if metric.kind is not Kind.HISTOGRAM:
                yield Sample(labels, sum(self._memory[base + at] for base in bases))
                continue
            size = len(metric.buckets) + 1
            buckets = tuple(sum(self._memory[base + at + n] for base in bases) for n in range(size))
            yield Sample(labels, sum(self._memory[base + at + size] for base in bases), buckets)


class Latest:
    """One number of each process that shares it: the last that it noted. Read as the greatest, or one by one."""

    def __init__(self, processes: int = MOST_PROCESSES) -> None:
        self._memory = memoryview(mmap.mmap(-1, processes * _BYTES)).cast("d")
        self._processes, self._place = processes, 0

    def use_place_of(self, child: int) -> None:
        """As `Counts.use_place_of`."""
        self._place = 1 + child % (self._processes - 1)

    def note(self, value: float) -> None:
        """Take the place of what this process noted before."""
        self._memory[self._place] = value

    def greatest(self) -> float:
        """The greatest; 0 where nobody noted anything."""
        return max(self._memory)

    def above(self, value: float) -> int:
        """How many processes noted more than that."""
        return sum(each > value for each in self._memory)


#: What this program counts.
COUNTS = Counts(metric for metric in CATALOGUE.values() if metric.counted)
#: When work was settled last (monotonic seconds, which all processes of a machine share).
SETTLED_AT = Latest()
#: When the intake was told last that the dispatch queue is full.
PAUSED_AT = Latest()
#: Until when the processes leave a service alone, by its name.
LEFT_ALONE_UNTIL: Mapping[str, Latest] = {"redis": Latest(), "sql": Latest()}


def use_place_of(child: int) -> None:
    """A child of a pool has begun: it counts in a place of its own. `child` is its number in the pool, from 0."""
    COUNTS.use_place_of(child)
    for latest in (SETTLED_AT, PAUSED_AT, *LEFT_ALONE_UNTIL.values()):
        latest.use_place_of(child)


def _after_fork() -> None:
    """A thread of the parent may have held the lock at the fork."""
    COUNTS._lock = threading.Lock()  # noqa: SLF001  # of this module


os.register_at_fork(after_in_child=_after_fork)


def attempt_label(attempt: int) -> str:
    """How an attempt, from 1, is counted."""
    return ATTEMPTS[min(attempt, len(ATTEMPTS)) - 1]
