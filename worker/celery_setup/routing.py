"""How our own Celery application publishes to queues that it does not consume, such as those of a callback."""

from __future__ import annotations

from celery.app.amqp import AMQP, Queues
from kombu import Exchange, Queue


class UndeclaredQueues(Queues):  # type: ignore[misc]  # celery is untyped
    """Takes a queue that it was not told of to be there: declared as another type than it has, RabbitMQ refuses it."""

    def new_missing(self, name: str) -> Queue:
        """The queue, by the default exchange."""
        return Queue(name, Exchange(""), name, no_declare=True)


class Routing(AMQP):  # type: ignore[misc]  # celery is untyped
    """Celery's routing over queues that are declared elsewhere."""

    queues_cls = UndeclaredQueues
