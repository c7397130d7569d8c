"""Which version of the schema a database has, and which this program needs; `upgrade.py` brings one to the other."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, inspect, text

SCRIPTS = Path(__file__).with_name("migrations")

#: Alembic's own table, which holds one row.
_VERSION_TABLE = "alembic_version"
_REVISION = re.compile(r'(?m)^revision = "(\w+)"$')


@cache
def known_versions() -> tuple[str, ...]:
    """All versions that this program knows, the oldest first; their files are numbered so."""
    texts = [path.read_text("utf-8") for path in sorted((SCRIPTS / "versions").glob("*.py"))]
    return tuple(found[1] for text in texts if (found := _REVISION.search(text)))


def newest_version() -> str:
    """The version that this program needs."""
    return known_versions()[-1]


def current_version(connection: Connection) -> str | None:
    """The version that the database has; None: empty."""
    if not inspect(connection).has_table(_VERSION_TABLE):
        return None
    version: str | None = connection.scalar(text(f"SELECT version_num FROM {_VERSION_TABLE}"))  # noqa: S608  # a name of ours
    return version


def is_behind(version: str | None) -> bool:
    """Whether a database of this version must be migrated before this program can use it; a newer one need not be."""
    return version is None or (version in known_versions() and version != newest_version())
