"""A logger for modules that every command loads: structlog, which is as large as they are, is loaded with the first record."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from core.process.loading import load

_BOUND_LOGGER = "core.process.logs:bound_logger"


class Logger:
    """A logger of structlog's."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, level: str) -> Any:
        return getattr(load(_BOUND_LOGGER)(self._name), level)


class SetUpWhenLogged(logging.Handler):
    """Stands on the root logger until there is a record: then `set_up` puts other handlers there, which get it."""

    def __init__(self, set_up: Callable[[], None]) -> None:
        super().__init__()
        self._set_up = set_up

    def emit(self, record: logging.LogRecord) -> None:
        """Hand the record to those who come after."""
        self.set_up()
        logging.getLogger().handle(record)

    def set_up(self) -> None:
        """Make way for the handlers that are meant."""
        logging.getLogger().removeHandler(self)
        self._set_up()


def set_up_when_logged(level: str, set_up: Callable[[], None]) -> None:
    """Records from this level on have logs set up, once there is one."""
    root = logging.getLogger()
    root.handlers[:] = [SetUpWhenLogged(set_up)]
    root.setLevel(level)


def set_up_now() -> None:
    """Set up what waits for a record, for who is about to use structlog itself."""
    for handler in list(logging.getLogger().handlers):
        if isinstance(handler, SetUpWhenLogged):
            handler.set_up()
