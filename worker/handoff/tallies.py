"""What the hand-off counts for whoever reads metrics: once for each piece of work, never for each message."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable

from core.metrics import catalogue as known
from core.metrics.counts import COUNTS, SETTLED_AT, attempt_label
from core.parked.store import ParkedDocument
from worker.handoff.work_ids import taken_at


def note_begun(lane: str, documents: int, attempt: int) -> None:
    """A piece of work was begun, for the `attempt`-th time."""
    COUNTS.add(known.WORK_BEGUN, 1, lane, attempt_label(attempt))
    COUNTS.observe(known.WORK_DOCUMENTS, documents, 1, lane)


def note_settled(
    lane: str, work_id: str, *, dispatched: int, duplicates: int = 0, parked: Iterable[ParkedDocument] = ()
) -> None:
    """Messages of a piece of work were settled."""
    reasons = Counter(str(document.reason) for document in parked)
    total = dispatched + duplicates + reasons.total()
    if not total:
        return
    SETTLED_AT.note(time.monotonic())
    COUNTS.add(known.MESSAGES_IN, total, lane)
    COUNTS.add_each(known.MESSAGES_PARKED, reasons, lane)
    if duplicates:
        COUNTS.add(known.MESSAGES_DUPLICATE, duplicates, lane)
    if dispatched:
        COUNTS.add(known.MESSAGES_DISPATCHED, dispatched, lane)
        if (since := taken_at(work_id)) is not None:
            COUNTS.observe(known.HANDOFF_SECONDS, max(0.0, time.time() - since), dispatched, lane)


def note_deferred(lane: str, documents: int) -> None:
    """Messages wait, for SQL or for their time."""
    if documents:
        COUNTS.add(known.MESSAGES_DEFERRED, documents, lane)
