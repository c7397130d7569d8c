"""A Redis primary with one replica and three Sentinels, all of them processes of a test's own."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
from redis.sentinel import Sentinel

from tests.support.services import free_port, redis_binary, signal_group, wait_for

NAME = "primary-of-the-tests"
#: How long the Sentinels wait before they take the primary for dead; their default is 30 s.
DOWN_AFTER_MS = 1000
START_S = 60.0


@dataclass
class Server:
    """One Redis or Sentinel."""

    folder: Path
    words: list[str]
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [redis_binary(), *self.words, "--port", str(self.port), "--bind", "127.0.0.1"],
            cwd=self.folder,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(self._answers, START_S, "a private Redis")

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, socket_timeout=5)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                client.info("server")
        except redis.RedisError:
            return False
        return True

    def kill(self) -> None:
        if self.process is not None:
            signal_group(self.process, signal.SIGKILL)


class Watched:
    """The pair and its Sentinels."""

    def __init__(self, *options: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sa-sentinel-"))
        self._options = list(options)
        self.pair = [self._redis("one"), self._redis("two")]
        self.sentinels: list[Server] = []

    def _redis(self, name: str) -> Server:
        folder = self.folder / name
        folder.mkdir()
        # On disk before it answers, so that what is lost is lost by replication alone.
        keep = ["--save", "", "--appendonly", "yes", "--appendfsync", "always", "--repl-diskless-sync-delay", "0"]
        return Server(folder, [*keep, *self._options])

    def start(self) -> None:
        first, second = self.pair
        first.start()
        second.words += ["--replicaof", "127.0.0.1", str(first.port)]
        second.start()
        for number in range(3):
            self._start_sentinel(number, first.port)
        wait_for(self._is_settled, START_S, "the Sentinels")

    def _start_sentinel(self, number: int, primary: int) -> None:
        folder = self.folder / f"sentinel-{number}"
        folder.mkdir()
        lines = [
            f"sentinel monitor {NAME} 127.0.0.1 {primary} 2",
            f"sentinel down-after-milliseconds {NAME} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {NAME} 3000",
        ]
        (folder / "sentinel.conf").write_text("\n".join([*lines, ""]))
        sentinel = Server(folder, [str(folder / "sentinel.conf"), "--sentinel"])
        sentinel.start()
        self.sentinels.append(sentinel)

    def _is_settled(self) -> bool:
        """Every Sentinel knows the others and a replica that follows."""
        for sentinel in self.sentinels:
            with sentinel.client() as client:
                known: Any = client.sentinel_master(NAME)
                replicas: Any = client.sentinel_slaves(NAME)
            up = [each for each in replicas if not (each["is_disconnected"] or each["is_sdown"] or each["is_odown"])]
            if known["num-other-sentinels"] < 2 or not up or any(each["master-link-status"] != "ok" for each in up):
                return False
        return True

    @property
    def url(self) -> str:
        nodes = ";".join(f"sentinel://127.0.0.1:{each.port}" for each in self.sentinels)
        return f"{nodes}/0?master_name={NAME}"

    def client(self) -> redis.Redis:
        """The primary, by redis-py's own Sentinel."""
        nodes = [("127.0.0.1", each.port) for each in self.sentinels]
        made: Any = Sentinel(nodes, sentinel_kwargs={"socket_timeout": 1})  # type: ignore[no-untyped-call]
        client: redis.Redis = made.master_for(NAME, socket_timeout=5)
        return client

    def primary(self) -> Server:
        """The one that the Sentinels name."""
        with self.sentinels[0].client() as client:
            _, port = client.sentinel_get_master_addr_by_name(NAME)
        return next(each for each in self.pair if each.port == int(port))

    def fail_over(self) -> None:
        """As planned by an operator, once all is well."""
        wait_for(self._is_settled, START_S, "a replica that follows")
        before = self.primary()
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            with suppress(redis.ResponseError), self.sentinels[0].client() as client:
                client.execute_command("SENTINEL FAILOVER", NAME)
                break
            time.sleep(0.3)
        wait_for(lambda: self.primary() is not before, START_S, "another primary")

    def kill_primary(self) -> float:
        """SIGKILL, and its return as a replica; gives the seconds until the Sentinels named another."""
        wait_for(self._is_settled, START_S, "a replica that follows")
        before, began = self.primary(), time.monotonic()
        before.kill()
        wait_for(lambda: self.primary() is not before, START_S, "another primary")
        seconds = time.monotonic() - began
        if "--replicaof" in before.words:
            del before.words[before.words.index("--replicaof") :]
        before.words += ["--replicaof", "127.0.0.1", str(self.primary().port)]
        before.start()
        return seconds

    def remove(self) -> None:
        for server in (*self.sentinels, *self.pair):
            server.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def watched(*options: str) -> Iterator[Watched]:
    """One that runs."""
    pair = Watched(*options)
    try:
        pair.start()
        yield pair
    finally:
        pair.remove()
