"""`/metrics`, `/healthz` and `/readyz` of a worker or a scheduler: a few threads beside its work, and nothing to be sent to."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import structlog
from prometheus_client import CONTENT_TYPE_LATEST

from core.encoding import CONTENT_TYPE, encode_json
from core.process.log_events import LogEvent
from worker.operation.health import Health

log = structlog.get_logger(__name__)

#: Seconds after which a client that says nothing, or reads nothing, is let go; and how many may be at it.
PATIENCE_S, MOST_CLIENTS = 5.0, 16

#: Answers by path: status, content type, body.
Answer = tuple[HTTPStatus, str, bytes]
Pages = Mapping[str, Callable[[], Answer]]


def health_page(look: Callable[[], Health]) -> Callable[[], Answer]:
    """A page that says `ok`, or with status 503 why not."""

    def answer() -> Answer:
        found = look()
        status = HTTPStatus.OK if found.ok else HTTPStatus.SERVICE_UNAVAILABLE
        return status, CONTENT_TYPE, encode_json({"ok": found.ok, "reasons": list(found.reasons)})

    return answer


def metrics_page(text: Callable[[], bytes]) -> Callable[[], Answer]:
    """A page in Prometheus's text format."""
    return lambda: (HTTPStatus.OK, CONTENT_TYPE_LATEST, text())


def _told(page: Callable[[], Answer]) -> Answer:
    try:
        return page()
    except Exception:
        log.exception(LogEvent.METRICS_NOT_SERVED)
        return HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain", b"see the log\n"


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD; logs nothing."""

    timeout = PATIENCE_S
    server_version, sys_version = "smart-assign", ""
    protocol_version = "HTTP/1.0"
    server: OperationServer

    def do_GET(self) -> None:
        """The page, or 404."""
        page = self.server.pages.get(self.path.partition("?")[0])
        missing = (HTTPStatus.NOT_FOUND, "text/plain", b"there are /metrics, /healthz and /readyz\n")
        status, content_type, body = _told(page) if page else missing
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815  # http.server's name

    def log_message(self, *_: Any) -> None:
        """Who asks, asks every few seconds."""


class OperationServer(ThreadingHTTPServer):
    """Serves pages until it is closed. Raises OSError where the port is taken."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, host: str, port: int, pages: Pages) -> None:
        self.pages = pages
        self._room = threading.BoundedSemaphore(MOST_CLIENTS)
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Handler)
        os.register_at_fork(after_in_child=self._let_go)

    def start(self) -> None:
        """Serve, in a thread."""
        threading.Thread(target=self.serve_forever, name="operation", daemon=True).start()

    def _let_go(self) -> None:
        """A child of the pool that outlives its parent must not keep the port."""
        self.socket.close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """One client more, or none: then it is let go at once."""
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """As the library's; there is room for another client after it."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nothing to tell of."""

    def close(self) -> None:
        """Serve no more."""
        self.shutdown()
        self.server_close()


def served(host: str, port: int, pages: Pages) -> OperationServer | None:
    """A server that runs; None where `port` is 0, or is taken: then that is said in the log, and the role goes on."""
    if not port:
        return None
    try:
        server = OperationServer(host, port, pages)
    except OSError as error:
        log.warning(LogEvent.METRICS_PORT_TAKEN, host=host, port=port, reason=error.strerror or str(error))
        return None
    server.start()
    log.info(LogEvent.METRICS_SERVED, host=host, port=server.server_address[1])
    return server
