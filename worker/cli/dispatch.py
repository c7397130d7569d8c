"""`smart-assign dispatch`: look at the dispatch queue, or empty it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import closing

import click

from core.process.printable import one_document_line
from worker.broker_access import queue_access
from worker.cli.interrupts import telling
from worker.cli.output import command, json_option
from worker.handoff.tail import Pieces

FOLLOW_POLL_S = 0.5


@click.command("tail")
@click.option("--count", type=click.IntRange(min=1), help="At most so many; left out: all that wait.")
@click.option("--drain", is_flag=True, help="Take what is printed off the queue.")
@click.option("--follow", is_flag=True, help="With --drain: wait for more until Ctrl-C.")
@json_option
@command
def tail(count: int | None, drain: bool, follow: bool, as_json: bool) -> None:  # noqa: ARG001  # JSON either way
    """Print the messages that wait, oldest first, one JSON document a line; they stay on the queue unless --drain.

    On RabbitMQ, looking takes the messages and gives them back, which may change their order; a consumer does not
    see them meanwhile.
    """
    if follow and not drain:
        raise click.UsageError("--follow needs --drain: what is only looked at would be printed again and again")
    parts = queue_access()
    queue = parts.broker.tail(parts.settings.dispatch_queue)
    taken = 0
    with telling(lambda: f"{taken} messages were taken off the queue" if drain else ""):
        while True:
            left = None if count is None else count - taken
            for piece in _printed(queue.drain(left) if drain else queue.peek(left)):
                taken += piece
            if not follow or taken == count:
                return
            time.sleep(FOLLOW_POLL_S)


def _printed(pieces: Pieces) -> Iterator[int]:
    """Print pieces; how many messages each had, once it is no more in hand: what is in hand goes back to the queue."""
    printed = 0
    with closing(pieces):
        for piece in pieces:
            if printed:
                yield printed
            sys.stdout.buffer.write(b"".join(one_document_line(document) + b"\n" for document in piece))
            sys.stdout.buffer.flush()
            printed = len(piece)
    if printed:
        yield printed
