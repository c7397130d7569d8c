"""Refuses bodies that are too large before they are in memory."""

from __future__ import annotations

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """Lets at most `max_bytes` of a body through; whoever reads on gets an HTTPException 413."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app, self._max_bytes = app, max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI asks."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        left = self._max_bytes - (int(declared) if declared.isdecimal() else 0)

        async def limited() -> Message:
            nonlocal left
            if left < 0:
                raise HTTPException(413, f"the body has more than {self._max_bytes} bytes")
            message = await receive()
            if not declared:
                left -= len(message.get("body", b""))
            return message

        await self._app(scope, limited, send)
