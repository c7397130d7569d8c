"""A cluster of three RabbitMQ nodes of a test's own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Thread

from tests.support.services import RABBITMQ_START_S, RabbitProcess, rabbitmq_program, wait_for

COOKIE = "cluster-of-the-tests"


@dataclass
class Node(RabbitProcess):
    """One node, which joins the others by their names."""

    peers: Sequence[str] = field(default_factory=list)

    def _configure(self) -> None:
        super()._configure()
        cookie = self.folder / ".erlang.cookie"
        if not cookie.exists():
            cookie.write_text(COOKIE)
            cookie.chmod(0o400)
        lines = ["cluster_formation.peer_discovery_backend = classic_config", "cluster_partition_handling = ignore"]
        lines += [f"cluster_formation.classic_config.nodes.{n} = {peer}" for n, peer in enumerate(self.peers, start=1)]
        with (self.folder / "rabbitmq.conf").open("a") as file:
            file.write("\n".join([*lines, ""]))

    def _environment(self) -> Mapping[str, str]:
        # Its port of distribution stays the same, so that it comes back as itself.
        return {**super()._environment(), "RABBITMQ_NODE_PORT": str(self.port)}

    def sees_all(self) -> bool:
        """Whether it has all its peers beside it."""
        command = [
            rabbitmq_program("rabbitmqctl"),
            "-q",
            "--node",
            self.node,
            "await_online_nodes",
            str(len(self.peers)),
        ]
        environment = {**os.environ, **self._environment()}
        try:
            done = subprocess.run(
                [*command, "--timeout", "20"], env=environment, capture_output=True, check=False, timeout=40
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0


@dataclass
class Cluster:
    """The nodes, by one URL."""

    nodes: list[Node]

    @property
    def url(self) -> str:
        return ";".join(node.url for node in self.nodes)

    def start(self) -> None:
        threads = [Thread(target=node.start) for node in self.nodes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(RABBITMQ_START_S + 10)
        wait_for(self.nodes[0].sees_all, RABBITMQ_START_S, "the cluster of RabbitMQ")

    def kill(self, number: int) -> Node:
        node = self.nodes[number % len(self.nodes)]
        node.kill()
        return node


@contextmanager
def cluster() -> Iterator[Cluster]:
    """One that runs. Raises MissingServiceError where it does not come up."""
    nodes = [Node() for _ in range(3)]
    names = [node.node for node in nodes]
    made = Cluster([replace(node, peers=names) for node in nodes])
    try:
        made.start()
        yield made
    finally:
        for node in made.nodes:
            node.kill()
            node.remove()
