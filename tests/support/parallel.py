"""How a run in several processes (`pytest --numprocesses`) is divided.

A file's tests run in one process, for they share its fixtures. Tests of one shared worker or of one shared API, from
whatever file, run in one process as well, so that it is started once. What takes longest begins first.
"""

from __future__ import annotations

import re

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

#: What a session fixture that is dear to start says of itself in the ids of its tests.
SHARED = re.compile(r"worker on \w+-\w+|api on \w+")


class BySharedFixtureOrFile(LoadScopeScheduling):
    """Hands the pieces out in the order in which they were collected."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        shared = SHARED.search(nodeid)
        return shared.group() if shared else nodeid.partition("::")[0]


def longest_first(item: pytest.Item) -> int:
    """Where the item's piece stands in a run; lower goes first."""
    if SHARED.search(item.nodeid):
        return 0
    marks = [item.get_closest_marker(name) for name in ("chaos", "slow")]
    return next((place for place, mark in enumerate(marks, start=1) if mark), 3)
