"""`/v3/senders/default-senders`: ClickSend's endpoints, field by field."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AfterValidator

from api.admission import BASIC, Parts, Viewer
from api.envelope import Success, failures, success
from api.public_url import public_url
from api.v3.all_problems import AllProblemsRoute, as_holder
from api.v3.documents import (
    DefaultSenderCreate,
    DefaultSenderOut,
    DefaultSenderPage,
    DefaultSenderUpdate,
    default_sender_document,
)
from core.defaults.pages import MAX_PER_PAGE, PageRequest, checked_cursor
from core.defaults.rows import StoredDefault
from core.errors import NotFoundError

router = APIRouter(
    prefix="/v3/senders/default-senders", tags=["Default senders"], route_class=AllProblemsRoute, dependencies=[BASIC]
)

_Cursor = Annotated[str, AfterValidator(checked_cursor)]

DefaultId = Annotated[str, Path(description="id of the default sender", json_schema_extra={"format": "uuid"})]


class SortBy(StrEnum):
    """What a list may be sorted by; a test compares it with the core's."""

    CREATED = "created_timestamp"
    UPDATED = "updated_timestamp"
    COUNTRY = "country_code"
    PRODUCT = "product_type"


class SortDirection(StrEnum):
    """The order of a list."""

    ASC = "asc"
    DESC = "desc"


@router.post("", response_model=Success[DefaultSenderOut], responses=failures(409, 413))
def create_default_sender(body: DefaultSenderCreate, viewer: Viewer, parts: Parts) -> Response:
    """Set the default sender of the account for one recipient country and product: 1 to 10 senders, tried in order.

    Each sender must be well-formed, held by the account (or borrowed from the account above), active and compliant.
    """
    stored = parts.defaults.create(viewer, body.country_code, body.product_type, body.strategies, viewer.account_id)
    return success(default_sender_document(stored), "Default sender created.")


@router.get("", response_model=Success[DefaultSenderPage], responses=failures())
def list_default_senders(
    request: Request,
    viewer: Viewer,
    parts: Parts,
    *,
    offset: Annotated[_Cursor | None, Query(description="where the page begins, out of `next_page_url`")] = None,
    per_page: Annotated[int, Query(ge=1, le=MAX_PER_PAGE)] = 10,
    sort_by: SortBy = SortBy.CREATED,
    sort_direction: SortDirection = SortDirection.DESC,
) -> Response:
    """The default senders that the account sees: its own and its sub-accounts', or its own and those it inherits."""
    wanted = PageRequest(per_page, offset, sort_by.value, sort_direction is SortDirection.DESC)
    page = parts.default_views.page(viewer, wanted)
    here = public_url(request, parts.settings)
    following = page.next_cursor and str(here.include_query_params(offset=page.next_cursor))
    data = {
        "data": [default_sender_document(each) for each in page.items],
        "per_page": per_page,
        "self_page_url": str(here),
        "next_page_url": following,
    }
    return success(data, "Default senders retrieved.")


@router.get("/{default_sender_id}", response_model=Success[DefaultSenderOut], responses=failures(404))
def get_default_sender_details(default_sender_id: DefaultId, viewer: Viewer, parts: Parts) -> Response:
    """One default sender that the account sees."""
    stored = parts.default_views.get(viewer, _uuid(default_sender_id))
    return success(default_sender_document(stored), "Default sender retrieved.")


@router.patch("/{default_sender_id}", response_model=Success[DefaultSenderOut], responses=failures(404, 409, 413))
def update_default_sender(
    default_sender_id: DefaultId, body: DefaultSenderUpdate, viewer: Viewer, parts: Parts
) -> Response:
    """Replace the senders of a default sender; an inherited one answers 403."""
    default_id = _uuid(default_sender_id)
    country, product = body.country_code, body.product_type

    def change(holder: str) -> StoredDefault:
        by = viewer.account_id
        return parts.defaults.update(holder, default_id, body.strategies, by, country=country, product=product)

    stored = as_holder(viewer, parts, default_id, change)
    return success(default_sender_document(stored), "Default sender updated.")


@router.delete("/{default_sender_id}", status_code=204, response_class=Response, responses=failures(404))
def delete_default_sender(default_sender_id: DefaultId, viewer: Viewer, parts: Parts) -> Response:
    """Remove a default sender: the account's above decides again, else Smart Assign. An inherited one answers 403."""
    default_id = _uuid(default_sender_id)
    as_holder(viewer, parts, default_id, lambda holder: parts.defaults.delete(holder, default_id, viewer.account_id))
    return Response(status_code=204)


def _uuid(text: str) -> UUID:
    """A text that is no id is the id of nothing."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFoundError("there is no such default sender") from None
