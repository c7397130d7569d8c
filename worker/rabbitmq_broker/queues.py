"""Our queues on RabbitMQ: declared, and measured."""

from __future__ import annotations

from typing import Any

from amqp.exceptions import NotFound
from kombu import Connection

from worker.queues import QUORUM, our_queues
from worker.settings import Settings


def declare_queues(connection: Connection, settings: Settings) -> None:
    """Make sure that our queues exist: a queue that is there is used as it is, a missing one becomes a quorum queue."""
    for name in our_queues(settings):
        channel = connection.channel()
        try:
            channel.queue_declare(name, passive=True)
            channel.close()
        except NotFound:  # it closed the channel
            fresh = connection.channel()
            fresh.queue_declare(name, durable=True, auto_delete=False, arguments=_arguments(name, settings))
            fresh.close()


def _arguments(name: str, settings: Settings) -> dict[str, Any]:
    if name == settings.events_queue:
        return {**QUORUM, "x-max-length": settings.events_max_length, "x-overflow": "drop-head"}
    return dict(QUORUM)


def queue_length(connection: Connection, name: str) -> int | None:
    """How many messages wait; None: there is no such queue."""
    channel = connection.channel()
    try:
        length = int(channel.queue_declare(name, passive=True).message_count)
    except NotFound:  # it closed the channel
        return None
    channel.close()
    return length
