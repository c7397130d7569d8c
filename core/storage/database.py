"""The engine for either database, and the two ways to use it: reading, and writing with epochs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from core.errors import EpochPublishError, StoreUnavailableError
from core.metrics.catalogue import SQL_ERRORS
from core.metrics.counts import COUNTS
from core.moments import utc_now
from core.process.loading import load
from core.process.private_files import create_private
from core.process.silence import Silence
from core.storage.addresses import database_url, host_options, prepare_options
from core.storage.epochs import EpochSink, NoSink, increment, increment_families
from core.storage.refusals import is_passing, leave_pool, words_of
from core.storage.scopes import PLATFORM_SCOPE
from core.storage.statements import chunks

#: How long a SQLite writer waits for another one.
BUSY_TIMEOUT_MS = 30_000

#: How long a connection to PostgreSQL may take before it counts as away.
CONNECT_TIMEOUT_S = 5

#: A connection unused for longer is tried before its next use.
IDLE_S = 2.0

#: They load psycopg, which SQLite does not need.
_DIALLING = "core.storage.dialling:dialling"
_KERNEL_OPTIONS = "core.storage.dialling:kernel_options"

_USED_AT = "smart_assign_used_at"

#: Epochs published at a time; an import may raise a hundred thousand.
_PUBLISH_CHUNK = 1000

#: Execution option: the statement that begins a transaction on SQLite, where the driver begins none by itself.
_SQLITE_BEGIN = "smart_assign_sqlite_begin"


def open_engine(
    url: str, *, pool_size: int = 5, prepared_statements: bool = True, silence: Silence | None = None
) -> Engine:
    """An engine for a SQLite or PostgreSQL URL; nothing connects before the first statement. Raises ArgumentError.

    Statements may take as long as `silence` allows; without it, as long as those of a command, which may be large.
    """
    parsed = database_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(url, pool_size)
    bare, prepare = prepare_options(parsed, prepared_statements=prepared_statements)
    engine = create_engine(
        bare.set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        hide_parameters=True,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "smart-assign"}
        | load(_KERNEL_OPTIONS)(silence or Silence())
        | host_options(bare)
        | prepare,
    )
    event.listen(engine, "do_connect", load(_DIALLING)(silence.statement_s if silence else None))
    event.listen(engine, "handle_error", leave_pool)
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", _pinging(engine.dialect.loaded_dbapi.Error, (silence or Silence()).ping_s))
    return engine


def load_driver(url: str) -> None:
    """Load what an engine for this URL needs: before a fork, so that processes share it. Raises ArgumentError."""
    open_engine(url).dispose()


def _note_use(_connection: object, record: ConnectionPoolEntry) -> None:
    record.info[_USED_AT] = time.monotonic()


def _pinging(driver_error: type[Exception], ping_s: float) -> Callable[[Any, ConnectionPoolEntry, object], None]:
    """Replaces a connection that broke while nobody used it; a ping at every use would cost a round trip each."""

    def ping_if_idle(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        if time.monotonic() - record.info.get(_USED_AT, time.monotonic()) < IDLE_S:
            return
        try:
            connection.ping(ping_s)
        except driver_error as error:
            raise DisconnectionError from error

    return ping_if_idle


def _open_sqlite(url: str, pool_size: int) -> Engine:
    in_memory = make_url(url).database in {None, "", ":memory:"}
    options: dict[str, Any] = {"poolclass": StaticPool} if in_memory else {"pool_size": pool_size}
    # An error's text ends in logs, and parameters hold message bodies.
    options["hide_parameters"] = True
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False}, **options)
    if not in_memory:
        event.listen(engine, "do_connect", _create_sqlite)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _create_sqlite(_dialect: object, _record: object, arguments: Sequence[Any], _options: object) -> None:
    """A new database is its owner's alone; the files that SQLite keeps beside it take after it."""
    if not arguments[0].startswith("file:"):
        with suppress(OSError):  # SQLite has the words for a folder that is missing
            create_private(Path(arguments[0]))


