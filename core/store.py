"""The store: all that workers, the API and the command line ask of SQL, in one object."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from sqlalchemy import Engine, select

from core.accounts.facts import EvidenceSource, FactStore
from core.moments import utc_now
from core.parked.store import ParkedStore
from core.rules.store import RuleStore
from core.storage.decisions import DecisionStore
from core.storage.epochs import EpochSink, read_epochs, read_epochs_since
from core.storage.tables import EPOCHS


class Store(FactStore, DecisionStore, ParkedStore, RuleStore):
    """Every method may raise StoreUnavailableError; trying again later can help."""

    def __init__(
        self,
        engine: Engine,
        sink: EpochSink | None = None,
        clock: Callable[[], datetime] = utc_now,
        *,
        evidence: EvidenceSource | None = None,
    ) -> None:
        """`evidence`: where decisions read what the receipts say of senders."""
        super().__init__(engine, sink, clock)
        self.evidence = evidence

    def epochs(self, scopes: Iterable[str]) -> dict[str, int]:
        """The epoch of every scope asked for; 0 where nothing was ever written."""
        with self.single() as connection:
            return read_epochs(connection, scopes)

    def epochs_changed_since(self, moment: datetime) -> dict[str, int]:
        """The epochs raised since `moment`, to publish again what a sink may have lost.

        Ask with an overlap of a minute: an epoch carries the time of its statement by the writer's clock, and is
        seen only when its transaction has ended.
        """
        with self.single() as connection:
            return read_epochs_since(connection, moment)

    def ping(self) -> None:
        """Returns when the database answers and has its tables; else raises StoreUnavailableError or a SQL error."""
        with self.single() as connection:
            connection.execute(select(EPOCHS.c.scope).limit(1))
