"""How a PostgreSQL is made to answer and refuse, and how each refusal is mended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

#: The role of who is refused, no superuser.
ROLE = "refused"


@dataclass(frozen=True)
class Administrator:
    """Who may do anything to the database, with sessions of their own."""

    url: str

    def run(self, *statements: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as session:
            for statement in statements:
                session.execute(statement.replace("{role}", ROLE))

    @contextmanager
    def holding(self, statement: str) -> Iterator[None]:
        """Keep the transaction of a statement open."""
        with psycopg.connect(self.url) as session:
            session.execute(statement)
            try:
                yield
            finally:
                session.rollback()


@dataclass(frozen=True)
class Fault:
    """How a server is made to refuse, and how that is mended; `{role}` is the worker's role."""

    broken: tuple[str, ...]
    mended: tuple[str, ...]
    #: What another session does in a transaction that stays open for as long as the fault lasts.
    held: str = "SELECT 1"


_END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"
FAULTS = {
    "read-only": Fault(
        ("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"),
        ("ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()"),
    ),
    "sessions that stay read-only": Fault(
        ("ALTER ROLE {role} SET default_transaction_read_only = on", _END_SESSIONS),
        ("ALTER ROLE {role} RESET default_transaction_read_only",),
    ),
    "permission denied": Fault(
        ("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}",),
        ("GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}",),
    ),
    "too many connections": Fault(
        ("ALTER ROLE {role} CONNECTION LIMIT 0", _END_SESSIONS),
        ("ALTER ROLE {role} CONNECTION LIMIT -1",),
    ),
    "statement time-outs": Fault(
        ("ALTER ROLE {role} SET statement_timeout = '200ms'", _END_SESSIONS),
        ("ALTER ROLE {role} RESET ALL", _END_SESSIONS),
        held="LOCK TABLE decisions, parked IN ACCESS EXCLUSIVE MODE",
    ),
    "a schema that is not migrated": Fault(
        ("ALTER TABLE decisions RENAME TO gone", "ALTER TABLE parked RENAME TO gone_too"),
        ("ALTER TABLE gone RENAME TO decisions", "ALTER TABLE gone_too RENAME TO parked"),
    ),
}
