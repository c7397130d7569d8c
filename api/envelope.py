"""The envelope that every answer of `/v1` and `/v3` comes in, as ClickSend's API has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Generic, Literal, TypeVar

from fastapi import Response
from pydantic import BaseModel, Field

from core.encoding import encode_json
from core.errors import FieldError

_T = TypeVar("_T")

#: 413 has another name in each Python.
_CODES = {413: "PAYLOAD_TOO_LARGE"}


class Success(BaseModel, Generic[_T]):
    """An answer that is not an error."""

    http_code: Literal[200] = 200
    response_code: Literal["SUCCESS"] = "SUCCESS"
    response_msg: str = Field(examples=["Default sender retrieved."])
    data: _T


class ErrorDetail(BaseModel):
    """One field that is to blame; `$` is the whole body."""

    field: str = Field(examples=["default_sender_strategies[0].sender_id"])
    reason: str = Field(examples=["is not a sender of this account"])


class Failure(BaseModel):
    """An error; `details` is empty where no field is to blame."""

    http_code: int = Field(ge=400, le=599, examples=[400])
    response_code: str = Field(examples=["BAD_REQUEST"])
    response_msg: str = Field(examples=["the default sender is refused"])
    data: None
    details: list[ErrorDetail]


class JsonBytes(Response):
    """JSON that is encoded already."""

    media_type = "application/json"


def success(data: object, message: str) -> Response:
    """200 with `data`, which may be anything that msgspec encodes."""
    document = {"http_code": 200, "response_code": "SUCCESS", "response_msg": message, "data": data}
    return JsonBytes(encode_json(document))


def failure(
    status: int, message: str, details: Sequence[FieldError] = (), headers: Mapping[str, str] | None = None
) -> Response:
    """An error with its code from the status."""
    document = {
        "http_code": status,
        "response_code": _CODES.get(status) or HTTPStatus(status).name,
        "response_msg": message,
        "data": None,
        "details": [{"field": detail.field, "reason": detail.reason} for detail in details],
    }
    return JsonBytes(encode_json(document), status, headers)


_MEANINGS = {
    400: "The request is refused; `details` names the fields.",
    401: "No user name with a key of its own.",
    403: "The account is suspended, or may see this but not change it.",
    404: "There is no such thing, or it belongs to somebody else.",
    409: "It exists already.",
    413: "The body is too large.",
    415: "The body is compressed.",
    429: "Too many requests; `Retry-After` says how many seconds to wait.",
    500: "A mistake of this program, which its log describes.",
    503: "The database, Redis or the broker is away; try again.",
}


def failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, for OpenAPI; every route has those of what it does not know, of admission and of services away."""
    with_body = (415,) if 413 in statuses else ()
    all_statuses = (400, *statuses, *with_body, 401, 403, 429, 503)
    return {status: {"model": Failure, "description": _MEANINGS[status]} for status in all_statuses}
