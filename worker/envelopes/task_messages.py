"""What a Celery task message says of itself: the names of our tasks, and the headers that are read and written."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

MESSAGE_TASK = "message.assign"
CAMPAIGN_TASK = "campaign.assign"
WORK_TASK = "messages.assign"
BATCH_TASK = "batches.assign"
PRUNE_DECISIONS_TASK = "decisions.prune"
PRUNE_PARKED_TASK = "parked.prune"
CHECK_DEFAULTS_TASK = "defaults.check"
#: Celery's own, which its scheduler adds where results are kept.
CLEAN_UP_RESULTS_TASK = "celery.backend_cleanup"

#: Characters of an id or a name that Celery is given: Flower and logs show them.
MAX_NAME = 255
#: The header of a task message that Celery could not take; its value says why.
NOT_TAKEN = "x-smart-assign-not-taken"

#: Its value where nothing is wrong with the task but that this version does not know it.
OF_NEWER_VERSION = "newer version"

#: A number of repeats that is one.
Retries = Annotated[int, msgspec.Meta(ge=0, le=1000)]
_Name = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]


class TaskHeaders(msgspec.Struct):
    """The headers of a Celery task message that tell what it asks for; of any other type, Celery could not take them.

    Without `task` it may be a message of Celery's first protocol, which says all of this in its body.
    """

    task: str = ""
    id: _Name = ""
    eta: str | None = None
    expires: str | None = None
    group: _Name | None = None
    retries: Retries | None = 0
    timelimit: tuple[float | None, float | None] | None = None
    ignore_result: bool | None = None
    compression: str | None = None
    not_taken: str | None = msgspec.field(name=NOT_TAKEN, default=None)


class CeleryHeaders(TaskHeaders):
    """All headers that Celery reads of a task message. They are read where a task is to go on to Celery.

    `stamped_headers`, `stamps` and the rest that no field below is written from are read to be refused, where Celery
    could not take them.
    """

    group_index: int | None = None
    root_id: _Name | None = None
    parent_id: _Name | None = None
    shadow: _Name | None = None
    lang: _Name | None = None
    origin: _Name | None = None
    argsrepr: str | None = None
    kwargsrepr: str | None = None
    meth: str | None = None
    replaced_task_nesting: Retries | None = None
    stamped_headers: list[_Name] | None = None
    stamps: dict[str, Any] | None = None
    groups: list[_Name] | None = None


def task_headers(name: str, task_id: str, shown_args: str) -> dict[str, object]:
    """The headers of a Celery task message, protocol 2; `shown_args` is what Flower shows."""
    return {
        "lang": "py",
        "task": name,
        "id": task_id,
        "shadow": None,
        "eta": None,
        "expires": None,
        "group": None,
        "group_index": None,
        "retries": 0,
        "timelimit": [None, None],
        "root_id": task_id,
        "parent_id": None,
        "argsrepr": shown_args,
        "kwargsrepr": "{}",
        "origin": "smart-assign",
        "ignore_result": True,
    }
