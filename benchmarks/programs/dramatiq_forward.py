"""dramatiq forwarding each message to one list. `python -m … N` fills its queue."""

from __future__ import annotations

import os
import sys
from typing import Any

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker

from benchmarks.documents import message
from benchmarks.programs.enriched import SEALED

URL, DISPATCH = os.environ["BENCH_BROKER_URL"], os.environ["BENCH_DISPATCH"]

broker = RedisBroker(url=URL)
dramatiq.set_broker(broker)
client = redis.Redis.from_url(URL)


@dramatiq.actor
def forward(document: dict[str, Any]) -> None:  # noqa: ARG001  # comes as ours does
    """Push the message, enriched."""
    client.lpush(DISPATCH, SEALED)


if __name__ == "__main__":
    for number in range(int(sys.argv[1])):
        forward.send(message(number))
