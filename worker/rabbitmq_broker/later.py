"""Tasks that are to run much later, on RabbitMQ: they wait on a queue beside their own, which sends them back in time.

A message stays there for `RETURNS_AFTER_S` and is then dead-lettered to the queue that it came from; a task whose time
has still not come goes round again. All wait equally long, so that none stands before one that is due sooner.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import amqp
from kombu import Connection

from core.encoding import CONTENT_TYPE
from worker.envelopes.opening import ForCelery
from worker.handoff.errors import PUBLISH_ERRORS, NotConfirmedError
from worker.queues import QUORUM
from worker.rabbitmq_broker.confirms import Confirms
from worker.rabbitmq_broker.connections import open_rabbitmq

#: How long a task stays there: less than the 30 minutes after which RabbitMQ takes a held delivery for lost.
RETURNS_AFTER_S = 600
#: A task that starts within this time is held by a worker, to the second.
HELD_AT_MOST_S = 900
CONFIRM_TIMEOUT_S = 5.0


class PutOff(NamedTuple):
    """A task, and the queue to which it returns."""

    queue: str
    task: ForCelery


def later_queue(queue: str) -> str:
    """The name of the queue on which tasks of `queue` wait."""
    return f"{queue}.later"


class LaterQueues:
    """Puts tasks off, with a connection of its own. May raise PUBLISH_ERRORS; then none counts."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Connection | None = None
        self._channel: Any = None
        self._confirms: Confirms | None = None
        self._declared: set[str] = set()

    def put(self, tasks: Sequence[PutOff]) -> None:
        """Publish tasks to their queues of later ones, with one wait for the confirms."""
        try:
            self._open({each.queue for each in tasks})
            self._publish(tasks)
        except PUBLISH_ERRORS:
            self.close()
            raise

    def _publish(self, tasks: Sequence[PutOff]) -> None:
        confirms = self._confirms
        assert confirms is not None
        confirms.begin()
        for each in tasks:
            self._channel.basic_publish(_message(each.task), "", later_queue(each.queue), mandatory=True)
            confirms.sent(1)
        while not confirms.complete:
            self._channel.connection.drain_events(timeout=CONFIRM_TIMEOUT_S)
        if confirms.refused or confirms.returned:
            raise NotConfirmedError(f"not all of {len(tasks)} tasks were taken")

    def close(self) -> None:
        """Close the connection; the next tasks open another."""
        connection, self._connection, self._channel = self._connection, None, None
        self._declared.clear()
        if connection is not None:
            connection.collect()

    def _open(self, queues: set[str]) -> None:
        if self._channel is None:
            self._connection = open_rabbitmq(self._url, 2 * CONFIRM_TIMEOUT_S, connect_s=CONFIRM_TIMEOUT_S)
            self._channel = self._connection.channel()
            self._confirms = Confirms(self._channel)
        for queue in queues - self._declared:
            self._channel.queue_declare(
                later_queue(queue), durable=True, auto_delete=False, arguments=_arguments(queue)
            )
            self._declared.add(queue)


def _arguments(queue: str) -> dict[str, Any]:
    return {
        **QUORUM,
        "x-message-ttl": RETURNS_AFTER_S * 1000,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": queue,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def _message(task: ForCelery) -> amqp.Message:
    return amqp.Message(
        task.body,
        application_headers=dict(task.headers),
        content_type=CONTENT_TYPE,
        content_encoding="utf-8",
        delivery_mode=2,
        **task.properties,
    )
