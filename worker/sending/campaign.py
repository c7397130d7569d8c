"""Sending a campaign: a file's rows in numbered batches, at a pace that the workers keep up with, resumable.

A batch is cut by rows and bytes alone, so the same file gives the same batches under the same ids at every attempt.
Every trip to the broker is recorded after it; what a crash repeats is the trip in between, and a worker drops a batch
whose id it has seen.
"""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from msgspec.structs import replace

from core.encoding import encode_json
from core.errors import RefusedError
from core.moments import utc_now
from core.process.printable import safe_cell
from core.process.private_files import open_private
from worker.handoff.errors import BROKER_ERRORS, NotSentError
from worker.handoff.producer import Producer
from worker.sending.lines import START, Position
from worker.sending.recipients import (
    Addressed,
    ExtendedRecipient,
    Recipient,
    RecipientsReader,
    Refusal,
)
from worker.sending.state import CampaignState, StateFile

#: A batch is cut behind the row that brings it to this size in the file; RabbitMQ takes 16 MiB at the most.
BATCH_BYTES = 4_194_304
#: Refused rows that one step through the file holds.
STEP_REFUSALS = 10_000
#: Batches, and bytes, that go to the broker between two records of the state.
TRIP_BATCHES = 16
TRIP_BYTES = 4_194_304
#: Bytes that wait for the workers, as far as the latest batch tells.
WAITING_BYTES = 268_435_456
POLL_S = 0.2

REPORT_COLUMNS = ("line", "field", "reason", "to")


@dataclass(slots=True)
class Step:
    """The rows of one batch, what was refused among them, and where they end. A step without rows is no batch."""

    rows: list[Recipient] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    end: Position = START


@dataclass(frozen=True, slots=True)
class Plan:
    """What a file comes to: recipients that can be sent to, and the batches that they make."""

    recipients: int
    batches: int


def steps(reader: RecipientsReader, batch_size: int) -> Iterator[Step]:
    """The rows of a file, cut into batches."""
    step, begin = Step(), reader.offset
    for entry in reader.rows():
        if isinstance(entry, Addressed):
            step.rows.append(entry.row)
        else:
            step.refused.append(entry)
        full = len(step.rows) >= batch_size or len(step.refused) >= STEP_REFUSALS
        if full or reader.offset - begin >= BATCH_BYTES:
            step.end = reader.position
            yield step
            step, begin = Step(), reader.offset
    if step.rows or step.refused:
        step.end = reader.position
        yield step


def plan(reader: RecipientsReader, batch_size: int, told: Callable[[int], None] = lambda _: None) -> Plan:
    """Read a file to its end as sending will; `told` hears the bytes read."""
    recipients = batches = 0
    for step in steps(reader, batch_size):
        recipients += len(step.rows)
        batches += bool(step.rows)
        told(step.end.offset)
    return Plan(recipients, batches)


class RefusalReport:
    """A CSV file of refused rows, made with the first of them; what an attempt wrote beyond `keep` bytes is cut off."""

    def __init__(self, path: Path, keep: int) -> None:
        self.path, self.size = path, keep
        self._stream: BinaryIO | None = None

    def write(self, refusals: list[Refusal]) -> None:
        """Append; the rows are in the operating system's hands when it returns. Raises RefusedError."""
        if not refusals:
            return
        text = io.StringIO()
        writer = csv.writer(text)
        if self.size == 0:
            writer.writerow(REPORT_COLUMNS)
        writer.writerows((each.line, *map(safe_cell, (each.field, each.reason, each.to))) for each in refusals)
        try:
            stream = self._opened()
            self.size += stream.write(text.getvalue().encode())
            stream.flush()
        except OSError as error:
            raise RefusedError(f"the report {self.path} cannot be written: {error.strerror}") from error

    def first(self, count: int) -> list[dict[str, object]]:
        """The first rows, as `--json` shows them."""
        if self.size == 0:
            return []
        with self.path.open(newline="") as stream:
            rows = [row for row, _ in zip(csv.DictReader(stream), range(count), strict=False)]
        return [{"line": int(row["line"]), "field": row["field"], "reason": row["reason"]} for row in rows]

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._stream is not None:
            self._stream.close()

    def _opened(self) -> BinaryIO:
        if self._stream is None:
            self._stream = os.fdopen(open_private(self.path, os.O_RDWR), "r+b")
            self._stream.truncate(self.size)
            self._stream.seek(self.size)
        return self._stream


def begin(state_file: StateFile, fresh: CampaignState, *, resume: bool) -> CampaignState:
    """The state to go on from. Raises RefusedError where the campaign must not be sent so."""
    found, campaign = state_file.load(), f"campaign {fresh.campaign_id}"
    if found is None:
        if resume:
            raise RefusedError(f"there is nothing to resume: {campaign} was not begun from here ({state_file.path})")
        return fresh
    if found.account_id != fresh.account_id:
        raise RefusedError(f"{campaign} was begun for account {found.account_id}: give another --campaign-id")
    if not resume:
        raise RefusedError(_begun_words(found))
    if changed := _changes(found, fresh):
        raise RefusedError(f"{campaign} cannot be resumed: {changed}")
    return found


def _begun_words(found: CampaignState) -> str:
    campaign = f"campaign {found.campaign_id}"
    if found.finished_at is not None:
        when = found.finished_at.isoformat(timespec="seconds")
        return (
            f"{campaign} was sent to {found.enqueued:,} recipients by {when}: to send again, give another --campaign-id"
        )
    return f"{campaign} was begun, and {found.enqueued:,} recipients are enqueued: --resume goes on from there"


