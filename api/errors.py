"""Every error as an envelope: what the core raises, what FastAPI refuses, what nobody foresaw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import redis
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from api.envelope import failure
from api.openapi import allowed_methods
from api.strict import known_fields, unknown_words
from core.encoding import WHOLE_DOCUMENT, ContractError
from core.errors import (
    ConflictError,
    FieldError,
    ForbiddenError,
    NotFoundError,
    RefusedError,
    SmartAssignError,
    StoreUnavailableError,
)
from core.process.log_events import LogEvent

log = structlog.get_logger(__name__)

#: Error of the core -> status.
_STATUSES: dict[type[SmartAssignError], int] = {
    RefusedError: 400,
    ForbiddenError: 403,
    NotFoundError: 404,
    ConflictError: 409,
    StoreUnavailableError: 503,
}

#: Where FastAPI says that it looked, which is no part of a field's path.
_PLACES = frozenset({"body", "query", "path", "header"})


def add_error_handlers(app: FastAPI) -> None:
    """Make `app` answer every error in the envelope."""
    for kind in _STATUSES:
        app.add_exception_handler(kind, _core_error)
    app.add_exception_handler(ContractError, _contract_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(redis.RedisError, _redis_away)
    app.add_exception_handler(Exception, _unforeseen)


async def _core_error(_request: Request, error: Exception) -> Response:
    status = next(status for kind, status in _STATUSES.items() if isinstance(error, kind))
    if status == 503:
        log.warning(LogEvent.API_STORE_AWAY, error=str(error))
        return failure(status, "the database cannot be used at present")
    return failure(status, str(error), error.errors if isinstance(error, RefusedError) else ())


async def _contract_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ContractError)
    return failure(400, "the document is refused", error.errors)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return failure(400, "the request is refused", validation_details(error, request))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        allowed = allowed_methods(request.app, request.url.path)
        return failure(405, f"{request.method} is not for this path", headers={"Allow": allowed})
    details = [FieldError(WHOLE_DOCUMENT, error.detail)] if error.status_code == 400 else []
    return failure(error.status_code, error.detail, details, error.headers)


async def _redis_away(_request: Request, error: Exception) -> Response:
    log.warning(LogEvent.API_REDIS_AWAY, error=str(error))
    return failure(503, "Redis cannot be used at present")


async def _unforeseen(_request: Request, _error: Exception) -> Response:
    """Starlette raises the error once more behind this answer, so that the server's log has it."""
    return failure(500, "something went wrong here; the log of this program has the details")


def validation_details(error: RequestValidationError, request: Request) -> list[FieldError]:
    """The fields that pydantic refuses, by their paths, and those that a dependency found wrong."""
    return [*(_field_error(each, request) for each in error.errors()), *also_wrong(request)]


def also_wrong(request: Request) -> list[FieldError]:
    """Where a dependency notes what pydantic cannot judge, so that one answer names it beside what pydantic refuses."""
    if not hasattr(request.state, "also_wrong"):
        request.state.also_wrong = []
    noted: list[FieldError] = request.state.also_wrong
    return noted


def _field_error(detail: Any, request: Request) -> FieldError:
    if detail["type"] == "json_invalid":
        return FieldError(WHOLE_DOCUMENT, f"is not JSON: {detail['ctx']['error']}")
    path = field_path(detail["loc"])
    if path == WHOLE_DOCUMENT and isinstance(detail["input"], bytes):
        given = request.headers.get("content-type", "")
        return FieldError(path, f"is read as JSON only: Content-Type must be application/json, not {given[:100]!r}")
    if detail["type"] == "extra_forbidden":
        return FieldError(
            path, unknown_words("field", str(detail["loc"][-1]), known_fields(request, detail["loc"][1:]))
        )
    if detail["type"] == "model_attributes_type":
        return FieldError(path, "must be an object")
    return FieldError(path, _reason(detail))


def field_path(parts: Sequence[int | str]) -> str:
    """`("body", "default_sender_strategies", 0, "note")` as `default_sender_strategies[0].note`."""
    rest = parts[1:] if parts and parts[0] in _PLACES else parts
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest)
    return text.removeprefix(".") or WHOLE_DOCUMENT


def _reason(detail: Any) -> str:
    if detail["type"] == "missing":
        return "is required"
    return str(detail["msg"]).removeprefix("Value error, ")
