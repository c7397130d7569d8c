"""What the store's tests share: a store on the run's database, a sink that remembers, a count of statements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import Engine, delete, event, text

from core.errors import EpochPublishError
from core.storage.database import open_engine
from core.storage.tables import METADATA

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


class RecordingSink:
    """Keeps what was published; `away` makes it fail in the declared way."""

    def __init__(self) -> None:
        self.published: list[dict[str, int]] = []
        self.away = False

    def publish(self, values: Mapping[str, int]) -> None:
        if self.away:
            raise EpochPublishError("Redis is away")
        self.published.append(dict(values))


@contextmanager
def filled_schema(url: str) -> Iterator[Engine]:
    """An engine on a database with all tables; test_migrations shows that migrations build the same."""
    engine = open_engine(url)
    METADATA.create_all(engine)
    yield engine
    engine.dispose()


def empty(engine: Engine) -> None:
    """No row of an earlier test, nor a connection that one left open, and ids from 1 again. PostgreSQL alone."""
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    sequences = "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false) FROM pg_sequences"
    with engine.begin() as connection:
        connection.execute(text(f"{others} WHERE datname = current_database() AND pid <> pg_backend_pid()"))
        for table in reversed(METADATA.sorted_tables):
            connection.execute(delete(table))
        connection.execute(text(sequences))


@contextmanager
def counted_statements(engine: Engine) -> Iterator[list[str]]:
    """The statements sent meanwhile, without BEGIN and its like."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)
