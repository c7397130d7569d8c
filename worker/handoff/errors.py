"""What handing over may raise, on either broker, and another try may mend."""

from __future__ import annotations

import amqp
import redis

from core.errors import SmartAssignError


class NotConfirmedError(Exception):
    """RabbitMQ refused, returned or did not confirm a message; nothing of its batch counts as sent."""


#: What publishing to RabbitMQ may raise.
PUBLISH_ERRORS = (NotConfirmedError, amqp.AMQPError, OSError)
#: What either broker may raise.
BROKER_ERRORS = (redis.RedisError, *PUBLISH_ERRORS)


class UnfitError(SmartAssignError):
    """What was looked at does not do; the text says why."""


class NotSentError(SmartAssignError):
    """The broker failed in the middle of a file; the text says how far it was enqueued."""
