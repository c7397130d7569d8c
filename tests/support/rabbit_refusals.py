"""How a private RabbitMQ is made to answer and refuse; each is mended at the end of its context."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.services import RabbitProcess, wait_for

EVERYTHING = ("guest", ".*", ".*", ".*")
#: All but the default exchange, by which queues are written to.
READS_ONLY = ("guest", ".*", "^(?!amq.default).+$", ".*")

#: RabbitMQ looks at its memory and disk every few seconds.
ALARM_S = 120.0


def _has_alarm(server: RabbitProcess) -> bool:
    return server.control("eval", "rabbit_alarm:get_alarms().").strip() != "[]"


@contextmanager
def full(server: RabbitProcess, queue: str, room: int) -> Iterator[None]:
    """A queue that rejects what it has no room for."""
    server.control("set_policy", "full", queue, f'{{"max-length": {room}, "overflow": "reject-publish"}}')
    try:
        yield
    finally:
        server.control("clear_policy", "full")


@contextmanager
def short_of_memory(server: RabbitProcess) -> Iterator[None]:
    """An alarm of its memory: who publishes is blocked."""
    server.control("set_vm_memory_high_watermark", "absolute", "1")
    try:
        wait_for(lambda: _has_alarm(server), ALARM_S, "an alarm")
        yield
    finally:
        server.control("set_vm_memory_high_watermark", "0.4")


@contextmanager
def short_of_disk(server: RabbitProcess) -> Iterator[None]:
    """The same of its disk."""
    server.control("set_disk_free_limit", "100000GB")
    try:
        wait_for(lambda: _has_alarm(server), ALARM_S, "an alarm")
        yield
    finally:
        server.control("set_disk_free_limit", "1MB")


@contextmanager
def reads_only(server: RabbitProcess) -> Iterator[None]:
    """Its user may not publish any more; who was connected is not."""
    server.control("set_permissions", *READS_ONLY)
    server.control("close_all_connections", "its permissions have changed")
    try:
        yield
    finally:
        server.control("set_permissions", *EVERYTHING)
