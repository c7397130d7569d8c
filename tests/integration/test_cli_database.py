"""`db upgrade`, the embedded database that needs none of it, and the epochs of what commands write."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from pathlib import Path

import pytest
import redis
from sqlalchemy import create_engine, text

from core.rules.files import shipped_rules
from core.storage.schema import newest_version
from tests.support.cli_runner import Cli, embedded_cli
from tests.support.command_line import cli_environment, run_cli
from worker.embedded.binary import installed_binaries
from worker.embedded.urls import embedded_redis

needs_redis_binary = pytest.mark.skipif(not installed_binaries(), reason="no Redis server is installed")


def server_runs(data_dir: Path) -> bool:
    with (data_dir / "redis.server.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@pytest.fixture
def configured(database_url: str) -> Cli:
    """On a database that is configured and empty; no Redis anywhere."""
    return Cli({"SMART_ASSIGN_DATABASE_URL": database_url, "SMART_ASSIGN_BROKER_URL": "redis://127.0.0.1:1/0"})


def test_it_migrates_once_and_says_so(configured: Cli) -> None:
    first, again = (configured.done("db", "upgrade") for _ in range(2))
    assert (first["from"], first["to"], first["rules_version"]) == (None, newest_version(), shipped_rules().version)
    assert again["from"] == newest_version()


def test_it_asks_for_the_migration_of_a_configured_database(configured: Cli) -> None:
    for words in (("accounts", "list"), ("rules", "show", "AU"), ("parked", "list"), ("explain", "--decision", "d")):
        said = configured.refused(*words)
        assert "run `smart-assign db upgrade`" in said


def test_it_works_on_either_database_with_redis_away(configured: Cli) -> None:
    configured.done("db", "upgrade")
    configured.done("accounts", "add", "acme")
    configured.done("senders", "add", "--account", "acme", "--sender-id", "+61491570006", "--type", "longcode")
    told = configured.done("explain", "--account", "acme", "--to", "+61491570156")
    assert told["sender"]["sender_id"] == "+61491570006"
    assert told["decision_id"] in configured.refused("explain", "--decision", told["decision_id"])
    strategy = ("--type", "longcode", "--sender-id", "+61491570006")
    configured.done("defaults", "set", "--account", "acme", "--country", "AU", *strategy)
    assert configured.done("explain", "--account", "acme", "--to", "+61491570156")["source"] == "default"
    configured.done("rules", "override", "AU", "longcode", "--status", "blocked", "--reason", "r")
    assert configured.run("explain", "--account", "acme", "--to", "+61491570156").exit_code == 1


def test_it_leaves_a_newer_database_alone(configured: Cli, database_url: str) -> None:
    configured.done("db", "upgrade")
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    assert "newer version of this program" in configured.refused("db", "upgrade")
    assert "has version 9999" in configured.refused("accounts", "list")


def test_it_says_that_a_database_is_away() -> None:
    away = Cli({"SMART_ASSIGN_DATABASE_URL": "postgresql://u:s3cret@127.0.0.1:1/x"})
    for words in (("db", "upgrade"), ("accounts", "list")):
        said = away.refused(*words)
        assert "database cannot be used" in said
        assert "s3cret" not in said


def test_it_says_that_a_file_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "smart-assign.sqlite3").write_text("not a database, but long enough to look like one" * 100)
    assert "not a database" in embedded_cli(tmp_path).refused("accounts", "list")


def test_it_says_that_a_folder_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "file" in embedded_cli(tmp_path / "file" / "data").refused("accounts", "list")


@needs_redis_binary
def test_it_starts_no_server_to_read_and_write_sql(tmp_path: Path) -> None:
    cli = embedded_cli(tmp_path)
    cli.done("accounts", "add", "acme")
    cli.done("rules", "show", "AU")
    cli.run("explain", "--account", "acme", "--to", "+61491570156")
    assert not (tmp_path / "redis").exists()
    assert not server_runs(tmp_path)


@needs_redis_binary
def test_it_tells_epochs_to_the_embedded_server_that_runs(tmp_path: Path) -> None:
    cli = embedded_cli(tmp_path)
    cli.done("accounts", "add", "acme")
    with embedded_redis(tmp_path) as embedded, embedded.client() as client:
        before = client.get("smart-assign:epoch:account:acme")
        cli.done("accounts", "suspend", "acme")
        raised = client.get("smart-assign:epoch:account:acme")
        cli.done("rules", "override", "AU", "longcode", "--status", "blocked", "--reason", "r")
        rules = client.get("smart-assign:epoch:rules")
    assert (before, raised, rules) == (None, b"2", b"2")


@pytest.mark.redis
def test_it_tells_epochs_to_the_redis_that_is_configured(tmp_path: Path, redis_url: str) -> None:
    cli = Cli({"SMART_ASSIGN_DATA_DIR": str(tmp_path), "SMART_ASSIGN_REDIS_URL": redis_url})
    cli.done("accounts", "add", "acme")
    with redis.Redis.from_url(redis_url) as client:
        assert client.get("smart-assign:epoch:account:acme") == b"1"


def test_it_has_new_rules_of_the_program_in_an_embedded_database(tmp_path: Path) -> None:
    cli = embedded_cli(tmp_path)
    cli.done("rules", "versions")
    engine = create_engine(f"sqlite:///{tmp_path}/smart-assign.sqlite3")
    with engine.begin() as connection:
        connection.execute(text("UPDATE rule_versions SET version = '2020-01-01-aaaaaa'"))
    engine.dispose()
    active = [each["version"] for each in cli.done("rules", "versions")["versions"] if each["active"]]
    assert active == [shipped_rules().version]


# ---- the program as people run it ----


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.mark.parametrize(
    ("words", "exit_code"),
    [
        pytest.param(("accounts", "list", "--json"), 0, id="done"),
        pytest.param(("rules", "show", "AU", "--json"), 0, id="a country"),
        pytest.param(("explain", "--account", "nobody", "--to", "+61491570156", "--json"), 1, id="no sender"),
        pytest.param(("rules", "show", "ZZ", "--json"), 1, id="refused"),
        pytest.param(("rules", "show", "--json"), 2, id="usage"),
        pytest.param(("nonsense", "--json"), 2, id="no such command"),
    ],
)
def test_it_ends_with_the_codes_of_the_contract(data_dir: Path, words: tuple[str, ...], exit_code: int) -> None:
    environment = {**cli_environment(data_dir), "PYTHONWARNINGS": "error::ResourceWarning"}
    done = run_cli(*words, environment=environment)
    assert done.returncode == exit_code, done.stderr
    if exit_code == 0 or words[0] == "explain":
        (line,) = done.stdout.splitlines()
        assert isinstance(json.loads(line), dict)
    else:
        assert done.stdout == ""
    assert ("Traceback" in done.stderr, bool(done.stderr)) == (False, exit_code != 0)


def test_it_is_installed_under_its_name() -> None:
    program = Path(sys.executable).with_name("smart-assign")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("smart-assign, version ")


def test_it_refuses_a_bad_setting_by_its_name(data_dir: Path) -> None:
    bad = cli_environment(data_dir, {"SMART_ASSIGN_DATABASE_URL": "mysql://x"})
    done = run_cli("accounts", "list", environment=bad)
    assert done.returncode == 1
    assert "SMART_ASSIGN_DATABASE_URL must begin with" in done.stderr
