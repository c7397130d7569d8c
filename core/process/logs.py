"""Logs: constant events with fields, on the console or as JSON lines; never a body, never a full number."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from core.process.log_choices import LogFormat, LogLevel
from core.process.logger import set_up_now
from core.process.printable import lines_of, one_line

#: What spans several lines on a console.
_TRACES = frozenset({"exception", "stack"})

_SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def send_logs_to_stderr(log_format: LogFormat, level: LogLevel) -> None:
    """Send structlog's and the standard library's records to stderr in one format."""
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if log_format is LogFormat.JSON
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            *([] if log_format is LogFormat.JSON else [_printable]),  # JSON escapes all that is not printable ASCII
            renderer,
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of every step
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _printable(_logger: object, _method: str, record: EventDict) -> EventDict:
    """A record begins one line, whatever a foreign text in it holds; the lines of a trace are indented."""
    for name, value in record.items():
        if isinstance(value, str):
            record[name] = lines_of(value).replace("\n", "\n  ") if name in _TRACES else one_line(value)
    return record


def bound_logger(name: str) -> Any:
    """Structlog's logger of that name; where a program has not set up its logs, warnings go to stderr for people."""
    set_up_now()
    if not structlog.is_configured():
        send_logs_to_stderr(LogFormat.CONSOLE, LogLevel.WARNING)
    return structlog.get_logger(name)
