"""Which queues our own Celery application consumes, and how it publishes to those that it does not, such as a callback's."""

from __future__ import annotations

from typing import Any

from amqp.exceptions import RecoverableConnectionError
from celery.app.amqp import AMQP, Queues
from kombu import Connection, Exchange, Queue

from worker.configuration import configured


class UndeclaredQueues(Queues):  # type: ignore[misc]  # celery is untyped
    """Takes a queue that it was not told of to be there: declared as another type than it has, RabbitMQ refuses it."""

    def new_missing(self, name: str) -> Queue:
        """The queue, by the default exchange."""
        return Queue(name, Exchange(""), name, no_declare=True)


class WatchedConnection(Connection):  # type: ignore[misc]  # kombu is untyped
    """A connection whose heartbeat tells of its end."""

    def heartbeat_check(self, rate: int = 2) -> Any:
        """As kombu's, which would dial anew instead: what is dialled so has no consumers, and its heart beats."""
        if not self.connected:
            raise RecoverableConnectionError("the connection to the broker has ended")
        return super().heartbeat_check(rate)

    def ensure(self, obj: Any, fun: Any, errback: Any = None, max_retries: int | None = 1, **policy: Any) -> Any:
        """As kombu's, which tries for ever unless told otherwise, and so does Celery's event of its heart, in the event loop."""
        return super().ensure(obj, fun, errback, 1 if max_retries is None else max_retries, **policy)


class Routing(AMQP):  # type: ignore[misc]  # celery is untyped
    """Celery's routing over queues that are declared elsewhere."""

    Connection = WatchedConnection
    queues_cls = UndeclaredQueues

    def TaskConsumer(self, channel: Any, queues: Any = None, accept: Any = None, **options: Any) -> Any:  # noqa: N802  # celery's name
        """Celery's own consumer of tasks. On RabbitMQ it consumes none of our queues: our intake does, and reads first."""
        settings = configured()[0]
        if queues is None and not settings.broker_is_redis:
            queues = [queue for queue in self.queues.consume_from.values() if queue.name not in settings.queue_names]
            return self.Consumer(channel, accept=accept or self.app.conf.accept_content, queues=queues, **options)
        return super().TaskConsumer(channel, queues, accept, **options)
