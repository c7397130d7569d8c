"""Where data is kept, for who starts no server: DATA_DIR, and the database's URL."""

from __future__ import annotations

import stat
from contextlib import suppress
from pathlib import Path

from core.process.private_files import PrivateFileError, make_private
from worker.settings import Settings

DATABASE_FILE = "smart-assign.sqlite3"
#: What the names of all that is ours under DATA_DIR begin with.
_OURS = (DATABASE_FILE, "redis", "campaigns", "scheduler", "worker.log")
#: The database, and the files that SQLite keeps beside it.
_DATABASE_FILES = (DATABASE_FILE, f"{DATABASE_FILE}-wal", f"{DATABASE_FILE}-shm")


def database_url_of(settings: Settings) -> str:
    """The SQLAlchemy URL: the configured one, or that of the SQLite file under DATA_DIR."""
    return driver_url(settings.database_url) if settings.database_url else sqlite_url(settings.data_dir)


def sqlite_url(data_dir: Path) -> str:
    """The SQLAlchemy URL of the database under DATA_DIR, which is made if missing. Raises PrivateFileError for a link."""
    folder = private_folder(data_dir)
    for name in _DATABASE_FILES:
        with suppress(FileNotFoundError):
            make_private(folder / name)
    return f"sqlite:///{folder / DATABASE_FILE}"


def driver_url(url: str) -> str:
    """The URL with the driver that is installed, psycopg 3."""
    scheme, separator, rest = url.partition("://")
    return f"postgresql+psycopg{separator}{rest}" if scheme == "postgresql" else url


def private_folder(path: Path) -> Path:
    """The absolute path of DATA_DIR, made if it is missing; it is its owner's alone, for it holds numbers and texts.

    One that existed is closed to others where all that is in it is ours; else what is made in it is. Raises
    PrivateFileError for a folder in which everybody keeps temporary files.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = path.resolve()
    found = folder.stat()
    if found.st_mode & stat.S_ISVTX:
        raise PrivateFileError(f"{folder} is everybody's folder for temporary files: name one below it as DATA_DIR")
    if found.st_mode & 0o077 and all(each.name.startswith(_OURS) for each in folder.iterdir()):
        make_private(folder)
    return folder
