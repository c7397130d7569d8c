"""Envelopes that we write: what a stock kombu consumer reads."""

from __future__ import annotations

import json

from kombu import Connection
from kombu.transport.virtual import Message

from worker.envelopes.opening import ForCelery
from worker.envelopes.sealing import Sealer, sealed_for_celery

DOCUMENT = {"message_id": "m1", "body": "héllo"}


def test_it_seals_what_kombu_reads() -> None:
    payload = json.dumps(DOCUMENT).encode()
    first, second = Sealer("dispatch").seal([payload, payload], [b"id-1", b"id-2"])
    with Connection("memory://") as connection:
        message = Message(json.loads(first), channel=connection.channel(), accept={"application/json"})
    assert message.payload == DOCUMENT
    assert message.properties["message_id"] == "id-1"
    assert json.loads(second)["properties"]["delivery_tag"] != message.delivery_tag


def test_it_seals_a_task_that_celery_reads() -> None:
    task = ForCelery(
        {"task": "message.assign", "id": "t1"}, {"correlation_id": "t1"}, json.dumps([[], {}, {}]).encode()
    )
    with Connection("memory://") as connection:
        message = Message(
            json.loads(sealed_for_celery(task, "work")), channel=connection.channel(), accept={"application/json"}
        )
    assert message.payload == [[], {}, {}]
    assert message.headers == task.headers
    assert message.delivery_info == {"exchange": "", "routing_key": "work"}
    assert message.properties["correlation_id"] == "t1"
