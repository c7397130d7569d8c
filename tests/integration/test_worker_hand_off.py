"""Lost tasks, repeated tasks, a full dispatch queue, and a worker that is told to go."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from tests.integration.conftest import PAIRS, MakeDeployment
from tests.support.accounts import ACCOUNT, AU, message
from tests.support.running_worker import PATIENCE_S, Deployment, RunningWorker, running, until
from tests.support.stock_clients import dispatched, purge, push, waiting
from worker.redis_broker.claims import Claims, Lane
from worker.settings import Settings


@pytest.fixture(scope="module")
def services(make_deployment: MakeDeployment) -> Iterator[Callable[..., Deployment]]:
    """A deployment on Redis without a worker, with settings of the test."""
    made = make_deployment("redis-sqlite")

    def having(**settings: str) -> Deployment:
        with redis.Redis.from_url(made.redis_url) as client:
            client.delete(*(made.queue(name) for name in ("ingress", "work", "dispatch", "parked")))
        return Deployment(made.broker_url, made.redis_url, made.database_url, settings)

    return having


@pytest.mark.redis
def test_it_takes_up_a_claim_whose_task_was_lost(services: Callable[..., Deployment]) -> None:
    deployment = services(claim_deadline_s="1")
    sent = [message() for _ in range(20)]
    push(deployment, sent)
    with redis.Redis.from_url(deployment.broker_url) as client:
        Claims(client, Settings(claim_deadline_s=1)).claim(Lane.INGRESS)
        assert client.llen(deployment.queue("ingress")) == 0
    with running(deployment):
        came = Counter(document["message_id"] for document in dispatched(deployment, len(sent)))
    assert came == Counter(document["message_id"] for document in sent)


@pytest.mark.redis
def test_it_settles_once_what_is_delivered_twice(services: Callable[..., Deployment]) -> None:
    deployment = services(idempotency_window="0", log_level="DEBUG")
    push(deployment, [message() for _ in range(20)])
    with redis.Redis.from_url(deployment.broker_url) as client:
        claims = Claims(client, Settings())
        claims.make_due(claims.claim(Lane.INGRESS).id)
        claims.recover()
        (task,) = client.lrange(deployment.queue("work"), 0, -1)  # type: ignore[misc]
        client.lpush(deployment.queue("work"), task, task)
    with running(deployment) as worker:
        until(lambda: worker.log.count(" succeeded in ") >= 3, PATIENCE_S, lambda: worker.log)
        assert worker.log.count("settled_before") == 2
        assert waiting(deployment, "dispatch") == 20


@pytest.fixture(params=PAIRS)
def bounded(request: pytest.FixtureRequest, make_deployment: MakeDeployment) -> Iterator[RunningWorker]:
    made = make_deployment(request.param, dispatch_max_length="300", claim_size="100")
    with running(made) as worker:
        yield worker


def test_it_stops_at_a_full_dispatch_queue_and_goes_on(bounded: RunningWorker) -> None:
    deployment = bounded.deployment
    messages = [message() for _ in range(2000)]
    batches = [_batch(name) for name in ("b-1", "b-2", "b-3", "b-4", "b-5", "b-6")]
    push(deployment, messages[:1000])
    push(deployment, batches, "campaign_ingress")
    push(deployment, messages[1000:])
    until(lambda: waiting(deployment, "dispatch") >= 300, PATIENCE_S, "a full queue")
    time.sleep(1)
    # What was claimed or delivered before the queue was full still comes: two batches for each child, campaigns too.
    assert waiting(deployment, "dispatch") <= 300 + 4 * 100 + 4 * 200
    sent = [each["message_id"] for each in messages + [one for batch in batches for one in batch["recipients"]]]
    came = Counter(document["message_id"] for document in dispatched(deployment, len(sent)))
    assert came == Counter(sent)


def _batch(name: str) -> dict[str, Any]:
    recipients = [{"to": AU, "message_id": f"{name}-{place}"} for place in range(200)]
    return {"account_id": ACCOUNT, "campaign_id": "full", "batch_id": name, "body": "Hello.", "recipients": recipients}


@pytest.fixture(params=PAIRS)
def rolling(request: pytest.FixtureRequest, make_deployment: MakeDeployment) -> Deployment:
    # Without the window, so that no mark hides a repeat.
    return make_deployment(request.param, claim_size="50", idempotency_window="0")


def test_it_loses_and_repeats_nothing_in_a_rolling_restart(rolling: Deployment) -> None:
    workers = [RunningWorker(rolling), RunningWorker(rolling)]
    sent: list[str] = []
    try:
        for worker in workers:
            worker.start()
        purge(rolling, "dispatch", "parked")
        for place in (0, 1):
            batch = [message() for _ in range(1500)]
            push(rolling, batch)
            sent += [document["message_id"] for document in batch]
            assert workers[place].stop() == 0, workers[place].log[-3000:]
            workers[place].start()
        came = Counter(document["message_id"] for document in dispatched(rolling, len(sent)))
        assert came == Counter(sent)
        time.sleep(1)
        assert waiting(rolling, "dispatch") == 0
    finally:
        for worker in workers:
            worker.remove()
