"""What a Redis that answers refuses, and which of that is the same as if it were away: waiting mends it.

Codes are the first words of Redis's errors; redis-py has a type of its own for some of them only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import redis
from redis import exceptions

#: Code -> what it means, and the remedy.
REFUSALS: Final[Mapping[str, str]] = {
    "READONLY": "it is a replica, or was made one: the address must lead to the primary",
    "OOM": "its memory is full: raise maxmemory, or see what fills it",
    "MISCONF": "it cannot save to its disk: see its log and the disk",
    "NOREPLICAS": "too few of its replicas are connected (min-replicas-to-write)",
    "LOADING": "it is loading its data, and will be ready by itself",
    "BUSY": "it is running a script of somebody else: see SLOWLOG, or SCRIPT KILL",
    "MASTERDOWN": "it is a replica that has lost its primary",
    "NOAUTH": "it asks for a password: the address must hold it",
    "WRONGPASS": "user name or password of the address are wrong",
    "NOPERM": "its ACL does not permit the command to this user",
    "UNBLOCKED": "it has become a replica",
    "CLUSTERDOWN": "it is a node of a Redis Cluster that is down",
    "MOVED": "it is a node of a Redis Cluster, which is not supported: use one primary",
    "ASK": "it is a node of a Redis Cluster, which is not supported: use one primary",
    "TRYAGAIN": "it is a node of a Redis Cluster, which is not supported: use one primary",
    "CROSSSLOT": "it is a node of a Redis Cluster, which is not supported: use one primary",
}
#: Of what Redis said; MISCONF alone is an essay.
_MOST_CHARACTERS = 150
_TYPES: Final[Mapping[type[Exception], str]] = {
    exceptions.ReadOnlyError: "READONLY",
    exceptions.OutOfMemoryError: "OOM",
    exceptions.BusyLoadingError: "LOADING",
    exceptions.MasterDownError: "MASTERDOWN",
    exceptions.AuthenticationError: "NOAUTH",
    exceptions.NoPermissionError: "NOPERM",
    exceptions.ClusterDownError: "CLUSTERDOWN",
    exceptions.MovedError: "MOVED",
    exceptions.ClusterCrossSlotError: "CROSSSLOT",
}
#: Redis 6.2 wraps what a command of a script is refused with, and redis-py what one of a pipeline is.
_NO_PERMISSION = re.compile(r"The user executing the script can't|ACL failure in script")
_WRAPPED = re.compile(rf"(?:user_script.*-|caused error: )({'|'.join(REFUSALS)})\b")


def code_of(error: BaseException) -> str | None:
    """The code of REFUSALS by which Redis refused; None: it did not, or for another cause."""
    if not isinstance(error, redis.RedisError):
        return None
    text = str(error)
    for code in (getattr(error, "status_code", None), text.split(" ", 1)[0].rstrip(":")):
        if code in REFUSALS:
            return str(code)
    if found := _WRAPPED.search(text):
        return found[1]
    if _NO_PERMISSION.search(text):
        return "NOPERM"
    return next((code for kind, code in _TYPES.items() if isinstance(error, kind)), None)


def refusal_words(error: BaseException) -> str | None:
    """What Redis said, in one line, and the remedy; None where it is no refusal."""
    code = code_of(error)
    if code is None:
        return None
    said = " ".join(str(error).split())[:_MOST_CHARACTERS]
    said = said if said.startswith(code) else f"{code} {said}"
    return f"{said} ({REFUSALS[code]})"


class LeavesAfterRefusal:
    """Mixed into a connection of redis-py: one on which Redis refused is closed when it goes back to its pool.

    The address may lead elsewhere by now, or the server may have another password; the next use dials anew.
    """

    def read_response(self, *args: Any, **options: Any) -> Any:
        """As redis-py's."""
        try:
            return super().read_response(*args, **options)  # type: ignore[misc]  # the connection's
        except redis.ResponseError as error:
            if code_of(error) is not None:
                # Of older versions of redis-py the connection is closed at once.
                leave: Callable[[], None] = getattr(self, "mark_for_reconnect", None) or self.disconnect  # type: ignore[attr-defined]  # the connection's
                leave()
            raise


def leave_after_refusals(pool: redis.ConnectionPool) -> None:
    """Have the connections that the pool is yet to make leave it after a refusal."""
    kind = pool.connection_class
    if not issubclass(kind, LeavesAfterRefusal):
        pool.connection_class = type(kind.__name__, (LeavesAfterRefusal, kind), {})
