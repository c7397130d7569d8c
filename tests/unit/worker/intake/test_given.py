"""A delivery that Celery cannot take: taken back with what is wrong of it, and acknowledged by nobody else."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import FieldError
from worker.envelopes.opening import ForCelery
from worker.envelopes.task_messages import MESSAGE_TASK, task_headers
from worker.intake.acks import Acks
from worker.intake.given import give_to_celery
from worker.intake.in_hand import InHand

TASK = ForCelery(task_headers(MESSAGE_TASK, "t1", ""), {}, b"[[], {}, {}]")


class FakeChannel:
    """Keeps what was acknowledged."""

    def __init__(self) -> None:
        self.acknowledged: list[int] = []

    def basic_ack(self, tag: int, multiple: bool = False) -> None:  # as py-amqp's
        self.acknowledged.append(tag)


def consumer(failure: Exception | None, kept: list[Callable[..., None]]) -> Any:
    """Celery's consumer: it has the acknowledgement before it fails, as one that fails late does."""

    def strategy(_: Any, __: Any, acknowledge: Any, *___: Any) -> None:
        kept.append(acknowledge)
        if failure:
            raise failure

    conf = SimpleNamespace(task_routes={MESSAGE_TASK: {"queue": "t.messages"}}, task_default_queue="t.work")
    return SimpleNamespace(
        app=SimpleNamespace(conf=conf),
        strategies={MESSAGE_TASK: strategy},
        connection_errors=(OSError,),
        channel_errors=(),
    )


def test_it_takes_back_what_celery_trips_over() -> None:
    channel, kept = FakeChannel(), list[Callable[..., None]]()
    acks = Acks(channel, InHand(most=9, most_bytes=9))
    error = give_to_celery(consumer(AttributeError("SECRET"), kept), acks, 1, TASK)
    assert error == FieldError("headers", "cannot be taken by Celery: AttributeError")
    kept[0](None, ())  # Celery had it after all; what was parked in between is acknowledged once
    acks.acknowledge([1])
    assert channel.acknowledged == [1]


def test_it_leaves_to_celery_what_celery_takes() -> None:
    channel, kept = FakeChannel(), list[Callable[..., None]]()
    assert give_to_celery(consumer(None, kept), Acks(channel, InHand(most=9, most_bytes=9)), 1, TASK) is None
    assert channel.acknowledged == []
    kept[0](None, ())
    assert channel.acknowledged == [1]


def test_it_passes_on_that_the_connection_is_lost() -> None:
    with pytest.raises(OSError, match="gone"):
        give_to_celery(consumer(OSError("gone"), []), Acks(FakeChannel(), InHand(most=9, most_bytes=9)), 1, TASK)
