"""Tasks of a scheduler of a newer version: no fault of anybody's, and no message."""

from __future__ import annotations

from core.errors import FieldError, ParkReason

#: What is said of one, wherever it is refused.
NEWER_TASK = FieldError("headers.task", "is a task of a newer version's scheduler")


def reason_of(error: FieldError) -> ParkReason:
    """The reason under which a message is parked that could not be opened."""
    return ParkReason.NEWER_VERSION if error == NEWER_TASK else ParkReason.INVALID_MESSAGE
