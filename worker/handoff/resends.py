"""What is counted of resends for the campaigns that they belong to, apart from what was dispatched first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from core.messages.assigner import Outcome
from core.parked.store import ParkedDocument
from worker.handoff.keys import Keys
from worker.handoff.script_headers import ResendCounts


def progress_keys(outcome: Outcome, keys: Keys) -> list[str]:
    """For each message of an outcome of resends the key of its campaign's progress; empty where it belongs to none."""
    if not any(outcome.campaigns):
        return []
    return [keys.progress(*campaign) if campaign else "" for campaign in outcome.campaigns]


def resend_counts(progress: Sequence[str], parked: Sequence[ParkedDocument], keys: Keys) -> ResendCounts | None:
    """What a script is to count: `progress` of the messages that it hands off, and resends that are parked."""
    kept = Counter(
        keys.progress(entry.account_id, entry.campaign_id) for entry in parked if entry.account_id and entry.campaign_id
    )
    if not progress and not kept:
        return None
    places = {key: place for place, key in enumerate(dict.fromkeys(filter(None, progress)), 1)}
    return ResendCounts(tuple(places), [places.get(key, 0) for key in progress], kept)
