"""A message that trips Celery's consumer: set aside with its reason, acknowledged, and the worker goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from worker.celery_setup.redis_transport import _ReadsFirst
from worker.envelopes.opening import ForCelery, Opener, Refused
from worker.envelopes.sealing import sealed_for_celery
from worker.envelopes.task_messages import MESSAGE_TASK, task_headers


class FakeChannel(_ReadsFirst):
    """A channel whose consumer fails as told."""

    foreign_queue = "messages"
    connection_errors = (ConnectionError,)

    def __init__(self, failure: Exception) -> None:
        super().__init__()
        self.failure, self.acknowledged = failure, list[str]()
        self.pushed: list[tuple[str, bytes]] = []
        self.connection = SimpleNamespace(_deliver=self._fail)

    def _fail(self, *_: Any) -> None:
        raise self.failure

    @contextmanager
    def conn_or_acquire(self) -> Iterator[Any]:
        yield self

    @contextmanager
    def pipeline(self) -> Iterator[Any]:
        yield self

    def lpush(self, queue: str, element: bytes) -> None:
        self.pushed.append((queue, element))

    def execute(self) -> None:
        return

    def basic_ack(self, tag: str) -> None:
        self.acknowledged.append(tag)


def a_task() -> dict[str, Any]:
    body = b'[[], {"document": "{}"}, {}]'
    message: dict[str, Any] = json.loads(
        sealed_for_celery(ForCelery(task_headers(MESSAGE_TASK, "t1", ""), {}, body), "work")
    )
    return message


def test_it_sets_aside_what_celery_trips_over() -> None:
    channel, message = FakeChannel(AttributeError("SECRET")), a_task()
    channel._hand_on("work", message)
    ((queue, element),) = channel.pushed
    assert (queue, channel.acknowledged) == ("messages", [message["properties"]["delivery_tag"]])
    refused = Opener(results_kept=False).open_kombu_message(element)
    assert isinstance(refused, Refused)
    assert str(refused.error.reason) == "cannot be taken by Celery: AttributeError"


def test_it_drops_a_broadcast_that_nobody_waits_for() -> None:
    channel = FakeChannel(KeyError())
    channel._hand_on("x.reply.celery.pidbox", a_task())
    assert (channel.pushed, channel.acknowledged) == ([], [])


def test_it_passes_on_that_the_connection_is_lost() -> None:
    with pytest.raises(ConnectionError):
        FakeChannel(ConnectionError())._hand_on("work", a_task())
