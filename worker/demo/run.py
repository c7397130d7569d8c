"""The demo: a deployment of its own in a folder of its own, a worker, the sample, and an account of every message."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
from kombu import Connection, Consumer, Queue
from kombu.message import Message

from core.accounts.senders import Senders
from core.campaigns.progress import CampaignProgress
from core.errors import NotFoundError, SmartAssignError
from core.inventory.importing import InventoryImport, InventorySummary
from core.process.log_choices import LogLevel
from core.process.private_files import open_private
from core.sender import SenderStatus
from core.storage.upgrade import upgrade
from worker.demo.sample import INVENTORY_FILE, LAPSED_ACCOUNT, LAPSED_SENDER, sample_campaign, sample_messages
from worker.embedded.urls import resolve_urls
from worker.handoff.producer import in_trips
from worker.settings import ENV_PREFIX, Settings
from worker.supervision.role import SUPERVISOR_VARIABLE, die_with, kill_group
from worker.wiring import Runtime

CAMPAIGN = "spring-sale"
DEADLINE_S = 120.0
POLL_S = 0.1
STOP_S = 15.0
#: After everything came, so long nothing more may come.
QUIET_S = 0.5


class DemoError(SmartAssignError):
    """The demo could not be brought to its end."""


@dataclass(slots=True)
class Arrivals:
    """What a consumer took off the dispatch and the parked queue."""

    dispatched: list[dict[str, Any]] = field(default_factory=list)
    notices: list[dict[str, Any]] = field(default_factory=list)


class Consuming(threading.Thread):
    """A stock kombu consumer, as a dispatcher would use it."""

    def __init__(self, broker_url: str, dispatch_queue: str, parked_queue: str) -> None:
        super().__init__(name="demo-consumer", daemon=True)
        self.arrivals = Arrivals()
        self._url, self._queues = broker_url, (dispatch_queue, parked_queue)
        self._stopping = threading.Event()

    def run(self) -> None:
        """Take until told to stop; without acknowledgements, for what is lost here is lost to nobody."""
        dispatch, parked = self._queues
        with Connection(self._url) as connection, connection.channel() as channel:
            consumers = [
                Consumer(channel, [Queue(dispatch)], callbacks=[self._taker(self.arrivals.dispatched)], no_ack=True),
                Consumer(channel, [Queue(parked)], callbacks=[self._taker(self.arrivals.notices)], no_ack=True),
            ]
            with consumers[0], consumers[1]:
                while not self._stopping.is_set():
                    with suppress(TimeoutError):
                        connection.drain_events(timeout=POLL_S)

    def stop(self) -> None:
        """Return when the connection is closed."""
        self._stopping.set()
        self.join(STOP_S)

    @staticmethod
    def _taker(into: list[dict[str, Any]]) -> Callable[[dict[str, Any], Message], None]:
        def take(document: dict[str, Any], _: Message) -> None:
            into.append(document)

        return take


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What became of the sample; every message sent is dispatched, parked or dropped as a duplicate."""

    sent: int
    dispatched: Sequence[Mapping[str, Any]]
    notices: Sequence[Mapping[str, Any]]
    duplicates: int
    lost: int
    twice: int
    campaign_sent: int
    campaign_dispatched: int
    campaign: CampaignProgress
    seconds: float

    @property
    def adds_up(self) -> bool:
        """Whether nothing was lost and nothing came twice, to the last message and recipient."""
        singles = len(self.dispatched) + len(self.notices) + self.duplicates
        campaign = (self.campaign.received, self.campaign.dispatched)
        whole = singles == self.sent and campaign == (self.campaign_sent, self.campaign_dispatched)
        return whole and not self.lost and not self.twice


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the demo is: messages and recipients sent, and those settled."""

    sent: int
    settled: int


def demo_settings(data_dir: Path) -> Settings:
    """Embedded mode under `data_dir` with every setting at its default, whatever the environment says."""
    defaults = {name: each.default for name, each in Settings.model_fields.items()}
    return Settings(**defaults | {"data_dir": data_dir, "log_level": LogLevel.WARNING})


class Demo:
    """One run; `said` hears of each step, `shown` of the progress."""

    def __init__(self, data_dir: Path, said: Callable[[str], None], shown: Callable[[Standing], None]) -> None:
        self._settings = demo_settings(data_dir)
        self._said, self._shown = said, shown
        self.messages, self.batches = sample_messages(), sample_campaign()
        self._recipients = sum(len(msgspec.json.decode(batch)["recipients"]) for batch in self.batches)

    @property
    def size(self) -> int:
        """Messages and recipients to be sent."""
        return len(self.messages) + self._recipients

    def run(self) -> DemoResult:
        """Raises DemoError where the worker ends or is not done in time. Leaves no process behind."""
        with ExitStack() as stack, ended_by_sigterm():
            urls = resolve_urls(self._settings, stack)
            server = urls.embedded.server if urls.embedded else "Redis"
            parts = Runtime(self._settings, urls)
            stack.callback(parts.close)
            upgrade(urls.database_url)
            rules = parts.store.ensure_rules()
            self._said(f"Started {server} and SQLite in {self._settings.data_dir}; country rules of {rules}")
            worker = stack.enter_context(running_worker(self._settings.data_dir))
            self._said(f"Imported {inventory_words(import_sample(parts))}")
            consumer = Consuming(urls.broker_url, self._settings.dispatch_queue, self._settings.parked_queue)
            consumer.start()
            stack.callback(consumer.stop)
            self._send(parts)
            return self._settled(parts, worker, consumer, time.monotonic())

    def _send(self, parts: Runtime) -> None:
        for trip in in_trips(self.messages, len):
            parts.broker.producer.send(self._settings.ingress_queue, trip)
        parts.broker.producer.send(self._settings.campaign_ingress_queue, self.batches)
        self._said(
            f"Sent {len(self.messages):,} messages, and a campaign of {self._recipients:,} recipients "
            f"in {len(self.batches)} batches, one of them twice"
        )

    def _settled(
        self, parts: Runtime, worker: subprocess.Popen[bytes], consumer: Consuming, began: float
    ) -> DemoResult:
        """Wait until everything is accounted for, and a moment longer for what must not come."""
        arrivals = consumer.arrivals
        while (settled := self._count(parts, arrivals)) < self.size:
            self._shown(Standing(self.size, settled))
            if worker.poll() is not None:
                raise DemoError(f"the worker ended; {log_file(self._settings.data_dir)} may say why")
            if not consumer.is_alive():
                raise DemoError("the consumer of the dispatch queue ended")
            if time.monotonic() - began > DEADLINE_S:
                raise DemoError(f"only {settled:,} of {self.size:,} were settled within {DEADLINE_S:.0f} s")
            time.sleep(POLL_S)
        self._shown(Standing(self.size, settled))
        seconds = time.monotonic() - began
        time.sleep(QUIET_S)
        return self._outcome(parts, arrivals, seconds)

    def _count(self, parts: Runtime, arrivals: Arrivals) -> int:
        singles = sum(1 for notice in list(arrivals.notices) if "campaign_id" not in notice)
        campaign = campaign_progress(parts)
        parked = sum(campaign.parked.values())
        return len(arrivals.dispatched) + singles + counted_duplicates(parts) + parked

    def _outcome(self, parts: Runtime, arrivals: Arrivals, seconds: float) -> DemoResult:
        campaign = campaign_progress(parts)
        singles = [each for each in arrivals.dispatched if each["campaign_id"] is None]
        notices = [each for each in arrivals.notices if "campaign_id" not in each]
        ids = Counter(each["dispatch_id"] for each in arrivals.dispatched)
        return DemoResult(
            sent=len(self.messages),
            dispatched=singles,
            notices=notices,
            duplicates=counted_duplicates(parts) - campaign.duplicates,
            lost=len(self._known_ids() - {_key(each) for each in (*singles, *notices)}),
            twice=sum(ids.values()) - len(ids),
            campaign_sent=self._recipients,
            campaign_dispatched=len(arrivals.dispatched) - len(singles),
            campaign=campaign,
            seconds=seconds,
        )

    def _known_ids(self) -> set[tuple[object, object]]:
        found = set()
        for document in self.messages:
            with suppress(msgspec.DecodeError, UnicodeDecodeError):
                values = msgspec.json.decode(document)
                if isinstance(values, dict) and "message_id" in values:
                    found.add(_key(values))
        return found


def _key(document: Mapping[str, Any]) -> tuple[object, object]:
    return document.get("account_id"), document.get("message_id")


def campaign_progress(parts: Runtime) -> CampaignProgress:
    """The sample campaign's, from nothing on."""
    try:
        return parts.progress.find(CAMPAIGN)
    except NotFoundError:
        return CampaignProgress("", CAMPAIGN)


