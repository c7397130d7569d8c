"""How old the oldest document of a queue is, seen from outside. The clock of Redis is the test's."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import fakeredis
import pytest

from worker.handoff.keys import Keys
from worker.handoff.observing import Looks, QueueLook
from worker.handoff.script_headers import ObservedQueue
from worker.handoff.scripts import script_texts
from worker.settings import Settings

SETTINGS = Settings()
KEYS = Keys(SETTINGS.key_prefix)
QUEUE = "in"


@dataclass
class World:
    """A queue whose documents are the moments at which they came, looked at every five seconds."""

    monkeypatch: pytest.MonkeyPatch
    client: fakeredis.FakeRedis = field(default_factory=fakeredis.FakeRedis)
    now: float = 1_000_000.0
    queue: deque[float] = field(default_factory=deque)

    def __post_init__(self) -> None:
        texts = script_texts(SETTINGS)
        real = "local now = redis.call('TIME')\n  return now[1] * 1000 + math.floor(now[2] / 1000)"
        assert real in texts["observe"]
        texts["observe"] = texts["observe"].replace(real, "return tonumber(redis.call('GET', 'test-clock'))")
        self.monkeypatch.setattr("worker.handoff.scripts.script_texts", lambda _: texts)
        self.looks = Looks(self.client, SETTINGS)

    def come(self, count: int = 1) -> None:
        self.queue.extend([self.now] * count)
        if count:
            self.client.lpush(QUEUE, *([b"x"] * count))

    def go(self, count: int = 1, *, told: bool = True) -> None:
        for _ in range(count):
            self.queue.popleft()
        self.client.rpop(QUEUE, count)
        if told:
            self.client.hincrby(KEYS.intake, f"taken:{QUEUE}", count)

    def look(self, after_s: float = 5.0) -> tuple[float, float]:
        """The age that is told, and the true one."""
        self.now += after_s
        self.client.set("test-clock", int(self.now * 1000))
        found = self.looks.look({"in": [ObservedQueue(name=QUEUE, told="taken")]}, claims=True).queues["in"]
        assert found.waiting == len(self.queue)
        assert found.oldest_s is not None
        return found.oldest_s, self.now - self.queue[0] if self.queue else 0.0


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_nothing_waits(world: World) -> None:
    assert [world.look()[0] for _ in range(3)] == [0, 0, 0]


def test_it_is_right_to_a_look_however_documents_come_and_go(world: World) -> None:
    world.look()
    for turn in range(120):
        world.come(7 + turn % 13)
        world.look(1.0)
        world.go(min(len(world.queue), turn % 25))
        told, true = world.look(4.0)
        assert true <= told <= true + 5.0


def test_it_grows_where_nothing_goes_though_much_comes(world: World) -> None:
    world.look()
    world.come(3)
    for _ in range(300):
        world.come(10)
        told, true = world.look()
    assert told == true == 1500.0
    assert world.client.llen(f"{KEYS.arrivals_stem}{QUEUE}") <= 256
    world.go(2500)
    told, true = world.look()
    assert true <= told <= 1.1 * true  # looks of long ago were thinned out


def test_where_it_was_never_looked_at_the_age_counts_from_the_first_look(world: World) -> None:
    world.come(5)
    assert world.look(1000.0)[0] == 0.0
    assert world.look()[0] == 5.0


def test_it_is_never_younger_than_true_where_somebody_takes_and_does_not_say_so(world: World) -> None:
    world.look()
    world.come(100)
    world.look()
    world.go(60, told=False)
    for _ in range(50):
        world.come(3)
        world.go(2)
        told, true = world.look()
        assert told >= true
    world.go(len(world.queue))
    assert world.look()[0] == 0.0
    world.come()
    told, true = world.look()
    assert true <= told <= true + 5.0


def test_of_a_queue_that_we_fill_it_sees_what_others_took(world: World) -> None:
    sent = 0

    def look(length: int) -> QueueLook:
        world.now += 5
        world.client.set("test-clock", int(world.now * 1000))
        world.client.hset(KEYS.counts, "dispatched", sent)
        queue = ObservedQueue(name="out", length=length, told="dispatched")
        return world.looks.look({"dispatch": [queue]}, claims=True).queues["dispatch"]

    look(0)
    sent = 100
    assert look(100).oldest_s == 5.0
    sent = 150
    assert look(100).oldest_s == 10.0
    assert look(50).oldest_s == 10.0  # the second fifty came five seconds before


def test_of_other_queues_it_knows_the_length_alone(world: World) -> None:
    world.client.set("test-clock", 1)
    looked = world.looks.look({"parked": [ObservedQueue(name="p", length=4)]}, claims=False)
    assert looked.queues == {"parked": QueueLook(4, None)}
    assert (looked.claims_open, looked.outbox) == (None, 0)


def test_of_campaigns_it_tells_how_many_are_in_flight_and_how_much_of_some_is_settled(world: World) -> None:
    """Of two accounts' campaigns of one id the one that was last at it; of a day ago, none."""
    now_ms = 2_000_000_000
    world.client.set("test-clock", now_ms)
    for at, (account_id, campaign_id, batches, total) in enumerate(
        [("a", "c:1", 1, 4), ("b:c", "c:1", 3, 4), ("a", "open", 2, None), ("a", "late", 9, 8)]
    ):
        key = KEYS.progress(account_id, campaign_id)
        counts = {"batches": batches} if total is None else {"batches": batches, "total_batches": total}
        world.client.hset(key, mapping=counts)
        world.client.zadd(KEYS.in_flight, {key: now_ms - 1000 + at})
    world.client.zadd(KEYS.in_flight, {KEYS.progress("a", "forgotten"): now_ms - 86_400_000})
    looked = world.looks.look({}, claims=True)
    assert (looked.campaigns, looked.shares) == (4, {"late": 1.0, "c:1": 0.75})
