"""From receipts to what is added to rates: whose sender each is about, and what the document of it says."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

from core.contract.feedback import Outcome
from core.trust.keys import SenderKey
from core.trust.owners import Owned
from core.trust.rates import Added, TrustPolicy
from core.trust.tally import Named, tally


class Addition(NamedTuple):
    """What is to be added to the rates of one sender in one country, for one source."""

    key: SenderKey
    source: str
    added: Added


class OwnersOf(Protocol):
    """What says whose sender each is: `core.trust.owners.Owners`, or a double. May raise StoreUnavailableError."""

    def of(self, wanted: Collection[Named]) -> Mapping[Named, Owned | None]:
        """The owner of each; None where whoever is named may not use it."""


class Recorder:
    """Adds receipts up. May raise StoreUnavailableError."""

    def __init__(self, owners: OwnersOf, policy: TrustPolicy, clock: Callable[[], datetime]) -> None:
        self._owners, self._policy, self.clock = owners, policy, clock

    def additions(self, outcomes: Iterable[Outcome]) -> tuple[list[Addition], int]:
        """What outcomes add; and how many senders were named that whoever is named with them may not use."""
        sums = tally(outcomes, self.clock(), self._policy)
        owners = self._owners.of({named for named, _ in sums})
        found: list[Addition] = []
        strangers = 0
        for (named, country), added in sums.items():
            owned = owners[named]
            if owned is None:
                strangers += 1
                continue
            key = SenderKey(owned.owner, country, named.sender_type, owned.bare_id)
            found.append(Addition(key, owned.source, added))
        return found, strangers
