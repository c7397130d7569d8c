"""The garbage collector, and the memory of a process that runs for long."""

from __future__ import annotations

import gc

from core.process.loading import load

#: New objects between two rounds. Python's own 700 are made for one decision after the other, and none of them is
#: garbage: nearly all of ours goes by its count of references.
YOUNG_OBJECTS = 20_000

#: What glibc may keep at the end of its heap; several claims' envelopes.
KEPT_BYTES = 16 * 1024 * 1024
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def freeze() -> None:
    """Take all that is loaded so far out of the garbage collector's rounds, and let them be fewer.

    Modules and their like are a hundred thousand objects that stay; to walk them all again and again took a fifth of
    the time of a decision among a thousand senders. Called before a fork it also leaves their memory shared.
    """
    gc.collect()
    gc.freeze()
    collect_seldom()


def collect_seldom() -> None:
    """Let rounds of the garbage collector be fewer: a command's are a tenth of its time, and find nothing."""
    gc.set_threshold(YOUNG_OBJECTS)


def keep_buffers() -> bool:
    """Keep the memory of freed buffers in the process; False where the C library is not glibc, which alone gives it back.

    A claim's envelopes are a megabyte or two that is made and freed again for every claim. glibc gives the end of its heap
    back to the system as soon as 128 KiB of it are free, and each claim then took 430 page faults to have it again: a
    seventh of a message's CPU. How much stays is bounded by KEPT_BYTES.
    """
    try:
        mallopt = load("ctypes:CDLL")(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, KEPT_BYTES)) and bool(mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES))
