"""`/v1/parked`: what could not be dispatched: read it, send it again, or give it up."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import ConfigDict, Field

from api.admission import BASIC, AdmittedRoute, Parts, Viewer, family_member
from api.envelope import Success, failures, success
from api.services import Services
from api.strict import StrictModel
from api.v1.documents import ParkedDetailOut, ParkedPage, ReplayedOut
from api.v1.pages import page_of
from api.v1.parameters import AccountId, Country, Offset, PerPage, known_country, refused
from core.accounts.accounts import Account
from core.cursors import NO_CURSOR
from core.documents import original_document, parked_document
from core.errors import NotFoundError, ParkReason
from core.moments import parse_rfc3339, rfc3339
from core.parked.store import ParkedCursor, ParkedDocument, ParkedEntry, ParkedFilter, ParkedState, cursor_of, sent_by
from core.phone import NO_COUNTRY

router = APIRouter(prefix="/v1/parked", tags=["Parked messages"], route_class=AdmittedRoute, dependencies=[BASIC])

#: Documents that one request may replay.
MAX_REPLAYED = 100

_ParkedId = Annotated[str, Path(description="id of the parked message")]


class ReplayIn(StrictModel):
    """Which parked messages to send again."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"parked_ids": ["prk_0123456789abcdef01234567"]}]})

    parked_ids: list[str] = Field(min_length=1, max_length=MAX_REPLAYED)


@router.get("", response_model=Success[ParkedPage], responses=failures(404))
def list_parked(
    viewer: Viewer,
    parts: Parts,
    *,
    account_id: AccountId = None,
    reason: ParkReason | None = None,
    country: Country = None,
    campaign_id: str | None = None,
    state: ParkedState = ParkedState.PARKED,
    offset: Offset = None,
    per_page: PerPage = 100,
) -> Response:
    """What the account, or one of its sub-accounts, sent and could not be dispatched, newest first, without content."""
    member = family_member(parts, viewer, account_id)
    wanted = ParkedFilter(
        reason=reason,
        country=country if country in {None, NO_COUNTRY} else known_country(parts.rules(), country),
        campaign_id=campaign_id,
        state=state,
        sent_by=_sent_by(member),
    )
    after = None if offset is None else _cursor(offset)
    found = parts.store.parked(wanted, limit=per_page + 1, after=after)
    return success(page_of(found, per_page, parked_document, _place), "Parked messages retrieved.")


@router.post("/replay", response_model=Success[ReplayedOut], responses=failures(413))
def replay_parked(body: ReplayIn, viewer: Viewer, parts: Parts) -> Response:
    """Put messages back on the queues that they came from, each once; mend first what had them parked."""
    mine = [each for each in dict.fromkeys(body.parked_ids) if _found(parts, viewer, each) is not None]
    return success({"replayed": parts.replay().replay(mine)}, "Parked messages replayed.")


@router.get("/{parked_id}", response_model=Success[ParkedDetailOut], responses=failures(404))
def show_parked(parked_id: _ParkedId, viewer: Viewer, parts: Parts) -> Response:
    """One parked message with its whole original, body and number included."""
    found = _mine(parts, viewer, parked_id)
    return success(parked_document(found) | original_document(found), "Parked message retrieved.")


@router.delete("/{parked_id}", status_code=204, response_class=Response, responses=failures(404))
def drop_parked(parked_id: _ParkedId, viewer: Viewer, parts: Parts) -> Response:
    """Give a message up for good; 404 where it was replayed or dropped before."""
    found = _mine(parts, viewer, parked_id)
    if not parts.store.mark_dropped([found.parked_id], parts.store.clock()):
        raise NotFoundError(f"message {parked_id!r} is not parked any more")
    return Response(status_code=204)


def _mine(parts: Services, viewer: Account, parked_id: str) -> ParkedDocument:
    found = _found(parts, viewer, parked_id)
    if found is None:
        raise NotFoundError(f"there is no parked message {parked_id!r}")
    return found


def _found(parts: Services, viewer: Account, parked_id: str) -> ParkedDocument | None:
    """The document, where the account or one of its sub-accounts sent it; its ids were never checked."""
    found = parts.store.parked_one(parked_id)
    if found is None or found.account_id is None:
        return None
    pair = found.account_id, found.subaccount_id
    if any(account == pair[0] and subaccount in {None, pair[1]} for account, subaccount in _sent_by(viewer)):
        return found
    try:
        return found if family_member(parts, viewer, found.account_id) else None
    except NotFoundError:
        return None


def _sent_by(member: Account) -> tuple[tuple[str, str | None], ...]:
    return sent_by(member.account_id, member.parent)


def _place(entry: ParkedEntry) -> str:
    moment, parked_id = cursor_of(entry)
    return f"{rfc3339(moment)} {parked_id}"


def _cursor(place: str) -> ParkedCursor:
    moment, _, parked_id = place.partition(" ")
    try:
        return parse_rfc3339(moment), parked_id
    except ValueError:
        raise refused("offset", NO_CURSOR) from None
