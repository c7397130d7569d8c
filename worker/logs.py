"""The worker's logs, in the format and from the level of its settings."""

from __future__ import annotations

from core.logs import send_logs_to_stderr
from worker.settings import Settings


def set_up_logs(settings: Settings) -> None:
    """Send structlog's and the standard library's records to stderr in one format."""
    send_logs_to_stderr(settings.log_format, settings.log_level)
