"""`/v1/accounts`: the account that asks and its sub-accounts, and whether these may borrow its senders."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import StrictBool

from api.admission import BASIC, AdmittedRoute, Parts, Viewer, family_member
from api.envelope import Success, failures, success
from api.strict import StrictModel
from api.v1.documents import AccountOut, AccountPage
from api.v1.pages import page_of
from api.v1.parameters import Offset, PerPage
from core.documents import account_document
from core.errors import ForbiddenError

router = APIRouter(prefix="/v1/accounts", tags=["Accounts"], route_class=AdmittedRoute, dependencies=[BASIC])


class AccountUpdate(StrictModel):
    """What an account may change of a sub-account."""

    may_borrow: StrictBool


@router.get("", response_model=Success[AccountPage], responses=failures())
def list_accounts(viewer: Viewer, parts: Parts, offset: Offset = None, per_page: PerPage = 100) -> Response:
    """The account that asks, on the first page, and its sub-accounts by id."""
    found = [] if viewer.parent else parts.accounts.page(parent=viewer, after=offset, limit=per_page + 1)
    page = page_of(found, per_page, account_document, lambda account: account.account_id)
    if offset is None:
        page["data"] = [account_document(viewer), *page["data"]]
    return success(page, "Accounts retrieved.")


@router.patch("/{account_id:path}", response_model=Success[AccountOut], responses=failures(404, 413))
def update_account(
    account_id: Annotated[str, Path(description="a sub-account")], body: AccountUpdate, viewer: Viewer, parts: Parts
) -> Response:
    """Switch on or off whether a sub-account may use the senders of its account; it cannot do so itself."""
    member = family_member(parts, viewer, account_id)
    if member.account_id == viewer.account_id:
        raise ForbiddenError("only the account above a sub-account may change it")
    changed = parts.accounts.set_may_borrow(member.account_id, body.may_borrow)
    return success(account_document(changed), "Account updated.")
