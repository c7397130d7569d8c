"""Workers of the first edition, which knew a message by account and message id: their digest, their scripts."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import redis

_LUA = Path(__file__).with_name("first_edition_lua")


def first_mark(account_id: str, message_id: str) -> bytes:
    """By what such a worker knows a message again, whatever its sub-account."""
    return blake2b(f"{len(account_id)}:{account_id}{message_id}".encode(), digest_size=16).digest()[:14]


def first_script(client: redis.Redis, name: str) -> redis.commands.core.Script:
    """One of its scripts, as it sends it."""
    return client.register_script((_LUA / "_hand_off.lua").read_text() + (_LUA / f"{name}.lua").read_text())


class FirstOnRedis:
    """Hands off as such a worker does on a Redis broker."""

    def __init__(self, client: redis.Redis, prefix: str, queue: str, window: int) -> None:
        self._settle, self._prefix, self._queue, self._window = first_script(client, "settle"), prefix, queue, window

    def hand_off(self, sealed: Sequence[bytes], marks: Sequence[bytes]) -> None:
        """Push what is not marked, as one piece of work."""
        names = ("claims", "attempts", "", "outbox", "work", "claim:", "counts", "seen:")
        keys = [f"{self._prefix}:{name}" for name in names]
        keys[2] = self._queue
        numbers = [self._window, len(sealed), 0, 0, 0, "", 0, 0]
        self._settle(keys=[f"task-{uuid.uuid4()}", *keys], args=["mark", 60, *numbers, *sealed, *marks])


class FirstMarks:
    """Reserves and remembers as such a worker does where RabbitMQ is the broker."""

    def __init__(self, client: redis.Redis, prefix: str, window: int) -> None:
        self._reserve, self._remember = first_script(client, "reserve"), first_script(client, "remember")
        self._keys, self._window = [f"{prefix}:seen:", f"{prefix}:reserved"], window

    def reserve(self, marks: Sequence[bytes]) -> set[int] | None:
        """The places of those that were dispatched; None: another is at one of them."""
        found = self._reserve(keys=self._keys, args=[self._window, 15_000, 0, *marks])
        return None if found is None else {place - 1 for place in found}

    def remember(self, marks: Sequence[bytes]) -> None:
        """What was published."""
        self._remember(keys=self._keys, args=[self._window, *marks])
