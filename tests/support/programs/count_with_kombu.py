"""A dispatcher that knows kombu, JSON and the queue's name, and nothing else of ours: counts what it takes.

Order on stdin: {"broker", "queue", "expected", "seconds"}. On stdout, when `expected` messages came and nothing more
does: {"taken", "distinct", "most_often", "countries", "senders"}; recipients are told apart by `custom_string`, r0 to
r<expected - 1>.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections import Counter
from typing import Any

from kombu import Connection, Consumer, Queue

QUIET_S = 3.0


class Counting:
    def __init__(self, expected: int) -> None:
        self.seen = bytearray(expected)
        self.taken = 0
        self.countries: Counter[str] = Counter()
        self.senders: Counter[str] = Counter()

    def on_message(self, message: Any) -> None:
        document = json.loads(message.body)
        self.taken += 1
        self.seen[int(document["custom_string"][1:])] += 1
        self.countries[document["country"]] += 1
        self.senders[f"{document['country']} {document['sender_id']}"] += 1

    def summary(self) -> dict[str, object]:
        return {
            "taken": self.taken,
            "distinct": len(self.seen) - self.seen.count(0),
            "most_often": max(self.seen),
            "countries": self.countries,
            "senders": self.senders,
        }


def main() -> None:
    order = json.load(sys.stdin)
    counting, deadline = Counting(order["expected"]), time.monotonic() + order["seconds"]
    with Connection(order["broker"]) as connection:
        queue = Queue(order["queue"], no_declare=True)
        with Consumer(connection, [queue], on_message=counting.on_message, no_ack=True):
            while time.monotonic() < deadline:
                try:
                    connection.drain_events(timeout=QUIET_S)
                except (TimeoutError, socket.timeout):  # noqa: UP041 - what kombu's transports raise
                    if counting.taken >= order["expected"]:
                        break
    print(json.dumps(counting.summary()))


main()
