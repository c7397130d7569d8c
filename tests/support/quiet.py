"""Whether all that a worker was sent has come to its end, so that nothing of one test comes in the middle of the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import Any

import redis
from celery import Celery

from tests.support.running_worker import PATIENCE_S, Deployment, RunningWorker
from tests.support.stock_clients import amqp_connection
from worker.handoff.keys import Keys

#: What producers write to, and the queue of claims.
WORK = ("ingress", "campaign_ingress", "messages", "campaigns", "work")
#: A task or a claim that waits for longer is not waited for.
SOON_S = 60.0
#: On RabbitMQ a worker gathers deliveries for 4 ms before it begins: by a second look it has begun.
BETWEEN_LOOKS_S = 0.02
ANSWER_S = 20.0

Look = Callable[[], Mapping[str, int]]


def wait_until_quiet(worker: RunningWorker, seconds: float = PATIENCE_S) -> None:
    """Returns when nothing is on its way on the worker's queues or in its hands; fails the test after `seconds`.

    A batch on RabbitMQ that failed is out of sight for the second that it waits to be given back.
    """
    deadline, quiet_looks = time.monotonic() + seconds, 0
    with (_on_redis if worker.deployment.on_redis else _on_rabbitmq)(worker) as look:
        while quiet_looks < 2:
            found = {what: count for what, count in look().items() if count}
            quiet_looks = 0 if found else quiet_looks + 1
            if found and time.monotonic() > deadline:
                raise AssertionError(f"still on its way after {seconds:.0f} s: {found}")
            if quiet_looks < 2:
                time.sleep(BETWEEN_LOOKS_S)


@contextmanager
def _on_redis(worker: RunningWorker) -> Iterator[Look]:
    """Everything on its way stands in Redis: each step is one script, so nothing is ever in between."""
    deployment, keys = worker.deployment, Keys("smart-assign")
    ends = {deployment.queue(name).encode() for name in ("dispatch", "parked", "events")}

    def look(client: redis.Redis) -> Mapping[str, int]:
        lists = [name for name in client.keys("smart-assign.*") if name not in ends]  # type: ignore[union-attr]
        with client.pipeline() as pipe:
            for name in lists:
                pipe.llen(name)
            pipe.zcount(keys.claims, "-inf", 1000 * (time.time() + SOON_S))
            for name in (keys.outbox, keys.taken, "unacked"):
                pipe.hlen(name)
            pipe.llen(keys.event_outbox)
            found = (*map(str, lists), "claims", "outbox", "taken", "unacked", "events")
            return dict(zip(found, pipe.execute(), strict=True))

    with redis.Redis.from_url(deployment.broker_url) as client:
        yield lambda: look(client)


@contextmanager
def _on_rabbitmq(worker: RunningWorker) -> Iterator[Look]:
    """What waits on the queues, and what the worker says that it has in hand."""
    deployment, app = worker.deployment, Celery(broker=worker.deployment.broker_url)
    with ExitStack() as stack:
        channel = stack.enter_context(amqp_connection(deployment)).channel()
        client = stack.enter_context(redis.Redis.from_url(deployment.redis_url))
        asking = stack.enter_context(app.connection_for_write())
        stack.callback(app.close)

        def look() -> Mapping[str, int]:
            waiting = {name: _length(channel, deployment, name) for name in WORK}
            waiting["events"] = int(client.llen(Keys("smart-assign").event_outbox))  # type: ignore[arg-type]
            return waiting if any(waiting.values()) else _in_hand(worker, app, asking)

        yield look


def _length(channel: Any, deployment: Deployment, name: str) -> int:
    return int(channel.queue_declare(deployment.queue(name), passive=True).message_count)


def _in_hand(worker: RunningWorker, app: Celery, asking: Any) -> Mapping[str, int]:
    inspect = app.control.inspect([worker.name], timeout=ANSWER_S, limit=1, connection=asking)
    told = {name: getattr(inspect, name)() for name in ("scheduled", "reserved", "active")}  # the way of a task
    return {
        what: 1 if answer is None else sum(map(_is_soon, answer[worker.name]))  # no answer: it is busy
        for what, answer in told.items()
    }


def _is_soon(task: Mapping[str, Any]) -> bool:
    eta = task.get("eta")
    return not eta or datetime.fromisoformat(eta).timestamp() < time.time() + SOON_S
