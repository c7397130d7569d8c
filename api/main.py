"""The application: `uvicorn --factory api.main:create_app`, or `smart-assign api`, which fills in the settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI

from api.asgi.body_limit import BodyLimit
from api.asgi.empty_parameters import WithoutEmptyParameters
from api.asgi.head import HeadAsGet
from api.asgi.security_headers import SecurityHeaders
from api.docs import add_docs
from api.errors import add_error_handlers
from api.openapi import openapi_document
from api.operation.health import router as health
from api.operation.metrics import ApiMetrics, CountedRequests, SharedCounts
from api.services import THREADS, Services
from api.settings import ApiSettings
from api.v1 import routers
from api.v3.compliant_sender_types import router as compliant_sender_types
from api.v3.default_senders import router as default_senders
from api.v3.sms import router as sms
from core.process.garbage import freeze
from core.process.logs import send_logs_to_stderr
from core.storage.database import load_driver

#: Room for a preview of 10,000 recipients.
MAX_BODY_BYTES = 4 * 1024 * 1024


def create_app(settings: ApiSettings | None = None) -> FastAPI:
    """The application with services of its own; settings come from the environment unless they are given.

    Only a program of its own, whose settings come from the environment, sets up its logs.
    """
    if settings is None:
        settings = ApiSettings.model_validate({})
        send_logs_to_stderr(settings.log_format, settings.log_level)
    services = Services(settings)
    app = FastAPI(
        title="Smart Assign",
        lifespan=_lifespan,
        redirect_slashes=False,
        strict_content_type=False,
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.services, app.state.metrics = services, ApiMetrics()
    app.state.metrics.registry.register(SharedCounts(services))
    app.add_middleware(BodyLimit, max_bytes=MAX_BODY_BYTES)
    app.add_middleware(CountedRequests, metrics=app.state.metrics)
    app.add_middleware(WithoutEmptyParameters)
    app.add_middleware(HeadAsGet)
    app.add_middleware(SecurityHeaders, only_tls=(settings.api_public_url or "").startswith("https:"))
    add_error_handlers(app)
    for router in (default_senders, compliant_sender_types, sms, *routers, health):
        app.include_router(router)
    add_docs(app)
    app.openapi = lambda: _documented(app)  # type: ignore[method-assign]  # FastAPI's own way of changing it
    return app


def _documented(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        app.openapi_schema = openapi_document(app)
    return app.openapi_schema


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """As many threads as connections to the database: a thread without one would only wait."""
    load_driver(app.state.services.settings.database_url)
    freeze()
    current_default_thread_limiter().total_tokens = THREADS
    yield
    app.state.services.close()
