"""kombu's transport options: taken where producers and workers must agree, refused by name where they would mislead."""

from __future__ import annotations

import re

import pytest
from pydantic import ValidationError

from worker.celery_setup.app import celery_settings
from worker.configuration import configured
from worker.settings import Settings

RABBITMQ = "amqp://guest@127.0.0.1//"


@pytest.mark.parametrize(
    ("broker_url", "options", "words"),
    [
        (None, {"global_keyprefix": "shop."}, "global_keyprefix cannot be set: name the list"),
        (None, {"queue_order_strategy": "round_robin"}, "queue_order_strategy cannot be set: single messages"),
        (None, {"priority_step": [0]}, "priority_step is not known on Redis: priority_steps, sep,"),
        (None, {"priority_steps": "0,5"}, "priority_steps: "),
        (None, {"priority_steps": [0, 256]}, "priority_steps.1: "),
        (None, {"sep": ""}, "sep: "),
        (RABBITMQ, {"confirm_publish": False}, "confirm_publish cannot be set: it is always on"),
        (RABBITMQ, {"priority_steps": [0]}, "priority_steps is not known on RabbitMQ: read_timeout,"),
    ],
)
def test_it_refuses_an_option_by_its_name(broker_url: str | None, options: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(f"SMART_ASSIGN_BROKER_TRANSPORT_OPTIONS: {words}")):
        Settings(broker_url=broker_url, broker_transport_options=options)


def test_it_names_every_option_that_it_refuses() -> None:
    with pytest.raises(ValidationError, match=r"sep: .*; ack_emulation cannot be set"):
        Settings(broker_transport_options={"sep": 3, "ack_emulation": False})


def test_it_gives_celery_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMART_ASSIGN_BROKER_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("SMART_ASSIGN_BROKER_TRANSPORT_OPTIONS", '{"socket_timeout": 7, "sep": ":"}')
    configured.cache_clear()
    try:
        options = celery_settings()["broker_transport_options"]
    finally:
        configured.cache_clear()
    assert (options["socket_timeout"], options["sep"], options["queue_order_strategy"]) == (7, ":", "priority")


def test_the_lists_of_a_queue_stand_in_the_order_of_their_priority() -> None:
    settings = Settings(broker_transport_options={"priority_steps": [9, 0, 3, 3], "sep": "-"})
    assert settings.redis_options.lists_of("q") == ["q", "q-3", "q-9"]
