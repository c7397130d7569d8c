"""The worker's logs, in the format and from the level of its settings."""

from __future__ import annotations

import logging

from core.process.log_choices import LogLevel
from core.process.logs import send_logs_to_stderr
from worker.settings import Settings

#: They write a line when a task comes and one when it ends. Flower shows the same; here it would bury all else.
_EVERY_TASK = ("celery.worker.strategy", "celery.app.trace")


def set_up_logs(settings: Settings) -> None:
    """Send structlog's and the standard library's records to stderr in one format; every task's only with DEBUG."""
    send_logs_to_stderr(settings.log_format, settings.log_level)
    if settings.log_level is not LogLevel.DEBUG:
        for name in _EVERY_TASK:
            logging.getLogger(name).setLevel(logging.WARNING)
