"""Celery's channel of RabbitMQ: what it publishes for producers comes back where no queue takes it, and is told of."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
import structlog

from worker.celery_setup import rabbitmq_transport
from worker.configuration import Configured
from worker.rabbitmq_broker import connections
from worker.settings import Settings

QUEUE = "elsewhere"


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The options of what was given to py-amqp."""
    options: list[dict[str, Any]] = []
    configured = Configured(Settings(allow_callbacks_to=QUEUE), None)  # type: ignore[arg-type]  # no address is asked for
    monkeypatch.setattr(rabbitmq_transport, "configured", lambda: configured)
    monkeypatch.setattr(connections.Channel, "_basic_publish", lambda *_, **given: options.append(given))
    return options


def channel() -> Any:
    made = rabbitmq_transport.Channel.__new__(rabbitmq_transport.Channel)
    made.events = defaultdict(set)
    return made


def test_a_callback_that_no_queue_takes_comes_back_and_is_told_of(published: list[dict[str, Any]]) -> None:
    opened = channel()
    for _ in range(2):
        opened._basic_publish("m", exchange="", routing_key=QUEUE, mandatory=False)
    assert [each["mandatory"] for each in published] == [True, True]
    (told,) = opened.events["basic_return"]
    with structlog.testing.capture_logs() as logged:
        told(None, "", QUEUE, None)
    assert [(each["event"], each["queue"]) for each in logged] == [("callback_has_no_queue", QUEUE)]


@pytest.mark.parametrize("to", [{"exchange": "celeryev", "routing_key": QUEUE}, {"routing_key": "smart-assign.work"}])
def test_all_else_goes_as_celery_sends_it(published: list[dict[str, Any]], to: dict[str, str]) -> None:
    opened = channel()
    opened._basic_publish("m", **to)
    assert published == [{}]
    assert not opened.events
