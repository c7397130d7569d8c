"""Brings a database to the schema of this program, from empty or from any older version, by Alembic.

Alembic takes as long to import as all that an ordinary command needs, so this is loaded where there is something to do.
"""

from __future__ import annotations

import time

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from core.storage.database import open_engine, transaction
from core.storage.schema import SCRIPTS

#: Any number, as long as nobody else takes the same advisory lock.
_LOCK_KEY = 0x5A4D_A551

_WAL_ATTEMPTS = 50
_WAL_PAUSE_S = 0.1


def upgrade(target: Engine | str) -> None:
    """Migrates to the newest version; programs that do so at the same time wait for each other."""
    if isinstance(target, Engine):
        _upgrade(target)
        return
    engine = open_engine(target)
    try:
        _upgrade(engine)
    finally:
        engine.dispose()


def _upgrade(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        _write_ahead(engine)
    with transaction(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _write_ahead(engine: Engine) -> None:
    """Lets readers and one writer work at once; the mode stays in the file.

    SQLite does not wait for a lock while it changes the mode, so this does.
    """
    for attempt in range(1, _WAL_ATTEMPTS + 1):
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        except OperationalError:
            if attempt == _WAL_ATTEMPTS:
                raise
            time.sleep(_WAL_PAUSE_S)
        else:
            return
