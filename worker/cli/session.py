"""What commands on the store begin with: settings, quiet logs, and a database that is ready."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from core.errors import RefusedError, SmartAssignError, StoreUnavailableError
from core.process.loading import load
from core.process.log_choices import LogLevel
from core.process.logger import set_up_now, set_up_when_logged
from core.rules.shipped import SHIPPED_VERSION
from core.storage.schema import current_version, known_versions, newest_version
from core.store import Store
from worker.settings import Settings
from worker.store_reading import store_alone

#: What a session that writes needs besides: a client of Redis, to tell of changes.
_STORE_ONLY = "worker.store_access:store_only"
_SET_UP_LOGS = "worker.logs:set_up_logs"
#: Alembic, which does it, takes as long to import as all the rest of a command, and is needed once for a new version.
_UPGRADE = "core.storage.upgrade:upgrade"


class UnfitDatabaseError(SmartAssignError):
    """The database answers, but not to this program; the text says what to do."""


@dataclass(frozen=True)
class Session:
    """One command's settings and services."""

    settings: Settings
    store: Store


def read_settings() -> Settings:
    """The settings; logs are about what went wrong, and on stderr, unless LOG_LEVEL asks for more."""
    settings = Settings()
    if "log_level" not in settings.model_fields_set:
        settings = settings.model_copy(update={"log_level": LogLevel.WARNING})
    set_up_when_logged(settings.log_level, lambda: load(_SET_UP_LOGS)(settings))
    return settings


@contextmanager
def open_session(*, ready: bool = True, writes: bool = True) -> Iterator[Session]:
    """A session; unless `ready` is false its database has this program's schema and rules. A reader says that it is one.

    Starts no server. Raises SmartAssignError with a sentence for people.
    """
    settings = read_settings()
    try:
        with load(_STORE_ONLY)(settings) if writes else store_alone(settings) as store:
            if ready:
                make_ready(store, embedded=settings.database_url is None)
            yield Session(settings, store)
    except SQLAlchemyError as error:
        raise UnfitDatabaseError(f"the database refused: {getattr(error, 'orig', None) or error}") from error
    except OSError as error:
        raise StoreUnavailableError(f"{error.strerror}: {error.filename}") from error


def make_ready(store: Store, *, embedded: bool) -> None:
    """Migrates an embedded database and brings its rules up to date; only looks at a configured one.

    Raises RefusedError where a configured database has not this program's schema.
    """
    version = database_version(store)
    if embedded:
        if version != newest_version():
            migrate(store)
        if SHIPPED_VERSION not in {known.version for known in store.rule_versions()}:
            store.ensure_rules()
    elif version != newest_version():
        words = "is empty" if version is None else f"has version {version}"
        raise RefusedError(
            f"the database {words}, this program needs {newest_version()}: run `smart-assign db upgrade`"
        )


def migrate(store: Store) -> None:
    """Brings the schema up to date. Raises UnfitDatabaseError where a newer program has been there."""
    version = database_version(store)
    if version is not None and version not in known_versions():
        words = "the database was migrated by a newer version of this program, which must be used with it"
        raise UnfitDatabaseError(f"{words} (its schema has version {version}, unknown here)")
    set_up_now()
    load(_UPGRADE)(store.engine)


def database_version(store: Store) -> str | None:
    """The version of the schema; None: the database is empty."""
    with store.single() as connection:
        return current_version(connection)


def operator() -> str:
    """Who gives the command, for the record: the user of the operating system."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
