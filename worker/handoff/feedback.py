"""Receipts on their way from the feedback queue into the rates: read, added up, and those that break the contract parked."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import structlog

from core.contract.feedback import Outcome, Refused, decode_feedback
from core.contract.ids import MessageIds
from core.encoding import ContractError, encode_json, too_large
from core.errors import ParkReason
from core.messages.assigner import Parked, parked_unread
from core.metrics import catalogue as known
from core.metrics.counts import COUNTS
from core.parked.record import document_to_park
from core.parked.store import ParkedDocument
from core.process.log_events import LogEvent
from core.trust.recording import Addition, Recorder
from worker.handoff.script_headers import Addition as HeaderAddition

log = structlog.get_logger(__name__)

#: A longer document is parked; 10,000 receipts are a quarter of it.
MOST_DOCUMENT_BYTES = 8_388_608
#: Documents that are worked on together: so many, and so long in all, or one that is longer.
DOCUMENTS_AT_ONCE, BYTES_AT_ONCE = 500, 65_536
#: How often receipts of strangers are told of.
STRANGERS_TOLD_EVERY_S = 60.0


class FeedbackLane(Protocol):
    """The feedback queue of a broker. Used by one thread."""

    def work(self, wait_s: float) -> int:
        """Count the receipts of some documents, waiting for them so long at most; how many documents.

        May raise BROKER_ERRORS and StoreUnavailableError; then the documents are still to be counted.
        """

    def close(self) -> None:
        """Give back what is held."""


@dataclass(slots=True)
class ReadFeedback:
    """What stands in the documents of a piece of work: what counts, and what is parked, with the place of its document."""

    work_id: str
    lane: str
    now: datetime
    outcomes: list[Outcome] = field(default_factory=list)
    parked: list[ParkedDocument] = field(default_factory=list)
    places: list[int] = field(default_factory=list)

    def park(self, parked: Parked, place: int, document: bytes) -> None:
        """Park what stands in the document at a place."""
        kept = document_to_park(parked, work_id=self.work_id, lane=self.lane, document=document, now=self.now)
        self.parked.append(kept)
        self.places.append(place)

    def refuse(self, place: int, document: bytes, error: ContractError) -> None:
        """Park what breaks the contract."""
        ids = MessageIds(**error.known)
        parked = Parked(len(self.parked), ParkReason.INVALID_MESSAGE, str(error), error.errors, ids)
        self.park(parked, place, document)


class FeedbackReader:
    """Reads documents of receipts, and says what they add. Used by one thread."""

    def __init__(self, recorder: Recorder, lane: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._recorder, self._lane, self._clock = recorder, lane, clock
        self._strangers, self._tell_at = 0, 0.0

    def read(self, work_id: str, documents: Sequence[bytes]) -> ReadFeedback:
        """Read documents. Total: each receipt that breaks the contract is parked by itself, the others count."""
        found = ReadFeedback(work_id, self._lane, self._recorder.clock())
        for place, document in enumerate(documents):
            try:
                outcomes, refused = self._decoded(document, found.now)
            except ContractError as error:
                found.refuse(place, document, error)
                continue
            found.outcomes += outcomes
            for each in refused:
                found.refuse(place, encode_json(each.receipt), each.error)
        return found

    def exhausted(self, work_id: str, documents: Sequence[bytes], attempts: int) -> ReadFeedback:
        """The same for documents on which work never comes to an end: all are parked, unread."""
        found = ReadFeedback(work_id, self._lane, self._recorder.clock())
        detail = f"work on it was begun {attempts} times without coming to an end"
        for place, document in enumerate(documents):
            found.park(parked_unread(place, ParkReason.RETRIES_EXHAUSTED, detail, {}), place, document)
        return found

    @staticmethod
    def note(read: ReadFeedback) -> None:
        """What was read has been counted and parked."""
        if read.outcomes:
            COUNTS.add(known.RECEIPTS, len(read.outcomes), known.COUNTED)
        if read.parked:
            COUNTS.add(known.RECEIPTS, len(read.parked), known.REFUSED)

    def additions(self, outcomes: Sequence[Outcome]) -> list[HeaderAddition]:
        """What outcomes add, as the scripts take it. May raise StoreUnavailableError."""
        found, strangers = self._recorder.additions(outcomes)
        self._note_strangers(strangers)
        return list(map(_for_script, found))

    def _decoded(self, document: bytes, now: datetime) -> tuple[list[Outcome], list[Refused]]:
        if len(document) > MOST_DOCUMENT_BYTES:
            raise too_large(document, MOST_DOCUMENT_BYTES)
        return decode_feedback(document, now)

    def _note_strangers(self, strangers: int) -> None:
        self._strangers += strangers
        if self._strangers and self._clock() >= self._tell_at:
            log.warning(LogEvent.FEEDBACK_OF_STRANGERS, senders=self._strangers)
            self._strangers, self._tell_at = 0, self._clock() + STRANGERS_TOLD_EVERY_S


def _for_script(addition: Addition) -> HeaderAddition:
    return (addition.key.text, addition.source, *addition.added)
