"""What the settings say of logs: for whom they are written, and how much."""

from __future__ import annotations

from enum import StrEnum


class LogFormat(StrEnum):
    """For people, or one JSON document a line."""

    CONSOLE = "console"
    JSON = "json"


class LogLevel(StrEnum):
    """The least that is logged, by the names of the standard library."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
