"""A program that loads our application keeps the use of kombu: only the application's own connections read first."""

from __future__ import annotations

import pytest
from kombu import Connection, Queue

from worker.celery_setup import redis_transport

pytestmark = pytest.mark.redis


@pytest.fixture(autouse=True)
def _registered() -> None:
    redis_transport.register()


def test_it_leaves_the_queues_of_others_alone(redis_url: str) -> None:
    with Connection(redis_url) as connection:
        queue = connection.SimpleQueue(Queue("smart-assign.dispatch", no_declare=True))
        connection.Producer().publish({"message_id": "m1"}, routing_key="smart-assign.dispatch", serializer="json")
        taken = queue.get(timeout=5)
        taken.ack()
        queue.close()
    assert taken.payload == {"message_id": "m1"}
