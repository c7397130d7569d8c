"""Threads that no exception ends."""

from __future__ import annotations

import threading
from collections.abc import Callable

import redis
from structlog.testing import capture_logs

from core.process.lasting import FIRST_PAUSE_S, LONGEST_PAUSE_S, MOST_KINDS, Attempts, LastingThread


def failing(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


def test_it_tells_once_what_it_cannot_know_with_a_trace_and_once_that_it_is_over() -> None:
    attempts, error = Attempts("sweep"), ValueError("'RESENT' is not a valid ParkReason")
    with capture_logs() as logs:
        for _ in range(20):
            assert attempts.attempt(failing(error)) > 0
        assert attempts.attempt(lambda: None) == 0
        attempts.attempt(lambda: None)
    assert [(each["event"], each.get("exc_info")) for each in logs] == [("work_failed", error), ("work_goes_on", None)]
    assert logs[1]["failures"] == 20


def test_it_tells_without_a_trace_what_is_known_to_pass() -> None:
    attempts = Attempts("claim", (redis.RedisError,))
    with capture_logs() as logs:
        for error in (redis.ConnectionError("refused"), redis.ResponseError("BUSY it runs a script")) * 10:
            attempts.attempt(failing(error))
    assert [each["event"] for each in logs] == ["work_waits"] * 2
    assert [each["reason"].partition(" (")[0] for each in logs] == ["refused", "BUSY it runs a script"]
    assert not any("exc_info" in each for each in logs)


def test_it_tells_of_a_bounded_number_of_kinds() -> None:
    attempts = Attempts("sweep")
    with capture_logs() as logs:
        for number in range(100):
            attempts.attempt(failing(ValueError(f"{number} is wrong")))
    assert len(logs) == MOST_KINDS


def test_it_waits_longer_and_longer_up_to_a_bound() -> None:
    attempts = Attempts("sweep")
    pauses = [attempts.attempt(failing(ValueError("no"))) for _ in range(2000)]
    assert pauses[0] == FIRST_PAUSE_S
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE_S
    attempts.attempt(lambda: None)
    assert attempts.attempt(failing(ValueError("again"))) == FIRST_PAUSE_S


def test_a_thread_goes_on_after_any_exception() -> None:
    stopping, turns = threading.Event(), []

    def turn() -> None:
        turns.append(threading.current_thread().name)
        if len(turns) == 3:
            stopping.set()
            return
        raise (KeyError("x"), RecursionError())[len(turns) - 1]

    thread = LastingThread("housekeeper", turn, stopping)
    thread.start()
    thread.join(10)
    assert turns == ["housekeeper"] * 3
    assert thread.attempts.trouble is None
