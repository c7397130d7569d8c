"""Visitors that showed their key a moment ago, so that SQL is not asked about it again for each of their requests."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from threading import Lock

from core.accounts.logins import Visitor

#: A revoked key, a suspended account: refused everywhere within a second. Half of it is spent here.
TRUST_S = 0.5
#: Visitors remembered; one that is forgotten is asked about again.
MAX_VISITORS = 10_000


class KnownVisitors:
    """Remembers who was let in, by account and digest of the key; safe to share between threads."""

    def __init__(
        self, authenticate: Callable[[str, str], Visitor | None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._authenticate, self._clock, self._lock = authenticate, clock, Lock()
        self._known: OrderedDict[tuple[str, bytes], tuple[float, Visitor]] = OrderedDict()

    def recall(self, user_name: str, key: str) -> Visitor | None:
        """Who showed this key less than `TRUST_S` ago; None: ask. Never waits."""
        until, visitor = self._known.get(_name(user_name, key), (0.0, None))
        return visitor if self._clock() < until else None

    def has_met(self, user_name: str, key: str) -> bool:
        """Whether the key was good when it was last asked about, however long ago."""
        return _name(user_name, key) in self._known

    def ask(self, user_name: str, key: str) -> Visitor | None:
        """Who it is, as SQL knows it now; None: nobody, which is not remembered. May raise StoreUnavailableError."""
        until = self._clock() + TRUST_S
        visitor = self._authenticate(user_name, key)
        if visitor is not None:
            self._remember(_name(user_name, key), until, visitor)
        return visitor

    def _remember(self, name: tuple[str, bytes], until: float, visitor: Visitor) -> None:
        with self._lock:
            self._known[name] = (until, visitor)
            self._known.move_to_end(name)
            if len(self._known) > MAX_VISITORS:
                self._known.popitem(last=False)


def _name(user_name: str, key: str) -> tuple[str, bytes]:
    return user_name, sha256(key.encode("utf-8", "surrogatepass")).digest()
