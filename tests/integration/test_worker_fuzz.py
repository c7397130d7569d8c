"""Envelopes of any shape on every queue of both brokers: the worker lives, and good messages go out behind them."""

from __future__ import annotations

from typing import Any

import amqp
import pytest
import redis
from hypothesis import strategies as st

from tests.support.accounts import message
from tests.support.effort import EFFORT, FULL
from tests.support.envelopes_fuzz import anything, bodies, drawn, elements, headers, raw_properties
from tests.support.quiet import wait_until_quiet
from tests.support.running_worker import Deployment, RunningWorker, until
from tests.support.stock_clients import all_dispatched, amqp_connection, purge, push, waiting

pytestmark = pytest.mark.timeout(900)

QUEUES = ("ingress", "campaign_ingress", "messages", "campaigns", "work")
#: Envelopes for each queue; more by `make fuzz`.
COUNT = 160 * max(EFFORT, 2) // FULL
GOOD = 200


def send_elements(deployment: Deployment) -> None:
    with redis.Redis.from_url(deployment.broker_url) as client:
        for queue in QUEUES:
            for element in drawn(elements(), COUNT):
                client.lpush(deployment.queue(queue), element)
        for element in drawn(elements(), COUNT):
            client.publish("/0.celery.pidbox", element)


def amqp_table(value: Any) -> Any:
    """What AMQP can write of a JSON value."""
    if isinstance(value, dict):
        return {str(name)[:100]: amqp_table(each) for name, each in value.items()}
    if isinstance(value, list):
        return [amqp_table(each) for each in value[:100]]
    if isinstance(value, str):
        return value[:10_000]
    return value if not isinstance(value, int) or abs(value) < 2**63 else float(2**70)


@st.composite
def amqp_messages(draw: st.DrawFn) -> amqp.Message:
    told, kind = draw(headers), draw(st.sampled_from(("application/json", "text/plain", "")) | anything)
    content_type = kind[:200] if isinstance(kind, str) else "application/json"
    table = amqp_table(told) if isinstance(told, dict) else {}
    sent = amqp.Message(draw(bodies), content_type=content_type, application_headers=table)
    if draw(st.integers(0, 4)) == 0:
        raw = draw(raw_properties())
        sent._serialize_properties = lambda: raw  # py-amqp writes no such thing
    return sent


def publish(deployment: Deployment, exchange: str, queue: str, sent: amqp.Message) -> None:
    """On a connection of its own: what RabbitMQ itself cannot read ends the connection."""
    try:
        with amqp_connection(deployment) as connection:
            connection.channel().basic_publish(sent, exchange, queue)
    except (amqp.AMQPError, OSError):
        return


def send_messages(deployment: Deployment) -> None:
    for queue in QUEUES:
        for sent in drawn(amqp_messages(), COUNT):
            publish(deployment, "", deployment.queue(queue), sent)
    for sent in drawn(amqp_messages(), COUNT):
        publish(deployment, "celery.pidbox", "", sent)


def test_it_outlives_whatever_stands_on_its_queues(worker: RunningWorker) -> None:
    deployment = worker.deployment
    (send_elements if deployment.on_redis else send_messages)(deployment)
    documents = [message() for _ in range(GOOD)]
    push(deployment, documents)
    expected = {document["message_id"] for document in documents}
    until(lambda: waiting(deployment, "dispatch") >= GOOD, 60, lambda: f"{waiting(deployment, 'dispatch')} dispatched")
    wait_until_quiet(worker, 60)
    assert expected <= {document["message_id"] for document in all_dispatched(deployment)}
    purge(deployment, "dispatch", "parked")
