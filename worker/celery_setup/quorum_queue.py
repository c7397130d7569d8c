"""A queue that Celery need not know to be a quorum queue.

Where Celery 5.5 and newer sees one among its queues, each worker makes 28 queues for delayed delivery, which cannot lead to
queues of direct exchanges such as ours, and sleeps up to 20 seconds over it where a node of RabbitMQ is down. Our own
intake holds what is to run later.
"""

from __future__ import annotations

from typing import Any

from kombu import Queue

from worker.queues import QUORUM


class QuorumQueue(Queue):  # type: ignore[misc]  # kombu is untyped
    """Declared as a quorum queue; its `queue_arguments`, by which Celery tells, are empty."""

    def queue_declare(self, nowait: bool = False, passive: bool = False, channel: Any = None) -> Any:
        """Declare it on the server."""
        return (channel or self.channel).queue_declare(
            queue=self.name,
            passive=passive,
            durable=self.durable,
            exclusive=self.exclusive,
            auto_delete=self.auto_delete,
            arguments=dict(QUORUM),
            nowait=nowait,
        )
