"""The worker, but it takes no more from its broker while the file of STOP_TAKING is there; all else of it goes on."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from worker.celery import app
from worker.intake.rabbitmq import RabbitIntake
from worker.redis_broker.claims import Claimed, Claims

__all__ = ["app"]

STOP = Path(os.environ.get("STOP_TAKING", "/nonexistent"))
_claim, _look = Claims.claim, RabbitIntake._look


def claim(self: Claims, *given: Any, **named: Any) -> Claimed:
    """As a thread that hangs."""
    while STOP.exists():
        time.sleep(0.05)
    return _claim(self, *given, **named)


def look(self: RabbitIntake) -> Any:
    """As consumers that the broker has lost."""
    if STOP.exists():
        for consumer in self._consumers:
            consumer.cancel()
    return _look(self)


Claims.claim = claim  # type: ignore[assignment,method-assign]
RabbitIntake._look = look  # type: ignore[method-assign]
