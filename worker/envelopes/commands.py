"""The commands of Celery's control channel that a worker obeys, and the arguments that each may have.

Celery calls a command's function with whatever arguments came: a number in the place of a text ends the worker, and an
exchange of a type that RabbitMQ does not know ends its connection. A command that is not named here is not obeyed.
Consuming more or fewer queues is none of them: what a worker consumes is said by its settings, and what Celery would
consume beside that would reach it unread.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeAlias

import msgspec

from worker.envelopes.task_messages import MAX_NAME

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
#: As many ids as Celery keeps of revoked tasks.
_Names = Annotated[list[_Name], msgspec.Meta(max_length=50_000)]
_Few = Annotated[int, msgspec.Meta(ge=1, le=1000)]
_Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]


class Arguments(msgspec.Struct, omit_defaults=True):
    """The arguments of a command, none of which are read where it has none."""


class _Conf(Arguments):
    with_defaults: bool = False


class _Ids(Arguments):
    ids: _Name | _Names


class _Registered(Arguments):
    taskinfoitems: _Names | None = None
    builtins: bool = False


class _Hello(Arguments):
    """What a worker that starts asks of the others; `revoked` are ids of tasks, for some versions with a time."""

    from_node: _Name
    revoked: _Names | dict[_Name, float] | None = None


class _Revoke(Arguments):
    task_id: _Name | _Names
    terminate: bool = False
    signal: _Name | None = None


class _RevokeUnbegun(_Revoke):
    """To end a task that has begun, Celery ends its process."""

    def __post_init__(self) -> None:
        if self.terminate:
            raise ValueError("terminate changes the worker")


class _Terminate(Arguments):
    signal: _Name
    task_id: _Name | _Names


class _RateLimit(Arguments):
    task_name: _Name
    rate_limit: (
        Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})?(/[smh])?$")]
        | Annotated[float, msgspec.Meta(ge=0)]
    )


class _TimeLimit(Arguments):
    task_name: _Name
    soft: _Seconds | None = None
    hard: _Seconds | None = None


class _Processes(Arguments):
    n: _Few = 1


#: Each command, and the form of its arguments.
Commands: TypeAlias = Mapping[str, type[Arguments]]

#: What only looks, or takes back a task that has not begun.
LOOKING: Commands = {
    "ping": Arguments,
    "clock": Arguments,
    "heartbeat": Arguments,
    "report": Arguments,
    "stats": Arguments,
    "active": Arguments,
    "scheduled": Arguments,
    "reserved": Arguments,
    "revoked": Arguments,
    "active_queues": Arguments,
    "enable_events": Arguments,
    "disable_events": Arguments,
    "conf": _Conf,
    "dump_conf": _Conf,
    "query_task": _Ids,
    "registered": _Registered,
    "hello": _Hello,
    "standing": Arguments,
    "revoke": _RevokeUnbegun,
}
#: What changes a worker, beside those.
CHANGING: Commands = {
    **LOOKING,
    "revoke": _Revoke,
    "terminate": _Terminate,
    "rate_limit": _RateLimit,
    "time_limit": _TimeLimit,
    "pool_grow": _Processes,
    "pool_shrink": _Processes,
    "shutdown": Arguments,
}
