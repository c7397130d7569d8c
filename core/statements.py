"""SQL that SQLite and PostgreSQL spell alike but SQLAlchemy keeps in two dialects, and the size of a statement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from core.tables import Base

#: Values in one IN list and rows in one INSERT: far below SQLite's 32,766 parameters, even with 16 columns.
CHUNK = 500

T = TypeVar("T")


def insert_into(connection: Connection, table: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that knows ON CONFLICT, in the dialect of the connection."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def chunks(items: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    """The items in lists of at most `size`."""
    iterator = iter(items)
    while part := list(islice(iterator, size)):
        yield part


def storable(text: str) -> bool:
    """Whether a text from outside can be bound at all: PostgreSQL refuses NUL, UTF-8 refuses lone surrogates."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
