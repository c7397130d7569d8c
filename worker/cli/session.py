"""What commands on the store begin with: settings, quiet logs, and a database that is ready."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy.exc import SQLAlchemyError

from core.accounts.accounts import Accounts
from core.accounts.logins import ApiKeys
from core.accounts.senders import Senders
from core.defaults.assign_all import AssignAll
from core.defaults.default_senders import DefaultSenders
from core.errors import RefusedError, SmartAssignError, StoreUnavailableError
from core.process.log_choices import LogLevel
from core.rules.files import shipped_rules
from core.storage.schema import current_version, known_versions, newest_version
from core.store import Store
from worker.cli.loading import load
from worker.logs import set_up_logs
from worker.settings import Settings
from worker.store_access import store_only

#: Alembic, which does it, takes as long to import as all the rest of a command, and is needed once for a new version.
_UPGRADE = "core.storage.upgrade:upgrade"


class UnfitDatabaseError(SmartAssignError):
    """The database answers, but not to this program; the text says what to do."""


@dataclass(frozen=True)
class Session:
    """One command's settings and services."""

    settings: Settings
    store: Store

    @cached_property
    def accounts(self) -> Accounts:
        """Accounts and sub-accounts."""
        return Accounts(self.store)

    @cached_property
    def api_keys(self) -> ApiKeys:
        """The API keys of accounts."""
        return ApiKeys(self.store)

    @cached_property
    def senders(self) -> Senders:
        """The inventory."""
        return Senders(self.store)

    @cached_property
    def defaults(self) -> DefaultSenders:
        """Default senders, judged by the active rules and the policy of the settings."""
        return DefaultSenders(self.store, self.store.active_rules, self.settings.policy)

    @cached_property
    def assign_all(self) -> AssignAll:
        """The smart choice as the default of many countries, by the same rules and policy."""
        return AssignAll(self.store, self.store.active_rules, self.settings.policy)


def read_settings() -> Settings:
    """The settings; logs are about what went wrong, and on stderr, unless LOG_LEVEL asks for more."""
    settings = Settings()
    if "log_level" not in settings.model_fields_set:
        settings = settings.model_copy(update={"log_level": LogLevel.WARNING})
    set_up_logs(settings)
    return settings


@contextmanager
def open_session(*, ready: bool = True) -> Iterator[Session]:
    """A session; unless `ready` is false its database has this program's schema and rules.

    Starts no server. Raises SmartAssignError with a sentence for people.
    """
    settings = read_settings()
    try:
        with store_only(settings) as store:
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
        if shipped_rules().version not in {known.version for known in store.rule_versions()}:
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
