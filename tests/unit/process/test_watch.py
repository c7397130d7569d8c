"""Whether a process gets on."""

from __future__ import annotations

from dataclasses import dataclass

from core.process.lasting import Attempts
from core.process.watch import Watch


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def fail() -> None:
    raise ValueError("the record is of a newer version")


def test_it_names_what_has_had_no_good_end_and_why() -> None:
    clock = Clock()
    watch, good, bad, stuck = (
        Watch(clock),
        Attempts("a", clock=clock),
        Attempts("b", clock=clock),
        Attempts("c", clock=clock),
    )
    watch.look_at([good, bad, stuck])
    for _ in range(7):
        clock.now += 10
        good.attempt(lambda: None)
        bad.attempt(fail)
    assert [(each.work, each.seconds, each.reason) for each in watch.stalled(60)] == [
        ("b", 70.0, "the record is of a newer version"),
        ("c", 70.0, "no turn of it has ended"),
    ]
    bad.attempt(lambda: None)
    stuck.attempt(lambda: None)
    assert watch.stalled(60) == []


def test_it_forgets_what_was_told_to_stop_and_not_what_came_in_its_place() -> None:
    clock = Clock()
    watch, first, second = Watch(clock), Attempts("a", clock=clock), Attempts("a", clock=clock)
    watch.look_at([first])
    watch.look_at([second])
    watch.forget([first])
    clock.now += 61
    assert [each.work for each in watch.stalled(60)] == ["a"]
    watch.forget([second])
    assert watch.stalled(60) == []


def test_it_notices_a_pool_that_ends_nothing() -> None:
    clock = Clock()
    watch = Watch(clock)
    clock.now += 500
    assert watch.stalled(60) == []
    watch.begun()
    watch.begun()
    clock.now += 50
    watch.ended(good=True)
    clock.now += 50
    assert watch.stalled(60) == []
    watch.begun()
    watch.ended(good=False)
    clock.now += 20
    assert [(each.work, each.seconds) for each in watch.stalled(60)] == [("pool", 70.0)]
    watch.ended(good=True)
    clock.now += 500
    assert watch.stalled(60) == []
