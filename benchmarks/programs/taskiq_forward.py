"""taskiq forwarding each message to one list. `python -m … N` fills its queue."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import redis.asyncio
from taskiq_redis import ListQueueBroker

from benchmarks.documents import message
from benchmarks.programs.enriched import SEALED

URL, DISPATCH = os.environ["BENCH_BROKER_URL"], os.environ["BENCH_DISPATCH"]

broker = ListQueueBroker(URL)
client = redis.asyncio.Redis.from_url(URL)


@broker.task(task_name="forward")
async def forward(document: dict[str, Any]) -> None:  # noqa: ARG001  # comes as ours does
    """Push the message, enriched."""
    await client.lpush(DISPATCH, SEALED)


async def fill(count: int) -> None:
    """Enqueue so many messages."""
    for number in range(count):
        await forward.kiq(message(number))
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(fill(int(sys.argv[1])))
