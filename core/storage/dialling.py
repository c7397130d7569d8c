"""Connections to PostgreSQL on which no statement waits without a limit.

libpq waits for ever for an answer. Where the path is dead, probes of the kernel notice it; behind a proxy or a pooler that
keeps both ends open nothing does, so an answer that does not come in time ends its connection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

from core.process.silence import Silence

#: How long a command waits for one statement, of an import or a migration perhaps.
COMMAND_STATEMENT_S = 600.0

_T = TypeVar("_T")


def kernel_options(silence: Silence) -> dict[str, int]:
    """What libpq is to ask the kernel for; on a socket of this machine it is ignored."""
    return {
        "keepalives_idle": silence.heartbeat_s,
        "keepalives_interval": silence.probe_s,
        "keepalives_count": silence.probes,
        "tcp_user_timeout": silence.unacknowledged_ms,
    }


class Connection(psycopg.Connection[Any]):
    """psycopg's, which is closed where an answer does not come within `limit_s`."""

    limit_s = COMMAND_STATEMENT_S

    def wait(self, gen: PQGen[_T], interval: float = 0.1, timeout: float | None = None) -> _T:
        """As psycopg's. Raises OperationalError."""
        try:
            return super().wait(gen, interval, self.limit_s if timeout is None else timeout)
        except psycopg.errors._WaitTimeout:  # noqa: SLF001  # it has no other name
            self.pgconn.finish()
            raise psycopg.OperationalError(f"the database did not answer within {self.limit_s:g} s") from None

    def ping(self, within_s: float) -> None:
        """Raises psycopg.Error where the server does not answer in time."""
        before, self.limit_s = self.limit_s, within_s
        try:
            self.execute("")
            self.rollback()
        finally:
            self.limit_s = before


def dialling(limit_s: float | None) -> Callable[..., psycopg.Connection[Any]]:
    """SQLAlchemy's hook that makes a connection: one that waits for no statement longer than `limit_s`, or than a command's."""
    given_s = COMMAND_STATEMENT_S if limit_s is None else limit_s

    def dial(_dialect: Any, _record: Any, words: list[Any], options: dict[str, Any]) -> psycopg.Connection[Any]:
        connection = Connection.connect(*words, **options)
        connection.limit_s = given_s
        return connection

    return dial
