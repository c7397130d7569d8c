"""Events: reported on the events queue, which is bounded and drops the oldest. They are no record of anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class EventSink(Protocol):
    """Where events go."""

    def send(self, events: Sequence[bytes]) -> None:
        """Send JSON documents, or raise one of BROKER_ERRORS; then some may have been sent."""
