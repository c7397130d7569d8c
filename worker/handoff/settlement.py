"""Settling: all that became of a piece of work, handed off once, and what came of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from core.messages.assigner import Outcome
from core.parked.record import encode_parked
from core.parked.store import ParkedDocument
from worker.envelopes.sealing import Sealer
from worker.handoff.script_headers import ResendCounts

#: How long a task that Celery itself runs is remembered as settled.
TASK_MARK_S = 86_400
#: How long what must wait for SQL waits before it is tried again.
DEFER_S = 2.0


@dataclass(slots=True)
class Settlement:
    """All that became of a piece of work.

    `sealed` and `marks` run side by side, and so does `progress` where there are resends of campaigns: the key of the progress
    of each one's campaign, or an empty text; `repeats` were dropped from them. `resends` is what is counted of them. What is `deferred` is a claim of its own, which
    is taken up `deferred_s` seconds later.
    """

    sealed: list[bytes] = field(default_factory=list)
    marks: list[bytes] = field(default_factory=list)
    parked: list[tuple[str, bytes]] = field(default_factory=list)
    for_celery: list[bytes] = field(default_factory=list)
    deferred: list[bytes] = field(default_factory=list)
    deferred_s: float = DEFER_S
    repeats: int = 0
    progress: list[str] = field(default_factory=list)
    resends: ResendCounts | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """How many messages went out, and how many were dropped because they had gone out before."""

    dispatched: int
    duplicates: int


def settlement_of(
    outcome: Outcome, kept: Sequence[ParkedDocument], sealer: Sealer, window: int, progress: Sequence[str] = ()
) -> Settlement:
    """What a Redis script hands off; messages that came twice in the same work are dropped where there is a window."""
    sealed = sealer.seal(outcome.payloads, outcome.dispatch_ids)
    settlement = Settlement(sealed, outcome.marks, outbox_entries(kept), progress=list(progress))
    if window and len(set(settlement.marks)) < len(settlement.marks):
        _drop_repeats(settlement)
    return settlement


def outbox_entries(kept: Sequence[ParkedDocument]) -> list[tuple[str, bytes]]:
    """Parked documents as they wait in the outbox, by id."""
    return [(document.parked_id, encode_parked(document)) for document in kept]


def _drop_repeats(settlement: Settlement) -> None:
    """Keep the first of messages that came twice in one piece of work."""
    first: dict[bytes, int] = {}
    for place, mark in enumerate(settlement.marks):
        first.setdefault(mark, place)
    settlement.repeats = len(settlement.marks) - len(first)
    settlement.marks, settlement.sealed = list(first), [settlement.sealed[place] for place in first.values()]
    if settlement.progress:
        settlement.progress = [settlement.progress[place] for place in first.values()]
