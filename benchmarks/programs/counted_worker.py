"""Our worker, writing a line to the file $BENCH_SQL_LOG for each SQL statement: the id of the process that sent it."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import Engine, event

from worker.celery import app

__all__ = ["app"]

_LOG = Path(os.environ["BENCH_SQL_LOG"])


@event.listens_for(Engine, "before_cursor_execute")
def _note(*_: object) -> None:
    with _LOG.open("a") as stream:
        stream.write(f"{os.getpid()}\n")