def _changes(found: CampaignState, fresh: CampaignState) -> str | None:
    if found.source is None or fresh.source is None:
        return "it was, or would be, read from a stream, which cannot be read twice"
    if found.source != fresh.source:
        return (
            f"the file has changed since; what stood in its first {found.line:,} lines is enqueued: "
            "restore it, or send the others as another campaign"
        )
    if found.batch_size != fresh.batch_size:
        return f"--batch-size was {found.batch_size}"
    names = sorted(dict(found.options.items() ^ fresh.options.items()))
    return f"other options than before: {', '.join(names)}" if names else None


class CampaignSender:
    """Enqueues a campaign's batches; `told` hears after every trip, `paused` when workers must catch up first.

    A trip, and saving what was sent with it, is done within `whole`.
    """

    def __init__(
        self,
        producer: Producer,
        queue: str,
        *,
        max_waiting: int,
        told: Callable[[CampaignState], None] = lambda _: None,
        paused: Callable[[int], None] = lambda _: None,
        sleep: Callable[[float], None] = time.sleep,
        whole: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._producer, self._queue, self._max_waiting = producer, queue, max_waiting
        self._told, self._paused, self._sleep, self._whole = told, paused, sleep, whole

    def send(
        self,
        shared: Mapping[str, Any],
        reader: RecipientsReader,
        state: CampaignState,
        report: RefusalReport,
        save: Callable[[CampaignState], None],
    ) -> CampaignState:
        """Send what is left of a campaign; every trip is saved after it. The last state. Raises NotSentError.

        Every batch carries `total_batches` where the state knows it, else the last one does.
        """
        trip, ahead = list[bytes](), replace(state)
        batched = _batched(_head(shared, state), steps(reader, state.batch_size), state.batches)
        for step, batch in batched if state.total_batches is not None else _told_at_last(batched):
            if batch is not None:
                ahead.batches += 1
                trip.append(batch)
            report.write(step.refused)
            _count(ahead, step, report)
            if len(trip) >= TRIP_BATCHES or sum(map(len, trip)) >= TRIP_BYTES or batch is None:
                state, trip = self._make_trip(trip, state, ahead, save), []
                ahead = replace(state)
        ahead.finished_at = utc_now()
        return self._make_trip(trip, state, ahead, save)

    def _make_trip(
        self, trip: list[bytes], state: CampaignState, ahead: CampaignState, save: Callable[[CampaignState], None]
    ) -> CampaignState:
        """Make the trip; the state after it."""
        if trip:
            with _failure_told(state):
                self._wait_for_workers(max(map(len, trip)))
        with self._whole():
            if trip:
                with _failure_told(state):
                    self._producer.send(self._queue, trip)
            ahead.updated_at = utc_now()
            save(ahead)
        self._told(ahead)
        return ahead

    def _wait_for_workers(self, batch_bytes: int) -> None:
        most = min(self._max_waiting, max(1, WAITING_BYTES // batch_bytes))
        while self._max_waiting and (waiting := self._producer.waiting(self._queue)) >= most:
            self._paused(waiting)
            self._sleep(POLL_S)


@contextmanager
def _failure_told(state: CampaignState) -> Iterator[None]:
    try:
        yield
    except BROKER_ERRORS as error:
        words = f"{state.enqueued:,} recipients in {state.batches:,} batches were enqueued before"
        raise NotSentError(f"the broker failed ({error}); {words}") from error


def _count(state: CampaignState, step: Step, report: RefusalReport) -> None:
    state.enqueued += len(step.rows)
    state.refused += len(step.refused)
    state.offset, state.line = step.end
    state.report_bytes = report.size


def _head(shared: Mapping[str, Any], state: CampaignState) -> bytes:
    """The part that all batches begin with, without the closing brace."""
    named = {"campaign_id": state.campaign_id, "total_batches": state.total_batches}
    return encode_json({**shared, **{name: value for name, value in named.items() if value is not None}})[:-1]


def _batched(head: bytes, found: Iterable[Step], before: int) -> Iterator[tuple[Step, bytes | None]]:
    """Each step with its batch, numbered behind those `before`; None: it has no rows."""
    number = before
    for step in found:
        number += bool(step.rows)
        yield step, _batch(head, number, step.rows) if step.rows else None


def _told_at_last(batched: Iterable[tuple[Step, bytes | None]]) -> Iterator[tuple[Step, bytes | None]]:
    """The same for a stream: the last batch tells how many there are, so each is held until another comes."""
    held: tuple[Step, bytes] | None = None
    count = 0
    for step, batch in batched:
        if batch is None:
            yield step, None
            continue
        if held is not None:
            yield held
        if step.refused:
            yield Step(refused=step.refused, end=step.end), None
        held, count = (Step(rows=step.rows, end=step.end), batch), count + 1
    if held is not None:
        yield held[0], b'%b,"total_batches":%d}' % (held[1][:-1], count)


def _batch(head: bytes, number: int, rows: list[Recipient]) -> bytes:
    recipients = encode_json([_extended(row) if type(row) is ExtendedRecipient else row for row in rows])
    return b'%b,"batch_id":"%08d","recipients":%b}' % (head, number, recipients)


def _extended(row: ExtendedRecipient) -> dict[str, Any]:
    known = {name: getattr(row, name) for name in Recipient.__struct_fields__}
    return {**row.extra, **{name: value for name, value in known.items() if value is not None}}
