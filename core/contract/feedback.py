"""Receipts: what a dispatcher tells of messages that were sent, one outcome a message (contract 9.4).

As with messages, a typed decoder takes the plain documents, and the pydantic model alone may refuse.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field, RootModel, StrictStr, model_validator

from core.contract.decode import CountryText, Text64
from core.contract.models import CountryHint, Identifier, Timestamp, field_error, validated, without_empty
from core.encoding import WHOLE_DOCUMENT, ContractError, decode_json
from core.errors import FieldError
from core.moments import parse_rfc3339
from core.sender import SenderType

MAX_OUTCOMES = 10_000
#: A receipt from further ahead is a mistake of whoever wrote it; from less far, its clock is a little ahead.
MAX_AHEAD = timedelta(hours=1)
#: No Sender ID is longer than 16 characters; blanks and marks in one come on top.
MAX_SENDER_ID = 64


class OutcomeKind(StrEnum):
    """What became of a message."""

    DELIVERED = "delivered"
    FAILED = "failed"
    BLOCKED = "blocked"
    SPAM_REPORT = "spam_report"
    EXPIRED = "expired"


class Outcome(msgspec.Struct, gc=False):
    """One receipt in normal form. Unknown fields are not looked at: nothing here goes on to anybody."""

    sender_type: SenderType
    country: CountryText
    outcome: OutcomeKind
    at: Annotated[datetime, msgspec.Meta(tz=True)]
    sender_id: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_SENDER_ID)] | None = None
    account_id: Text64 | None = None
    subaccount_id: Text64 | None = None
    dispatch_id: Text64 | None = None


class DeliveryFeedback(BaseModel):
    """What became of one message. A spam report may follow a delivery."""

    model_config = ConfigDict(extra="allow", frozen=True)

    sender_type: SenderType
    country: CountryHint = Field(description="the recipient's country; UK is read as GB")
    outcome: OutcomeKind
    at: Timestamp = Field(description="when it was known; RFC 3339")
    sender_id: Annotated[StrictStr, Field(max_length=MAX_SENDER_ID)] | None = Field(
        None, description="null only for shared_longcode pools without a number"
    )
    account_id: Identifier | None = Field(
        None, description="the account of the message, or the owner of the sender; null: the platform pool's own word"
    )
    subaccount_id: Identifier | None = Field(None, description="the sub-account of the message, where one sent it")
    dispatch_id: Identifier | None = Field(None, description="that of the message, for whoever reads what was parked")

    @model_validator(mode="before")
    @classmethod
    def _read_empty(cls, document: Any) -> Any:
        return without_empty(cls, document)

    @model_validator(mode="after")
    def _sender_has_an_id(self) -> DeliveryFeedback:
        if self.sender_id is None and self.sender_type is not SenderType.SHARED_LONGCODE:
            raise field_error("sender_id", "must be given, but for shared_longcode")
        return self


class DeliveryFeedbackDocument(RootModel[DeliveryFeedback | list[DeliveryFeedback]]):
    """What stands in one document: one receipt, or a list of up to 10,000."""

    model_config = ConfigDict(
        json_schema_extra=lambda schema: schema["anyOf"][1].update(minItems=1, maxItems=MAX_OUTCOMES)
    )


class Refused(msgspec.Struct, frozen=True):
    """A receipt that breaks the contract, as JSON values, at its place in its document."""

    place: int
    receipt: object
    error: ContractError


_decode = msgspec.json.Decoder(Outcome | list[Outcome]).decode


def decode_feedback(document: bytes, now: datetime) -> tuple[list[Outcome], list[Refused]]:
    """The receipts of a document at `now`, and those of them that are refused; each stands for itself.

    Raises ContractError where the whole document is to blame.
    """
    try:
        found = _decode(document)
    except (ValueError, RecursionError):
        return _read(document, now)
    outcomes = found if isinstance(found, list) else [found]
    if 0 < len(outcomes) <= MAX_OUTCOMES and all(map(_is_plain, outcomes)) and _latest(outcomes) <= now + MAX_AHEAD:
        return outcomes, []
    return _read(document, now)


def _is_plain(outcome: Outcome) -> bool:
    named = outcome.sender_id is not None or outcome.sender_type is SenderType.SHARED_LONGCODE
    return named and outcome.country != "UK"


def _latest(outcomes: list[Outcome]) -> datetime:
    return max(outcome.at for outcome in outcomes)


def _read(document: bytes, now: datetime) -> tuple[list[Outcome], list[Refused]]:
    values = decode_json(document)
    receipts = values if isinstance(values, list) else [values]
    if not 0 < len(receipts) <= MAX_OUTCOMES:
        raise ContractError(
            [FieldError(WHOLE_DOCUMENT, f"must hold 1 to {MAX_OUTCOMES} receipts, not {len(receipts)}")]
        )
    outcomes, refused = list[Outcome](), list[Refused]()
    for place, receipt in enumerate(receipts):
        try:
            outcomes.append(_checked(receipt, now))
        except ContractError as error:
            refused.append(Refused(place, receipt, error))
    return outcomes, refused


def _checked(receipt: object, now: datetime) -> Outcome:
    model = validated(DeliveryFeedback, receipt)
    at = parse_rfc3339(model.at)
    if at > now + MAX_AHEAD:
        raise ContractError([FieldError("at", "must not be more than an hour ahead")], dict(_ids(model)))
    return Outcome(
        model.sender_type,
        model.country,
        model.outcome,
        at,
        model.sender_id,
        model.account_id,
        model.subaccount_id,
        model.dispatch_id,
    )


def _ids(model: DeliveryFeedback) -> Iterator[tuple[str, str]]:
    for name in ("account_id", "subaccount_id", "country"):
        if value := getattr(model, name):
            yield name, value
