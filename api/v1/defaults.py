"""`/v1/defaults`: many default senders in one go, what became of them, and which are no longer usable."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from api.admission import BASIC, AdmittedRoute, Parts, Viewer, family_member
from api.envelope import Success, failures, success
from api.v1.documents import AtRiskOut, HistoryOut
from api.v1.parameters import MAX_PER_PAGE, AccountId
from core.contracts import rfc3339
from core.defaults import DefaultAtRisk, HistoryEntry
from core.documents import default_document

router = APIRouter(prefix="/v1/defaults", tags=["Default senders"], route_class=AdmittedRoute, dependencies=[BASIC])


class HistoryData(BaseModel):
    """The latest changes, newest first."""

    data: list[HistoryOut]


class AtRiskData(BaseModel):
    """The defaults that are no longer usable as they stand."""

    data: list[AtRiskOut]


@router.get("/history", response_model=Success[HistoryData], responses=failures(400, 404))
def default_history(
    viewer: Viewer,
    parts: Parts,
    account_id: AccountId = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PER_PAGE)] = 100,
) -> Response:
    """Who changed which default sender of the account when, from what to what; newest first."""
    member = family_member(parts, viewer, account_id)
    changes = parts.defaults.history(member.account_id, limit=limit)
    return success({"data": [_history(each) for each in changes]}, "History retrieved.")


@router.get("/at-risk", response_model=Success[AtRiskData], responses=failures(404))
def defaults_at_risk(viewer: Viewer, parts: Parts, account_id: AccountId = None) -> Response:
    """The default senders with a strategy that a message could no longer use, and why."""
    member = family_member(parts, viewer, account_id)
    found = [_at_risk(each) for each in parts.defaults.check(member.account_id)]
    return success({"data": found}, "Default senders checked.")


def _history(entry: HistoryEntry) -> dict[str, Any]:
    return {
        "country": entry.country,
        "product": entry.product.value,
        "changed_at": rfc3339(entry.changed_at),
        "changed_by": entry.changed_by,
        "before": entry.before,
        "after": entry.after,
    }


def _at_risk(risk: DefaultAtRisk) -> dict[str, Any]:
    problems = [{"field": problem.field, "reason": problem.reason} for problem in risk.problems]
    return default_document(risk.default) | {"problems": problems}
