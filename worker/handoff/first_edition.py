"""Whether workers of the first edition may be about, which know messages by account and id, not by sub-account.

While they may, messages of sub-accounts get a second mark, by which those workers know them; later on one is enough
(docs/decisions/0021).
"""

from __future__ import annotations

import time
from collections.abc import Callable

import redis

from worker.handoff.script_headers import FirstEditionHeader
from worker.handoff.scripts import Scripts
from worker.settings import Settings

#: How long an upgrade may take, from the first worker of this edition on, though none of the first edition shows itself.
UPGRADE_S = 86_400
#: How long an answer is trusted.
LOOK_AGAIN_S = 60.0


class FirstEdition:
    """Asks Redis once a minute. Where that cannot be asked, such workers may be about."""

    def __init__(self, client: redis.Redis, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._scripts, self._window, self._clock = Scripts(client, settings), settings.idempotency_window, clock
        self._answer, self._until = True, float("-inf")

    def may_be_about(self) -> bool:
        """As of the last look."""
        now = self._clock()
        if now >= self._until:
            self._answer, self._until = self._look(), now + LOOK_AGAIN_S
        return self._answer

    def _look(self) -> bool:
        if not self._window:
            return False
        try:
            return bool(self._scripts.run(FirstEditionHeader(UPGRADE_S)))
        except redis.RedisError:
            return True
