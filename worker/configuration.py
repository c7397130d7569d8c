"""What this process was told: its settings, and where its services are."""

from __future__ import annotations

import atexit
import os
from contextlib import ExitStack
from functools import cache
from typing import NamedTuple

from worker.embedded.urls import ResolvedUrls, resolve_urls
from worker.settings import Settings


class Configured(NamedTuple):
    """What a process was told, and where its services are."""

    settings: Settings
    urls: ResolvedUrls


@cache
def configured() -> Configured:
    """The settings, and the addresses of the services; embedded servers run from here on until the process ends."""
    settings, stack = Settings(), ExitStack()
    urls = resolve_urls(settings, stack)
    # A forked child must not stop what its parent started.
    atexit.register(_close_if_mine, stack, os.getpid())
    return Configured(settings, urls)


def _close_if_mine(stack: ExitStack, pid: int) -> None:
    if os.getpid() == pid:
        stack.close()
