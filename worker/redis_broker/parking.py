"""Parking: the record first, the notice after it, each once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.errors import StoreUnavailableError
from core.parked.record import decode_parked, parked_notice
from core.parked.store import ParkedDocument, ParkedStore
from core.process.log_events import LogEvent
from worker.envelopes.sealing import Sealer

log = structlog.get_logger(__name__)


#: Ids of records that could not be read, of which the log has told; more than these are told again.
MOST_TOLD = 1000


class Outbox(Protocol):
    """Where parked documents wait until their record is safe in SQL. May raise redis.RedisError."""

    def outbox_pages(self) -> Iterator[Sequence[tuple[str, bytes]]]:
        """Those that wait, by id, some at a time."""

    def announce(self, notices: Sequence[tuple[str, bytes]]) -> int:
        """Send their notices and let them go; each once, however often it is asked."""


class Parking:
    """Takes parked documents from the outbox to the store, then tells of them."""

    def __init__(self, store: ParkedStore, outbox: Outbox, parked_queue: str) -> None:
        self._store, self._outbox, self._sealer = store, outbox, Sealer(parked_queue)
        self._told: set[str] = set()

    def keep(self, documents: Sequence[ParkedDocument]) -> int:
        """Store documents and send their notices; with SQL away they stay in the outbox. Gives the notices sent."""
        try:
            return self._keep(documents)
        except StoreUnavailableError:
            log.warning(LogEvent.PARKED_DOCUMENTS_WAIT_FOR_SQL, count=len(documents))
            return 0

    def sweep(self) -> int:
        """Take up what an earlier attempt left in the outbox; gives the notices sent.

        Records that cannot be read are a newer version's, and stay for it. Raises StoreUnavailableError, and at the end
        what SQL had against a record, which stays while the others go.
        """
        sent, refused = 0, None
        for entries in self._outbox.outbox_pages():
            documents = self._readable(entries)
            try:
                sent += self._keep(documents)
            except SQLAlchemyError as error:
                refused = error
                sent += self._keep_each(documents)
        if refused is not None:
            raise refused
        return sent

    def _keep(self, documents: Sequence[ParkedDocument]) -> int:
        if not documents:
            return 0
        self._store.park(documents)
        ids = [document.parked_id for document in documents]
        notices = [parked_notice(document) for document in documents]
        sealed = self._sealer.seal(notices, [parked_id.encode() for parked_id in ids])
        return self._outbox.announce(list(zip(ids, sealed, strict=True)))

    def _keep_each(self, documents: Sequence[ParkedDocument]) -> int:
        sent = 0
        for document in documents:
            with suppress(SQLAlchemyError):
                sent += self._keep([document])
        return sent

    def _readable(self, entries: Sequence[tuple[str, bytes]]) -> list[ParkedDocument]:
        documents = []
        for parked_id, record in entries:
            try:
                documents.append(decode_parked(record))
            except ValueError as error:
                self._report(parked_id, error)
        return documents

    def _report(self, parked_id: str, error: ValueError) -> None:
        if parked_id not in self._told:
            if len(self._told) >= MOST_TOLD:
                self._told.clear()
            self._told.add(parked_id)
            log.warning(LogEvent.RECORD_LEFT_TO_A_NEWER_VERSION, parked_id=parked_id, reason=str(error)[:200])
