from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import create_engine, text

from tests.conftest import started
from tests.support.cli_runner import Cli, embedded_cli
from tests.support.command_line import run_cli
from tests.support.rabbit_refusals import reads_only, short_of_disk, short_of_memory
from tests.support.running_worker import Deployment
from tests.support.services import RabbitProcess, RedisProcess, free_port
from worker.embedded.binary import installed_binaries

NAMES = ["broker", "redis", "database", "queues", "rules"]


def checks(cli: Cli, *words: str, exit_code: int) -> dict[str, Any]:
    result = cli.run("check", *words, "--json")
    assert result.exit_code == exit_code, result.output
    told = json.loads(result.stdout)
    assert told["ok"] is (exit_code == 0)
    assert all(set(each) == {"name", "ok", "detail"} for each in told["checks"])
    return {each["name"]: each for each in told["checks"]}


@pytest.mark.skipif(not installed_binaries(), reason="no Redis server is installed")
def test_it_finds_an_embedded_deployment_fit(tmp_path: Path) -> None:
    found = checks(embedded_cli(tmp_path), exit_code=0)
    assert list(found) == NAMES
    assert "smart-assign.dispatch 0" in found["queues"]["detail"]


def test_it_says_one_line_each(tmp_path: Path, redis_url: str) -> None:
    cli = Cli({"SMART_ASSIGN_DATA_DIR": str(tmp_path), "SMART_ASSIGN_BROKER_URL": redis_url})
    lines = cli.run("check").stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [["ok", name] for name in NAMES]


def test_it_names_what_is_unfit_and_hides_secrets() -> None:
    settings = {
        "SMART_ASSIGN_BROKER_URL": "amqp://guest:s3cret@127.0.0.1:1//",
        "SMART_ASSIGN_REDIS_URL": "redis://:s3cret@127.0.0.1:1/0",
        "SMART_ASSIGN_DATABASE_URL": "postgresql://user:s3cret@127.0.0.1:1/x",
    }
    result = Cli(settings).run("check")
    assert result.exit_code == 1
    assert [line.split()[:2] for line in result.stdout.splitlines()] == [["UNFIT", name] for name in NAMES]
    assert "not fit: broker, redis, database, queues, rules" in result.stderr
    assert "s3cret" not in result.output


def test_it_sees_a_database_that_is_not_migrated(tmp_path: Path, redis_url: str) -> None:
    cli = Cli(
        {
            "SMART_ASSIGN_BROKER_URL": redis_url,
            "SMART_ASSIGN_DATABASE_URL": f"sqlite:///{tmp_path}/empty.sqlite3",
        }
    )
    found = checks(cli, exit_code=1)
    assert [name for name in NAMES if not found[name]["ok"]] == ["database", "rules"]
    assert "db upgrade" in found["database"]["detail"]


def test_it_counts_what_waits_and_sees_a_full_dispatch_queue(tmp_path: Path, redis_url: str) -> None:
    settings = {"SMART_ASSIGN_DATA_DIR": str(tmp_path), "SMART_ASSIGN_BROKER_URL": redis_url}
    with redis.Redis.from_url(redis_url) as client:
        client.lpush("smart-assign.dispatch", "1", "2")
        client.lpush("smart-assign.messages\x06\x163", "low priority")
    found = checks(Cli(settings), exit_code=0)
    assert "smart-assign.dispatch 2" in found["queues"]["detail"]
    assert "smart-assign.messages 1" in found["queues"]["detail"]
    full = checks(Cli({**settings, "SMART_ASSIGN_DISPATCH_MAX_LENGTH": "2"}), exit_code=1)
    assert "full" in full["queues"]["detail"]


@pytest.mark.parametrize(
    "name", ["smart-assign.messages\x06\x1642", "smart-assign.campaigns:3", "shop.smart-assign.ingress"]
)
def test_it_names_the_lists_that_nobody_reads(tmp_path: Path, redis_url: str, name: str) -> None:
    settings = {"SMART_ASSIGN_DATA_DIR": str(tmp_path), "SMART_ASSIGN_BROKER_URL": redis_url}
    with redis.Redis.from_url(redis_url) as client:
        client.lpush(name, "1", "2")
    queues = checks(Cli(settings), exit_code=1)["queues"]
    assert f"no worker reads: {name.encode('unicode_escape').decode()} 2." in queues["detail"]


def test_it_knows_the_lists_of_the_producers_options(tmp_path: Path, redis_url: str) -> None:
    settings = {
        "SMART_ASSIGN_DATA_DIR": str(tmp_path),
        "SMART_ASSIGN_BROKER_URL": redis_url,
        "SMART_ASSIGN_BROKER_TRANSPORT_OPTIONS": '{"priority_steps": [0, 42], "sep": ":"}',
    }
    with redis.Redis.from_url(redis_url) as client:
        client.lpush("smart-assign.messages:42", "1")
        client.lpush("a-list-of-somebody-else", "1")
    assert "smart-assign.messages 1" in checks(Cli(settings), exit_code=0)["queues"]["detail"]


@pytest.mark.rabbitmq
def test_it_sees_queues_that_are_missing(tmp_path: Path, redis_url: str, rabbitmq_url: str) -> None:
    deployment = Deployment(rabbitmq_url, redis_url, f"sqlite:///{tmp_path}/test.sqlite3")
    cli = Cli(deployment.environment)
    cli.done("db", "upgrade")
    found = checks(cli, exit_code=1)
    assert [name for name in NAMES if not found[name]["ok"]] == ["queues"]
    assert deployment.queue("dispatch") in found["queues"]["detail"]


