"""The arithmetic of the measurements: runs, medians with their spread, ratios within one round, percentiles."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: Rounds by their number; two lanes are compared only where both ran in the same round.
Rounds = Mapping[int, float]

DASH = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class Run:
    """What one program did between two moments. `broker_cpu_s` None: the broker's process could not be read."""

    messages: int
    seconds: float
    worker_cpu_s: float
    broker_cpu_s: float | None = None

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds

    @property
    def worker_us(self) -> float:
        """CPU microseconds of all worker processes a message."""
        return self.worker_cpu_s / self.messages * 1e6

    @property
    def broker_us(self) -> float | None:
        """CPU microseconds of the broker a message."""
        return None if self.broker_cpu_s is None else self.broker_cpu_s / self.messages * 1e6


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, lowest and highest of the repeats."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        if self.low == self.high:
            return rounded(self.median)
        return f"{rounded(self.median)} ({rounded(self.low)}{DASH}{rounded(self.high)})"


def spread(values: Sequence[float]) -> Spread:
    """The spread of at least one value."""
    return Spread(statistics.median(values), min(values), max(values))


def ratios(above: Rounds, below: Rounds) -> Spread | None:
    """`above` ÷ `below`, round by round; None where they share no round."""
    shared = [above[number] / below[number] for number in above if below.get(number)]
    return spread(shared) if shared else None


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def per_thousand(count: int, messages: int) -> float:
    """`count` for each 1,000 messages."""
    return count * 1000 / messages


def cpu_between(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """CPU seconds spent between two readings by process id; a process that was born in between counts whole."""
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


def rounded(value: float) -> str:
    """Three significant digits, thousands apart, no exponent."""
    if value == 0:
        return "0"
    digits = 2 - math.floor(math.log10(abs(value)))
    return f"{round(value, digits):,.{max(0, digits)}f}"
