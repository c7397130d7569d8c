"""A message of a stranger: the worker lives, what came around it is dispatched, and the next worker never meets it."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import amqp
import pytest
import redis
from celery import Celery

from tests.integration.conftest import MakeDeployment
from tests.support.accounts import message
from tests.support.running_worker import STOP_S, Deployment, RunningWorker, running
from tests.support.stock_clients import amqp_connection, dispatched, notices, push, waiting
from tests.support.strangers import Stranger, on_rabbitmq, on_redis

#: Good messages in all, in between the strangers.
AROUND = 1000


def good_ones(count: int) -> tuple[list[dict[str, Any]], set[str]]:
    documents = [message() for _ in range(count)]
    return documents, {document["message_id"] for document in documents}


def send_among(deployment: Deployment, strangers: Sequence[Stranger]) -> set[str]:
    """Strangers one by one, each with good messages around it; gives the ids of those."""
    documents, expected = good_ones(AROUND)
    each = AROUND // (len(strangers) + 1)
    push(deployment, documents[:each])
    for place, stranger in enumerate(strangers, 1):
        stranger.send(deployment)
        last = place == len(strangers)
        push(deployment, documents[place * each : None if last else (place + 1) * each])
    return expected


def arrived(deployment: Deployment, expected: set[str]) -> None:
    came = {document["message_id"] for document in dispatched(deployment, len(expected))}
    assert came == expected


def strangers_of(deployment: Deployment) -> list[Stranger]:
    return list((on_redis() if deployment.on_redis else on_rabbitmq()).values())


def fields_told(deployment: Deployment, count: int) -> Counter[str]:
    told = notices(deployment, count)
    assert {notice["reason"] for notice in told} == {"INVALID_MESSAGE"}
    assert waiting(deployment, "parked") == 0
    return Counter(each["field"] for notice in told for each in notice["fields"])


def test_it_parks_each_for_its_reason_and_dispatches_what_came_around_it(deployment: Deployment) -> None:
    strangers = strangers_of(deployment)
    expected = send_among(deployment, strangers)
    arrived(deployment, expected)
    assert fields_told(deployment, len(strangers)) == Counter(stranger.field for stranger in strangers)


COMMANDS = {
    "null": b"null",
    "a list": b"[]",
    "an object": b"{}",
    "nesting": b"[" * 100_000,
    "nothing that is JSON": b"\xff",
    "an expression that would never end": b'{"method": "ping", "pattern": "(a+)+$", "matcher": "pcre"}',
    "a command that is a number": b'{"method": 1}',
    "a destination that is a number": b'{"method": "ping", "destination": 1}',
    "an end": b'{"method": "shutdown"}',
    "a pool without processes": b'{"method": "pool_shrink", "arguments": {"n": 2}}',
    "another queue": b'{"method": "add_consumer", "arguments": {"queue": "x", "exchange": "x", "exchange_type": "x"}}',
    "one queue less": b'{"method": "cancel_consumer", "arguments": {"queue": "smart-assign.work"}}',
    "an election": b'{"method": "election", "arguments": {"id": 1, "topic": [], "action": 1}}',
    "an answer to a queue of ours": b'{"method": "ping", "reply_to": {"exchange": "", "routing_key": "dispatch"}}',
}


def broadcast(deployment: Deployment, body: bytes) -> None:
    """To the control channel of every worker: as it is, and in kombu's envelope."""
    if deployment.on_redis:
        envelope = {"body": base64.b64encode(body).decode(), "headers": {}, "content-type": "application/json"}
        envelope |= {"properties": {"delivery_tag": "x", "body_encoding": "base64"}}
        with redis.Redis.from_url(deployment.broker_url) as client:
            for text in (body, json.dumps(envelope)):
                client.publish("/0.celery.pidbox", text)
        return
    with amqp_connection(deployment) as connection:
        channel = connection.channel()
        for headers in ({}, {"clock": "x"}, {"compression": [1]}):
            properties = {"content_type": "application/json", "application_headers": headers}
            channel.basic_publish(amqp.Message(body, **properties), "celery.pidbox", "")


def test_it_outlives_the_commands_of_a_stranger(deployment: Deployment) -> None:
    documents, expected = good_ones(AROUND)
    each = AROUND // len(COMMANDS) + 1
    for place, body in enumerate(COMMANDS.values()):
        broadcast(deployment, body)
        push(deployment, documents[place * each : (place + 1) * each])
    arrived(deployment, expected)
    assert waiting(deployment, "parked") == 0


def test_it_still_obeys_a_command_afterwards(worker: RunningWorker) -> None:
    """A refused command leaves the control channel as it was."""
    deployment = worker.deployment
    for body in COMMANDS.values():
        broadcast(deployment, body)
    with Celery(broker=deployment.broker_url).connection_for_write() as connection:
        control = Celery(broker=deployment.broker_url).control
        assert control.ping(destination=[worker.name], timeout=10, limit=1, connection=connection) == [
            {worker.name: {"ok": "pong"}}
        ]


@pytest.mark.parametrize(
    "pair",
    [
        pytest.param("redis-sqlite", marks=pytest.mark.redis),
        pytest.param("rabbitmq-postgresql", marks=[pytest.mark.rabbitmq, pytest.mark.postgres]),
    ],
)
def test_the_next_worker_meets_none_of_them(make_deployment: MakeDeployment, pair: str) -> None:
    deployment = make_deployment(pair)
    strangers = strangers_of(deployment)
    with running(deployment) as first:
        for stranger in strangers:
            stranger.send(deployment)
        fields_told(deployment, len(strangers))
        assert first.alive
        first.stop()
    with running(deployment) as second:
        documents, expected = good_ones(100)
        push(deployment, documents)
        arrived(deployment, expected)
        assert (waiting(deployment, "work"), waiting(deployment, "parked")) == (0, 0)
        assert second.alive


@pytest.mark.redis
def test_it_obeys_a_command_that_ends_it_where_that_is_allowed(make_deployment: MakeDeployment) -> None:
    deployment = make_deployment("redis-sqlite", allow_control="true", concurrency="1")
    with running(deployment) as worker:
        assert worker.process is not None
        broadcast(deployment, b'{"method": "shutdown"}')
        assert worker.process.wait(STOP_S) == 0
