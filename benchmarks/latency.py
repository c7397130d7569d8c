"""Latency of one message, from the LPUSH of its document to its arrival at a reader of the dispatch queue."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import redis

from benchmarks.documents import TaskMessages, as_json, message, numbered
from benchmarks.figures import DASH, Spread, percentile, rounded, spread
from benchmarks.findings import Findings, Table
from benchmarks.lanes.ours_redis import NAMES, fill_campaign, program
from benchmarks.lanes.stock_redis import FORWARD, celery_program
from benchmarks.options import Options
from benchmarks.process import MeasurementError, Program, Running, running
from benchmarks.services import STOCK_DISPATCH, STOCK_QUEUE, Services
from core.contract.ids import account_hash, digest_of

CONCURRENCY = 2
#: On an idle system one message is through long before the next.
IDLE_RATE, BUSY_RATE = 20, 200
WARM = 100
LATE_S = 20.0
TAKEN_AT_ONCE = 1_000
#: Recipients that one worker cannot get through in the seconds that a run takes.
CAMPAIGN_RATE = 250_000
STAGED = "bench.staged"

_MESSAGE_ID = re.compile(rb'"message_id": "([^"]+)"')


@dataclass(frozen=True, slots=True)
class Way:
    """How a document goes in, where it comes out, and under which id."""

    name: str
    program: Callable[[Services], Program]
    queue: str
    dispatch: str
    document: Callable[[int], bytes]
    id_of: Callable[[int], bytes]


def _task(number: int) -> bytes:
    tasks = TaskMessages.like(FORWARD, STOCK_QUEUE, message(0))
    return next(tasks.on_redis(numbered(message, [number])))


OURS = Way(
    "ours, ingress",
    program(concurrency=CONCURRENCY),
    NAMES.ingress_queue,
    NAMES.dispatch_queue,
    lambda number: as_json(message(number)),
    lambda number: digest_of(account_hash("acme"), f"m{number}").hex().encode(),
)
STOCK = Way(
    "Celery task that publishes it",
    celery_program("Redis", "--concurrency", str(CONCURRENCY)),
    STOCK_QUEUE,
    STOCK_DISPATCH,
    _task,
    lambda number: f"m{number}".encode(),
)


class Reader(threading.Thread):
    """Empties the dispatch queue, and notes when each message came."""

    def __init__(self, url: str, queue: str) -> None:
        super().__init__(name="reader", daemon=True)
        self.url, self.queue = url, queue
        self.arrived: dict[bytes, float] = {}
        self.taken = 0
        self.stopping = threading.Event()

    def run(self) -> None:
        """Read until told to stop."""
        with redis.Redis.from_url(self.url) as client:
            while not self.stopping.is_set():
                popped = client.brpop([self.queue], timeout=1)
                if popped:
                    self._note([popped[1]])  # type: ignore[index]
                    self._note(client.rpop(self.queue, TAKEN_AT_ONCE) or [])  # type: ignore[arg-type]

    def _note(self, envelopes: list[bytes]) -> None:
        now = time.perf_counter()
        self.taken += len(envelopes)
        for envelope in envelopes:
            match = _MESSAGE_ID.search(envelope)
            if match:
                self.arrived[match[1]] = now

    def stop(self) -> None:
        """End the thread."""
        self.stopping.set()
        self.join(5)


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds of all messages of one load; `campaign_rate`: what passed beside them."""

    way: Way
    load: str
    values: list[float]
    campaign_rate: float = 0.0


