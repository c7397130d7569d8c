"""How many claims a worker's pool takes at once."""

from __future__ import annotations

import threading

import pytest

from worker.intake.room import Room


def taken(room: Room, *, campaign: bool) -> int:
    """How many places are given before the room is full."""
    count = 0
    while room.take(campaign=campaign, timeout_s=0):
        count += 1
    return count


@pytest.mark.parametrize(("children", "singles"), [(1, 2), (2, 3), (8, 9)])
def test_single_messages_have_a_claim_for_each_child_and_one_that_waits(children: int, singles: int) -> None:
    assert taken(Room(children), campaign=False) == singles


@pytest.mark.parametrize(("children", "campaigns"), [(1, 1), (2, 1), (8, 7)])
def test_campaigns_leave_a_child_to_single_messages_where_there_are_two(children: int, campaigns: int) -> None:
    assert taken(Room(children), campaign=True) == campaigns


@pytest.mark.parametrize(("children", "singles"), [(1, 0), (2, 1), (8, 1)])
def test_beside_campaigns_single_messages_are_claimed_for_free_children_only(children: int, singles: int) -> None:
    room = Room(children)
    taken(room, campaign=True)
    assert taken(room, campaign=False) == singles


def test_single_messages_never_keep_campaigns_out() -> None:
    room = Room(1)
    taken(room, campaign=False)
    assert taken(room, campaign=True) == 1


def test_a_place_given_back_goes_to_who_waits() -> None:
    room = Room(1)
    taken(room, campaign=True)
    got = threading.Event()
    waiter = threading.Thread(target=lambda: room.take(campaign=True, timeout_s=5) and got.set())
    waiter.start()
    room.give_back(campaign=True)
    waiter.join(5)
    assert got.is_set()


def test_a_closed_room_gives_nothing_and_keeps_nobody_waiting() -> None:
    room = Room(1)
    answers: list[bool] = []
    taken(room, campaign=True)
    waiter = threading.Thread(target=lambda: answers.append(room.take(campaign=True, timeout_s=5)))
    waiter.start()
    room.close()
    waiter.join(1)
    room.wait_for_change(5)
    assert (answers, room.take(campaign=False, timeout_s=0)) == ([False], False)
