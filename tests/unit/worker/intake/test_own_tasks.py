"""Tasks that a worker gives to its own pool: as Celery's own message, without a trip through a queue."""

from __future__ import annotations

import json

import pytest

from tests.support.celery_doubles import Consumer
from worker.envelopes.opening import ForCelery
from worker.envelopes.task_messages import MESSAGE_TASK, WORK_TASK, task_headers
from worker.intake.local_tasks import pool_children, start_for_celery, start_task


def nothing(*_: object, **__: object) -> None:
    return


def test_it_shows_the_id_and_the_count_of_the_work_and_none_of_its_documents() -> None:
    consumer = Consumer()
    arguments = ["claim-1", 2, ["a secret", "another"]]
    start_task(consumer, WORK_TASK, arguments, kwargs={"refused": []}, acknowledge=nothing, reject=nothing)
    (started,) = consumer.started
    message = started.message
    assert (message.headers["task"], message.headers["id"], message.headers["argsrepr"]) == (
        WORK_TASK,
        "claim-1",
        "('claim-1', 2)",
    )
    assert json.loads(message.body) == [arguments, {"refused": []}, {}]
    assert (message.content_type, message.delivery_info["routing_key"]) == ("application/json", WORK_TASK)


def test_it_gives_a_clients_task_to_celery_as_it_was_read() -> None:
    consumer = Consumer()
    task = ForCelery(task_headers(MESSAGE_TASK, "t1", ""), {"reply_to": "me"}, b"[[], {}, {}]")
    start_for_celery(consumer, task, acknowledge=nothing, reject=nothing)
    message = consumer.started[0].message
    assert (message.body, message.properties, message.headers["id"]) == (b"[[], {}, {}]", {"reply_to": "me"}, "t1")


@pytest.mark.parametrize(("limit", "children"), [(4, 4), (0, 1)])
def test_a_pool_works_on_one_task_at_the_least(limit: int, children: int) -> None:
    assert pool_children(Consumer(children=limit)) == children
