"""A worker that is told to go: what is in the pool ends first, for so long as that can be waited for."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from celery.worker import state

from tests.support.celery_doubles import Timer
from worker.celery_setup import drain


class Worker:
    """Celery's worker with a pool of processes that has tasks in hand for so many turns of its loop."""

    def __init__(self, turns: int, *, fails: Exception | None = None, exitcode: int | None = None) -> None:
        self.did: list[str] = []
        self.turns, self.fails = turns, fails
        self.use_eventloop = True
        self.processes = SimpleNamespace(
            _cache={1: "task"} if turns else {}, _pool=[SimpleNamespace(exitcode=exitcode)]
        )
        self.pool = SimpleNamespace(_pool=self.processes)
        self.hub = SimpleNamespace(create_loop=self._loop, timer=Timer())
        blueprint = SimpleNamespace(send_all=self._send_all)
        task_consumer = SimpleNamespace(cancel=lambda: self.did.append("cancel"))
        self.consumer = SimpleNamespace(blueprint=blueprint, task_consumer=task_consumer, connection_errors=(OSError,))

    def _send_all(self, consumer: Any, method: str, propagate: bool) -> None:
        assert consumer is self.consumer
        assert not propagate
        self.did.append(method)

    def _loop(self) -> Iterator[None]:
        while True:
            if self.fails:
                raise self.fails
            self.turns -= 1
            self.did.append("turn")
            if self.turns <= 0:
                self.processes._cache = {}
            yield


def drained(worker: Worker) -> list[str]:
    drain.Drain(worker).close(worker)
    return worker.did


def test_it_takes_nothing_more_waits_for_the_pool_and_gives_the_rest_back() -> None:
    assert drained(Worker(2)) == ["stop_intake", "cancel", "turn", "turn", "turn", "give_back"]


def test_it_turns_once_for_an_idle_pool_so_that_the_last_result_is_sent() -> None:
    assert drained(Worker(0)) == ["stop_intake", "cancel", "turn", "give_back"]


def test_it_waits_for_no_pool_that_lost_a_process() -> None:
    assert drained(Worker(5, exitcode=-9)).count("turn") == 1


def test_it_waits_no_longer_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "DRAIN_S", 0.0)
    assert drained(Worker(5)).count("turn") == 1


def test_it_waits_no_more_once_it_is_told_to_end_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "should_terminate", 0)
    assert drained(Worker(5)).count("turn") == 1


def test_it_gives_back_where_the_connection_is_lost_meanwhile() -> None:
    assert drained(Worker(5, fails=OSError("gone"))) == ["stop_intake", "cancel", "give_back"]


def test_it_has_no_loop_to_turn_where_there_is_none() -> None:
    worker = Worker(5)
    worker.use_eventloop, worker.consumer.task_consumer = False, None
    assert drained(worker) == ["stop_intake", "give_back"]


def test_a_loop_that_ended_is_begun_anew() -> None:
    worker, loops = Worker(3), iter([iter(()), iter([None] * 9)])
    worker.hub.create_loop = lambda: next(loops)
    turn = drain._turns(worker.hub)
    turn()
    turn()
    assert next(loops, None) is None
