"""`/v1/erasures`: remove what is kept of one recipient, and say what was removed."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field

from api.admission import BASIC, AdmittedRoute, Parts, Viewer, family_member
from api.envelope import Success, failures, success
from api.strict import StrictModel
from api.v1.documents import ErasureList, ErasureOut
from api.v1.parameters import AccountId, PerPage, known_country
from core.documents import erasure_document
from core.erasures.erasures import asked_number
from core.parked.store import ParkedFilter, sent_by

router = APIRouter(prefix="/v1/erasures", tags=["Erasures"], route_class=AdmittedRoute, dependencies=[BASIC])


class ErasureIn(StrictModel):
    """Whose data to erase."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"to": "+61491570156"}]})

    to: str = Field(min_length=1, max_length=250, description="the recipient; a national number with `country`")
    country: str | None = Field(None, description="ISO 3166-1 alpha-2, by which a national number is read")
    account_id: str | None = Field(None, description="a sub-account; left out: the account that asks, and those below")


@router.post("", response_model=Success[ErasureOut], responses=failures(404, 413))
def erase(body: ErasureIn, viewer: Viewer, parts: Parts) -> Response:
    """Remove a recipient's number, and the texts to it, from all that is kept of an account's messages; for good.

    What waits on a queue is not searched: it is gone with its dispatch. Ask again afterwards.
    """
    country = None if body.country is None else known_country(parts.rules(), body.country)
    number = asked_number(body.to, country)
    member = family_member(parts, viewer, body.account_id)
    below = () if member.parent else parts.accounts.sub_account_ids(member)
    within = [ParkedFilter(state=None, sent_by=sent_by(member.account_id, member.parent))]
    within += [ParkedFilter(state=None, sent_by=sent_by(each, member.account_id)) for each in below]
    done = parts.erasures.erase(number, within, account_id=member.account_id, by=viewer.account_id)
    return success(erasure_document(done), "Erased.")


@router.get("", response_model=Success[ErasureList], responses=failures(404))
def list_erasures(viewer: Viewer, parts: Parts, account_id: AccountId = None, per_page: PerPage = 100) -> Response:
    """What was erased in an account's data, the newest first."""
    member = family_member(parts, viewer, account_id)
    found = parts.erasures.listed(member.account_id, limit=per_page)
    return success({"data": [erasure_document(each) for each in found]}, "Erasures retrieved.")