def measure(services: Services, options: Options) -> Findings:
    """Idle, at 200 a second, and at 200 a second while a campaign runs on the same worker."""
    seconds = 3.0 if options.quick else 8.0
    found = [*_way(STOCK, services, seconds), *_way(OURS, services, seconds, campaign=True)]
    for each in found:
        options.say(f"latency: {each.way.name}, {each.load}: {percentile(each.values, 0.5):.1f} ms")
    facts: dict[str, Spread] = {}
    for each in found:
        if each.way is OURS:
            facts[f"latency/{each.load}/median"] = spread([percentile(each.values, 0.5)])
            facts[f"latency/{each.load}/p99"] = spread([percentile(each.values, 0.99)])
    columns = (
        "way",
        "load",
        "median, ms",
        "p99, ms",
        "highest, ms",
        "messages",
        "campaign beside it, messages a second",
    )
    note = (
        f"Two pool processes. A reader empties the dispatch queue meanwhile, on the same cores: under the campaign that "
        f"is one more load. Idle: {IDLE_RATE} messages a second, one at a time. Stock Celery has no lane beside which a "
        "campaign could run: its tasks would stand in one queue."
    )
    return Findings([Table("Latency of one message, Redis", columns, [_row(each) for each in found], note)], facts)


def _row(each: Latency) -> list[str]:
    load = {"idle": "idle", "200": "200 a second", "campaign": "200 a second under a campaign"}[each.load]
    figures = (percentile(each.values, 0.5), percentile(each.values, 0.99), max(each.values))
    beside = f"{each.campaign_rate:,.0f}" if each.campaign_rate else DASH
    return [each.way.name, load, *map(rounded, figures), f"{len(each.values):,}", beside]


@dataclass(frozen=True, slots=True)
class Probe:
    """Sends messages one way, each at its time, and reads when they arrive."""

    way: Way
    services: Services
    worker: Running
    reader: Reader

    def latencies(self, numbers: range, rate: int) -> list[float]:
        """Milliseconds of each message. Raises MeasurementError where one does not arrive."""
        documents = [(self.way.id_of(number), self.way.document(number)) for number in numbers]
        sent, arrived = self._send(documents, rate), self.reader.arrived
        self.worker.until(lambda: sent.keys() <= arrived.keys(), LATE_S, "every message had arrived", poll_s=0.05)
        return [(arrived[each] - at) * 1000 for each, at in sent.items()]

    def under_campaign(self, numbers: range, rate: int) -> Latency:
        """The same while a campaign runs. Raises MeasurementError where it ends before they do."""
        client, seconds = self.services.client, len(numbers) / rate
        fill_campaign(self.services, range(int(CAMPAIGN_RATE * seconds) // 1_000 * 1_000), STAGED)
        client.rename(STAGED, NAMES.campaign_ingress_queue)
        time.sleep(0.5)
        taken, at = self.reader.taken, time.perf_counter()
        values = self.latencies(numbers, rate)
        passed = (self.reader.taken - taken - len(values)) / (time.perf_counter() - at)
        if not client.llen(NAMES.campaign_ingress_queue):
            raise MeasurementError("the campaign ended before the messages beside it did")
        return Latency(self.way, "campaign", values, passed)

    def _send(self, documents: Sequence[tuple[bytes, bytes]], rate: int) -> dict[bytes, float]:
        sent: dict[bytes, float] = {}
        due = time.perf_counter()
        for name, document in documents:
            due += 1 / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            sent[name] = time.perf_counter()
            self.services.client.lpush(self.way.queue, document)
        return sent


def _way(way: Way, services: Services, seconds: float, *, campaign: bool = False) -> list[Latency]:
    services.clear()
    reader = Reader(services.redis.url, way.dispatch)
    reader.start()
    try:
        with running(way.program(services)) as worker:
            worker.until_logged(" ready.")
            probe = Probe(way, services, worker, reader)
            probe.latencies(range(WARM), BUSY_RATE)
            return _loads(probe, seconds, campaign=campaign)
    finally:
        reader.stop()


def _loads(probe: Probe, seconds: float, *, campaign: bool) -> list[Latency]:
    idle = range(WARM, WARM + int(IDLE_RATE * seconds))
    busy = range(idle.stop, idle.stop + int(BUSY_RATE * seconds))
    found = [
        Latency(probe.way, "idle", probe.latencies(idle, IDLE_RATE)),
        Latency(probe.way, "200", probe.latencies(busy, BUSY_RATE)),
    ]
    if campaign:
        found.append(probe.under_campaign(range(busy.stop, busy.stop + len(busy)), BUSY_RATE))
    return found
