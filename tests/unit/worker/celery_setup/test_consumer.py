"""What our consumer adds to Celery's."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from celery.concurrency.asynpool import ResultHandler
from kombu.asynchronous import Hub

from worker.celery_setup.consumer import _results_read_to_their_end


class Process:
    """A child of the pool that writes the rest of its result when it is waited for."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        self.rest = b""
        self.outq = SimpleNamespace(_reader=SimpleNamespace(poll=self._poll))

    def _poll(self, _: float) -> bool:
        rest, self.rest = self.rest, b""
        os.write(self.writer, rest)
        return True

    def _is_alive(self) -> bool:
        return True


@pytest.fixture
def process() -> Iterator[Process]:
    made = Process()
    yield made
    os.close(made.reader)
    os.close(made.writer)


def test_a_result_that_was_read_in_part_is_read_to_its_end_before_the_loop_forgets_it(process: Process) -> None:
    hub, came = Hub(), []
    handler: Any = object.__new__(ResultHandler)
    handler.fileno_to_outq, handler.on_state_change = {process.reader: process}, came.append
    handler.register_with_event_loop(hub)
    result = pickle.dumps(("READY", 42))
    message = len(result).to_bytes(4, "big") + result
    os.write(process.writer, message[:9])
    process.rest = message[9:]
    handler.handle_event(process.reader)
    assert came == []
    with _results_read_to_their_end(hub, SimpleNamespace(_pool=SimpleNamespace(_result_handler=handler))):
        hub.reset()
    assert came == [("READY", 42)]
    assert not hub.readers
    hub.close()


def test_pools_without_processes_are_left_alone() -> None:
    hub = Hub()
    reset = hub.reset
    with _results_read_to_their_end(hub, SimpleNamespace()):
        assert hub.reset == reset
    hub.close()
