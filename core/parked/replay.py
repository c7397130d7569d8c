"""Parked documents back on the queues that they came from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager

from core.errors import RefusedError, StoreUnavailableError
from core.parked.store import ParkedCursor, ParkedDocument, ParkedFilter, ParkedStore, cursor_of

#: Documents taken out of the store at a time; what fails leaves at most so many to be sent once more.
TAKE = 100

#: Puts documents on a queue; when it returns, the broker has them all.
Send = Callable[[str, Sequence[bytes]], None]


class ReplayError(StoreUnavailableError):
    """The broker failed; the text says how many went out before, and the others are still parked."""


class Replay:
    """Enqueues originals as they came in, each once, however many people replay at the same time.

    `lanes` are the queues that are ours; `failures` is what `send` raises when the broker is away.
    """

    def __init__(
        self, store: ParkedStore, send: Send, lanes: Container[str], failures: tuple[type[Exception], ...]
    ) -> None:
        self._store, self._send, self._lanes, self._failures = store, send, lanes, failures
        self.replayed = 0

    def replay(self, parked_ids: Sequence[str]) -> int:
        """Of these the parked ones; how many. Raises ReplayError; RefusedError for a queue that is not ours."""
        before = self.replayed
        for start in range(0, len(parked_ids), TAKE):
            with (
                self._failure_as_error(),
                self._store.take_for_replay(parked_ids[start : start + TAKE], self._store.clock()) as documents,
            ):
                self._enqueue(documents)
            self.replayed += len(documents)
        return self.replayed - before

    def _enqueue(self, documents: Sequence[ParkedDocument]) -> None:
        by_lane: defaultdict[str, list[bytes]] = defaultdict(list)
        for document in documents:
            if document.lane not in self._lanes:
                words = f"came from queue {document.lane!r}, which is none of those configured"
                raise RefusedError(f"{document.parked_id} {words}; {self.replayed} were replayed before")
            by_lane[document.lane].append(document.document)
        for lane, originals in by_lane.items():
            self._send(lane, originals)

    @contextmanager
    def _failure_as_error(self) -> Iterator[None]:
        try:
            yield
        except self._failures as error:
            words = f"{self.replayed} were replayed before, the others are still parked"
            raise ReplayError(f"the broker failed ({error}): {words}") from error


def parked_ids(store: ParkedStore, wanted: ParkedFilter) -> Iterator[list[str]]:
    """The ids that meet a filter, newest first, page by page; what is parked meanwhile is left out."""
    after: ParkedCursor | None = None
    while page := store.parked(wanted, limit=TAKE, after=after):
        yield [entry.parked_id for entry in page]
        after = cursor_of(page[-1])
