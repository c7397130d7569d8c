"""Celery's task events are sent together, a moment later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from worker.celery_setup.task_events import GATHER_S, Gathering


@dataclass
class Timer:
    due: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def call_after(self, seconds: float, call: Callable[[], None]) -> None:
        self.due.append((seconds, call))


@dataclass
class Dispatcher:
    flushed: int = 0

    def flush(self) -> None:
        self.flushed += 1


@dataclass
class Consumer:
    timer: Timer = field(default_factory=Timer)
    event_dispatcher: Dispatcher | None = field(default_factory=Dispatcher)


def test_events_of_one_moment_are_sent_once() -> None:
    consumer = Consumer()
    gathering = Gathering(consumer)
    for _ in range(3):
        gathering()
    ((seconds, send),) = consumer.timer.due
    assert seconds == GATHER_S
    send()
    assert consumer.event_dispatcher
    assert consumer.event_dispatcher.flushed == 1


def test_later_events_are_sent_later() -> None:
    consumer = Consumer()
    gathering = Gathering(consumer)
    gathering()
    consumer.timer.due.pop()[1]()
    gathering()
    assert len(consumer.timer.due) == 1


def test_it_outlives_a_dispatcher_that_is_gone() -> None:
    consumer = Consumer(event_dispatcher=None)
    gathering = Gathering(consumer)
    gathering()
    consumer.timer.due.pop()[1]()
