"""`/v1/trust`: what receipts say of senders in each country."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.admission import BASIC, AdmittedRoute, Parts, Viewer
from api.envelope import Success, failures, success
from api.v1.documents import TrustPage
from api.v1.pages import page_of
from api.v1.parameters import AccountId, Country, Offset, PerPage, known_country
from api.v1.senders import sender_holder
from core.accounts.accounts import Account
from core.trust.book import Standing

router = APIRouter(prefix="/v1/trust", tags=["Senders"], route_class=AdmittedRoute, dependencies=[BASIC])


@router.get("", response_model=Success[TrustPage], responses=failures(400, 404))
def list_trust(
    viewer: Viewer,
    parts: Parts,
    *,
    account_id: AccountId = None,
    platform: Annotated[bool, Query(description="the pool that is open to every account")] = False,
    country: Country = None,
    offset: Offset = None,
    per_page: PerPage = 100,
) -> Response:
    """What receipts say of the senders that `/v1/senders` lists; one that is not listed here goes by its inventory."""
    code = None if country is None else known_country(parts.rules(), country)
    holder = None if platform else sender_holder(parts, viewer, account_id)
    owner = holder.account_id if isinstance(holder, Account) else holder
    found = _after(parts.trust.listed(owner, code), offset)[: per_page + 1]
    return success(page_of(found, per_page, _document, _place), "Trust retrieved.")


def _after(found: Sequence[Standing], place: str | None) -> Sequence[Standing]:
    return found if place is None else [each for each in found if _place(each) > place]


def _document(standing: Standing) -> dict[str, object]:
    """Without who froze it, who is an operator."""
    return {name: value for name, value in standing.document().items() if name != "frozen_by"}


def _place(standing: Standing) -> str:
    return f"{standing.key.country}/{standing.key.name}"
