"""Tasks that the intake gives to Celery's consumer."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from worker.envelopes.opening import ForCelery
from worker.intake.local_tasks import start_for_celery

ROUTES = {"message.assign": {"queue": "t.messages"}, "campaign.assign": {"queue": "t.campaigns"}}


@dataclass
class Consumer:
    """What Celery's consumer would be given."""

    given: list[Any] = field(default_factory=list)

    @property
    def app(self) -> Any:
        return SimpleNamespace(conf=SimpleNamespace(task_routes=ROUTES, task_default_queue="t.work"))

    @property
    def strategies(self) -> Any:
        names = (*ROUTES, "parked.prune")
        return dict.fromkeys(names, lambda message, *_: self.given.append(message))


@pytest.mark.parametrize(
    ("task", "queue"),
    [("message.assign", "t.messages"), ("campaign.assign", "t.campaigns"), ("parked.prune", "t.work")],
)
def test_a_task_that_is_tried_again_goes_to_the_queue_of_its_kind(task: str, queue: str) -> None:
    consumer = Consumer()
    nothing = lambda *_, **__: None  # noqa: E731
    start_for_celery(consumer, ForCelery({"task": task}, {}, b"[]"), acknowledge=nothing, reject=nothing)
    # Celery takes the routing key of the default exchange for the queue's name.
    assert consumer.given[0].delivery_info == {"exchange": "", "routing_key": queue}
