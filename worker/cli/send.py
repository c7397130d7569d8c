"""`smart-assign send`: enqueue one message, or a file of them."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import click

from core.encoding import encode_json
from core.process.loading import load
from core.sender import Product, SenderType, TrafficClass
from worker.broker_access import queue_access
from worker.cli.body import body_options
from worker.cli.interrupts import telling, whole
from worker.cli.output import command, fail, json_option, print_json, say, warn
from worker.cli.parameters import enum_option
from worker.handoff.errors import BROKER_ERRORS, NotSentError
from worker.handoff.producer import Producer, in_trips
from worker.sending.message_lines import Line, contract_errors, read_lines
from worker.sending.state import size_of

#: Loaded where there is a terminal to draw it on.
_BAR = "worker.cli.live:bar_of_bytes"
#: What a single message needs -> the option that gives it.
_REQUIRED = {"account_id": "--account", "to": "--to", "body": "--body"}
#: Refused lines that a person is shown; the rest is counted.
SHOWN_REFUSALS = 20


@dataclass(slots=True)
class Sending:
    """How far a file has been sent: all up to `line`, `size` bytes, is safe in the broker or was refused."""

    enqueued: int = 0
    refused_lines: int = 0
    refused: list[dict[str, object]] = field(default_factory=list)
    line: int = 0
    size: int = 0

    def so_far(self) -> str:
        """What was done before a failure or an interrupt, as a clause."""
        words = f"{self.enqueued:,} messages were enqueued before"
        return f"{words}: all that is right up to line {self.line}; send the rest from there" if self.line else words


def send_lines(
    lines: Iterable[Line], producer: Producer, queue: str, told: Callable[[Sending], None] = lambda _: None
) -> Sending:
    """Enqueue the lines that fit the contract; `told` hears after each trip. Raises NotSentError."""
    sending = Sending()
    with telling(sending.so_far):
        for trip in in_trips(lines, lambda line: line.size):
            with whole():
                _send_trip(sending, producer, queue, trip)
            told(sending)
    return sending


def _send_trip(sending: Sending, producer: Producer, queue: str, trip: Sequence[Line]) -> None:
    documents = [line.document for line in trip if not line.errors]
    try:
        producer.send(queue, documents)
    except BROKER_ERRORS as error:
        raise NotSentError(f"the broker failed ({error}); {sending.so_far()}") from error
    sending.enqueued += len(documents)
    for line in trip:
        sending.refused_lines += bool(line.errors)
        sending.refused += [{"line": line.number, "field": e.field, "reason": e.reason} for e in line.errors]
        sending.size += line.size
    sending.line = trip[-1].number


@click.command()
@click.option("--file", "source_file", type=click.File("rb"), help="JSON lines, one message each; '-' is stdin.")
@click.option("--account", "account_id", help="Account that sends.")
@click.option("--to", help="Recipient: E.164 with '+', or a national number with --country.")
@body_options("Text, 1 to 1600 characters")
@click.option("--subaccount", "subaccount_id", help="Sub-account that sends.")
@click.option("--sender-id", help="Sender to use; left out: Smart Assign decides.")
@enum_option("--sender-type", kind=SenderType, metavar="TYPE", says="Type of --sender-id")
@click.option("--country", help="ISO 3166-1 alpha-2; a hint for a national number.")
@enum_option("--product", kind=Product, metavar="PRODUCT", says="SMS unless given")
@click.option("--media-url", "media_urls", multiple=True, help="Media of an MMS; may be repeated.")
@enum_option("--traffic-class", kind=TrafficClass, metavar="CLASS", says="transactional unless given")
@click.option("--reply-expected", is_flag=True, help="Only a sender that can receive replies.")
@click.option("--message-id", help="Unique for the account; made up and printed if left out.")
@click.option("--expires-at", help="RFC 3339 time; past it the message is parked.")
@click.option("--schedule", type=float, help="Unix time, passed through to the dispatcher.")
@click.option("--source", help="Passed through.")
@click.option("--custom-string", help="Passed through.")
@json_option
@command
def send(source_file: BinaryIO | None, as_json: bool, **values: Any) -> None:
    """Enqueue one message, or with --file a message for each line; what breaks the contract is refused by field."""
    fields = {name: value for name, value in values.items() if value is not None and value is not False and value != ()}
    if source_file is not None:
        if fields:
            raise click.UsageError("--file takes no other option of a message")
        _send_file(source_file, as_json)
        return
    missing = [option for name, option in _REQUIRED.items() if name not in fields]
    if missing:
        raise click.UsageError(f"give {', '.join(missing)}, or --file")
    _send_one(fields, as_json)


def _send_one(fields: dict[str, Any], as_json: bool) -> None:
    made_up = {} if "message_id" in fields else {"message_id": uuid.uuid4().hex}
    document = encode_json(made_up | fields)
    parts = queue_access()
    line = Line(1, len(document), document, contract_errors(document))
    sending = send_lines(iter([line]), parts.broker.producer, parts.settings.ingress_queue)
    if as_json:
        print_json({"enqueued": sending.enqueued, "refused": sending.refused} | made_up)
    elif sending.enqueued:
        message_id = (made_up | fields)["message_id"]
        say(f"Enqueued message {message_id} on {parts.settings.ingress_queue}.")
    _report(sending, as_json)


def _send_file(stream: BinaryIO, as_json: bool) -> None:
    parts = queue_access()
    lines = read_lines(stream, parts.settings.document_max_bytes)
    with _progress(stream, as_json) as told:
        sending = send_lines(lines, parts.broker.producer, parts.settings.ingress_queue, told)
    if as_json:
        print_json({"enqueued": sending.enqueued, "refused": sending.refused})
    else:
        noun = "message" if sending.enqueued == 1 else "messages"
        say(f"Enqueued {sending.enqueued:,} {noun} on {parts.settings.ingress_queue}.")
    _report(sending, as_json)


def _report(sending: Sending, as_json: bool) -> None:
    """Exit code 1 where anything was refused; what it was stands on stderr, with --json the first of it."""
    if not sending.refused:
        return
    shown = sending.refused[: 1 if as_json else SHOWN_REFUSALS]
    for entry in shown:
        warn("line {line}, {field}: {reason}".format_map(entry))
    if more := len(sending.refused) - len(shown):
        warn(f"and {more:,} more")
    fail(f"{sending.refused_lines:,} {'message' if sending.refused_lines == 1 else 'messages'} refused")


@contextmanager
def _progress(stream: BinaryIO, as_json: bool) -> Iterator[Callable[[Sending], None]]:
    """A bar over the bytes of the file, on a terminal."""
    if as_json or not sys.stderr.isatty():
        yield lambda _: None
        return
    with load(_BAR)(size_of(stream)) as told:
        yield lambda sending: told(sending.size, sending.enqueued)
