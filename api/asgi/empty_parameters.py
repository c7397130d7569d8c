"""A parameter of a page that is empty, as forms send it, counts as absent."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

_EMPTY = frozenset({b"per_page", b"per_page=", b"offset", b"offset="})


class WithoutEmptyParameters:
    """Takes an empty `per_page` and `offset` out of the query."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI asks."""
        if scope["type"] == "http" and scope["query_string"]:
            given = scope["query_string"].split(b"&")
            scope = {**scope, "query_string": b"&".join(each for each in given if each not in _EMPTY)}
        await self._app(scope, receive, send)
