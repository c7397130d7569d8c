"""A Redis primary with one replica, which change places; whoever leads clients to them does so from outside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import redis

from tests.support.services import RedisProcess, wait_for

SETTLES_S = 30.0
#: On disk before it answers, so that what is lost is lost by replication alone.
OPTIONS = ("--appendfsync", "always", "--repl-diskless-sync-delay", "0")


def made(options: tuple[str, ...]) -> RedisProcess:
    """One server, not started yet."""
    return RedisProcess(durable=True, options=(*OPTIONS, *options))


@dataclass
class RedisPair:
    """`options` are those of both servers."""

    options: tuple[str, ...] = ()
    primary: RedisProcess = field(init=False)
    replica: RedisProcess = field(init=False)

    def __post_init__(self) -> None:
        self.primary, self.replica = made(self.options), made(self.options)

    def start(self) -> None:
        """Both, the one following the other."""
        self.primary.start()
        self._follow(self.replica)
        self.wait_until_settled()

    def _follow(self, server: RedisProcess) -> None:
        server.options = (*OPTIONS, *self.options, "--replicaof", "127.0.0.1", str(self.primary.port))
        server.start()

    def wait_until_settled(self) -> None:
        """Until the replica has all that the primary has written."""
        wait_for(self._is_settled, SETTLES_S, "a replica that follows")

    def _is_settled(self) -> bool:
        with suppress(redis.RedisError), self.replica.client() as replica, self.primary.client() as primary:
            theirs: dict[str, Any] = replica.info("replication")
            ours: dict[str, Any] = primary.info("replication")
            if theirs["role"] != "slave" or theirs["master_link_status"] != "up":
                return False
            return bool(theirs["slave_repl_offset"] == ours["master_repl_offset"])
        return False

    def kill_primary(self) -> None:
        """SIGKILL; the replica takes its place at once, and it comes back as a replica by `follow_again`."""
        self.primary.kill()
        with self.replica.client() as client:
            client.execute_command("REPLICAOF", "NO", "ONE")
        self._change_places()

    def hand_over(self) -> None:
        """As planned by an operator: the primary takes no writes until its replica has all, and follows it then."""
        with self.primary.client() as client:
            client.execute_command("FAILOVER", "TIMEOUT", 10_000)
            wait_for(lambda: client.info("replication")["role"] == "slave", SETTLES_S, "the hand-over")
        self._change_places()

    def _change_places(self) -> None:
        self.primary, self.replica = self.replica, self.primary
        # Started again, each is to be what it is now.
        self.primary.options = (*OPTIONS, *self.options)
        self.replica.options = (*OPTIONS, *self.options, "--replicaof", "127.0.0.1", str(self.primary.port))

    def follow_again(self) -> None:
        """Have the replica run, be it that it was killed, and wait until it follows."""
        if self.replica.process is None or self.replica.process.poll() is not None:
            self._follow(self.replica)
        self.wait_until_settled()

    def remove(self) -> None:
        """End both."""
        self.primary.remove()
        self.replica.remove()


@contextmanager
def redis_pair(*options: str) -> Iterator[RedisPair]:
    """One that runs. Raises MissingServiceError where this machine has no Redis server."""
    pair = RedisPair(options)
    try:
        pair.start()
        yield pair
    finally:
        pair.remove()
