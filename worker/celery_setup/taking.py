"""How Celery's own consumer takes a task from a Redis list, so that no fault between there and its records loses it.

kombu uses BRPOP: Redis forgets the task as it answers, and kombu writes it down afterwards. A worker that is killed in between,
or whose connection is dead without looking so, loses it. Here one script moves it to a hash, and the
transaction in which kombu writes it down removes it from there. What stays there goes back to its list.
"""

from __future__ import annotations

import time
import uuid
from typing import Any, ClassVar

from kombu.asynchronous import get_event_loop
from kombu.transport import redis, virtual
from kombu.utils.json import dumps

from worker.handoff.keys import Keys

#: How long a consumer waits where there is no task. Documents, and the tasks that are drained, do not come this way.
PAUSE_S = 0.05

# KEYS: 1 hash of what was taken, 2 its index by time, 3... lists, in the order in which they are looked at.
# ARGV: 1 ms after which what was taken goes back, 2 id for what is taken now. Returns {list, element}, or nothing.
_TAKE = r"""
local now = redis.call('TIME')
local moment = now[1] * 1000 + math.floor(now[2] / 1000)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', moment - ARGV[1], 'LIMIT', 0, 100)) do
  local kept = redis.call('HGET', KEYS[1], id)
  if kept then
    local at = string.find(kept, '\n', 1, true)
    redis.call('RPUSH', string.sub(kept, 1, at - 1), string.sub(kept, at + 1))
    redis.call('HDEL', KEYS[1], id)
  end
  redis.call('ZREM', KEYS[2], id)
end
for i = 3, #KEYS do
  local element = redis.call('RPOP', KEYS[i])
  if element then
    redis.call('HSET', KEYS[1], ARGV[2], KEYS[i] .. '\n' .. element)
    redis.call('ZADD', KEYS[2], moment, ARGV[2])
    return {KEYS[i], element}
  end
end
return false
"""


class Taking:
    """What one channel has asked for."""

    def __init__(self, key_prefix: str, back_after_s: float) -> None:
        """What was taken goes back after so long without being written down; of a worker that is slower it comes twice."""
        keys = Keys(key_prefix)
        self._taken, self._index = keys.taken, keys.taken_index
        self._back_after_ms = int(1000 * back_after_s)
        self._id: str | None = None
        self._until = 0.0

    def pauses(self) -> bool:
        """Whether nothing came a moment ago."""
        return time.monotonic() < self._until

    def command(self, lists: list[str]) -> list[object]:
        """The command that takes the next task from the first list that has one."""
        self._id = uuid.uuid4().hex
        keys = [self._taken, self._index, *lists]
        return ["EVAL", _TAKE, len(keys), *keys, self._back_after_ms, self._id]

    def nothing_came(self) -> None:
        """The lists are empty: wait a moment, and have the event loop turn after it."""
        self._until = time.monotonic() + PAUSE_S
        loop = get_event_loop()
        if loop is not None:
            loop.call_later(PAUSE_S, _turn)

    def forget(self, pipe: Any) -> None:
        """Have a pipeline that puts the task elsewhere remove it from what was taken."""
        if self._id is not None:
            pipe.hdel(self._taken, self._id)
            pipe.zrem(self._index, self._id)


class QoS(redis.QoS):  # type: ignore[misc]  # kombu is untyped
    """kombu's records of what is not acknowledged."""

    #: Deliveries of connections that broke, by tag, which could not be given back then. Of this process.
    owed: ClassVar[set[str]] = set()

    def restore_unacked(self, client: Any = None) -> None:
        """As kombu's, which leaves to the visibility timeout what Redis, away or refusing, does not take back now."""
        tags = list(self._delivered)
        self.owed.update(tags)
        super().restore_unacked(client)
        self.owed.difference_update(tags)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """As kombu's; what is to come again is owed until Redis has taken it back, and is nobody's work meanwhile."""
        if not requeue:
            super().reject(delivery_tag)
            return
        self.owed.add(delivery_tag)
        try:
            self.restore_by_tag(delivery_tag, leftmost=True)
            self.owed.discard(delivery_tag)
        finally:
            # Else it would count as one in hand, and with a few of them the consumer would ask for no more.
            virtual.QoS.ack(self, delivery_tag)

    def restore_visible(self, *args: Any, **options: Any) -> None:
        """As kombu's, every few seconds; what is owed need not be as old as the visibility timeout."""
        self.give_back_owed()
        super().restore_visible(*args, **options)

    def give_back_owed(self) -> None:
        """Give back what is owed; what was acknowledged, or given back, meanwhile is not there any more."""
        while self.owed:
            tag = next(iter(self.owed))
            self.restore_by_tag(tag)
            self.owed.discard(tag)

    def append(self, message: Any, delivery_tag: str) -> None:
        """As kombu's, in one transaction with the end of the taking."""
        delivery = message.delivery_info
        record = dumps([message._raw, delivery["exchange"], delivery["routing_key"]])  # noqa: SLF001  # as kombu does
        with self.pipe_or_acquire() as pipe:
            pipe.zadd(self.unacked_index_key, {delivery_tag: time.time()})
            pipe.hset(self.unacked_key, delivery_tag, record)
            self.channel.taking.forget(pipe)
            pipe.execute()
        virtual.QoS.append(self, message, delivery_tag)


def _turn() -> None:
    return
