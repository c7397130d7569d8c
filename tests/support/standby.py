"""A PostgreSQL primary with a standby that follows it by streaming, which may be promoted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from tests.support.services import PostgresProcess, as_postgres, postgres_binary, run, wait_for


@dataclass
class Standby(PostgresProcess):
    """One that copies another, `of`, at its start."""

    of: PostgresProcess | None = None

    def _create(self) -> None:
        assert self.of is not None
        run(["chown", "-R", "postgres:postgres", str(self.folder)], cwd=self.folder)
        copy = [postgres_binary("pg_basebackup"), "-h", "127.0.0.1", "-p", str(self.of.port), "-U", "postgres"]
        run(as_postgres([*copy, "-D", str(self.data), "-R", "-X", "stream", "-c", "fast"]), cwd=self.folder)

    def promote(self) -> None:
        """It takes writes from here on."""
        self._pg_ctl("promote", "-w", "-t", "30")

    def follows(self) -> bool:
        """Whether it has all that the primary has written."""
        assert self.of is not None
        with psycopg.connect(self.of.url.replace("+psycopg", "")) as connection:
            found = connection.execute(
                "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()"
            ).fetchone()
        return bool(found and found[0])


@contextmanager
def standby_of(primary: PostgresProcess) -> Iterator[Standby]:
    """A standby that follows."""
    standby = Standby(of=primary)
    try:
        standby.start()
        wait_for(standby.follows, 20, "the standby")
        yield standby
    finally:
        standby.remove()
