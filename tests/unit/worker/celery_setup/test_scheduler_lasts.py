"""The scheduler outlives whatever a tick raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis
from celery import beat
from structlog.testing import capture_logs

from core.process.lasting import LONGEST_PAUSE_S
from worker.celery_setup.scheduler import Scheduler


def raising(error: Exception) -> Callable[[], float]:
    def attend() -> float:
        raise error

    return attend


@pytest.mark.parametrize(
    ("error", "event"),
    [
        (redis.ResponseError("MISCONF Redis is configured to save"), "work_waits"),
        (redis.exceptions.ReadOnlyError("You can't write against a read only replica."), "work_waits"),
        (beat.SchedulingError("Couldn't apply scheduled task"), "work_waits"),
        (KeyError("a task of the next version"), "work_failed"),
    ],
)
def test_it_says_once_why_it_waits_and_goes_on(error: Exception, event: str) -> None:
    scheduler: Any = object.__new__(Scheduler)
    with capture_logs() as logs:
        scheduler._attend = raising(error)
        pauses = [scheduler.tick() for _ in range(10)]
        scheduler._attend = lambda: 17.0
        assert scheduler.tick() == 17.0
    assert 0 < min(pauses) <= max(pauses) <= LONGEST_PAUSE_S
    assert [each["event"] for each in logs] == [event, "work_goes_on"]
