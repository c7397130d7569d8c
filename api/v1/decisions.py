"""`/v1/explain` and `/v1/decisions`: who would send a message, or who did, and why nobody else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AfterValidator, ConfigDict, Field, StrictBool

from api.admission import BASIC, AdmittedRoute, Parts, Viewer, family_member
from api.envelope import Success, failures, success
from api.sending import sending_ids
from api.services import Services
from api.strict import StrictModel
from api.v1.documents import DecisionOut
from core.accounts.accounts import Account
from core.contract.decode import read_message
from core.contract.models import Body, CountryHint
from core.errors import NotFoundError
from core.moments import parse_moment
from core.previews.message import inquire
from core.sender import Product, SenderType, TrafficClass
from core.storage.decisions import no_decision

router = APIRouter(prefix="/v1", tags=["Decisions"], route_class=AdmittedRoute, dependencies=[BASIC])

#: What a message must have and a decision never looks at.
_STAND_IN = {"message_id": "explain", "body": "explain"}
STAND_IN_MEDIA = {"media_urls": ["https://example.com/explain"]}


def _checked_moment(text: str) -> str:
    if text:
        parse_moment(text)
    return text


#: Empty counts as left out.
_Moment = Annotated[str, AfterValidator(_checked_moment)]
_AT_WORDS = "as of this moment (RFC 3339, or a date: its first instant in UTC) instead of now; the inventory is today's"
_PLUS_LOST = re.compile(r" [1-9]")

_To = Annotated[str, Field(max_length=64, description="E.164 with +, or a national number with `country`")]


class Question(StrictModel):
    """A message as far as its sender depends on it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"to": "+61491570156", "reply_expected": True}]})

    to: _To
    account_id: str | None = Field(None, description="a sub-account; left out: the account that asks")
    country: CountryHint | None = None
    product: Product = Product.SMS
    sender_id: str | None = Field(None, description="a sender that the message asks for")
    sender_type: SenderType | None = None
    traffic_class: TrafficClass = TrafficClass.TRANSACTIONAL
    reply_expected: StrictBool = False
    body: Body | None = Field(None, description="the text, where what it holds matters (links, numbers); not kept")
    at: _Moment | None = Field(None, description=_AT_WORDS)


@router.post("/explain", response_model=Success[DecisionOut], responses=failures(404, 413))
def explain(body: Question, viewer: Viewer, parts: Parts) -> Response:
    """The decision that sending would make, now or `at` a moment, with every candidate, its rank or why it was rejected."""
    return _explained(body, viewer, parts)


@router.get("/explain", response_model=Success[DecisionOut], responses=failures(404))
def explain_by_query(
    request: Request,
    viewer: Viewer,
    parts: Parts,
    *,
    to: Annotated[str, Query(max_length=64, examples=["+61491570156"])],
    account_id: Annotated[str | None, Query(description="a sub-account; left out: the account that asks")] = None,
    country: CountryHint | None = None,
    product: Product = Product.SMS,
    sender_id: str | None = None,
    sender_type: SenderType | None = None,
    traffic_class: TrafficClass = TrafficClass.TRANSACTIONAL,
    reply_expected: bool = False,
    at: Annotated[_Moment | None, Query(description=_AT_WORDS, examples=["2026-10-01"])] = None,
) -> Response:
    """The same for a link. The + of a number is %2B; an unencoded one, which a query reads as a blank, is taken too."""
    given = request.scope["query_string"]
    question = Question(
        to=_with_plus(to, "to", given),
        account_id=account_id,
        country=country,
        product=product,
        sender_id=sender_id and _with_plus(sender_id, "sender_id", given),
        sender_type=sender_type,
        traffic_class=traffic_class,
        reply_expected=reply_expected,
        at=at,
    )
    return _explained(question, viewer, parts)


@router.get("/decisions/{decision_id}", response_model=Success[DecisionOut], responses=failures(404))
def show_decision(
    decision_id: Annotated[str, Path(description="`assignment.decision_id` of a message")], viewer: Viewer, parts: Parts
) -> Response:
    """A decision of a message, as it was made; one of a sub-account is seen by its account too.

    An explanation that was asked for is computed, not kept: its id is found here once a message has met the same decision.
    """
    document = parts.store.decision(decision_id)
    if document is None or not _may_see(parts, viewer, document):
        raise NotFoundError(no_decision(decision_id))
    return success(document, "Decision retrieved.")


def _with_plus(number: str, name: str, query: bytes) -> str:
    """A number whose plus was not encoded, as it was meant; a blank that was written as %20 stays one."""
    unencoded = f"{name}=+".encode()
    written = any(each.startswith(unencoded) for each in query.split(b"&"))
    return f"+{number[1:]}" if written and _PLUS_LOST.match(number) else number


def _explained(question: Question, viewer: Account, parts: Services) -> Response:
    member = family_member(parts, viewer, question.account_id)
    media = STAND_IN_MEDIA if question.product is Product.MMS else {}
    left_out = {"at"} if question.body else {"at", "body"}
    document = {**_STAND_IN, **media, **question.model_dump(exclude=left_out), **sending_ids(member)}
    read_message(document)
    moment = parse_moment(question.at) if question.at else parts.store.clock()
    explained = inquire(parts.store, parts.rules, document, parts.settings.policy, moment=moment)
    return success(explained, "Decision explained.")


def _may_see(parts: Services, viewer: Account, document: Mapping[str, Any]) -> bool:
    """Its sender may, and the account above; the ids of a stored decision are those of accounts that exist."""
    above: str = document["account_id"]
    sender: str = document.get("subaccount_id") or above
    if viewer.account_id in {sender, above}:
        return True
    try:
        return family_member(parts, viewer, sender).account_id == sender
    except NotFoundError:
        return False
