"""What is taken from RabbitMQ at once fits in memory, whatever its size; what waits for hours keeps nobody waiting."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.intake.in_hand import FIRST_PREFETCHED, GROWTH, InHand

MOST_BYTES = 1000


def in_hand(most: int = 16_000) -> InHand:
    return InHand(most=most, most_bytes=MOST_BYTES)


def test_it_takes_what_fits_and_one_that_is_larger_alone() -> None:
    taken = in_hand()
    assert taken.take(1, 5000)
    assert not taken.take(2, 1)
    taken.end([1])
    assert taken.is_due()
    assert taken.resume() == 1
    assert taken.take(3, 1)


def test_it_takes_nothing_more_before_half_is_free() -> None:
    taken = in_hand()
    assert all(taken.take(tag, 100) for tag in range(10))
    assert not taken.take(10, 100)
    taken.end([0, 1, 2, 3])
    assert not taken.is_due()
    assert not taken.take(11, 1)
    taken.end([4])
    assert taken.is_due()
    assert taken.resume() == 5
    assert taken.take(12, 100)


def test_as_much_waits_as_may_be_taken_or_one_that_is_larger() -> None:
    taken = in_hand()
    assert taken.take(1, MOST_BYTES)
    assert [taken.wait(size) for size in (600, 400, 1)] == [True, True, False]
    assert not taken.take_waiting(2, 600)
    taken.end([1])
    assert taken.take_waiting(2, 600)
    assert taken.take_waiting(3, 400)
    assert taken.wait(5 * MOST_BYTES)


def test_it_pauses_where_what_it_took_is_unpacked_to_more() -> None:
    taken = in_hand()
    assert taken.take(1, 1)
    assert taken.take(2, 1)
    taken.unpacked(2, MOST_BYTES)
    assert taken.paused
    taken.end([2])
    assert taken.is_due()


def test_it_asks_for_more_of_what_is_small_and_never_for_more_than_fit() -> None:
    asked = []
    for size in (0, 1):
        taken = in_hand()
        for round_ in range(20):
            tags = range(round_ * FIRST_PREFETCHED, (round_ + 1) * FIRST_PREFETCHED)
            assert all(taken.take(tag, size) for tag in tags)
            taken.end(tags)
            if taken.is_due():
                taken.resume()
        asked.append(taken.resume())
    assert asked == [16_000, FIRST_PREFETCHED]


def test_it_asks_for_as_many_more_as_celery_holds() -> None:
    taken = in_hand(most=1)
    for held in range(1, 4):
        assert taken.take(held, MOST_BYTES)
        taken.set_apart(held)
        assert taken.is_due()
        assert taken.resume() == 1 + held
    taken.end([1, 2])
    assert taken.take(9, MOST_BYTES)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1500)), max_size=200))
def test_it_never_holds_more_than_it_may_or_one(steps: list[tuple[int, int]]) -> None:
    taken, held = in_hand(most=GROWTH), dict[int, int]()
    for tag, (kind, size) in enumerate(steps):
        if kind == 0 and held:
            ended = min(held)
            del held[ended]
            taken.end([ended])
        elif taken.take(tag, size):
            held[tag] = size
        if taken.is_due():
            assert taken.resume() >= 1
        assert sum(held.values()) <= MOST_BYTES or len([each for each in held.values() if each]) == 1
