"""Runs several roles in one terminal for `smart-assign up`: prefixed output, restarts, an orderly end.

Children are in process groups of their own, so Ctrl-C reaches the supervisor alone, which then ends them in order.
"""

from __future__ import annotations

import selectors
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TextIO

from worker.supervision.role import Child, Printer, Role, describe_exit

POLL_S = 0.1


def _nothing(*_: object) -> None:
    return


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how often: seconds, but for `restarts`, the failures in a row that are forgiven."""

    ready_s: float = 60.0
    grace_s: float = 30.0
    restarts: int = 5
    backoff_s: float = 0.5
    backoff_limit_s: float = 10.0
    healthy_s: float = 60.0

    def pause(self, failures: int) -> float:
        """How long to wait before the next start after so many failures in a row."""
        return float(min(self.backoff_limit_s, self.backoff_s * 2 ** (failures - 1)))


DEFAULT_LIMITS = Limits()


class Supervisor:
    """Keeps roles running. They end one after the other, the last of the list first; a second signal kills at once."""

    def __init__(
        self,
        roles: Sequence[Role],
        output: TextIO,
        *,
        on_ready: Callable[[str], object] = _nothing,
        watch: Callable[[], object] = _nothing,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        """`on_ready` hears each role's name once; `watch` is called at every turn, ten times a second or more."""
        self._printer = Printer([role.name for role in roles], output)
        self._children = [Child(role, self._printer) for role in roles]
        self._on_ready = on_ready
        self._watch = watch
        self._limits = limits
        self._selector = selectors.DefaultSelector()
        self._signals = 0
        self._failed = False

    def run(self) -> int:
        """Run until SIGINT or SIGTERM; 0 after a clean end, 1 when a role failed for good or had to be killed.

        Must be called in the main thread. What `watch` raises ends the roles, and is raised.
        """
        with self._signals_counted(), self._selector:
            try:
                for child in self._children:
                    self._start(child)
                while not self._signals and not self._failed:
                    self._turn()
            finally:
                self._end_all()
        return int(self._failed)

    @contextmanager
    def _signals_counted(self) -> Iterator[None]:
        def count(number: int, _frame: FrameType | None) -> None:
            if number != signal.SIGHUP or not self._signals:  # a closing terminal may send several: no hurry
                self._signals += 1

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = [signal.signal(number, count) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)

    def _start(self, child: Child) -> None:
        try:
            child.start(time.monotonic())
        except OSError as error:
            self._say(child, f"cannot be started: {error}")
            self._failed = True
            return
        self._selector.register(child.fileno(), selectors.EVENT_READ, child)

    def _turn(self) -> None:
        self._read_output()
        self._watch()
        now = time.monotonic()
        for child in self._children:
            self._look_after(child, now)

    def _read_output(self) -> None:
        for key, _ in self._selector.select(POLL_S):
            if not key.data.read():
                self._let_go(key.data)

    def _let_go(self, child: Child) -> None:
        if child.open:
            self._selector.unregister(child.fileno())
            child.close()

    def _look_after(self, child: Child, now: float) -> None:
        if child.restart_at is not None:
            if now >= child.restart_at:
                self._start(child)
        elif not child.running:
            self._plan_restart(child, now)
        elif not child.check_ready():
            if now - child.started_at > self._limits.ready_s:
                self._give_up(child, f"not ready after {self._limits.ready_s:.0f} s")
        elif not child.announced:
            child.announced = True
            self._on_ready(child.role.name)

    def _plan_restart(self, child: Child, now: float) -> None:
        assert child.process is not None
        child.kill()  # what it left behind in its group
        self._let_go(child)
        if now - child.started_at > self._limits.healthy_s:
            child.failures = 0
        child.failures += 1
        ended = f"ended unexpectedly ({describe_exit(child.process.returncode)})"
        if child.failures > self._limits.restarts:
            self._give_up(child, f"{ended} {child.failures} times, giving up")
            return
        pause = self._limits.pause(child.failures)
        self._say(child, f"{ended}, starting it again in {pause:g} s")
        child.restart_at = now + pause

    def _give_up(self, child: Child, reason: str) -> None:
        self._say(child, reason)
        self._failed = True

    def _end_all(self) -> None:
        signals_before = self._signals
        for child in reversed(self._children):
            if child.running:
                self._end_child(child, signals_before)
            self._let_go(child)

    def _end_child(self, child: Child, signals_before: int) -> None:
        child.ask_to_end()
        deadline = time.monotonic() + self._limits.grace_s
        while child.running and time.monotonic() < deadline and self._signals == signals_before:
            self._read_output()
        if child.running:
            self._say(child, "did not end in time, killed")
            self._failed = True
        child.kill()

    def _say(self, child: Child, text: str) -> None:
        self._printer.line(child.role.name, f"[{child.role.name} {text}]")
