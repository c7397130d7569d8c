"""`/v1/defaults`: many default senders in one go, what became of them, and which are no longer usable."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    TypeAdapter,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)

from api.admission import BASIC, AdmittedRoute, Parts, Viewer, family_member
from api.envelope import Success, failures, success
from api.strict import StrictModel
from api.v1.documents import AssignmentOut, AtRiskOut, HistoryOut
from api.v1.parameters import MAX_PER_PAGE, AccountId
from core.defaults.assign_all import assignment_document
from core.defaults.default_senders import HistoryEntry
from core.documents import endangered_document
from core.moments import rfc3339
from core.sender import Product

router = APIRouter(prefix="/v1/defaults", tags=["Default senders"], route_class=AdmittedRoute, dependencies=[BASIC])

#: All there are, and room for repeats.
MAX_COUNTRIES = 500
#: How far ahead anybody may look: ten years.
MAX_DAYS = 3650


ALL_COUNTRIES = "all"
_Countries = Annotated[list[str], Field(min_length=1, max_length=MAX_COUNTRIES)]


def _countries_or_all(value: object, read: ValidatorFunctionWrapHandler) -> list[str] | None:
    """The countries; None where all are said in so many words: nothing else means that many writes."""
    if value == ALL_COUNTRIES:
        return None
    if not isinstance(value, list):
        raise ValueError(f"must be a list of countries, or {ALL_COUNTRIES!r}")  # noqa: TRY004 - pydantic's way
    wanted: list[str] = read(value)
    return wanted


class HistoryData(BaseModel):
    """The latest changes, newest first."""

    data: list[HistoryOut]


class AtRiskData(BaseModel):
    """The default senders at risk."""

    data: list[AtRiskOut]


class AssignIn(StrictModel):
    """For which countries the smart choice shall be the default."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"countries": ["AU", "GB", "US"], "dry_run": True}]})

    account_id: str | None = Field(None, description="a sub-account; left out: the account that asks")
    countries: Annotated[
        _Countries | None,
        Field(description="ISO 3166-1 alpha-2; `all`: every country that a sender of the account can serve"),
        WrapValidator(_countries_or_all),
        WithJsonSchema({"anyOf": [TypeAdapter(_Countries).json_schema(), {"const": ALL_COUNTRIES}]}),
    ]
    product: Product = Product.SMS
    overwrite: StrictBool = Field(False, description="replace defaults that were set by hand as well")
    dry_run: StrictBool = Field(False, description="show what would be assigned; change nothing")


class AssignData(BaseModel):
    """What became of each country."""

    data: list[AssignmentOut]


@router.post("/assign-all", response_model=Success[AssignData], responses=failures(404, 409, 413))
def assign_all(body: AssignIn, viewer: Viewer, parts: Parts) -> Response:
    """Make the smart choice the default sender, country by country; defaults set by hand are left alone."""
    member = family_member(parts, viewer, body.account_id)
    found = parts.assign_all.run(
        member,
        body.countries,
        body.product,
        by=viewer.account_id,
        overwrite=body.overwrite,
        dry_run=body.dry_run,
    )
    return success({"data": [assignment_document(each) for each in found]}, "Default senders assigned.")


@router.get("/history", response_model=Success[HistoryData], responses=failures(404))
def default_history(
    viewer: Viewer,
    parts: Parts,
    account_id: AccountId = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PER_PAGE)] = 100,
) -> Response:
    """Who changed which default sender of the account when, from what to what; newest first."""
    member = family_member(parts, viewer, account_id)
    changes = parts.defaults.history(member, limit=limit)
    return success({"data": [_history(each) for each in changes]}, "History retrieved.")


@router.get("/at-risk", response_model=Success[AtRiskData], responses=failures(404))
def defaults_at_risk(
    viewer: Viewer,
    parts: Parts,
    account_id: AccountId = None,
    days: Annotated[int, Query(ge=0, le=MAX_DAYS, description="how far to look ahead")] = 30,
) -> Response:
    """The default senders with a strategy that cannot be used any more, or will not be before long, and why."""
    member = family_member(parts, viewer, account_id)
    found = [endangered_document(each) for each in parts.at_risk(days).find(member)]
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
