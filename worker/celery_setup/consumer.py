"""Celery's consumer, which waits for its broker instead of ending: for one that is away, and for one that refuses.

Celery's own ends the worker by an error that is none of the connection's, such as Redis's READONLY; and it waits longer and
longer for a connection, up to half a minute.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery.worker import consumer, loops
from celery.worker.state import maybe_shutdown

from core.process.lasting import Attempts
from worker.configuration import configured
from worker.handoff.keys import Keys

#: How often a wait looks whether the worker is to end.
LOOK_EVERY_S = 0.1
#: A connection that breaks before this is one of a row.
HELD_S = 3.0


class Consumer(consumer.Consumer):  # type: ignore[misc]  # celery is untyped
    """Dials until the broker may be written to; says once why it waits, and once that it goes on."""

    def __init__(self, *args: Any, **options: Any) -> None:
        # Whatever is raised here is the broker's: none of it is worth a trace.
        self._dialling = Attempts("broker", (Exception,))
        self._held = Attempts("consumer", (Exception,))
        super().__init__(*args, **options)

    @staticmethod
    def loop(obj: Any, connection: Any, consumer: Any, blueprint: Any, hub: Any, *rest: Any) -> None:
        """As Celery's, but for a broken connection in the midst of a result of the pool."""
        if hub is None:
            loops.synloop(obj, connection, consumer, blueprint, hub, *rest)
            return
        with _results_read_to_their_end(hub, obj.pool):
            loops.asynloop(obj, connection, consumer, blueprint, hub, *rest)

    def ensure_connected(self, conn: Any) -> Any:
        """The connection, once it stands and takes writes."""
        while pause := self._dialling.attempt(lambda: _dial(conn)):
            _wait(pause)
        self.first_connection_attempt = False
        # Celery takes this back where the connection breaks before.
        self.timer.call_after(HELD_S, self._held.succeeded)
        return conn

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """As Celery's, but for a pause, which grows where connections break one after the other."""
        pause = self._held.failed(exc)
        super().on_connection_error_after_connected(exc)
        _wait(pause)


@contextmanager
def _results_read_to_their_end(hub: Any, pool: Any) -> Iterator[None]:
    """When a connection breaks, Celery's loop forgets of which results of the pool it has read a part.

    What is left of such a result would be taken for the beginning of the next one, and end the worker by
    `UnpicklingError: invalid load key`. So it is read before, as Celery does at its end.
    """
    handler: Any = getattr(getattr(pool, "_pool", None), "_result_handler", None)
    finish = getattr(handler, "_finish_partial_read", None)  # of pools of processes
    if finish is None:
        yield
        return
    reset = hub.reset

    def reset_after_results() -> None:
        for fileno, process in list(handler.fileno_to_outq.items()):
            finish(fileno, process)
        reset()

    hub.reset = reset_after_results
    try:
        yield
    finally:
        hub.reset = reset


def _wait(seconds: float) -> None:
    """Raises as Celery does where the worker is told to end meanwhile."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        maybe_shutdown()
        time.sleep(min(left, LOOK_EVERY_S))
    maybe_shutdown()


def _dial(connection: Any) -> None:
    """Connect to the first node of the address that answers. Raises what the broker, or the way to it, has against it."""
    others = max(0, len(connection.alt) - 1)
    connection.ensure_connection(
        max_retries=others, interval_start=0, interval_step=0, callback=maybe_shutdown, reraise_as_library_errors=False
    )
    if connection.transport.driver_type == "redis":
        try:
            # Nothing of that name is there, so nothing is written; but it is refused where a write would be.
            channel = connection.default_channel
            channel.client.zadd(Keys(configured().settings.key_prefix).claims, {"": 0}, xx=True)
            channel.qos.give_back_owed()
        except Exception:
            connection.collect()  # the address may lead elsewhere by the next time
            raise
