"""RabbitMQ's queues: quorum queues where we declare them, and anybody's own queue used as it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from amqp.exceptions import PreconditionFailed

from tests.integration.conftest import MakeDeployment
from tests.support.accounts import message
from tests.support.running_worker import QUEUES, Deployment, running
from tests.support.stock_clients import amqp_connection, dispatched, push, send_with_celery

pytestmark = [pytest.mark.rabbitmq, pytest.mark.postgres]


@pytest.fixture(scope="module")
def mixed(make_deployment: MakeDeployment) -> Iterator[Deployment]:
    """A deployment whose message, ingress and dispatch queues clients had declared before, as classic ones."""
    deployment = make_deployment("rabbitmq-postgresql")
    with amqp_connection(deployment) as connection:
        for name in ("messages", "ingress", "dispatch"):
            connection.channel().queue_declare(deployment.queue(name), durable=True, auto_delete=False)
    with running(deployment):
        yield deployment


def test_it_uses_a_classic_queue_as_it_is(mixed: Deployment) -> None:
    push(mixed, [message()])
    # A stock Celery producer declares the queue that it sends to, and this one is what it expects.
    send_with_celery(
        mixed, [{"args": [message()]}, {"args": [message()], "options": {"countdown": 0.2}}], no_declare=False
    )
    assert len(dispatched(mixed, 3)) == 3


def test_it_declares_the_others_as_quorum_queues(mixed: Deployment) -> None:
    for name in set(QUEUES) - {"messages", "ingress", "dispatch", "events"}:
        with amqp_connection(mixed) as connection, pytest.raises(PreconditionFailed, match="x-queue-type"):
            connection.channel().queue_declare(mixed.queue(name), durable=True, auto_delete=False)


@pytest.mark.parametrize("shared_worker", ["rabbitmq-postgresql"], indirect=True)
def test_it_takes_tasks_from_a_producer_that_asks_for_quorum_queues(deployment: Deployment) -> None:
    conf = {"task_create_missing_queue_type": "quorum"}
    send_with_celery(deployment, [{"args": [message()]}], no_declare=False, conf=conf)
    assert len(dispatched(deployment, 1)) == 1
