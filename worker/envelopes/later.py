"""Tasks that are to run later: they stay in the broker until shortly before their time, each in one place.

Celery fetches a task long before it is due and holds it in a worker's memory, unacknowledged. A broker takes what nobody
acknowledges for lost: on Redis every worker would fetch and hold the same task again after the visibility timeout, and
RabbitMQ ends the channel after its consumer timeout, counts a delivery, and in the end drops the task.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from celery.utils.time import maybe_iso8601

from worker.envelopes.opening import ForCelery


def waits(task: ForCelery, now: datetime) -> timedelta:
    """How long it is until a task is to start; zero where it may start now. Its eta, without an offset, is UTC."""
    eta = task.headers["eta"]
    if not eta:
        return timedelta(0)
    start: datetime = maybe_iso8601(eta)
    return max(timedelta(0), (start if start.tzinfo else start.replace(tzinfo=UTC)) - now)
