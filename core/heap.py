"""What a process that runs for long has loaded at its start."""

from __future__ import annotations

import gc


def spare_the_collector() -> None:
    """Take all that is loaded so far out of the garbage collector's rounds.

    Modules and their like are a hundred thousand objects that stay; to walk them all again and again took a fifth of
    the time of a decision among a thousand senders. Called before a fork it also leaves their memory shared.
    """
    gc.collect()
    gc.freeze()
