"""What a step of Celery's worker is given: the event loop, a timer that is turned by hand, a pool, RabbitMQ's channels."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from worker.envelopes.task_messages import BATCH_TASK, CAMPAIGN_TASK, MESSAGE_TASK, WORK_TASK


@dataclass
class TimerEntry:
    seconds: float
    call: Callable[..., None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class Timer:
    """Keeps what is to be called later, until it is turned."""

    def __init__(self) -> None:
        self.entries: list[TimerEntry] = []
        self.repeated: list[TimerEntry] = []

    def call_repeatedly(self, seconds: float, function: Callable[[], None]) -> TimerEntry:
        entry = TimerEntry(seconds, function)
        self.repeated.append(entry)
        return entry

    def repeat(self) -> None:
        """Call once more what is called again and again."""
        for entry in self.repeated:
            if not entry.cancelled:
                entry.call()

    def call_after(self, seconds: float, function: Callable[..., None], args: tuple[Any, ...] = ()) -> TimerEntry:
        entry = TimerEntry(seconds, lambda: function(*args))
        self.entries.append(entry)
        return entry

    def turn(self) -> list[float]:
        """Call what is due now; gives the seconds that each had asked for."""
        due, self.entries = [entry for entry in self.entries if not entry.cancelled], []
        for entry in due:
            entry.call()
        return [entry.seconds for entry in due]


class Hub:
    """The event loop: knows who reads which file."""

    def __init__(self) -> None:
        self.readers: dict[int, Callable[[], None]] = {}

    def add_reader(self, fd: int, function: Callable[..., None], *args: Any) -> None:
        self.readers[fd] = lambda: function(*args)

    def remove_reader(self, fd: int) -> None:
        del self.readers[fd]


@dataclass
class Started:
    """A task that the pool was given."""

    task: str
    message: Any
    acknowledge: Callable[..., None]
    reject: Callable[..., None]

    @property
    def args(self) -> Any:
        return json.loads(self.message.body)[0]

    @property
    def kwargs(self) -> Any:
        return json.loads(self.message.body)[1]

    def ends(self) -> None:
        self.acknowledge(None, (OSError,))

    def fails(self, *, waits: bool = False) -> None:
        """As a request of our own work says it: `waits` where time alone mends it."""
        self.reject(None, (OSError,), None if waits else True)


class Channel:
    """A channel of RabbitMQ: delivers what a test puts on a queue, and keeps what is said of it."""

    def __init__(self) -> None:
        self.acknowledged: list[tuple[int, bool]] = []
        self.given_back: list[int] = []
        self.prefetch = 0
        self.waiting = 0
        self.connection: Any = SimpleNamespace(connected=True)
        self.fails: Exception | None = None
        self._consumers: dict[str, Callable[[Any], None]] = {}
        self._tag = 0

    def basic_qos(self, _: int, count: int, __: bool) -> None:
        self.prefetch = count

    def basic_consume(self, queue: str, callback: Callable[[Any], None]) -> str:
        self._consumers[queue] = callback
        return queue

    def basic_cancel(self, tag: str) -> None:
        if self.fails:
            raise self.fails
        del self._consumers[tag]

    def basic_ack(self, tag: int, multiple: bool = False) -> None:
        if self.fails:
            raise self.fails
        self.acknowledged.append((tag, multiple))

    def basic_reject(self, tag: int, requeue: bool) -> None:
        assert requeue
        if self.fails:
            raise self.fails
        self.given_back.append(tag)

    def queue_declare(self, _: str, passive: bool) -> Any:
        assert passive
        if self.fails:
            raise self.fails
        return SimpleNamespace(message_count=self.waiting)

    def close(self) -> None:
        self.connection = None

    def consumes(self) -> set[str]:
        return set(self._consumers)

    def deliver(self, queue: str, body: bytes, *, redelivered: bool = False, **properties: Any) -> int:
        """One more delivery; gives its tag."""
        self._tag += 1
        told = {"delivery_tag": self._tag, "redelivered": redelivered}
        self._consumers[queue](SimpleNamespace(body=body, properties=properties, delivery_info=told))
        return self._tag


@dataclass
class Consumer:
    """Celery's consumer, as our steps see it."""

    children: int = 2
    hub: Hub | None = field(default_factory=Hub)
    timer: Timer = field(default_factory=Timer)
    started: list[Started] = field(default_factory=list)
    channels: list[Channel] = field(default_factory=list)
    connection_errors: tuple[type[Exception], ...] = (OSError,)
    channel_errors: tuple[type[Exception], ...] = ()
    consumed: tuple[str, ...] = ("smart-assign.work",)

    @property
    def pool(self) -> Any:
        return SimpleNamespace(limit=self.children)

    @property
    def app(self) -> Any:
        amqp = SimpleNamespace(queues=SimpleNamespace(consume_from=self.consumed))
        return SimpleNamespace(amqp=amqp, conf=SimpleNamespace(task_routes={}, task_default_queue="smart-assign.work"))

    @property
    def connection(self) -> Any:
        return SimpleNamespace(channel=self._channel)

    @property
    def strategies(self) -> Mapping[str, Callable[..., None]]:
        tasks = (WORK_TASK, BATCH_TASK, MESSAGE_TASK, CAMPAIGN_TASK)
        return {task: self._strategy(task) for task in tasks}

    def _channel(self) -> Channel:
        self.channels.append(Channel())
        return self.channels[-1]

    def _strategy(self, task: str) -> Callable[..., None]:
        def start(message: Any, _: Any, acknowledge: Any, reject: Any, __: Any) -> None:
            self.started.append(Started(task, message, acknowledge, reject))

        return start
