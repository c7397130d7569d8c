"""Three nodes of RabbitMQ, all in the URL, and each killed in turn under load: nothing is lost, and repeats can be told.

Too long for every run: `SMART_ASSIGN_CHAOS_LEADERS=20` kills as many nodes.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import amqp
import pytest

from tests.chaos.conftest import SETTINGS, StartWorkers
from tests.support.accounts import message, seed
from tests.support.rabbit_cluster import Cluster, Node, cluster
from tests.support.running_worker import Deployment
from tests.support.services import RedisProcess, wait_for
from tests.support.stock_clients import all_dispatched, publish

LEADERS = int(os.environ.get("SMART_ASSIGN_CHAOS_LEADERS", "0"))
AT_ONCE = 50
RECOVERY_S = 120.0

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.slow,
    pytest.mark.rabbitmq,
    pytest.mark.timeout(400 + 60 * LEADERS),
    pytest.mark.skipif(not LEADERS, reason="in its long form only: SMART_ASSIGN_CHAOS_LEADERS"),
]


class Producing(threading.Thread):
    """Publishes with confirms to whichever node takes it, until it is stopped."""

    def __init__(self, deployment: Deployment, nodes: list[Node]) -> None:
        super().__init__(daemon=True)
        self._ways = [replace(deployment, broker_url=node.url) for node in nodes]
        self.accepted: list[str] = []
        self.doubtful: set[str] = set()
        self.ending = threading.Event()

    def run(self) -> None:
        turn = 0
        while not self.ending.is_set():
            documents = [message() for _ in range(AT_ONCE)]
            ids = [document["message_id"] for document in documents]
            try:
                publish(self._ways[turn % len(self._ways)], [json.dumps(each).encode() for each in documents])
            except (OSError, amqp.AMQPError):
                self.doubtful.update(ids)
                turn += 1
                time.sleep(0.1)
            else:
                self.accepted += ids
                time.sleep(0.05)


def taken(deployment: Deployment, nodes: list[Node], seconds: float, wanted: set[str]) -> list[dict[str, Any]]:
    """What comes on the dispatch queue until all that is wanted has come."""
    came: list[dict[str, Any]] = []
    missing, until_s = set(wanted), time.monotonic() + seconds
    while missing and time.monotonic() < until_s:
        with suppress(OSError, amqp.AMQPError):
            found = list(all_dispatched(replace(deployment, broker_url=nodes[0].url)))
            came += found
            missing -= {each["message_id"] for each in found}
        time.sleep(0.2)
    time.sleep(3)  # nobody tells what is still in work
    return came + list(all_dispatched(replace(deployment, broker_url=nodes[0].url)))


def kill_in_turn(nodes: Cluster) -> None:
    for number in range(LEADERS):
        node = nodes.kill(number)
        time.sleep(3)
        node.start()
        wait_for(node.sees_all, 60, "the node among the others")
        time.sleep(2)


def test_it_loses_nothing_when_nodes_die(own_redis: RedisProcess, start_workers: StartWorkers, tmp_path: Path) -> None:
    database_url = f"sqlite:///{tmp_path / 'nodes.sqlite3'}"
    seed(database_url, own_redis.url)
    with cluster() as nodes:
        deployment = Deployment(nodes.url, own_redis.url, database_url, SETTINGS)
        start_workers(deployment, 2)
        producing = Producing(deployment, nodes.nodes)
        producing.start()
        time.sleep(6)  # a quorum queue that is younger has no leader after its node was killed
        kill_in_turn(nodes)
        producing.ending.set()
        producing.join(60)
        began = time.monotonic()
        came = taken(deployment, nodes.nodes, RECOVERY_S, set(producing.accepted))
        counted = Counter(each["message_id"] for each in came)
        lost = set(producing.accepted) - counted.keys()
        repeats = sum(1 for count in counted.values() if count > 1)
        print(
            f"{LEADERS} nodes killed: {len(producing.accepted)} accepted, {len(lost)} lost, {repeats} came more than once, "
            f"done {time.monotonic() - began:.1f} s after the last"
        )
        assert not lost
        assert len({(each["message_id"], each["dispatch_id"]) for each in came}) == len(counted)
        assert counted.keys() <= set(producing.accepted) | producing.doubtful
