"""A kombu message as it stands on a Redis list: the one place where its body is read."""

from __future__ import annotations

from typing import Any

import msgspec
import pybase64

_BASE64, _TEXT = "base64", "utf-8"


class KombuProperties(msgspec.Struct):
    """The properties that say how the body is written, and which message it is."""

    body_encoding: str | None = None
    delivery_tag: Any = None


class KombuMessage(msgspec.Struct):
    """What is read of any kombu message."""

    body: str
    properties: KombuProperties = msgspec.field(default_factory=KombuProperties)

    def body_bytes(self) -> bytes:
        """The body as its producer serialised it. Raises ValueError, which never quotes it."""
        encoding = self.properties.body_encoding
        if encoding == _BASE64:
            return pybase64.b64decode(self.body, validate=True)
        if encoding in (None, _TEXT):
            return self.body.encode()
        raise ValueError("properties.body_encoding is unknown")


#: Reads a list's element. Raises msgspec.DecodeError, which is a ValueError, and RecursionError.
decode_kombu_message = msgspec.json.Decoder(KombuMessage).decode


def document_in(raw: bytes) -> bytes:
    """The document in a kombu message as it stands on a Redis list; what is no such message comes back as it is."""
    try:
        return decode_kombu_message(raw).body_bytes()
    except (ValueError, RecursionError):
        return raw
