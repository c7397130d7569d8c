"""SQL for a program that only reads it: no client of Redis is loaded for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from core.storage.database import open_engine
from core.storage.epochs import EpochSink
from core.store import Store
from worker.embedded.places import database_url_of
from worker.settings import Settings


@contextmanager
def store_alone(settings: Settings, sink: EpochSink | None = None) -> Iterator[Store]:
    """The store of the settings; without a sink, workers hear of a write when they next compare epochs, within seconds."""
    engine = open_engine(database_url_of(settings), prepared_statements=settings.database_prepared_statements)
    try:
        yield Store(engine, sink)
    finally:
        engine.dispose()
