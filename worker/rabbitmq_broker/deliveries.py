"""A RabbitMQ delivery, read: its body as it came, its properties with the types that they are to have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from core.errors import FieldError
from worker.envelopes.opening import FIRST_PROTOCOL_MARK, Document, Opened, Opener, Refused
from worker.envelopes.unpacking import unpacked
from worker.rabbitmq_broker.outgoing import AGAIN

DELIVERY_COUNT = "x-delivery-count"
#: The header in the place of properties that cannot be read; its value says why.
UNREADABLE = "x-smart-assign-unreadable"


class Delivery(msgspec.Struct, gc=False):
    """One delivery; `times_before` counts earlier ones where the queue does, and `redelivered` says that there were some."""

    tag: int
    body: bytes
    headers: Mapping[str, Any]
    content_type: object
    reply_to: object
    again: bool
    redelivered: bool

    @property
    def came_before(self) -> bool:
        """Whether it was delivered before, to whomever, or enqueued again."""
        return self.redelivered or self.again

    @property
    def times_before(self) -> int | None:
        """How often it was delivered before, if its queue says so. A producer may write the header as well as a queue."""
        told = self.headers.get(DELIVERY_COUNT)
        return told if type(told) is int and told >= 0 else None

    def opened(self, opener: Opener) -> Opened:
        """What it holds: the body as it is, or what a task message holds."""
        headers = self.headers
        if UNREADABLE in headers:
            return Refused(FieldError("properties", f"cannot be read: {headers[UNREADABLE]}"))
        if DELIVERY_COUNT in headers and self.times_before is None:
            return Refused(FieldError(f"headers.{DELIVERY_COUNT}", "must be a whole number"))
        if "task" in headers or FIRST_PROTOCOL_MARK in self.body:
            return opener.open_delivery(headers, self.content_type, self.body, self.reply_to)
        if "compression" not in headers:
            return Document(self.body)
        try:
            return Document(unpacked(self.body, headers["compression"], opener.most_bytes))
        except ValueError as error:
            return Refused(FieldError("headers.compression", str(error)))


def read_delivery(raw: Any) -> Delivery:
    """A delivery as py-amqp gives it. Total."""
    properties, told, body = raw.properties, raw.delivery_info, raw.body
    headers = properties.get("application_headers")
    return Delivery(
        told["delivery_tag"],
        body.encode() if isinstance(body, str) else bytes(body),
        headers if isinstance(headers, dict) else {},
        properties.get("content_type"),
        properties.get("reply_to"),
        properties.get("message_id") == AGAIN,
        bool(told["redelivered"]),
    )
