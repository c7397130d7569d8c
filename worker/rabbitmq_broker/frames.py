"""AMQP 0-9-1 frames of many messages, joined: one write to the socket instead of one for each message.

py-amqp writes a message in some 50 µs, most of it in packing frames that are alike but for the body. Frame layouts:
section 2.3 of the AMQP 0-9-1 specification, properties of the class `basic` section 1.8.1 of its reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import pack

METHOD, HEADER, BODY = 1, 2, 3
END = b"\xce"
#: What a frame takes beside its payload.
FRAME_OVERHEAD = 8

_BASIC, _PUBLISH = 60, 40
_MANDATORY = 1
# Property flags, from the highest bit on: content type, content encoding, (headers), delivery mode, …, message id.
_CONTENT_TYPE, _CONTENT_ENCODING, _DELIVERY_MODE, _MESSAGE_ID = 1 << 15, 1 << 14, 1 << 12, 1 << 7
#: Bytes that are written at once.
WRITE_BYTES = 262_144


def _short(text: str) -> bytes:
    encoded = text.encode()
    return pack(">B", len(encoded)) + encoded


def _frame(kind: int, channel: int, payload: bytes) -> bytes:
    return pack(">BHI", kind, channel, len(payload)) + payload + END


class PublishFrames:
    """Writes persistent messages to the default exchange, for one channel and one queue; unroutable ones come back."""

    def __init__(self, channel: int, queue: str, *, content_type: str, frame_max: int) -> None:
        method = pack(">HHH", _BASIC, _PUBLISH, 0) + _short("") + _short(queue) + pack(">B", _MANDATORY)
        self._method = _frame(METHOD, channel, method)
        self._channel, self._most = channel, frame_max - FRAME_OVERHEAD
        # Delivery mode 2: the message is written to disk.
        self._properties = _short(content_type) + _short("utf-8") + b"\x02"
        self._flags = _CONTENT_TYPE | _CONTENT_ENCODING | _DELIVERY_MODE

    def write(self, messages: Sequence[tuple[bytes, str | None]]) -> Iterator[bytes]:
        """The frames of `messages`, each a body and perhaps a message id, in pieces of about WRITE_BYTES."""
        parts: list[bytes] = []
        size = 0
        for body, message_id in messages:
            parts += (self._method, self._header(len(body), message_id), *self._bodies(body))
            size += len(body)
            if size > WRITE_BYTES:
                yield b"".join(parts)
                parts, size = [], 0
        yield b"".join(parts)

    def _header(self, size: int, message_id: str | None) -> bytes:
        flags, properties = self._flags, self._properties
        if message_id is not None:
            flags, properties = flags | _MESSAGE_ID, properties + _short(message_id)
        return _frame(HEADER, self._channel, pack(">HHQH", _BASIC, 0, size, flags) + properties)

    def _bodies(self, body: bytes) -> Iterator[bytes]:
        for start in range(0, len(body), self._most):
            yield _frame(BODY, self._channel, body[start : start + self._most])
