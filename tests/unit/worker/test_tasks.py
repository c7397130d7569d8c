"""What becomes of a message that Celery itself runs: handed off, tried again or parked, never thrown away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import redis

from core.errors import ParkReason, StoreUnavailableError
from worker.tasks import TRIES, tried

DOCUMENT = b'{"message_id": "m1"}'
WORK_ID = "t1/99b6064150d6bf51"
DONE = {"dispatched": 1, "parked": 0}
LATER = (datetime.now(UTC) + timedelta(days=1)).isoformat()


class RetryRequested(Exception):  # noqa: N818  # as Celery's Retry, it is no error
    """What the double of a task raises in the place of Celery's Retry."""


@dataclass
class FakeTask:
    """A bound task, as far as `tried` knows one."""

    retries: int = 0
    countdown: int | None = None

    def __post_init__(self) -> None:
        self.request = SimpleNamespace(id="t1", retries=self.retries)

    def retry(self, exc: Exception, countdown: int) -> RetryRequested:
        self.countdown = countdown
        return RetryRequested(exc)


@dataclass
class FakeWork:
    """Work that fails as told."""

    failure: Exception | None = None
    parking_failure: Exception | None = None
    parked: list[tuple[str, bytes, ParkReason, str]] = field(default_factory=list)

    def on_task(self, task_id: str, document: bytes) -> Mapping[str, int]:
        assert (task_id, document) == (WORK_ID, DOCUMENT)
        if self.failure:
            raise self.failure
        return DONE

    def park_task(self, task_id: str, document: bytes, reason: ParkReason, detail: str) -> Mapping[str, int]:
        if self.parking_failure:
            raise self.parking_failure
        self.parked.append((task_id, document, reason, detail))
        return {"dispatched": 0, "parked": 1}


def run(task: FakeTask, work: FakeWork, expires: str | None = None) -> Any:
    return tried(task, DOCUMENT, expires, work)


@pytest.mark.parametrize("expires", [None, LATER], ids=["no end", "a later end"])
def test_it_hands_off(expires: str | None) -> None:
    assert run(FakeTask(), FakeWork(), expires) == DONE


def test_it_parks_what_came_too_late() -> None:
    work = FakeWork()
    run(FakeTask(), work, "2020-01-01T00:00:00+00:00")
    assert work.parked == [(WORK_ID, DOCUMENT, ParkReason.EXPIRED, "the task's expires had passed")]


@pytest.mark.parametrize(("retries", "countdown"), [(0, 1), (3, 10), (TRIES - 1, 60)])
def test_it_tries_again_what_may_pass(retries: int, countdown: int) -> None:
    task, work = FakeTask(retries), FakeWork(StoreUnavailableError("away"))
    with pytest.raises(RetryRequested):
        run(task, work)
    assert (task.countdown, work.parked) == (countdown, [])


def test_it_never_gives_up_on_what_waits_for_sql() -> None:
    task, work = FakeTask(TRIES - 1), FakeWork(StoreUnavailableError("read-only"))
    with pytest.raises(RetryRequested):
        run(task, work)
    assert (task.request.retries + 1 < TRIES, task.countdown, work.parked) == (True, 60, [])


def test_it_parks_what_was_tried_too_often() -> None:
    work = FakeWork(redis.ConnectionError("away"))
    run(FakeTask(TRIES), work)
    assert [entry[2:] for entry in work.parked] == [(ParkReason.RETRIES_EXHAUSTED, f"tried {TRIES} times")]


def test_it_tries_again_to_park() -> None:
    work = FakeWork(parking_failure=StoreUnavailableError("away"))
    with pytest.raises(RetryRequested):
        run(FakeTask(TRIES), work)


def test_it_parks_what_fails_in_a_way_that_nobody_foresaw() -> None:
    work = FakeWork(LookupError("SECRET"))
    run(FakeTask(), work)
    assert [entry[2:] for entry in work.parked] == [(ParkReason.RETRIES_EXHAUSTED, "work on it failed: LookupError")]


def test_it_tells_two_messages_apart_that_have_one_task_id() -> None:
    """A producer may write any id; remembered by it alone, the second would be lost as one that was settled before."""
    work = FakeWork()
    for document in (DOCUMENT, b'{"message_id": "m2"}', DOCUMENT):
        tried(FakeTask(TRIES), document, None, work)
    first, second, again = (entry[0] for entry in work.parked)
    assert first == again == WORK_ID
    assert second != first
