"""When a worker or a scheduler is healthy."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.process.lasting import Attempts
from core.process.watch import Watch
from worker.operation.health import SchedulerHealth, WorkerHealth


@dataclass
class World:
    """A worker with a stall of 60 s, looked at from outside."""

    now: float = 1000.0
    settled: float = 0.0
    watch: Watch = field(init=False)
    health: WorkerHealth = field(init=False)

    def __post_init__(self) -> None:
        self.watch = Watch(lambda: self.now)
        self.health = WorkerHealth(
            60, settled_at=lambda: self.settled, stalled=self.watch.stalled, clock=lambda: self.now
        )

    def wait(self, seconds: float, waiting: int, *, paused: bool = False) -> None:
        """The queues are looked at every five seconds."""
        for _ in range(int(seconds / 5)):
            self.now += 5
            self.health.note_waiting(waiting, paused=paused)


def test_it_is_healthy_while_nothing_waits_however_long() -> None:
    world = World()
    world.wait(3600, 0)
    assert world.health.health().ok
    world.wait(60, 1)  # and while what then came does not wait for long
    assert world.health.health().ok


def test_it_fails_where_documents_wait_and_nothing_is_settled() -> None:
    world = World()
    world.wait(70, 12)
    found = world.health.health()
    assert (found.ok, found.reasons) == (False, ("nothing was settled for 70 s, while 12 documents wait",))
    world.settled = world.now
    assert world.health.health().ok


def test_it_is_healthy_while_documents_wait_for_the_dispatcher() -> None:
    world = World()
    world.wait(600, 12, paused=True)
    assert world.health.health().ok
    world.wait(70, 12)
    assert not world.health.health().ok


def test_it_concludes_nothing_from_queues_that_cannot_be_seen() -> None:
    world = World()
    world.wait(30, 12)
    world.now += 61
    assert world.health.health().ok
    assert not world.health.readiness().ok


def test_it_fails_where_a_thread_hangs_and_not_where_one_waits_for_a_service() -> None:
    world = World()
    hangs = Attempts("claimer", clock=lambda: world.now)
    waits = Attempts("housekeeper", (ConnectionError,), lambda: world.now)
    fails = Attempts("events", (ConnectionError,), lambda: world.now)
    world.watch.look_at([hangs, waits, fails])
    for _ in range(14):
        world.wait(5, 0)
        waits.failed(ConnectionError("away"))
        fails.failed(ValueError("a bug"))
    assert world.health.health().reasons == (
        "claimer has come to no good end for 70 s: no turn of it has ended",
        "events has come to no good end for 70 s: a bug",
    )


def test_it_fails_where_the_pool_ends_nothing_but_for_a_batch_of_many_chunks() -> None:
    world = World()
    world.watch.begun()
    world.wait(70, 0)
    assert world.health.health().reasons[0].startswith("pool has come to no good end for 70 s")
    world.settled = world.now - 1
    assert world.health.health().ok


def test_it_is_ready_once_it_has_begun_and_every_service_answered() -> None:
    world = World()
    services = world.health.services
    assert world.health.readiness().reasons == (
        "it has not begun to work",
        "broker has not answered yet",
        "redis has not answered yet",
        "database has not answered yet",
    )
    services.started.set()
    for name in ("broker", "redis", "database"):
        services.note(name)
    assert world.health.readiness().ok
    world.now += 61
    services.note("broker")
    services.note("redis")
    assert world.health.readiness().reasons == ("database has not answered for 61 s",)


def test_a_scheduler_is_healthy_while_its_ticks_end() -> None:
    ticked, now = 0.0, 1000.0
    health = SchedulerHealth(60, lambda: ticked, lambda: now)
    ticked = 950.0
    assert health.health().ok
    now = 1011.0
    assert health.health().reasons == ("no tick came to its end for 61 s",)
