"""What is told of a recipient that breaks the contract of its campaign batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from core.cache.verdict import Verdict
from core.campaigns.assigning import assign_chunk
from core.campaigns.batch import read_batch
from core.engine.decision import Request
from core.messages.assigner import Assigner

BATCH = {"account_id": "acme", "campaign_id": "c", "batch_id": "b"}
AU = "+61491570156"


class NoVerdicts:
    """Nobody is asked: every recipient is refused before."""

    def verdicts(self, requests: Iterable[Request], now: datetime) -> Mapping[Request, Verdict]:
        assert not list(requests), now
        return {}


def test_it_names_a_refused_recipient_as_its_sender_does() -> None:
    bad = [{"to": 7, "message_id": "mine"}, {"to": AU, "message_id": "mine-too"}, {"to": 7}, {"to": 7, "message_id": 7}]
    batch = read_batch(BATCH | {"recipients": bad})
    outcome = assign_chunk(Assigner(NoVerdicts(), max_bytes=1_000), batch, 0)
    derived = [batch.message_id(position) for position in (2, 3)]
    assert [entry.ids.message_id for entry in outcome.parked] == ["mine", "mine-too", *derived]