def _prepare_sqlite(connection: SqliteConnection, _record: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    # What is deleted is overwritten with zeros, for it holds people's numbers.
    connection.execute("PRAGMA secure_delete = ON")


def _begin_sqlite(connection: Connection) -> None:
    begin = connection.get_execution_options().get(_SQLITE_BEGIN)
    if begin:
        connection.exec_driver_sql(begin)


class Write:
    """One write transaction: its connection, and the scopes whose epochs must grow with it.

    `values` holds the new epochs once the transaction has ended.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.values: dict[str, int] = {}
        self._scopes: set[str] = set()
        self._accounts: set[int] = set()

    def touch(self, *scopes: str) -> None:
        """Marks scopes as changed."""
        self._scopes.update(scopes)

    def touch_account(self, account_ref: int | None) -> None:
        """Marks an account and its sub-accounts as changed; None: the platform pool."""
        if account_ref is None:
            self._scopes.add(PLATFORM_SCOPE)
        else:
            self._accounts.add(account_ref)

    def settle(self, now: datetime) -> None:
        """Increments what was marked; the last thing in the transaction, so that epoch rows are locked briefly."""
        # In the order of the scopes' names, accounts first: so two writers cannot deadlock.
        families = increment_families(self.connection, self._accounts, now) if self._accounts else {}
        self.values = families | increment(self.connection, self._scopes, now)


class Database:
    """An engine, and the two ways to use it: `single` statements, and `writing` with epochs.

    Safe to share between threads, not across a fork. Whatever uses it may raise StoreUnavailableError.
    """

    def __init__(self, engine: Engine, sink: EpochSink | None = None, clock: Callable[[], datetime] = utc_now) -> None:
        self.engine = engine
        self.clock = clock
        self._sink: EpochSink = sink or NoSink()
        self._single = engine
        if engine.dialect.name == "postgresql":
            self._single = engine.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def single(self) -> Iterator[Connection]:
        """A connection where each statement commits by itself: reads and one-statement writes, without BEGIN trips."""
        with as_unavailable_error(), self._single.connect() as connection:
            yield connection

    def refresh_statistics(self, *tables: str) -> None:
        """Tell PostgreSQL's planner how large tables have become; after a large import it would plan for empty ones."""
        if self.engine.dialect.name == "postgresql":
            with self.single() as connection:
                connection.exec_driver_sql(f"ANALYZE {', '.join(tables)}")

    def overwrite_erased(self) -> None:
        """Leave no copy of deleted rows in SQLite's log of writes; PostgreSQL's vacuum does it in its own time."""
        if self.engine.dialect.name == "sqlite":
            with self.single() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def writing(self) -> Iterator[Write]:
        """A transaction that increments what was touched, commits, then publishes the new epochs.

        A sink that fails loses nothing: the commit stands, and the epochs in SQL are compared later.
        """
        with transaction(self.engine) as connection:
            write = Write(connection)
            yield write
            write.settle(self.clock())
        with suppress(EpochPublishError):
            for part in chunks(write.values.items(), _PUBLISH_CHUNK):
                self._sink.publish(dict(part))


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """A transaction; on SQLite it takes the write lock at once, since a lock taken later can fail without waiting."""
    writer = engine.execution_options(**{_SQLITE_BEGIN: "BEGIN IMMEDIATE"})
    with as_unavailable_error(), writer.connect() as connection, connection.begin():
        yield connection


@contextmanager
def as_unavailable_error() -> Iterator[None]:
    """Raises StoreUnavailableError for what a database refuses and may do tomorrow, in the words that it said."""
    try:
        yield
    except PoolTimeoutError as error:
        COUNTS.add(SQL_ERRORS)
        raise StoreUnavailableError(f"the database cannot be used: {error}") from error
    except DBAPIError as error:
        if not is_passing(error):
            raise
        COUNTS.add(SQL_ERRORS)
        raise StoreUnavailableError(f"the database cannot be used: {words_of(error)}") from error
