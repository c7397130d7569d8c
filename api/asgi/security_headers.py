"""What browsers must not do with an answer, on every answer: each header as OWASP's cheat sheet on REST has it."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: The page at /docs runs a script within itself, and loads its own files.
_DOCS_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_POLICY = "default-src 'none'; frame-ancestors 'none'"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_DOCS = "/docs"
#: Answers about an account, which nothing on the way may keep.
_PRIVATE = ("/v1/", "/v3/")
#: A year, as https is then the only way that the operator names.
_ONLY_TLS = "max-age=31536000"


class SecurityHeaders:
    """Adds them where the answer has none of its own; `only_tls`: the public address is https."""

    def __init__(self, app: ASGIApp, *, only_tls: bool) -> None:
        self._app, self._only_tls = app, only_tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI asks."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        added = self._headers(scope["path"])

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in added.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)

    def _headers(self, path: str) -> dict[str, str]:
        found = {**_HEADERS, "Content-Security-Policy": _DOCS_POLICY if path.startswith(_DOCS) else _POLICY}
        if path.startswith(_PRIVATE):
            found["Cache-Control"] = "no-store"
        if self._only_tls:
            found["Strict-Transport-Security"] = _ONLY_TLS
        return found
