"""A disk that is really full below SQL or Redis: what needs it waits, nothing is lost, and all goes on when there is room."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.conftest import started
from tests.support.accounts import AU, BARE, FR, GB, US, add_account, message, open_store, seed
from tests.support.load import refused
from tests.support.running_worker import PATIENCE_S, Deployment, running, until
from tests.support.services import MissingServiceError, PostgresProcess, RedisProcess
from tests.support.small_disks import SmallDisk, small_disk
from tests.support.stock_clients import all_dispatched, dispatched, notices, push, waiting

pytestmark = [pytest.mark.slow, pytest.mark.redis]

Absent = Callable[[str, Exception | str], None]
SETTINGS = {"claim_deadline_s": "3", "claim_attempts": "2"}
#: How long it is full: longer than the attempts that a claim has.
FULL_S = 6.0
#: Accounts that nobody knows yet: what is decided of each has to be written.
COLD = [f"cold-{number}" for number in range(30)]


@pytest.fixture
def disk(absent: Absent) -> Iterator[SmallDisk]:
    with ExitStack() as stack:
        try:
            made = stack.enter_context(small_disk(160))
        except MissingServiceError as error:
            pytest.skip(str(error))
        yield made


@dataclass
class Database:
    """One whose files stand on the small disk."""

    url: str
    #: What it does with the last room that it has kept for itself.
    use_up: Callable[[], None]
    start_again: Callable[[], None]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(
    request: pytest.FixtureRequest, disk: SmallDisk, own_redis: RedisProcess, absent: Absent
) -> Iterator[Database]:
    with ExitStack() as stack:
        if request.param == "sqlite":
            file = disk.folder / "test.sqlite3"
            found = Database(f"sqlite:///{file}", lambda: cut_log(file), lambda: None)
        else:
            folder = disk.folder / "postgres"
            folder.mkdir()
            server = stack.enter_context(started(PostgresProcess(folder), "a PostgreSQL server to start", absent))
            found = Database(server.new_database(), lambda: None, lambda: start_again(server))
        seed(found.url, own_redis.url)
        with open_store(found.url, own_redis.url) as store:
            for account in COLD:
                add_account(store, account)
        yield found


def cut_log(file: Path) -> None:
    """The log of SQLite keeps its length, and is written anew from its beginning."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def start_again(server: PostgresProcess) -> None:
    """Where it has ended because it could not write what it must."""
    try:
        psycopg.connect(server.url.replace("+psycopg", ""), connect_timeout=5).close()
    except psycopg.OperationalError:
        server.start()


def test_what_sql_has_no_room_for_waits(database: Database, disk: SmallDisk, own_redis: RedisProcess) -> None:
    deployment = Deployment(own_redis.url, own_redis.url, database.url, SETTINGS)
    with running(deployment) as worker:
        push(deployment, [message(AU)])
        dispatched(deployment, 1)
        database.use_up()
        disk.fill()
        unknown = [message(to, account_id=account) for account in COLD for to in (AU, GB, FR, US)]
        to_park = [message(account_id=BARE), b"{"]
        push(deployment, [*(message(AU) for _ in range(50)), *unknown, *to_park])
        until(lambda: "work_waits" in worker.log, PATIENCE_S, lambda: worker.log[-3000:])
        time.sleep(FULL_S)
        assert (waiting(deployment, "dispatch"), waiting(deployment, "parked")) == (50, 0)
        disk.make_room()
        database.start_again()
        wanted = 50 + len(unknown)
        until(lambda: waiting(deployment, "dispatch") == wanted, 60, lambda: worker.log[-3000:])
        came = Counter(each["message_id"] for each in all_dispatched(deployment))
        assert set(came.values()) == {1}
        assert {each["reason"] for each in notices(deployment, 2)} == {
            "NO_COMPLIANT_SENDER",
            "INVALID_MESSAGE",
        }
        assert worker.alive
        assert "Traceback" not in worker.log, worker.log


def test_a_worker_waits_for_a_redis_whose_disk_is_full(disk: SmallDisk, tmp_path: Path, absent: Absent) -> None:
    """Its AOF cannot be written on, and it refuses (MISCONF) until it can."""
    folder = disk.folder / "redis"
    folder.mkdir()
    server = RedisProcess(durable=True, folder=folder, options=("--appendfsync", "everysec"))
    with started(server, "a Redis server to start", absent):
        database_url = f"sqlite:///{tmp_path}/test.sqlite3"
        seed(database_url, server.url)
        deployment = Deployment(server.url, server.url, database_url, SETTINGS)
        with running(deployment) as worker:
            disk.fill()
            accepted = 0
            while not refused(lambda: push(deployment, [message(AU)])):
                accepted += 1
            time.sleep(FULL_S)
            assert worker.alive
            disk.make_room()
            until(lambda: waiting(deployment, "dispatch") >= accepted, 60, lambda: worker.log[-3000:])
            push(deployment, [message(AU)])
            until(lambda: waiting(deployment, "dispatch") >= accepted + 1, PATIENCE_S, lambda: worker.log[-3000:])
            came = Counter(each["message_id"] for each in all_dispatched(deployment))
            assert (len(came), set(came.values())) == (accepted + 1, {1})
            assert "Traceback" not in worker.log, worker.log
