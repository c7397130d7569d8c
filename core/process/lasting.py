"""Threads that last: whatever their work raises is said once, waited out, and said again when it is over.

Python ends a thread with the first exception that nobody catches, and the process around it looks healthy from then on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from core.process.log_events import LogEvent
from core.process.redis_refusals import refusal_words

log = structlog.get_logger(__name__)

#: The first pause after a failure, and the longest: what is well again is noticed within it.
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 2.0
#: Kinds of failure that one trouble may log; who fails in ever new ways is heard often enough.
MOST_KINDS = 8
_MOST_CHARACTERS = 300


def one_line(error: BaseException) -> str:
    """What an exception says, in one line of bounded length; its type's name where it says nothing."""
    words = refusal_words(error) or " ".join(str(error).split())
    return words[:_MOST_CHARACTERS] or type(error).__name__


@dataclass(frozen=True, slots=True)
class Trouble:
    """That work fails: since when (monotonic seconds), how often in a row, what was raised last, and when.

    `passing`: it meant no more than that a service is away.
    """

    since: float
    failures: int
    words: str
    last: float = 0.0
    passing: bool = False


class Attempts:
    """One kind of work that is done again and again, and may fail.

    `passing` are the exceptions that mean no more than that a service is away: they are logged without a trace.
    Used by one thread; `trouble` and `last_success` may be read by any.
    """

    def __init__(
        self, name: str, passing: tuple[type[Exception], ...] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = name
        self.trouble: Trouble | None = None
        self.last_success = clock()
        self._passing, self._clock = passing, clock
        self._kinds: set[str] = set()

    def attempt(self, work: Callable[[], object]) -> float:
        """Do the work; gives the seconds to wait before the next attempt, 0 where it succeeded. Total."""
        try:
            work()
        except Exception as error:  # noqa: BLE001  # the thread must not end by it, whatever it is
            return self.failed(error)
        self.succeeded()
        return 0.0

    def failed(self, error: Exception) -> float:
        """Take note of a failure, where somebody else does the work; gives the seconds to wait."""
        before = self.trouble
        since, failures = (before.since, before.failures) if before else (self._clock(), 0)
        passing = isinstance(error, self._passing)
        self.trouble = Trouble(since, failures + 1, one_line(error), self._clock(), passing)
        kind = f"{type(error).__name__}: {one_line(error).partition(' ')[0]}"
        if kind not in self._kinds and len(self._kinds) < MOST_KINDS:
            self._kinds.add(kind)
            self._log_failure(error)
        return float(min(FIRST_PAUSE_S * 2 ** min(failures, 8), LONGEST_PAUSE_S))

    def _log_failure(self, error: Exception) -> None:
        if isinstance(error, self._passing):
            log.warning(LogEvent.WORK_WAITS, work=self.name, error=type(error).__name__, reason=one_line(error))
        else:
            log.error(LogEvent.WORK_FAILED, work=self.name, error=type(error).__name__, exc_info=error)

    def succeeded(self) -> None:
        """Take note that the work was done."""
        self.last_success = self._clock()
        if self.trouble is None:
            return
        seconds = round(self.last_success - self.trouble.since, 1)
        log.warning(LogEvent.WORK_GOES_ON, work=self.name, after_s=seconds, failures=self.trouble.failures)
        self.trouble = None
        self._kinds.clear()


class LastingThread(threading.Thread):
    """A daemon thread that does one thing after the other until it is told to stop; no exception ends it."""

    def __init__(
        self,
        name: str,
        turn: Callable[[], object],
        stopping: threading.Event,
        passing: tuple[type[Exception], ...] = (),
    ) -> None:
        """`turn` is called over and over, and has to wait by itself where there is nothing to do."""
        super().__init__(name=name, daemon=True)
        self._turn, self._stopping = turn, stopping
        self.attempts = Attempts(name, passing)

    def run(self) -> None:
        """Until `stopping` is set."""
        while not self._stopping.is_set():
            pause = self.attempts.attempt(self._turn)
            if pause:
                self._stopping.wait(pause)
