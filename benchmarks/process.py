"""Programs that are measured: each in a session of its own, its CPU read from the kernel, gone when the block ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.support.services import signal_group

ROOT = Path(__file__).parents[1]
LOG_LINES_TOLD = 15
CELERY = (sys.executable, "-m", "celery")
#: As the project's own tests start workers: what these two tell other workers is no part of a message's cost.
WORKER_OPTIONS = ("--without-mingle", "--without-gossip")


class MeasurementError(Exception):
    """A run that cannot be counted: the program died, or did not come to an end in time."""


@dataclass(frozen=True, slots=True)
class Program:
    """A command with its whole environment."""

    command: Sequence[str]
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Running:
    """A program that runs, with its children."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def alive(self) -> bool:
        """Whether its first process lives."""
        return self.process.poll() is None

    @property
    def children(self) -> list[psutil.Process]:
        """Its children that live, and theirs."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def cpu(self) -> dict[int, float]:
        """User and system seconds of it and its children, by process id."""
        found = {}
        for process in (psutil.Process(self.process.pid), *self.children):
            found |= cpu_of(process)
        return found

    def said(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_LINES_TOLD:])

    def until(self, holds: Callable[[], bool], seconds: float, what: str, poll_s: float = 0.005) -> None:
        """Poll until it holds. Raises MeasurementError where the program dies or the time is over."""
        deadline = time.monotonic() + seconds
        while not holds():
            if not self.alive:
                raise MeasurementError(f"the program died before {what}:\n{self.said()}")
            if time.monotonic() > deadline:
                raise MeasurementError(f"not within {seconds:.0f} s: {what}\n{self.said()}")
            time.sleep(poll_s)

    def until_logged(self, text: str, seconds: float = 60.0) -> None:
        """Wait until its log holds `text`."""
        self.until(lambda: text in self.log.read_text(errors="replace"), seconds, f"it said {text!r}", poll_s=0.05)


def cpu_of(process: psutil.Process | None) -> dict[int, float]:
    """User and system seconds of one process by its id; nothing where it is gone or unknown."""
    try:
        times = process.cpu_times() if process else None
    except psutil.Error:
        return {}
    return {process.pid: times.user + times.system} if process and times else {}


@contextmanager
def running(program: Program) -> Iterator[Running]:
    """Start a program; at the end of the block it and its children are killed."""
    with tempfile.TemporaryDirectory(prefix="sa-bench-") as folder:
        log = Path(folder) / "log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                program.command,
                cwd=ROOT,
                env=dict(program.environment),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        try:
            yield Running(process, log)
        finally:
            signal_group(process, signal.SIGKILL)
