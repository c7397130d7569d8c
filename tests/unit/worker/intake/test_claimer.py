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

    def claim(self, lane: Lane) -> Claimed:
        return Claimed(f"{lane}-1", 0)

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