def counted_duplicates(parts: Runtime) -> int:
    """Messages and recipients dropped because they had come before."""
    return parts.progress.outcomes().get("duplicates", 0)


def import_sample(parts: Runtime) -> InventorySummary:
    """The sample inventory; afterwards one of its numbers is suspended, so that a default no longer holds."""
    importer = InventoryImport(parts.store, parts.store.active_rules, parts.settings.policy)
    summary = importer.run(INVENTORY_FILE, "demo")
    Senders(parts.store).set_status(LAPSED_ACCOUNT, LAPSED_SENDER, SenderStatus.SUSPENDED)
    return summary


def inventory_words(summary: InventorySummary) -> str:
    """`9 accounts, 58 senders, …`."""
    return ", ".join(f"{sum(counts.as_dict().values())} {kind}s" for kind, counts in summary.counts.items())


def log_file(data_dir: Path) -> Path:
    """Where the demo's worker logs."""
    return data_dir / "worker.log"


@contextmanager
def running_worker(data_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker of the demo's own, ended with it, however it ends."""
    ours = {
        f"{ENV_PREFIX}DATA_DIR": str(data_dir),
        f"{ENV_PREFIX}METRICS_PORT": "0",
        SUPERVISOR_VARIABLE: str(os.getpid()),
    }
    kept = {name: text for name, text in os.environ.items() if not name.upper().startswith(ENV_PREFIX)}
    command = [sys.executable, "-P", "-m", "worker.cli", "worker", "--", "--without-mingle", "--without-gossip"]
    with os.fdopen(open_private(log_file(data_dir), os.O_WRONLY | os.O_APPEND), "ab") as log:
        process = subprocess.Popen(  # noqa: S603  # our own command, no shell
            command,
            env=kept | ours,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=0,
            preexec_fn=die_with(os.getpid()),  # noqa: PLW1509  # before any thread is started
        )
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM and wait; a worker that takes too long is killed with its pool."""
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        kill_group(process)


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends as Ctrl-C does: with everything put away."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
