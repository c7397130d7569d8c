"""What a Celery task message says of itself: the names of our tasks, and the headers that are read and written."""

from __future__ import annotations

from typing import Annotated

import msgspec

MESSAGE_TASK = "message.assign"
CAMPAIGN_TASK = "campaign.assign"
WORK_TASK = "messages.assign"
BATCH_TASK = "batches.assign"


class TaskHeaders(msgspec.Struct):
    """The headers of a Celery task message that tell what it asks for; of any other type, Celery could not take them.

    Without `task` it may be a message of Celery's first protocol, which says all of this in its body.
    """

    task: str = ""
    id: str = ""
    eta: str | None = None
    expires: str | None = None
    group: str | None = None
    retries: Annotated[int, msgspec.Meta(ge=0, le=1000)] | None = 0
    timelimit: tuple[float | None, float | None] | None = None
    ignore_result: bool | None = None
    compression: str | None = None
    shadow: str | None = None
    group_index: int | None = None
    root_id: str | None = None
    parent_id: str | None = None


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
