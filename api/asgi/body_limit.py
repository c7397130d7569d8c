"""Refuses bodies that are too large before they are in memory, and compressed ones, which nothing here unpacks."""

from __future__ import annotations

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Some clients compress and do not say so. No JSON begins like this.
_GZIP = b"\x1f\x8b"


class BodyLimit:
    """Lets at most `max_bytes` of a plain body through; whoever reads anything else gets an HTTPException 413 or 415.

    They are raised where the body is read: nobody learns anything without a key.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app, self._max_bytes = app, max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI asks."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "")
        coding = headers.get("content-encoding", "").strip().lower().removeprefix("identity")
        left = self._max_bytes - (int(declared) if declared.isdecimal() else 0)
        begun = False

        async def limited() -> Message:
            nonlocal left, begun
            if left < 0:
                raise HTTPException(413, f"the body has more than {self._max_bytes} bytes")
            message = await receive()
            body, begins, begun = message.get("body", b""), not begun, True
            if coding or (begins and body.startswith(_GZIP)):
                words = f"the body is compressed ({coding[:20] or 'gzip'}): send it as it is, without Content-Encoding"
                raise HTTPException(415, words)
            if not declared:
                left -= len(body)
            return message

        await self._app(scope, limited, send)
