"""The housekeeper outlives whatever its duties raise."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from core.errors import ParkReason, StoreUnavailableError
from worker.celery_setup.housekeeping import Housekeeper
from worker.handoff.broker import Duty


class Parts:
    """A runtime whose SQL is read-only at first, and whose broker has one duty that fails and one that does not."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self.done: list[str] = []
        self.published = 0
        self.epochs = SimpleNamespace(publish=self._publish)
        self.store = SimpleNamespace(
            epochs_changed_since=self._changed, clock=lambda: datetime(2026, 12, 1, tzinfo=UTC)
        )
        self.broker = SimpleNamespace(duties=self._duties)

    def _changed(self, _: datetime) -> Mapping[str, int]:
        self.done.append("repair")
        if self.done.count("repair") == 1:
            raise StoreUnavailableError("the database cannot be used: read-only")
        return {}

    def _publish(self, _: object) -> None:
        self.published += 1

    def _duties(self) -> Sequence[Duty]:
        return (Duty("announce_parked", 0.1, self._announce), Duty("recover_claims", 0.1, self._recover))

    def _announce(self) -> None:
        self.done.append("announce")
        if self.done.count("announce") <= 2:
            ParkReason("A_REASON_OF_THE_NEXT_VERSION")  # raises ValueError
        elif self.published:
            self._stopping.set()

    def _recover(self) -> None:
        self.done.append("recover")


def test_it_goes_on_with_every_duty_after_any_failure() -> None:
    stopping = threading.Event()
    parts: Any = Parts(stopping)
    housekeeper = Housekeeper(parts, stopping)
    housekeeper.start()
    housekeeper.join(15)
    assert stopping.is_set()
    assert parts.published == 1
    assert parts.done.count("recover") > parts.done.count("announce") >= 3
    assert [work.trouble for work in housekeeper.works] == [None, None, None]
