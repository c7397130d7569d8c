"""Faults of all kinds, one after the other by chance, under load: what was lost, what came twice, who needed a hand.

`make chaos ARGS=tests/chaos/test_long.py` draws 200 faults and sends 1,000,000 messages on each broker; what it draws follows
from SMART_ASSIGN_CHAOS_SEED, which is printed. A short form runs with all other tests.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
from celery import Celery
from kombu import Queue

from tests.chaos.faults import KINDS, Fault, dealt
from tests.chaos.ledger import Ledger
from tests.chaos.scene import AWAY, Producing, Scene, scene_on
from tests.support.accounts import ACCOUNT, AU, BARE, FR, GB, US, message
from tests.support.services import MissingServiceError
from tests.support.stock_clients import waiting

FAULTS = int(os.environ.get("SMART_ASSIGN_CHAOS_FAULTS", "3"))
MESSAGES = int(os.environ.get("SMART_ASSIGN_CHAOS_MESSAGES", "5000"))
SEED = int(os.environ.get("SMART_ASSIGN_CHAOS_SEED", "1"))
#: All goes on within so long after a mend.
RECOVERY_S = 60.0
#: How long one waits for the last message before it counts as lost.
ARRIVAL_S = 90.0
#: One wave of a producer: single messages, and how many of them are of an account that no worker knows yet.
WAVE, COLD, PAUSE_S = 40, 1, 0.08
#: The recipients of a batch, in two chunks; and the waves between two batches.
RECIPIENTS, BATCH_EVERY = 1200, 12
#: Messages that are sent at least, whatever falls.
LEAST = 1500
#: Messages that wait before a producer waits.
BACKLOG = 4000
#: Tasks that Celery runs by itself in each round, at moments within so many seconds.
BY_CELERY, COUNTDOWN_S = 10, 5.0

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.slow,
    pytest.mark.postgres,
    pytest.mark.timeout(240 + 90 * FAULTS),
]


class Load(threading.Thread):
    """Single messages and batches, sent until it is told to stop and has sent `quota`."""

    def __init__(self, scene: Scene, ledger: Ledger, name: str, quota: int) -> None:
        super().__init__(daemon=True)
        self._scene, self._ledger, self._name, self._quota = scene, ledger, name, quota
        self._producing, self.ending = Producing(scene), threading.Event()
        self.sent = 0

    def run(self) -> None:
        """Until the end."""
        wave = 0
        while not (self.ending.is_set() and self.sent >= self._quota):
            wave += 1
            self._send_messages()
            if wave % BATCH_EVERY == 0:
                self._send_batch(wave)
                self._wait_for_room()
            time.sleep(PAUSE_S)
        self._producing.close()

    def _send_messages(self) -> None:
        known = [message(to) for to in (AU, AU, FR, GB, US) for _ in range((WAVE - COLD) // 5)]
        cold = [message(FR, account_id=self._name) for _ in range(COLD)]
        self._push([*known, *cold], [each["message_id"] for each in (*known, *cold)])
        to_park = message(AU, account_id=BARE)
        self._push([to_park], [to_park["message_id"]], to_park=True)

    def _send_batch(self, wave: int) -> None:
        stem = f"{self._name}-{wave}"
        ids = [f"{stem}-{place}" for place in range(RECIPIENTS)]
        batch = {"account_id": ACCOUNT, "campaign_id": self._name, "batch_id": stem, "body": "Doors open at nine."}
        recipients = [{"to": AU, "message_id": each} for each in ids]
        self._push([batch | {"recipients": recipients}], ids, "campaign_ingress")

    def _push(self, documents: list[object], ids: list[str], queue: str = "ingress", *, to_park: bool = False) -> None:
        try:
            self._producing.push(documents, queue)
        except AWAY:
            self._ledger.doubt(ids)
            time.sleep(0.2)
        else:
            self._ledger.accept(ids, to_park=to_park)
            self.sent += len(ids)

    def _wait_for_room(self) -> None:
        try:
            while waiting(self._scene.direct, "ingress") > BACKLOG and not self.ending.is_set():
                time.sleep(0.2)
        except AWAY:
            return


def send_to_celery(scene: Scene, ledger: Ledger, chance: random.Random) -> None:
    """Tasks that Celery itself runs, at moments of which some fall into the fault."""
    ids, queue = [], scene.deployment.queue("messages")
    with Celery(broker=scene.direct.broker_url) as app:
        app.conf.task_queues = [Queue(queue, no_declare=True)]
        for _ in range(BY_CELERY):
            document = message(AU)
            countdown = chance.uniform(0.1, COUNTDOWN_S)
            app.send_task("message.assign", args=[document], queue=queue, countdown=countdown, retry=False)
            ids.append(document["message_id"])
    if scene.pair is not None:
        scene.pair.wait_until_settled()
    ledger.accept(ids)


@dataclass
class Account:
    """What a run has found."""

    ledger: Ledger = field(default_factory=Ledger)
    findings: list[str] = field(default_factory=list)
    recoveries: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def find(self, words: str) -> None:
        """Something that is not to be; the run goes on."""
        self.findings.append(words)
        say(f"FOUND: {words}")


def say(words: str) -> None:
    print(words, flush=True, file=sys.stderr)


def recovered(scene: Scene, account: Account, name: str) -> float:
    """The seconds until every worker has done work after the mend; one that does not is started again by hand."""
    began, before = time.monotonic(), dict[str, int]()
    idle = {worker.name for worker in scene.workers}
    while idle and time.monotonic() < began + RECOVERY_S:
        done = scene.tasks_done()
        for each, count in done.items():
            if count > before.setdefault(each, count):
                idle.discard(each)
        time.sleep(0.1)
    seconds = time.monotonic() - began
    for worker in scene.workers:
        if worker.name in idle or not worker.alive:
            state = "does nothing" if worker.alive else "has ended"
            account.find(f"{name}: a worker {state} {seconds:.0f} s after the mend; logs: {scene.kept_logs()}")
            scene.restart(worker)
    return seconds


def arrive(scene: Scene, ledger: Ledger) -> float:
    """The seconds until all came that is due."""
    began = time.monotonic()
    while (ledger.missing or ledger.unparked) and time.monotonic() < began + ARRIVAL_S:
        take(scene, ledger)
        time.sleep(0.2)
    return time.monotonic() - began


def take(scene: Scene, ledger: Ledger) -> None:
    ledger.take(scene.drained())
    ledger.take_notices((each.get("message_id") or "", each["parked_id"]) for each in scene.notices())


def broken_once(scene: Scene, account: Account, fault: Fault, place: tuple[int, int], chance: random.Random) -> None:
    """One fault, under load, and the account of it; `place` is its number, and how many messages are due."""
    number, quota = place
    ledger, name = account.ledger, f"{number} {fault.name}"
    load = Load(scene, ledger, account_of(number), quota)
    send_to_celery(scene, ledger, chance)
    load.start()
    time.sleep(chance.uniform(0.3, 1.5))
    lasts = chance.uniform(*fault.lasts)
    try:
        with fault.broken(scene, chance):
            time.sleep(lasts)
    except AssertionError as error:
        account.find(f"{name}: {error}")
    seconds = recovered(scene, account, name)
    account.recoveries[fault.name].append(seconds)
    load.ending.set()
    load.join(ARRIVAL_S)
    repeats = ledger.repeats.total()
    rest = arrive(scene, ledger)
    say(
        f"{name}, {lasts:.1f} s: all work again after {seconds:.1f} s; {load.sent} accepted, all came "
        f"{rest:.1f} s after the last; {ledger.repeats.total() - repeats} repeats"
    )
    if ledger.missing or ledger.unparked:
        late = ledger.give_up()
        account.find(f"{name}: {len(late)} did not come in time: {late[:3]}; logs: {scene.kept_logs()}")
    for worker in scene.workers:
        worker.forget_log()


def account_of(number: int) -> str:
    return f"round-{number}"


@pytest.fixture(
    params=[pytest.param("redis", marks=pytest.mark.redis), pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)]
)
def broker(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def scene(broker: str, absent: Callable[[str, Exception | str], None]) -> Iterator[Scene]:
    with ExitStack() as stack:
        try:
            made = stack.enter_context(scene_on(broker, [account_of(number) for number in range(FAULTS)]))
        except MissingServiceError as error:
            absent("servers to break", error)
        yield made


def told(broker: str, account: Account, began: float) -> str:
    """The last word of a run."""
    ledger = account.ledger
    kinds = "\n".join(
        f"  {name}: {len(each)} times, all worked again after {statistics.median(each):.1f} s, at most {max(each):.1f} s"
        for name, each in sorted(account.recoveries.items())
    )
    return (
        f"{broker}, seed {SEED}: {FAULTS} faults of {len(account.recoveries)} kinds in {time.monotonic() - began:.0f} s, "
        f"{len(ledger.accepted)} messages accepted and {len(ledger.to_park)} to park, {len(ledger.came)} came, {len(ledger.given_up)} lost, "
        f"{len(ledger.repeats)} came more than once, {len(ledger.changed)} of them changed, "
        f"{len(ledger.parked)} parked, {len(ledger.parked_twice())} of them twice; {len(account.findings)} findings\n{kinds}"
    )


def test_it_loses_nothing_and_needs_no_hand(broker: str, scene: Scene) -> None:
    chance, account, began = random.Random(SEED), Account(), time.monotonic()
    ledger = account.ledger
    say(f"\nseed {SEED}")
    for number, fault in enumerate(dealt(KINDS[broker], FAULTS, chance)):
        due = MESSAGES * (number + 1) // FAULTS - len(ledger.accepted)
        broken_once(scene, account, fault, (number, max(due, LEAST)), random.Random(f"{SEED} {number}"))
    time.sleep(3)  # nobody tells what is still in work
    take(scene, ledger)
    say(told(broker, account, began))
    assert not account.findings, "\n\n".join(account.findings)
    assert not ledger.given_up
    assert not ledger.changed
    assert not ledger.wrongly_parked()
    assert not ledger.parked_twice()
    if broker == "redis":
        assert not ledger.repeats
