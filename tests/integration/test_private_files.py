"""All that a deployment leaves on the disk is its owner's alone: folders, databases, socket, state, reports, logs."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.storage.database import open_engine
from core.storage.upgrade import upgrade
from tests.support.cli_runner import embedded_cli
from worker.embedded.urls import embedded_redis


@pytest.fixture(autouse=True)
def without_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> dict[str, str]:
    paths = [folder, *folder.rglob("*")]
    return {str(path): oct(path.lstat().st_mode & 0o777) for path in paths if path.lstat().st_mode & 0o077}


def day(data_dir: Path, tmp_path: Path, account: str = "acme") -> None:
    """A server that is used, a database that is written, a campaign with refused rows."""
    cli = embedded_cli(data_dir)
    rows = tmp_path / "rows.csv"
    rows.write_text("to\n+61491570156\nnobody\n")
    with embedded_redis(data_dir) as server:
        cli.done("accounts", "add", account)
        cli.done("send", "--account", "acme", "--to", "+61491570156", "--body", "b")
        cli.run("campaign", "send", "--account", "acme", "--body", "b", "--file", str(rows))
        sockets = [path for path in data_dir.rglob("*") if stat.S_ISSOCK(path.lstat().st_mode)]
        assert bool(sockets) == server.persistent
        assert open_to_others(data_dir) == {}
    report = tmp_path / "rows.csv.refused.csv"
    assert report.lstat().st_mode & 0o777 == 0o600


def test_what_it_leaves_is_its_owners_alone(tmp_path: Path) -> None:
    day(tmp_path / "data", tmp_path)
    assert open_to_others(tmp_path / "data") == {}


def test_what_an_older_version_left_open_is_closed(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    day(data_dir, tmp_path)
    (tmp_path / "rows.csv.refused.csv").chmod(0o644)
    for path in (data_dir, *data_dir.rglob("*")):
        if not path.is_socket():
            path.chmod(0o755 if path.is_dir() else 0o644)
    day(data_dir, tmp_path, "other")


def test_a_report_is_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("to\nnobody\n")
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "rows.csv.refused.csv").symlink_to(tmp_path / "precious")
    cli = embedded_cli(tmp_path / "data")
    said = cli.refused("campaign", "send", "--account", "acme", "--body", "b", "--file", str(tmp_path / "rows.csv"))
    assert "is a link" in said
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_configured_sqlite_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/own.sqlite3"
    upgrade(url)
    engine = open_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE t (n)")
        assert {path.name for path in tmp_path.iterdir()} == {"own.sqlite3", "own.sqlite3-wal", "own.sqlite3-shm"}
        assert open_to_others(tmp_path).keys() <= {str(tmp_path)}
    engine.dispose()
