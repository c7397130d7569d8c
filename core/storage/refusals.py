"""What a database that answers refuses, and which of that is the same as if it were away: another try may mend it.

SQLSTATE codes are those of PostgreSQL's manual, appendix A. SQLite has none: what it refuses in these ways comes as an
OperationalError.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError

UNPREPARED_REMEDY: Final = "behind PgBouncer in transaction mode set SMART_ASSIGN_DATABASE_PREPARED_STATEMENTS=false"
#: Code -> the remedy. Beside these, whatever a driver calls an operational error is passing: no connection, too many
#: of them, a disk that is full, time-outs of locks and statements, deadlocks and serialization failures.
PASSING: Final[Mapping[str, str]] = {
    "25006": "it is read-only: a standby, or one that was made so",
    "42501": "grant the role the privilege",
    "42P01": "run `smart-assign db upgrade`",
    "42703": "run `smart-assign db upgrade`",
    "3F000": "run `smart-assign db upgrade`",
    "26000": UNPREPARED_REMEDY,
    "42P05": UNPREPARED_REMEDY,
    "53100": "its disk is full",
    "53300": "raise its max_connections, or run fewer processes",
}
#: Those whose connection is of no use any more, nor are the others of the pool: they lead to a server, or were opened
#: with settings, that would refuse the same for as long as they live.
_OUTLIVED: Final = frozenset({"25006", "26000", "42P05"})


def is_passing(error: DBAPIError) -> bool:
    """Whether the database could do tomorrow what it refused, with nothing changed in the statement."""
    return isinstance(error, (OperationalError, InterfaceError, InternalError)) or _code(error.orig) in PASSING


def words_of(error: DBAPIError) -> str:
    """What the database said, in one line, and the remedy where one is known."""
    said = " ".join(str(error.orig or error).split())
    remedy = PASSING.get(_code(error.orig))
    return f"{said} ({remedy})" if remedy else said


def leave_pool(context: ExceptionContext) -> None:
    """Take a connection whose server or settings refuse for good, and all others of its pool, for lost."""
    if _code(context.original_exception) in _OUTLIVED:
        context.is_disconnect = True


def _code(error: BaseException | None) -> str:
    return getattr(error, "sqlstate", None) or ""