def test_it_finds_a_running_deployment_fit_on_either_broker(deployment: Deployment) -> None:
    done = run_cli("check", "--workers", environment=deployment.environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [["ok", name] for name in (*NAMES, "workers")]


def test_the_workers_answer_whoever_asks_however_often(deployment: Deployment) -> None:
    ours = {name: text for name, text in deployment.environment.items() if name.startswith("SMART_ASSIGN_")}
    assert [checks(Cli(ours), "--workers", exit_code=0)["workers"]["ok"] for _ in range(5)] == [True] * 5


def test_it_misses_the_workers(tmp_path: Path, redis_url: str) -> None:
    cli = Cli({"SMART_ASSIGN_DATA_DIR": str(tmp_path), "SMART_ASSIGN_BROKER_URL": redis_url})
    assert checks(cli, "--workers", exit_code=1)["workers"]["detail"] == "no worker answers"


REFUSALS = {
    "read-only": (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE"), "READONLY"),
    "memory full": (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0"), "OOM"),
    "no replicas": (
        ("CONFIG", "SET", "min-replicas-to-write", "1"),
        ("CONFIG", "SET", "min-replicas-to-write", "0"),
        "NOREPLICAS",
    ),
}


@pytest.fixture(scope="module")
def refusing_redis(absent: Callable[[str, Exception | str], None]) -> Iterator[RedisProcess]:
    with started(RedisProcess(), "a Redis server to start", absent) as server:
        yield server


@pytest.mark.redis
@pytest.mark.parametrize("kind", REFUSALS)
def test_it_says_that_redis_takes_no_writes_and_leaves_nothing(
    refusing_redis: RedisProcess, tmp_path: Path, kind: str
) -> None:
    broken, mended, code = REFUSALS[kind]
    cli = Cli({"SMART_ASSIGN_DATA_DIR": str(tmp_path), "SMART_ASSIGN_BROKER_URL": refusing_redis.url})
    with refusing_redis.client() as client:
        client.lpush("smart-assign.ingress", "1", "2")
        client.execute_command(*broken)
        found = checks(cli, exit_code=1)
        client.execute_command(*mended)
        assert [name for name in NAMES if not found[name]["ok"]][:2] == ["broker", "redis"]
        assert code in found["broker"]["detail"]
        checks(cli, exit_code=0)
        assert client.lrange("smart-assign.ingress", 0, -1) == [b"2", b"1"]
        client.delete("smart-assign.ingress")
        assert [key for key in client.scan_iter() if b"epoch" not in key] == []


@pytest.mark.redis
def test_it_says_what_to_do_about_a_node_of_a_cluster(
    tmp_path: Path, absent: Callable[[str, Exception | str], None]
) -> None:
    # A node listens on a second port, 10,000 above its own.
    port = next(port for port in iter(free_port, 0) if port + 10_000 < 65_536)
    node = RedisProcess(options=("--cluster-enabled", "yes"), port=port)
    with started(node, "a Redis server to start", absent):
        cli = Cli({"SMART_ASSIGN_DATA_DIR": str(tmp_path), "SMART_ASSIGN_BROKER_URL": node.url})
        found = checks(cli, exit_code=1)
    for name in ("broker", "redis"):
        assert "belongs to a Redis Cluster" in found[name]["detail"]
        assert "use a single Redis" in found[name]["detail"]


RABBITMQ_REFUSALS = {
    "permissions to read only": (reads_only, "rabbitmqctl set_permissions"),
    "memory": (short_of_memory, "rabbitmq-diagnostics alarms"),
    "disk": (short_of_disk, "rabbitmq-diagnostics alarms"),
}


@pytest.mark.rabbitmq
@pytest.mark.slow
@pytest.mark.parametrize("kind", RABBITMQ_REFUSALS)
def test_it_says_that_rabbitmq_takes_no_messages_and_leaves_nothing(
    own_rabbitmq: RabbitProcess, redis_url: str, tmp_path: Path, kind: str
) -> None:
    refuse, remedy = RABBITMQ_REFUSALS[kind]
    deployment = Deployment(own_rabbitmq.url, redis_url, f"sqlite:///{tmp_path}/test.sqlite3")
    cli = Cli(deployment.environment)
    cli.done("db", "upgrade")
    assert "not there yet" in checks(cli, exit_code=1)["queues"]["detail"]  # it is written to before they are counted
    queues = own_rabbitmq.control("list_queues", "name")
    with refuse(own_rabbitmq):
        found = checks(cli, exit_code=1)
    assert found["broker"]["ok"]
    assert remedy in found["queues"]["detail"]
    assert own_rabbitmq.control("list_queues", "name") == queues


@pytest.mark.redis
@pytest.mark.postgres
def test_it_says_that_sql_takes_no_writes_and_leaves_nothing(postgres_url: str, redis_url: str) -> None:
    cli = Cli({"SMART_ASSIGN_BROKER_URL": redis_url, "SMART_ASSIGN_DATABASE_URL": postgres_url})
    cli.done("db", "upgrade")
    engine = create_engine(postgres_url)
    tables = ("decisions", "parked", "epochs", "default_warnings")

    def rows() -> list[int]:
        with engine.connect() as connection:
            return [connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0 for table in tables]

    before = rows()
    assert "version" in checks(cli, exit_code=0)["database"]["detail"]
    assert rows() == before
    read_only = f"{postgres_url}?options=-c%20default_transaction_read_only%3Don"
    found = checks(Cli({**cli.settings, "SMART_ASSIGN_DATABASE_URL": read_only}), exit_code=1)
    assert "it is read-only" in found["database"]["detail"]
    engine.dispose()
