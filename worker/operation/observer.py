"""The thread that looks at queues, rules and services every few seconds, for metrics and health."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from typing import Protocol, TypeVar

from kombu.exceptions import OperationalError

from core.cache.rules import CurrentRules
from core.defaults.risk_warnings import WarningCount, count_warnings, count_warnings_before
from core.errors import NotFoundError, SmartAssignError
from core.metrics.counts import PAUSED_AT
from core.process.lasting import Attempts, LastingThread
from core.rules.documents import version_date
from worker.handoff.broker import BrokerObserver
from worker.handoff.errors import BROKER_ERRORS
from worker.handoff.observing import BrokerMemory, Looked
from worker.operation.health import Services
from worker.wiring import Runtime

#: How often queues are looked at, and how often what changes slowly is.
LOOK_EVERY_S, SLOW_EVERY_S = 5.0, 30.0
#: A worker that was told so lately that the dispatch queue is full takes nothing at present.
PAUSED_S = 3.0
#: The notice that an alert gives of defaults that will be of no use any more.
SOON = timedelta(days=7)
#: What wants a worker, among the queues.
WAYS_IN = ("ingress", "campaign_ingress", "messages", "campaigns", "resend", "work", "campaign_work")
_PASSING = (SmartAssignError, OperationalError, *BROKER_ERRORS)

_T = TypeVar("_T")


class Waited(Protocol):
    """Who wants to know what waits, and which services answered."""

    services: Services

    def note_waiting(self, waiting: int, *, paused: bool) -> None:
        """So many documents wait for workers."""


@dataclass(frozen=True, slots=True)
class Slow:
    """What changes slowly: country rules, defaults at risk, the broker's memory."""

    rules_version: str | None
    rules_from: datetime | None
    at_risk: tuple[WarningCount, ...]
    at_risk_soon: int
    memory: BrokerMemory | None


def paused_lately() -> bool:
    """Whether this worker takes nothing, since the dispatch queue is full."""
    return time.monotonic() - PAUSED_AT.greatest() < PAUSED_S


class Observer(LastingThread):
    """Looks, and keeps what it saw last; `looked` and `slow` are None where that is too old to be told."""

    def __init__(self, parts: Runtime, broker: BrokerObserver, told: Waited, stopping: threading.Event) -> None:
        self._every_s = min(LOOK_EVERY_S, parts.settings.health_stall_s / 4)
        self._slow_every_s = min(SLOW_EVERY_S, parts.settings.health_stall_s / 3)
        super().__init__("observer", self.turn, stopping)
        self._parts, self._broker, self._told, self._stop_event = parts, broker, told, stopping
        self._rules = CurrentRules(parts.store, parts.epochs)
        self.looking, self.reading = Attempts("look_at_queues", _PASSING), Attempts("look_at_rules", _PASSING)
        self._looked: tuple[float, Looked] | None = None
        self._slow: tuple[float, Slow] | None = None
        self._slow_due = 0.0

    @property
    def works(self) -> list[Attempts]:
        """What it is at, for whoever watches."""
        return [self.looking, self.reading]

    @property
    def looked(self) -> Looked | None:
        """The queues, as they were a few seconds ago."""
        return _fresh(self._looked, 3 * self._every_s + 5)

    @property
    def slow(self) -> Slow | None:
        """What changes slowly."""
        return _fresh(self._slow, 3 * SLOW_EVERY_S)

    def turn(self) -> None:
        """Look, then wait; what fails keeps the other from nothing."""
        pause = self.looking.attempt(self._look)
        if time.monotonic() >= self._slow_due:
            retry = self.reading.attempt(self._read)
            self._slow_due = time.monotonic() + (retry or self._slow_every_s)
        self._stop_event.wait(max(pause, self._every_s))

    def _look(self) -> None:
        looked = self._broker.look()
        self._looked = (time.monotonic(), looked)
        self._told.services.note("broker")
        waiting = sum(looked.queues[name].waiting for name in WAYS_IN if name in looked.queues) + (looked.in_hand or 0)
        self._told.note_waiting(waiting, paused=paused_lately())
        self._parts.cache_redis.ping()
        self._told.services.note("redis")

    def _read(self) -> None:
        store = self._parts.store
        at_risk = count_warnings(store)
        soon = count_warnings_before(store, store.clock() + SOON)
        self._told.services.note("database")
        try:
            version = self._rules().version
        except NotFoundError:
            version = None
        slow = Slow(version, _dated(version), at_risk, soon, self._broker.memory())
        self._slow = (time.monotonic(), slow)

    def close(self) -> None:
        """Close the connections, once the thread has ended."""
        self._broker.close()


def _fresh(kept: tuple[float, _T] | None, most_s: float) -> _T | None:
    return kept[1] if kept is not None and time.monotonic() - kept[0] <= most_s else None


def _dated(version: str | None) -> datetime | None:
    """When the data of a version is from; None where its name has no date."""
    if version is None:
        return None
    try:
        return datetime.combine(date.fromisoformat(version_date(version)), time_of_day(), UTC)
    except ValueError:
        return None
