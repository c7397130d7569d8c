"""How a claimer waits where nothing was claimed."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from worker.intake.redis import PRIORITY_WAIT_S, WAIT_S, Claimer, IntakeState
from worker.intake.room import Room
from worker.redis_broker.claims import Claimed, Lane


@dataclass
class IdleLanes:
    """Lanes without a document; the first wait ends the claimer."""

    state: IntakeState
    waits: list[tuple[Lane, float]] = field(default_factory=list)

    def claim(self, lane: Lane, *, lines_first: bool = False) -> Claimed:
        return Claimed(f"{lane}-1", 0)

    def part(self, lane: Lane) -> bool:
        raise AssertionError(lane)

    def wait_for(self, lane: Lane, timeout_s: float) -> bool:
        self.waits.append((lane, timeout_s))
        self.state.stopping.set()
        return False

    def make_due(self, claim_id: str) -> None:
        raise AssertionError(claim_id)


@pytest.mark.parametrize(
    ("lane", "seconds"),
    [
        (Lane.INGRESS, WAIT_S),
        (Lane.CAMPAIGN_INGRESS, WAIT_S),
        (Lane.MESSAGES, PRIORITY_WAIT_S),
        (Lane.CAMPAIGNS, PRIORITY_WAIT_S),
    ],
)
def test_it_looks_more_often_where_a_list_may_fill_that_it_does_not_wait_for(lane: Lane, seconds: float) -> None:
    lanes = IdleLanes(IntakeState(Room(1)))
    Claimer(lanes, lane, lanes.state).run()
    lanes.state.wakeup.close()
    assert lanes.waits == [(lane, seconds)]


@dataclass
class CrowdedLane(IdleLanes):
    """A lane of which the first claim says that it is crowded; a third look finds no more to part, and it ends after that."""

    turns: list[str] = field(default_factory=list)

    def claim(self, lane: Lane, *, lines_first: bool = False) -> Claimed:
        self.turns.append("lines" if lines_first else "others")
        if len(self.turns) == END_AT:
            self.state.stopping.set()
        return Claimed(f"{lane}-{len(self.turns)}", 1, crowded="part" not in self.turns)

    def part(self, lane: Lane) -> bool:
        self.turns.append("part")
        return self.turns.count("part") < PARTS


PARTS, END_AT = 3, 8


def test_it_parts_a_crowded_lane_between_claims_and_lets_lines_and_others_take_turns() -> None:
    lane = CrowdedLane(IntakeState(Room(20)))
    Claimer(lane, Lane.INGRESS, lane.state).run()
    lane.state.wakeup.close()
    assert lane.turns == ["others", "part", "lines", "part", "others", "part", "lines", "others"]
    assert len(lane.state.claimed) == END_AT - PARTS


def test_it_parts_a_crowded_lane_where_there_is_no_room_for_a_claim() -> None:
    lane = CrowdedLane(IntakeState(Room(1)))
    claimer = Claimer(lane, Lane.INGRESS, lane.state)
    for _ in range(5):
        claimer.turn()
    lane.state.wakeup.close()
    assert lane.turns == ["others", "part", "lines", "part", "part"]
