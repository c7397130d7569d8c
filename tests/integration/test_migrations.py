"""The schema that the migrations build, on both databases."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from core.storage.database import open_engine
from core.storage.schema import SCRIPTS, current_version, known_versions, newest_version
from core.storage.tables import METADATA
from core.storage.upgrade import upgrade


@pytest.fixture
def migrated(database_url: str) -> Iterator[Engine]:
    upgrade(database_url)
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


def test_it_builds_what_the_mapped_classes_say(migrated: Engine) -> None:
    with migrated.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)
    assert differences == []


def test_it_gives_every_table_its_indexes(migrated: Engine) -> None:
    for name, table in METADATA.tables.items():
        built = {index["name"] for index in inspect(migrated).get_indexes(name)}
        assert {str(index.name) for index in table.indexes} <= built, name


def test_it_runs_twice_without_a_change(migrated: Engine) -> None:
    upgrade(migrated)
    with migrated.connect() as connection:
        assert current_version(connection) == newest_version()


def test_it_knows_its_versions_as_alembic_does() -> None:
    scripts = ScriptDirectory(str(SCRIPTS))
    assert known_versions() == tuple(script.revision for script in scripts.walk_revisions())[::-1]
    assert newest_version() == scripts.get_current_head()


def test_it_says_that_an_empty_database_has_no_version(database_url: str) -> None:
    engine = open_engine(database_url)
    with engine.connect() as connection:
        assert current_version(connection) is None
    engine.dispose()


def test_it_lets_programs_migrate_at_the_same_time(database_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    programs = [context.Process(target=upgrade, args=(database_url,)) for _ in range(4)]
    for program in programs:
        program.start()
    for program in programs:
        program.join(60)
    assert [program.exitcode for program in programs] == [0, 0, 0, 0]
    engine = open_engine(database_url)
    with engine.connect() as connection:
        assert current_version(connection) == newest_version()
    engine.dispose()


def test_it_changes_nothing_when_a_migration_fails(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'test.db'}"
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE epochs (scope TEXT)"))
    with pytest.raises(Exception, match="epochs"):
        upgrade(engine)
    assert inspect(engine).get_table_names() == ["epochs"]
    engine.dispose()


def test_it_keeps_sqlite_in_write_ahead_mode_with_foreign_keys(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'test.db'}"
    upgrade(url)
    engine = open_engine(url)
    with engine.connect() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
        assert connection.scalar(text("PRAGMA busy_timeout")) == 30_000
    engine.dispose()
