"""What the scheduler does at which times, in UTC: it enqueues tasks, and any worker does them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from celery.schedules import crontab

PRUNE_DECISIONS_TASK = "decisions.prune"
PRUNE_PARKED_TASK = "parked.prune"
PRUNE_RECORDS_TASK = "records.prune"
BOUND_PARKED_TASK = "parked.bound"
CHECK_DEFAULTS_TASK = "defaults.check"

#: A task that nobody did within this time is dropped; the next day's does its work.
EXPIRES_S = 12 * 3600
#: The same for what is done every hour.
HOURLY_EXPIRES_S = 3000
#: And for what is done every quarter of an hour.
QUARTERLY_EXPIRES_S = 800

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
    PRUNE_RECORDS_TASK: {
        "task": PRUNE_RECORDS_TASK,
        "schedule": crontab(hour="3", minute="30"),
        "options": {"expires": EXPIRES_S},
    },
    BOUND_PARKED_TASK: {
        "task": BOUND_PARKED_TASK,
        "schedule": crontab(minute="*/15"),
        "options": {"expires": QUARTERLY_EXPIRES_S},
    },
    CHECK_DEFAULTS_TASK: {
        "task": CHECK_DEFAULTS_TASK,
        "schedule": crontab(minute="7"),
        "options": {"expires": HOURLY_EXPIRES_S},
    },
}


_ID = re.compile(r"(?P<due>[^/]{1,200}@[0-9TZ:-]{20})/(?P<message>[0-9a-f]{32})", re.ASCII)


class DueTask(NamedTuple):
    """What the id of a task that the scheduler enqueued says: which task was due when, and which message of it this is."""

    due: str
    message: str

    @property
    def task_id(self) -> str:
        """The id."""
        return f"{self.due}/{self.message}"

    @classmethod
    def at(cls, name: str, moment: datetime) -> DueTask:
        """A new message of a task that is due at a moment of UTC."""
        return cls(f"{name}@{moment:%Y-%m-%dT%H:%M:%SZ}", uuid.uuid4().hex)

    @classmethod
    def of(cls, task_id: str | None) -> DueTask | None:
        """What an id says; None: somebody else enqueued the task."""
        found = _ID.fullmatch(task_id or "")
        return cls(found["due"], found["message"]) if found else None


def oldest_kept(days: int, now: datetime) -> datetime | None:
    """What is older than this is to be forgotten; None: nothing is."""
    return now - timedelta(days=days) if days else None
