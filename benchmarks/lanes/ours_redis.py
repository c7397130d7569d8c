"""Our lanes on Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.documents import FAR_FUTURE, TaskMessages, as_json, batch, message, numbered
from benchmarks.drain import Drained, Fill, on_list
from benchmarks.lanes.lane import Lane
from benchmarks.process import Program
from benchmarks.services import Services
from worker.envelopes.task_messages import CAMPAIGN_TASK, MESSAGE_TASK
from worker.handoff.producer import in_trips
from worker.settings import Settings

NAMES = Settings.model_construct()
BATCH = 1_000
BESIDE = ("celery-noop",)
QUIET_APP = "benchmarks.programs.quiet_worker"


def push(services: Services, queue: str, documents: Iterable[bytes]) -> None:
    """LPUSH in trips, as an upstream service would."""
    for trip in in_trips(documents, len):
        services.client.lpush(queue, *trip)


def fill_messages(services: Services, numbers: range, queue: str) -> None:
    """Single messages as JSON."""
    push(services, queue, (as_json(message(number)) for number in numbers))


def fill_campaign(services: Services, numbers: range, queue: str) -> None:
    """A campaign of as many recipients, as JSON."""
    push(services, queue, map(as_json, map(*batches(numbers))))


def fill_tasks(**options: str) -> Fill:
    """Single messages as Celery tasks; `options` are those of `apply_async`."""

    def fill(services: Services, numbers: range, queue: str) -> None:
        tasks = TaskMessages.like(MESSAGE_TASK, NAMES.messages_queue, message(0), **options)
        push(services, queue, tasks.on_redis(numbered(message, numbers)))

    return fill


def fill_campaign_tasks(services: Services, numbers: range, queue: str) -> None:
    """A campaign of as many recipients, as Celery tasks."""
    tasks = TaskMessages.like(CAMPAIGN_TASK, NAMES.campaigns_queue, batch(0, 1))
    push(services, queue, tasks.on_redis(numbered(*batches(numbers))))


def batches(numbers: range) -> tuple[Callable[[int], dict[str, Any]], range]:
    """What makes a campaign's batches of 1,000 out of their numbers, and the numbers for so many recipients."""
    first, last = numbers.start // BATCH, -(-numbers.stop // BATCH)
    return lambda number: batch(number, BATCH, last), range(first, last)


def program(app: str = "worker", concurrency: int = 1) -> Callable[[Services], Program]:
    """Our worker on Redis."""
    return lambda services: services.ours(services.deployment("Redis", concurrency=concurrency), app)


def drained(queue: str, fill: Fill, app: str = "worker") -> Drained:
    """One of our queues, until all its messages stand on the dispatch queue."""
    return Drained("Redis", queue, fill, program(app), on_list(NAMES.dispatch_queue))


INGRESS = drained(NAMES.ingress_queue, fill_messages)
CAMPAIGNS = drained(NAMES.campaign_ingress_queue, fill_campaign)
MESSAGES = drained(NAMES.messages_queue, fill_tasks())
ONE_BY_ONE = drained(NAMES.messages_queue, fill_tasks(expires=FAR_FUTURE))
ONE_BY_ONE_QUIET = drained(NAMES.messages_queue, fill_tasks(expires=FAR_FUTURE), QUIET_APP)
CAMPAIGN_TASKS = drained(NAMES.campaigns_queue, fill_campaign_tasks)
QUIET = drained(NAMES.ingress_queue, fill_messages, QUIET_APP)

LANES = (
    Lane("ingress", "single messages as JSON", "Redis", 200_000, INGRESS, (*BESIDE, "ingress-quiet"), ours=True),
    Lane("ingress-quiet", "the same, Flower's events off", "Redis", 200_000, QUIET, BESIDE, ours=True),
    Lane("messages", "`message.assign`, drained by claims", "Redis", 100_000, MESSAGES, BESIDE, ours=True),
    Lane(
        "one-by-one",
        "`message.assign` with `expires`, run by Celery",
        "Redis",
        2_500,
        ONE_BY_ONE,
        (*BESIDE, "celery-noop-events"),
        ours=True,
    ),
    Lane("one-by-one-quiet", "the same, Flower's events off", "Redis", 2_500, ONE_BY_ONE_QUIET, BESIDE, ours=True),
    Lane("campaigns", "campaign batches of 1,000 as JSON", "Redis", 200_000, CAMPAIGNS, BESIDE, ours=True),
    Lane("campaigns-celery", "the same as `campaign.assign`", "Redis", 200_000, CAMPAIGN_TASKS, BESIDE, ours=True),
)
