"""The account of the long form: what was accepted of producers, what came of it, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Ledger:
    """Ids of messages. What a producer was not told is accepted may come or not, but not twice on Redis."""

    accepted: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    #: The dispatch id of each that came.
    came: dict[str, str] = field(default_factory=dict)
    repeats: Counter[str] = field(default_factory=Counter)
    #: Those that came with more than one dispatch id, or that nobody sent.
    changed: set[str] = field(default_factory=set)
    #: Those that are to be parked, and the ids under which they were.
    to_park: set[str] = field(default_factory=set)
    parked: dict[str, Counter[str]] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    #: Those that one no longer waits for; what is left of them at the end is lost.
    given_up: set[str] = field(default_factory=set)
    unparked: set[str] = field(default_factory=set)

    def accept(self, ids: Iterable[str], *, to_park: bool = False) -> None:
        """A producer was told that these are taken. What is `to_park` comes as a notice."""
        (self.to_park if to_park else self.accepted).update(ids)
        (self.unparked if to_park else self.missing).update(ids)

    def doubt(self, ids: Iterable[str]) -> None:
        """A producer was not told."""
        self.doubtful.update(ids)

    def take(self, messages: Iterable[tuple[str, str]]) -> int:
        """What came on the dispatch queue, as pairs of message id and dispatch id; gives how many."""
        count = 0
        for message_id, dispatch_id in messages:
            count += 1
            before = self.came.setdefault(message_id, dispatch_id)
            if message_id in self.missing or message_id in self.given_up:
                self.missing.discard(message_id)
                self.given_up.discard(message_id)
            elif message_id in self.doubtful:
                self.doubtful.discard(message_id)
                self.accepted.add(message_id)
            else:
                self.repeats[message_id] += 1
                if before != dispatch_id or message_id not in self.accepted:
                    self.changed.add(message_id)
        return count

    def take_notices(self, notices: Iterable[tuple[str, str]]) -> None:
        """What came on the parked queue, as pairs of message id and parked id."""
        for message_id, parked_id in notices:
            self.parked.setdefault(message_id, Counter())[parked_id] += 1
            self.unparked.discard(message_id)
            self.given_up.discard(message_id)

    def give_up(self) -> list[str]:
        """Wait no longer for what has not come; gives it."""
        waited = [*sorted(self.missing), *sorted(self.unparked)]
        self.given_up.update(waited)
        self.missing.clear()
        self.unparked.clear()
        return waited

    def wrongly_parked(self) -> set[str]:
        """Those that were parked and should have been sent."""
        return self.parked.keys() - self.to_park - self.doubtful

    def parked_twice(self) -> set[str]:
        """Those that were parked under more than one id."""
        return {message_id for message_id, ids in self.parked.items() if len(ids) > 1}
