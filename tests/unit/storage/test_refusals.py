"""Which refusals of a database waiting mends: of PostgreSQL by SQLAlchemy's types and by code, of SQLite by type."""

from __future__ import annotations

import sqlite3

import psycopg
import pytest
from psycopg import errors
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError

from core.storage.refusals import is_passing, words_of

PASSING = [
    errors.ReadOnlySqlTransaction,
    errors.InsufficientPrivilege,
    errors.TooManyConnections,
    errors.LockNotAvailable,
    errors.QueryCanceled,
    errors.DiskFull,
    errors.OutOfMemory,
    errors.SerializationFailure,
    errors.DeadlockDetected,
    errors.UndefinedTable,
    errors.UndefinedColumn,
    errors.InvalidSqlStatementName,
    errors.DuplicatePreparedStatement,
    errors.AdminShutdown,
    errors.CannotConnectNow,
    errors.IdleInTransactionSessionTimeout,
]
LASTING = [errors.UniqueViolation, errors.SyntaxError, errors.NotNullViolation, errors.NumericValueOutOfRange]


def as_raised(error: Exception, base: type[Exception], dialect: Dialect) -> DBAPIError:
    """As SQLAlchemy raises what a driver raised."""
    raised = DBAPIError.instance("SELECT 1", {}, error, base, dialect=dialect)
    assert isinstance(raised, DBAPIError)
    return raised


@pytest.mark.parametrize(
    ("kind", "passing"), [*((kind, True) for kind in PASSING), *((kind, False) for kind in LASTING)]
)
def test_it_knows_what_passes_on_postgresql(kind: type[psycopg.Error], passing: bool) -> None:
    assert is_passing(as_raised(kind("no"), psycopg.Error, PGDialect_psycopg())) is passing


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (sqlite3.OperationalError("database or disk is full"), True),
        (sqlite3.OperationalError("attempt to write a readonly database"), True),
        (sqlite3.OperationalError("database is locked"), True),
        (sqlite3.IntegrityError("UNIQUE constraint failed"), False),
    ],
)
def test_it_knows_what_passes_on_sqlite(error: sqlite3.Error, passing: bool) -> None:
    assert is_passing(as_raised(error, sqlite3.Error, SQLiteDialect_pysqlite())) is passing


@pytest.mark.parametrize(
    ("kind", "remedy"),
    [
        (errors.InvalidSqlStatementName, "SMART_ASSIGN_DATABASE_PREPARED_STATEMENTS=false"),
        (errors.DiskFull, "disk is full"),
        (errors.UndefinedTable, "smart-assign db upgrade"),
        (errors.InsufficientPrivilege, "grant"),
    ],
)
def test_it_names_the_remedy(kind: type[psycopg.Error], remedy: str) -> None:
    assert remedy in words_of(as_raised(kind("said so"), psycopg.Error, PGDialect_psycopg()))
