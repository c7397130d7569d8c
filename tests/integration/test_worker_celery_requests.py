"""What a client may ask of Celery beside the task itself: a time, a result, a callback, a priority, compression."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import amqp
import pytest
import redis
from kombu import Connection, Queue

from tests.integration.conftest import PAIRS, MakeDeployment
from tests.support.accounts import AU_NUMBER, message
from tests.support.running_worker import PATIENCE_S, Deployment, running, until
from tests.support.stock_clients import amqp_connection, dispatched, notices, purge, send_with_celery, waiting


def send(deployment: Deployment, document: dict[str, Any], **options: Any) -> None:
    send_with_celery(deployment, [{"args": [document], "options": options}])


def test_it_waits_as_long_as_a_countdown_says(deployment: Deployment) -> None:
    sent, began = message(), time.monotonic()
    send(deployment, sent, countdown=2)
    (document,) = dispatched(deployment, 1)
    assert time.monotonic() - began >= 2
    assert (document["message_id"], document["sender_id"]) == (sent["message_id"], AU_NUMBER)


def test_it_waits_for_an_eta(deployment: Deployment) -> None:
    eta = datetime.now(UTC) + timedelta(seconds=3)
    send(deployment, message(), eta=eta.isoformat())
    (document,) = dispatched(deployment, 1)
    assert datetime.fromisoformat(document["assigned_at"]) >= eta


def test_it_leaves_what_is_to_run_much_later_in_the_broker(deployment: Deployment) -> None:
    """Held in a worker, it would be fetched by all of them after the visibility timeout, or counted as undeliverable."""
    send(deployment, message(), countdown=3600)
    if deployment.on_redis:
        with redis.Redis.from_url(deployment.broker_url) as client:
            until(lambda: bool(client.zcard("smart-assign:claims")), PATIENCE_S, "a claim that waits")
            ((claim, due_ms),) = client.zrange("smart-assign:claims", 0, -1, withscores=True)  # type: ignore[misc]
            assert 3000 < due_ms / 1000 - time.time() < 3600
            assert client.llen(f"smart-assign:claim:{claim.decode()}") == 1
            client.delete("smart-assign:claims", f"smart-assign:claim:{claim.decode()}")
        return
    name = f"{deployment.queue('messages')}.later"
    with amqp_connection(deployment) as connection:
        channel = connection.channel()
        until(lambda: length_of(connection, name) == 1, PATIENCE_S, "a later task")
        taken = channel.basic_get(name, no_ack=True)
        # As its queue returns it, but for its time.
        taken.properties["application_headers"]["eta"] = "2026-01-01T00:00:00+00:00"
        channel.basic_publish(amqp.Message(taken.body, **taken.properties), "", deployment.queue("messages"))
        assert len(dispatched(deployment, 1)) == 1
        channel.queue_delete(name)


def length_of(connection: amqp.Connection, queue: str) -> int:
    """How many messages wait; -1: there is no such queue."""
    try:
        return int(connection.channel().queue_declare(queue, passive=True).message_count)
    except amqp.NotFound:
        return -1


PLAIN_OPTIONS: dict[str, dict[str, Any]] = {
    "the highest priority": {"priority": 9},
    "the lowest priority": {"priority": 0},
    "gzip": {"compression": "gzip"},
    "bzip2": {"compression": "bzip2"},
    "gzip and a countdown": {"compression": "gzip", "countdown": 0.2},
    "a time limit": {"time_limit": 30, "soft_time_limit": 20},
    "an end": {"expires": 60},
    "headers of its own": {"headers": {"trace": "abc", "nested": {"a": [1, 2]}}},
}


@pytest.mark.parametrize("options", PLAIN_OPTIONS.values(), ids=PLAIN_OPTIONS.keys())
def test_it_dispatches_a_task_sent_with(deployment: Deployment, options: dict[str, Any]) -> None:
    sent = message()
    send(deployment, sent, **options)
    assert dispatched(deployment, 1)[0]["message_id"] == sent["message_id"]


def test_it_parks_what_celery_could_only_fail(deployment: Deployment) -> None:
    calls = [
        {"args": [message(), 2], "options": {"countdown": 0.1}},
        {"args": [], "options": {"countdown": 0.1}},
        {"task": "no.such.task", "args": [message()]},
        {"args": [{"message_id": "m1"}], "options": {"countdown": 0.1}},
    ]
    send_with_celery(deployment, calls)
    assert {notice["reason"] for notice in notices(deployment, len(calls))} == {"INVALID_MESSAGE"}
    assert waiting(deployment, "dispatch") == 0


def test_it_outlives_documents_that_celery_cannot_take_to_its_pool(deployment: Deployment) -> None:
    deep: list[Any] = []
    for _ in range(400):
        deep = [deep]
    typed = {"__type__": "datetime", "__value__": "2026-01-31T12:00:00"}
    strange = {"deep": deep, "typed": typed, "number": 10**30, "é": "\x00"}
    # More of them than the pool has processes.
    sent = [message(**strange) for _ in range(3)]
    send_with_celery(deployment, [{"args": [each], "options": {"countdown": 0.1}} for each in sent])
    # What kombu's own types look like comes out as it went in, and kombu reads it.
    expected = strange | {"typed": datetime(2026, 1, 31, 12)}  # noqa: DTZ001  # kombu's is as naive
    assert [document["extra"] for document in dispatched(deployment, 3)] == [expected] * 3


def test_it_parks_what_had_expired(deployment: Deployment) -> None:
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    ended, soon = message(), message()
    calls = [
        {"args": [ended], "options": {"expires": past}},
        {"args": [soon], "options": {"expires": 0.5, "countdown": 1.5}},
    ]
    send_with_celery(deployment, calls)
    told = {notice["message_id"]: notice["reason"] for notice in notices(deployment, 2)}
    assert told == {ended["message_id"]: "EXPIRED", soon["message_id"]: "EXPIRED"}
    assert waiting(deployment, "dispatch") == 0


def test_it_takes_no_time_limit_for_an_end(deployment: Deployment) -> None:
    sent = message()
    send(deployment, sent, countdown=0.1, soft_time_limit=0.0001, time_limit=0.0002)
    assert dispatched(deployment, 1)[0]["message_id"] == sent["message_id"]


def test_it_reads_the_first_protocol_of_celery(deployment: Deployment) -> None:
    now, later = message(), message()
    calls = [{"args": [now]}, {"args": [later], "options": {"countdown": 0.1}}]
    send_with_celery(deployment, calls, conf={"task_protocol": 1})
    came = {document["message_id"] for document in dispatched(deployment, 2)}
    assert came == {now["message_id"], later["message_id"]}


@pytest.fixture(scope="module", params=PAIRS)
def with_results(request: pytest.FixtureRequest, make_deployment: MakeDeployment) -> Iterator[Deployment]:
    made = make_deployment(request.param)
    backend = made.redis_url.rpartition("/")[0] + "/5"
    deployment = Deployment(
        made.broker_url,
        made.redis_url,
        made.database_url,
        {"result_backend": backend, "allow_callbacks_to": f"elsewhere-{uuid.uuid4().hex[:8]}"},
    )
    with running(deployment):
        yield deployment


def test_it_keeps_results_where_a_backend_is_configured(with_results: Deployment) -> None:
    purge(with_results, "dispatch", "parked")
    backend = with_results.settings["result_backend"]
    calls = [{"args": [message()]}, {"args": [message(account_id="nobody")]}]
    results = send_with_celery(with_results, calls, backend=backend, wait=20)
    assert results == [{"dispatched": 1, "parked": 0}, {"dispatched": 0, "parked": 1}]
    dispatched(with_results, 1)
    with redis.Redis.from_url(backend) as client:
        kept = [json.loads(client.get(key) or b"{}") for key in client.scan_iter("celery-task-meta-*")]  # type: ignore[arg-type]
    assert {json.dumps(entry.get("args")) for entry in kept} <= {"null", '"(\\u2026)"'}


def signature(queue: str, *args: Any) -> dict[str, Any]:
    return {"task": "next", "args": list(args), "kwargs": {}, "subtask_type": None, "options": {"queue": queue}}


ERRANDS = {"link": "body.callbacks", "link_error": "body.errbacks", "chain": "body.chain", "chord": "body.chord"}


@pytest.mark.parametrize("kind", ERRANDS)
def test_it_runs_no_errands(deployment: Deployment, kind: str) -> None:
    errand = signature(deployment.queue("dispatch"))
    send(deployment, message(), **{kind: errand if kind == "chord" else [errand]})
    (notice,) = notices(deployment, 1)
    assert [each["field"] for each in notice["fields"]] == [ERRANDS[kind]]
    assert waiting(deployment, "dispatch") == 0


def test_it_calls_back_where_the_deployment_allows_it(with_results: Deployment) -> None:
    purge(with_results, "dispatch", "parked")
    sent, queue = message(), with_results.settings["allow_callbacks_to"]
    if not with_results.on_redis:
        with amqp_connection(with_results) as connection:
            connection.channel().queue_declare(queue, durable=True, auto_delete=False)
    send_with_celery(with_results, [{"args": [sent], "options": {"link": [signature(queue, "first")]}}], backend=None)
    assert dispatched(with_results, 1)[0]["message_id"] == sent["message_id"]
    with Connection(with_results.broker_url) as connection:
        simple = connection.SimpleQueue(Queue(queue, no_declare=True))
        came = simple.get(timeout=20)
        came.ack()
        simple.close()
    assert came.headers["task"] == "next"
    assert came.payload[0] == [{"dispatched": 1, "parked": 0}, "first"]


def test_it_asks_nothing_of_a_backend_for_claims(with_results: Deployment) -> None:
    until(lambda: waiting(with_results, "work") == 0, PATIENCE_S, "the end of all claims")
