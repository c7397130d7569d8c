"""Parking: the record first, the notice after it, each once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import structlog

from core.errors import StoreUnavailableError
from core.parked.record import decode_parked, parked_notice
from core.parked.store import ParkedDocument, ParkedStore
from worker.envelopes.sealing import Sealer

log = structlog.get_logger(__name__)


class Outbox(Protocol):
    """Where parked documents wait until their record is safe in SQL."""

    def outbox_entries(self) -> Sequence[tuple[str, bytes]]:
        """Some of those that wait."""

    def announce(self, notices: Sequence[tuple[str, bytes]]) -> int:
        """Send their notices and let them go; each once, however often it is asked."""


class Parking:
    """Takes parked documents from the outbox to the store, then tells of them."""

    def __init__(self, store: ParkedStore, outbox: Outbox, parked_queue: str) -> None:
        self._store, self._outbox, self._sealer = store, outbox, Sealer(parked_queue)

    def keep(self, documents: Sequence[ParkedDocument]) -> int:
        """Store documents and send their notices; with SQL away they stay in the outbox. Gives the notices sent."""
        if not documents:
            return 0
        try:
            self._store.park(documents)
        except StoreUnavailableError:
            log.warning("parked_documents_wait_for_sql", count=len(documents))
            return 0
        ids = [document.parked_id for document in documents]
        notices = [parked_notice(document) for document in documents]
        sealed = self._sealer.seal(notices, [parked_id.encode() for parked_id in ids])
        return self._outbox.announce(list(zip(ids, sealed, strict=True)))

    def sweep(self) -> int:
        """Take up what an earlier attempt left in the outbox; gives the notices sent."""
        return self.keep([decode_parked(text) for _, text in self._outbox.outbox_entries()])
