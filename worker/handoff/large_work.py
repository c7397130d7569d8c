"""Large documents, one at a time in each worker: reading one takes several times its length, in each child that does."""

from __future__ import annotations

import fcntl
import tempfile
import threading
from pathlib import Path

#: What is longer waits for its turn: it becomes a few times as much in the child that works on it.
LARGE_BYTES = 12_582_912


class LargeWork:
    """The turn to work on what is large. The system takes it back from a process that ends, however it ends.

    A lock on a file that the processes of one worker share, because it was opened before they were forked.
    """

    def __init__(self) -> None:
        self._file: int | None = None
        self._threads = threading.Lock()
        self._mine = threading.local()

    def prepare(self) -> None:
        """Open the file, before the pool forks."""
        if self._file is None:
            self._file, path = tempfile.mkstemp(prefix="smart-assign-")
            Path(path).unlink()

    def take(self) -> None:
        """Wait for the turn; whoever has it already goes on."""
        if getattr(self._mine, "has", False):
            return
        self._threads.acquire()
        self.prepare()
        assert self._file is not None
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        self._mine.has = True

    def give_back(self) -> None:
        """Let the next one go on, where this is whose turn it was."""
        if getattr(self._mine, "has", False) and self._file is not None:
            self._mine.has = False
            fcntl.lockf(self._file, fcntl.LOCK_UN)
            self._threads.release()


#: That of this worker.
LARGE_WORK = LargeWork()
