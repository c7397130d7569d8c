"""Whether a database does what a worker will ask of it: tried as a worker would, and undone."""

from __future__ import annotations

import uuid
from contextlib import ExitStack, suppress
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Engine, Table, delete, insert, select, text, update

from core.errors import StoreUnavailableError
from core.storage.database import as_unavailable_error, transaction
from core.storage.refusals import UNPREPARED_REMEDY
from core.storage.tables import DECISIONS, DEFAULT_HISTORY, DEFAULT_WARNINGS, DESTINATION_HISTORY, EPOCHS, PARKED

#: Where a worker writes by itself.
_WRITTEN: Final[tuple[Table, ...]] = (DECISIONS, PARKED, DEFAULT_WARNINGS, DEFAULT_HISTORY, DESTINATION_HISTORY, EPOCHS)
#: psycopg prepares a statement after five uses.
_USES: Final = 7


class _Undone(Exception):  # noqa: N818  # it is no error
    """Raised so that a transaction is rolled back."""


def try_writing(engine: Engine, now: datetime) -> None:
    """Write where a worker writes, and take it back. Raises StoreUnavailableError with what the database said."""
    with suppress(_Undone), transaction(engine) as connection:
        row = {"decision_id": f"check-{uuid.uuid4().hex}", "document": "{}", "made_at": now}
        connection.execute(insert(DECISIONS).values(row))
        for table in _WRITTEN:
            _try_every_change(connection, table)
        raise _Undone


def _try_every_change(connection: Connection, table: Table) -> None:
    """Of no row: what may not be done is refused all the same."""
    columns = table.c
    nothing = text("1 = 0")
    connection.execute(insert(table).from_select(list(columns.keys()), select(*columns).where(nothing)))
    connection.execute(update(table).where(nothing).values({name: columns[name] for name in columns.keys()}))  # noqa: SIM118
    connection.execute(delete(table).where(nothing))


def try_prepared_statements(engine: Engine) -> None:
    """Use two statements so often that they are prepared, each over a connection of its own.

    A pooler that hands out servers by transaction gives one connection's statement to the other, or none at all. Raises
    StoreUnavailableError, which names the remedy.
    """
    if engine.dialect.name != "postgresql":
        return
    single = engine.execution_options(isolation_level="AUTOCOMMIT")
    with as_unavailable_error(), ExitStack() as stack:
        first, second = ((number, stack.enter_context(single.connect())) for number in (1, 2))
        uses = [first] * _USES + [second, first] * _USES
        answered_right = all(connection.scalar(text(f"SELECT {number}")) == number for number, connection in uses)
    if not answered_right:
        raise StoreUnavailableError(f"a statement was answered as another one: {UNPREPARED_REMEDY}")
