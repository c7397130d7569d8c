"""`/v1/senders`: the senders that an account holds or may use."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.admission import BASIC, AdmittedRoute, Parts, Viewer, family_member
from api.envelope import Success, failures, success
from api.services import Services
from api.v1.documents import SenderPage
from api.v1.parameters import AccountId, Country, PerPage, known_country
from core.accounts.accounts import Account, AccountOrId
from core.documents import sender_document
from core.sender import SenderStatus, SenderType

router = APIRouter(prefix="/v1/senders", tags=["Senders"], route_class=AdmittedRoute, dependencies=[BASIC])

#: The largest number of a row.
_MAX_OFFSET = 2**63 - 1


@router.get("", response_model=Success[SenderPage], responses=failures(404))
def list_senders(
    viewer: Viewer,
    parts: Parts,
    *,
    account_id: AccountId = None,
    platform: Annotated[bool, Query(description="the pool that is open to every account")] = False,
    sender_type: SenderType | None = None,
    status: SenderStatus | None = None,
    country: Country = None,
    offset: Annotated[int, Query(ge=0, le=_MAX_OFFSET, description="`next_offset` of the page before")] = 0,
    per_page: PerPage = 100,
) -> Response:
    """The senders of the account, of one of its sub-accounts, of the account from which it borrows, or of the pool."""
    code = None if country is None else known_country(parts.rules(), country)
    holder = None if platform else sender_holder(parts, viewer, account_id)
    page = parts.senders.page(
        holder, sender_type=sender_type, status=status, country=code, after=offset, limit=per_page
    )
    data = {"data": [sender_document(each) for each in page.senders], "next_offset": page.next_after}
    return success(data, "Senders retrieved.")


def sender_holder(parts: Services, viewer: Account, account_id: str | None) -> AccountOrId:
    """Whose senders are shown. A sub-account sees its account's senders only where it may use them now. Raises NotFoundError."""
    if account_id is not None and account_id == viewer.parent and parts.accounts.get(viewer.account_id).may_borrow:
        return account_id
    return family_member(parts, viewer, account_id)
