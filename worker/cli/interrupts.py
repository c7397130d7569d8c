"""Ctrl-C: every command ends with a sentence on what was done, with exit code 130 and without a trace.

Until a command begins, and after it has ended, the process just ends. In between Ctrl-C is a KeyboardInterrupt, so that a
command puts away what it holds; what it does in steps it does in `whole` ones, so that what it says of them is exact.

This module is loaded before all others, and needs next to nothing.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Timer, main_thread

#: What shells say of a program that SIGINT ended.
INTERRUPTED = 128 + signal.SIGINT
#: When a Ctrl-C that was lost comes again.
AGAIN_S = 0.01


class Interrupted(KeyboardInterrupt):
    """Ctrl-C; the text says what was done, as a clause."""


def end_at_once_when_interrupted() -> None:
    """From here on Ctrl-C ends the process, unless whoever started it has Ctrl-C ignored."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _end)


def _end(*_: object) -> None:
    with suppress(OSError):
        os.write(2, b"\nsmart-assign: interrupted\n")
    os._exit(INTERRUPTED)


@contextmanager
def interruptible() -> Iterator[None]:
    """A command runs: Ctrl-C is a KeyboardInterrupt in the block, in a program that `end_at_once_when_interrupted`."""
    if signal.getsignal(signal.SIGINT) is not _end:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    before, sys.unraisablehook = sys.unraisablehook, _press_again
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, _end)
        sys.unraisablehook = before


def _press_again(lost: sys.UnraisableHookArgs) -> None:
    """Ctrl-C that came while Python ran a finalizer, which can raise nothing, comes once more a moment later."""
    if isinstance(lost.exc_value, KeyboardInterrupt):
        Timer(AGAIN_S, signal.pthread_kill, (main_thread().ident, signal.SIGINT)).start()
    else:
        sys.__unraisablehook__(lost)


@contextmanager
def whole() -> Iterator[None]:
    """The block is done to its end: Ctrl-C comes after it, a second one at once. The block must not wait without a limit."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:
        yield
        return
    noted = list[bool]()

    def note(*_: object) -> None:
        if noted:
            raise KeyboardInterrupt
        noted.append(True)

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if noted:
        raise KeyboardInterrupt


@contextmanager
def telling(done: Callable[[], str]) -> Iterator[None]:
    """Where Ctrl-C ends the block, `done` says what was done, as a clause."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(done()) from None
