"""What the scheduler does at which times, in UTC: it enqueues tasks, and any worker does them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from celery.schedules import crontab

PRUNE_DECISIONS_TASK = "decisions.prune"
PRUNE_PARKED_TASK = "parked.prune"
CHECK_DEFAULTS_TASK = "defaults.check"

#: A task that nobody did within this time is dropped; the next day's does its work.
EXPIRES_S = 12 * 3600
#: The same for what is done every hour.
HOURLY_EXPIRES_S = 3000

BEAT_SCHEDULE: Mapping[str, Mapping[str, object]] = {
    PRUNE_DECISIONS_TASK: {
        "task": PRUNE_DECISIONS_TASK,
        "schedule": crontab(hour="3", minute="10"),
        "options": {"expires": EXPIRES_S},
    },
    PRUNE_PARKED_TASK: {
        "task": PRUNE_PARKED_TASK,
        "schedule": crontab(hour="3", minute="20"),
        "options": {"expires": EXPIRES_S},
    },
    CHECK_DEFAULTS_TASK: {
        "task": CHECK_DEFAULTS_TASK,
        "schedule": crontab(minute="7"),
        "options": {"expires": HOURLY_EXPIRES_S},
    },
}


def oldest_kept(days: int, now: datetime) -> datetime | None:
    """What is older than this is to be forgotten; None: nothing is."""
    return now - timedelta(days=days) if days else None
