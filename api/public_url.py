"""The addresses that answers lead to: never built from what the client says of the host, which anybody may write."""

from __future__ import annotations

from starlette.datastructures import URL
from starlette.requests import Request

from api.settings import ApiSettings


def public_url(request: Request, settings: ApiSettings) -> URL:
    """The request's address under API_PUBLIC_URL; without one, under the address that the connection came in at."""
    url = URL(path=request.url.path, query=request.url.query)
    if settings.api_public_url is not None:
        base = URL(settings.api_public_url)
        return base.replace(path=base.path.rstrip("/") + url.path, query=url.query)
    host, port = request.scope.get("server") or (None, None)
    if host is None or port is None:
        return url  # a socket without a port has no address that a client could use
    return url.replace(scheme=request.url.scheme, hostname=f"[{host}]" if ":" in host else host, port=port)
