"""The document of a resend: an enriched message whose sender failed at the carrier, to be decided again (contract 9.3)."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, StrictStr, model_validator

from core.contract.models import (
    CountryHint,
    Identifier,
    OutgoingMessage,
    allow_empty,
    field_error,
    without_empty,
)
from core.sender import SenderType

#: Characters of what a dispatcher says of a failure; the rest is cut off.
MOST_REASON_CHARACTERS = 200
#: Senders that may have failed: far more than anybody tries.
MOST_FAILED = 100


def _short(value: Any) -> Any:
    return value[:MOST_REASON_CHARACTERS] if isinstance(value, str) else value


ReasonText = Annotated[StrictStr, BeforeValidator(_short)]


class FailedSender(BaseModel):
    """A sender with which the message failed, at which attempt, and why as far as the dispatcher said so."""

    model_config = ConfigDict(extra="allow", frozen=True)

    sender_id: StrictStr | None
    sender_type: SenderType | None = None
    attempt: Annotated[StrictInt, Field(ge=1)] | None = None
    reason: ReasonText | None = None


class ResentAssignment(BaseModel):
    """What an earlier assignment says that the next one must know; all the rest is passed over."""

    model_config = ConfigDict(extra="allow", frozen=True)

    source: StrictStr | None = None
    requested_sender_id: StrictStr | None = None
    attempt: Annotated[StrictInt, Field(ge=1)] = 1
    first_dispatch_id: Identifier | None = None
    failed: tuple[FailedSender, ...] = Field((), max_length=MOST_FAILED)


class EnrichedAgain(OutgoingMessage):
    """The enriched message as it came from the dispatch queue."""

    dispatch_id: Identifier
    sender_type: SenderType
    sender_country_code: CountryHint | None = None
    campaign_id: Identifier | None = None
    batch_id: Identifier | None = None
    assignment: ResentAssignment


class ResendRequest(BaseModel):
    """A message that is to go out again, by another sender; `message` as it stood on the dispatch queue."""

    model_config = ConfigDict(extra="allow", frozen=True, json_schema_extra=allow_empty)

    dispatch_id: Identifier = Field(description="that of `message`")
    message: EnrichedAgain
    attempt: Annotated[StrictInt, Field(ge=2)] | None = Field(
        None, description="of the dispatch that is asked for; default: one more than that of `message`"
    )
    failed_sender_id: StrictStr | None = Field(None, description="default: the sender of `message`")
    reason: ReasonText | None = Field(None, description="why it failed, for people; put no number and no text in it")

    @model_validator(mode="before")
    @classmethod
    def _read_empty(cls, document: Any) -> Any:
        return without_empty(cls, document)

    @model_validator(mode="after")
    def _one_message(self) -> ResendRequest:
        if self.dispatch_id != self.message.dispatch_id:
            raise field_error("dispatch_id", "must be that of the message")
        if self.attempt is not None and self.attempt <= self.message.assignment.attempt:
            raise field_error(
                "attempt", f"must be above that of the message, which is {self.message.assignment.attempt}"
            )
        return self

    @property
    def next_attempt(self) -> int:
        """The attempt that is asked for; the first dispatch was attempt 1."""
        return self.attempt or self.message.assignment.attempt + 1

    @property
    def first_dispatch_id(self) -> str:
        """The id under which the message was dispatched first."""
        return self.message.assignment.first_dispatch_id or self.message.dispatch_id

    @property
    def failed(self) -> tuple[FailedSender, ...]:
        """All senders that have failed, in the order in which they did."""
        message, attempt = self.message, self.next_attempt - 1
        own = self.failed_sender_id in (None, message.sender_id)
        latest = FailedSender(
            sender_id=message.sender_id if own else self.failed_sender_id,
            sender_type=message.sender_type if own else None,
            attempt=attempt,
            reason=self.reason,
        )
        return (*message.assignment.failed, latest)


def resend_digest(first_dispatch_id: str, attempt: int) -> bytes:
    """16 bytes that stand for one attempt of one message: its dispatch id, and its mark against repeats."""
    return hashlib.blake2b(f"{attempt}:{first_dispatch_id}".encode(), digest_size=16, person=b"resend").digest()
