"""Which queues Celery's own consumer consumes, and how it publishes to one that it was not told of."""

from __future__ import annotations

from typing import Any

import pytest
from celery import Celery
from kombu import Queue

from worker.celery_setup import routing
from worker.configuration import Configured
from worker.settings import Settings

REDIS, RABBITMQ = "redis://127.0.0.1:1", "amqp://guest@127.0.0.1//"


def app_on(url: str, monkeypatch: pytest.MonkeyPatch) -> Celery:
    settings = Settings(broker_url=url)
    monkeypatch.setattr(routing, "configured", lambda: Configured(settings, None))  # type: ignore[arg-type]
    names = (settings.work_queue, settings.campaign_work_queue, "somebody.elses")
    app = Celery("routing", amqp=routing.Routing, broker="memory://", set_as_current=False)
    app.conf.task_queues = [Queue(name, routing_key=name) for name in names]
    return app


def consumed(app: Celery, queues: Any = None) -> list[str]:
    with app.connection_for_read() as connection:
        return sorted(queue.name for queue in app.amqp.TaskConsumer(connection.channel(), queues).queues)


@pytest.mark.parametrize(
    ("url", "names"),
    [
        (REDIS, ["smart-assign.work", "smart-assign.work.campaigns", "somebody.elses"]),
        (RABBITMQ, ["somebody.elses"]),
    ],
    ids=["redis", "rabbitmq"],
)
def test_on_rabbitmq_celery_consumes_none_of_our_queues(
    url: str, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert consumed(app_on(url, monkeypatch)) == names


def test_it_consumes_what_it_is_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    assert consumed(app_on(RABBITMQ, monkeypatch), [Queue("smart-assign.work")]) == ["smart-assign.work"]


def test_a_queue_that_it_was_not_told_of_is_published_to_and_never_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    app = app_on(RABBITMQ, monkeypatch)
    assert app.amqp.queues["callbacks"].no_declare
    with app.connection_for_write() as connection:
        channel = connection.default_channel
        channel._new_queue("callbacks")
        app.send_task("any.task", queue="callbacks", connection=connection)
        assert channel._size("callbacks") == 1
