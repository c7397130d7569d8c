"""What a process that runs for long has loaded at its start."""

from __future__ import annotations

import gc

#: New objects between two rounds. Python's own 700 are made for one decision after the other, and none of them is
#: garbage: nearly all of ours goes by its count of references.
YOUNG_OBJECTS = 20_000


def freeze() -> None:
    """Take all that is loaded so far out of the garbage collector's rounds, and let them be fewer.

    Modules and their like are a hundred thousand objects that stay; to walk them all again and again took a fifth of
    the time of a decision among a thousand senders. Called before a fork it also leaves their memory shared.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
