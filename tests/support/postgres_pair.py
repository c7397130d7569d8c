"""A PostgreSQL primary and its standby, which fail over as often as one likes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.services import PostgresProcess, wait_for
from tests.support.standby import Standby

FOLLOWS_S = 30.0


class PostgresPair:
    """Both, each on a port that stays the same."""

    def __init__(self) -> None:
        self.primary = PostgresProcess()
        self.standby = Standby(of=self.primary)

    @property
    def ports(self) -> tuple[int, int]:
        """Of the primary, and of the standby."""
        return self.primary.port, self.standby.port

    def start(self) -> None:
        """Both, the one following the other."""
        self.primary.start()
        self._start_standby()

    def _start_standby(self) -> None:
        self.standby.start()
        wait_for(self.standby.follows, FOLLOWS_S, "the standby")

    def kill_primary(self) -> None:
        """Once the standby has all that it has written."""
        wait_for(self.standby.follows, FOLLOWS_S, "the standby")
        self.primary.kill()

    def promote(self) -> None:
        """The standby takes the place of the primary, which was killed and is a standby after `follow_again`."""
        self.standby.promote()
        new, old = self.standby, self.primary
        self.primary, self.standby = new, Standby(folder=old.folder, port=old.port, of=new)

    def follow_again(self) -> None:
        """Make the former primary a copy of the present one."""
        shutil.rmtree(self.standby.data)
        self._start_standby()

    def remove(self) -> None:
        """End both."""
        self.standby.remove()
        self.primary.remove()


@contextmanager
def postgres_pair() -> Iterator[PostgresPair]:
    """One that runs. Raises MissingServiceError where this machine has no PostgreSQL."""
    pair = PostgresPair()
    try:
        pair.start()
        yield pair
    finally:
        pair.remove()
