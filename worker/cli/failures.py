"""What commands say of an error, where it is one that a person is meant to read. Loaded when there is one."""

from __future__ import annotations

from typing import Any

import amqp
from kombu.exceptions import OperationalError
from pydantic import ValidationError
from redis.exceptions import AuthenticationError, RedisError
from sqlalchemy.exc import SQLAlchemyError


def sentence_of(error: Exception) -> str | None:
    """What to say; None: it is a fault of this program, whose trace is to be seen."""
    words: str | None = None
    match error:
        case ValidationError():
            words = "; ".join(_setting_error(detail) for detail in error.errors(include_url=False))
        case AuthenticationError():
            words = f"Redis does not let this program in: {error}"
        case amqp.AccessRefused() | amqp.NotAllowed():
            words = f"RabbitMQ does not let this program in: {error.reply_text}"
        case RedisError() | OperationalError() | amqp.AMQPError():
            words = f"the broker or Redis cannot be reached: {error}"
        case SQLAlchemyError():
            words = f"the database refused: {getattr(error, 'orig', None) or error}"
        case OSError(filename=str(file)):
            words = f"{error.strerror}: {file}"
        case OSError():
            words = f"the broker or Redis cannot be reached: {error.strerror or error}"
    return words


def _setting_error(detail: Any) -> str:
    name = "_".join(str(part) for part in detail["loc"]).upper()
    return f"SMART_ASSIGN_{name} {detail['msg']}" if name else detail["msg"].removeprefix("Value error, ")
