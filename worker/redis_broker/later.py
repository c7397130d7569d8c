"""Tasks that are to run later, on Redis: each stays in a claim that is taken up shortly before it is due."""

from __future__ import annotations

from datetime import datetime

from worker.envelopes.later import waits
from worker.envelopes.opening import ForCelery

#: How long before its time a task is given to Celery, which holds it to the second: far below the visibility timeout.
GIVEN_BEFORE_S = 20.0
#: A claim is taken up when its first task is due; the others of it wait at least so long for the next time.
AT_LEAST_S = 5.0


def put_off_s(task: ForCelery, now: datetime) -> float:
    """For how many seconds a task is put off; 0: it is given to Celery now."""
    seconds = waits(task, now).total_seconds() - GIVEN_BEFORE_S
    return max(AT_LEAST_S, seconds) if seconds > 0 else 0.0
