"""`/v1/destinations`: to which countries an account and its sub-accounts send."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from api.admission import BASIC, AdmittedRoute, Parts, Viewer, family_member
from api.envelope import Success, failures, success
from api.services import Services
from api.strict import StrictModel
from api.v1.documents import DestinationChangeOut, DestinationHistoryOut, DestinationOut
from api.v1.parameters import MAX_PER_PAGE, AccountId, refused
from core.accounts.accounts import Account
from core.accounts.destinations import DestinationChange
from core.countries import country_errors, normal_country
from core.engine.destinations import DestinationMode
from core.errors import ForbiddenError, RefusedError
from core.regions import read_region

router = APIRouter(prefix="/v1/destinations", tags=["Destinations"], route_class=AdmittedRoute, dependencies=[BASIC])

#: All there are, and room for repeats.
MAX_COUNTRIES = 500


class DestinationData(BaseModel):
    """What is set, countries before the rest, the account's own first."""

    data: list[DestinationOut]
    default: DestinationMode = Field(description="what counts where nothing is set")


class DestinationChangeData(BaseModel):
    """What became of each country."""

    data: list[DestinationChangeOut]
    dry_run: bool


class DestinationHistoryData(BaseModel):
    """The latest changes, newest first."""

    data: list[DestinationHistoryOut]


class DestinationsIn(StrictModel):
    """A mode for countries, for those of a region, or for the rest of the world: one of the three."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"countries": ["AU", "GB"], "mode": "block"}]})

    account_id: str | None = Field(None, description="a sub-account; left out: the account that asks")
    countries: list[str] | None = Field(None, min_length=1, max_length=MAX_COUNTRIES)
    region: str | None = Field(None, description="EU, EEA, or a region of UN M49 such as WESTERN-AFRICA")
    rest: StrictBool = Field(False, description="all countries that have no setting of their own")
    mode: DestinationMode
    dry_run: StrictBool = Field(False, description="show what would change; change nothing")


@router.get("", response_model=Success[DestinationData], responses=failures(404))
def list_destinations(
    viewer: Viewer,
    parts: Parts,
    account_id: AccountId = None,
    inherited: Annotated[bool, Query(description="what the account above has set as well")] = False,
) -> Response:
    """What the account, or one of its sub-accounts, has set."""
    found = parts.destinations.of(family_member(parts, viewer, account_id), inherited=inherited)
    data = {"data": [each.document() for each in found], "default": parts.settings.default_destination.value}
    return success(data, "Destinations retrieved.")


@router.put("", response_model=Success[DestinationChangeData], responses=failures(404, 413))
def set_destinations(body: DestinationsIn, viewer: Viewer, parts: Parts) -> Response:
    """Allow, block or monitor many countries in one go; all of them, or none."""
    member, countries = (
        _changeable(parts, viewer, body.account_id),
        _meant(parts, body.countries, body.region, body.rest),
    )
    changes = parts.destinations.change(member, countries, body.mode, by=viewer.account_id, dry_run=body.dry_run)
    return _answer(changes, body.dry_run)


@router.delete("", response_model=Success[DestinationChangeData], responses=failures(404))
def unset_destinations(
    viewer: Viewer,
    parts: Parts,
    *,
    account_id: AccountId = None,
    countries: Annotated[
        list[str] | None, Query(max_length=MAX_COUNTRIES, description="repeat it, or put commas between")
    ] = None,
    region: Annotated[str | None, Query(description="EU, EEA, or a region of UN M49")] = None,
    rest: bool = False,
    dry_run: bool = False,
) -> Response:
    """Remove what is set: the rest, the account above or the deployment's own mode counts again."""
    codes = None if countries is None else [code for each in countries for code in each.split(",")]
    member, meant = _changeable(parts, viewer, account_id), _meant(parts, codes, region, rest)
    return _answer(parts.destinations.change(member, meant, None, by=viewer.account_id, dry_run=dry_run), dry_run)


@router.get("/history", response_model=Success[DestinationHistoryData], responses=failures(404))
def destination_history(
    viewer: Viewer,
    parts: Parts,
    account_id: AccountId = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PER_PAGE)] = 100,
) -> Response:
    """Who changed which destination of the account when, from what to what; newest first."""
    changes = parts.destinations.history(family_member(parts, viewer, account_id), limit=limit)
    return success({"data": [each.document() for each in changes]}, "History retrieved.")


def _changeable(parts: Services, viewer: Account, account_id: str | None) -> Account:
    """Raises ForbiddenError for a sub-account: what the account above has closed, it cannot open by itself."""
    member = family_member(parts, viewer, account_id)
    if viewer.parent is not None:
        raise ForbiddenError("only the account above a sub-account may change its destinations")
    return member


def _answer(changes: Sequence[DestinationChange], dry_run: bool) -> Response:
    data = {"data": [each.document() for each in changes], "dry_run": dry_run}
    return success(data, "Nothing was changed: this was a dry run." if dry_run else "Destinations changed.")


def _meant(parts: Services, countries: list[str] | None, region: str | None, rest: bool) -> tuple[str | None, ...]:
    """The countries that are named, None for the rest. Raises RefusedError unless exactly one way is used."""
    if [countries is not None, region is not None, rest].count(True) != 1:
        raise refused("countries", "must be given, or region, or rest: exactly one of the three")
    if rest:
        return (None,)
    if region is not None:
        try:
            return read_region(region).countries
        except ValueError as error:
            raise refused("region", str(error)) from None
    codes = [normal_country(code) for code in countries or ()]
    if errors := country_errors(codes, parts.rules(), "countries"):
        raise RefusedError("there are no such countries", errors)
    return tuple(codes)
