"""Receipts: how many a second one process counts, and what each costs it and the broker."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from benchmarks.figures import DASH, Spread, rounded, spread
from benchmarks.findings import Findings, Table
from benchmarks.options import Options
from benchmarks.process import cpu_of
from benchmarks.services import Services
from core.cache.epochs import RedisEpochs
from core.moments import utc_now
from core.process.redis_clients import open_redis, working
from core.storage.database import open_engine
from core.store import Store
from core.trust.owners import Owners
from core.trust.recording import Recorder
from tests.support.accounts import ACCOUNT, AU_NUMBER, GB_NUMBER
from tests.support.stock_clients import push
from worker.handoff.feedback import FeedbackLane, FeedbackReader
from worker.rabbitmq_broker.earlier import EarlierWork
from worker.rabbitmq_broker.feedback import FeedbackParking, RabbitFeedback
from worker.rabbitmq_broker.publisher import ConfirmedPublisher
from worker.redis_broker.claims import Claims
from worker.redis_broker.feedback import RedisFeedback
from worker.redis_broker.parking import Parking
from worker.settings import Settings

#: Receipts of one run, in lists of so many or one a document.
RECEIPTS, SINGLES, LIST = 400_000, 60_000, 1000
WAIT_S = 0.3


@dataclass(frozen=True, slots=True)
class Kind:
    """What is measured: on which broker, and how many receipts stand in a document."""

    name: str
    broker: str
    receipts: int
    in_a_document: int


KINDS = (
    Kind("redis-lists", "Redis", RECEIPTS, LIST),
    Kind("redis-singles", "Redis", SINGLES, 1),
    Kind("rabbitmq-lists", "RabbitMQ", RECEIPTS, LIST),
    Kind("rabbitmq-singles", "RabbitMQ", SINGLES // 3, 1),
)


def receipts(count: int) -> list[dict[str, str]]:
    """Receipts of an account's senders, in two countries."""
    at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    shared = {"account_id": ACCOUNT, "sender_type": "longcode", "at": at}
    return [
        shared
        | {
            "dispatch_id": f"{number:032x}",
            "sender_id": (AU_NUMBER, GB_NUMBER)[number % 2],
            "country": ("AU", "GB")[number % 2],
            "outcome": "failed" if number % 20 == 0 else "delivered",
        }
        for number in range(count)
    ]


def measure(found: Services, options: Options) -> Findings:
    """The section of the scoreboard."""
    findings = Findings()
    rows = []
    for kind in KINDS:
        if kind.broker == "RabbitMQ" and found.rabbitmq_url is None:
            continue
        options.say(f"feedback: {kind.name}")
        runs = [_run(found, kind, options.scale) for _ in range(options.repeats)]
        rate, cpu, broker = (spread([run[place] for run in runs]) for place in range(3))
        findings.facts[f"feedback/{kind.name}/rate"] = rate
        rows.append((kind.name, *map(_shown, (rate, cpu, broker))))
    columns = ("receipts", "a second of CPU", "worker CPU µs", "broker CPU µs")
    note = "One thread, without the pauses that it makes to leave the processor to messages."
    findings.tables.append(Table("Receipts", columns, rows, note))
    return findings


def _shown(figure: Spread) -> str:
    return rounded(figure.median) if figure.median else DASH


def _run(found: Services, kind: Kind, scale: float) -> tuple[float, float, float]:
    """Receipts a second of CPU, and CPU of the thread and of the broker for each, in µs."""
    found.clear()
    deployment = found.deployment(kind.broker)
    settings = Settings(
        broker_url=deployment.broker_url,
        redis_url=deployment.redis_url,
        database_url=deployment.database_url,
        feedback_queue=deployment.queue("feedback"),
        parked_queue=deployment.queue("parked"),
    )
    count = max(kind.in_a_document, int(kind.receipts * scale))
    if found.rabbitmq is not None and kind.broker == "RabbitMQ":
        found.rabbitmq.declare_ours(deployment)
    push(deployment, _documents(count, kind.in_a_document), "feedback")
    broker = found.redis_process if kind.broker == "Redis" else found.rabbitmq and found.rabbitmq.process
    lane, close = _lane(settings)
    try:
        before, began = cpu_of(broker or None), time.process_time()
        counted = 0
        while done := lane.work(WAIT_S):
            counted += done * kind.in_a_document
        spent = time.process_time() - began
        after = cpu_of(broker or None)
    finally:
        lane.close()
        close()
    assert counted == count, f"{counted} of {count} receipts were counted"
    of_broker = sum(after.values()) - sum(before.values())
    return count / spent, spent / count * 1e6, of_broker / count * 1e6


def _documents(count: int, in_a_document: int) -> Sequence[bytes]:
    made = receipts(count)
    if in_a_document == 1:
        return [json.dumps(each).encode() for each in made]
    return [json.dumps(made[at : at + in_a_document]).encode() for at in range(0, count, in_a_document)]


def _lane(settings: Settings) -> tuple[FeedbackLane, Callable[[], None]]:
    """The lane of one worker, and what closes the rest."""
    client = open_redis(str(settings.redis_url), working(settings.silence_s))
    store = Store(open_engine(str(settings.database_url)), RedisEpochs(client, settings.key_prefix))
    reader = FeedbackReader(Recorder(Owners(store), settings.trust_policy, utc_now), settings.feedback_queue)

    def close() -> None:
        store.engine.dispose()
        client.close()

    if settings.broker_is_redis:
        parking = Parking(store, Claims(client, settings), settings.parked_queue)
        return RedisFeedback(client, reader, parking, settings), close
    url = str(settings.broker_url)
    rabbit_parking = FeedbackParking(
        store, ConfirmedPublisher(url, settings), EarlierWork(client, settings), settings.parked_queue
    )
    return RabbitFeedback(url, client, reader, rabbit_parking, settings), close
