"""The rules in use, kept in the process until their epoch changes: a book of 250 countries takes a while to unpack."""

from __future__ import annotations

from threading import Lock
from typing import Protocol

from core.cache.breaker import Breaker
from core.cache.epochs import Epochs, EpochStore, RedisEpochs
from core.engine.country_rules import RuleBook
from core.storage.scopes import RULES_SCOPE


class RulesSource(EpochStore, Protocol):
    """What is asked of SQL; every method may raise StoreUnavailableError."""

    def active_rules(self) -> RuleBook:
        """The rules in use, local corrections included."""


class CurrentRules:
    """Gives the rules in use, at most half a second old; safe to share between threads."""

    def __init__(self, store: RulesSource, shared: RedisEpochs) -> None:
        self._store = store
        self._epochs = Epochs(shared, store, Breaker())
        self._lock = Lock()
        self._held: tuple[int, RuleBook] | None = None

    def __call__(self) -> RuleBook:
        """May raise StoreUnavailableError, and NotFoundError where the database holds no rules yet."""
        with self._lock:
            epoch = self._epochs.current([RULES_SCOPE])[RULES_SCOPE]
            if self._held is None or self._held[0] != epoch:
                self._held = (epoch, self._store.active_rules())
            return self._held[1]
