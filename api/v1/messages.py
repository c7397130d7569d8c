"""`/v1/messages`: send one message or up to 1,000."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue, SkipValidation, model_validator

from api.admission import BASIC, AdmittedRoute, Parts, Viewer, family_member
from api.envelope import Success, failures, success
from api.sending import MAX_MESSAGES, Accepted, MessageIn, accept, enqueue, message_ids, repeated_ids
from api.strict import StrictModel
from core.accounts.accounts import Account
from core.encoding import WHOLE_DOCUMENT, ContractError
from core.errors import FieldError, RefusedError

router = APIRouter(prefix="/v1/messages", tags=["Messages"], route_class=AdmittedRoute, dependencies=[BASIC])

_EXAMPLE: dict[str, JsonValue] = {"messages": [{"to": "+61491570156", "body": "Your table is ready."}]}
_ONE: dict[str, JsonValue] = {
    "to": "07400 123456",
    "country": "GB",
    "body": "Your table is ready.",
    "message_id": "m-1",
}

IdempotencyKey = Annotated[
    str | None,
    Header(
        max_length=255,
        description="a text of the client's own for this request; messages without an id have the same ids where it is "
        "sent again, so that a request that got no answer can be repeated",
    ),
]


class SendIn(StrictModel):
    """The messages of an account; one alone may stand for the whole document."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE, _ONE]})

    account_id: str | None = Field(None, description="a sub-account; left out: the account that asks")
    # Each is judged on its own, so that each field is named by its path.
    messages: list[SkipValidation[MessageIn]] = Field(min_length=1, max_length=MAX_MESSAGES)
    _alone: bool = False

    @model_validator(mode="wrap")
    @classmethod
    def _read_one(cls, document: Any, read: Any) -> SendIn:
        if not isinstance(document, Mapping) or "messages" in document or "to" not in document:
            made: SendIn = read(document)
            return made
        message = {name: value for name, value in document.items() if name != "account_id"}
        made = read({"account_id": document.get("account_id"), "messages": [message]})
        made._alone = True  # noqa: SLF001 - of this class
        return made

    def path(self, place: int, field: str) -> str:
        """The path of a field of the message at `place` in the document as it was given."""
        if self._alone:
            return field
        return f"messages[{place}]" if field == WHOLE_DOCUMENT else f"messages[{place}].{field}"


class EnqueuedMessage(BaseModel):
    """A message on its way: `to` as it was read."""

    message_id: str
    to: str = Field(examples=["+61491570156"])
    country: str = Field(examples=["AU"])


class EnqueuedData(BaseModel):
    """What was enqueued, in the order given."""

    enqueued: int
    messages: list[EnqueuedMessage]


@router.post("", response_model=Success[EnqueuedData], responses=failures(404, 413))
def send_messages(body: SendIn, viewer: Viewer, parts: Parts, idempotency_key: IdempotencyKey = None) -> Response:
    """Enqueue messages, all or none: where one is refused, nothing is sent, and every field to blame is named.

    What becomes of each is decided by the workers: it is dispatched, or parked with a reason.
    """
    member = family_member(parts, viewer, body.account_id)
    accepted = _accepted(body, member, idempotency_key)
    enqueue(parts, accepted)
    told = [
        {"message_id": each.message_id, "to": each.recipient.e164, "country": each.recipient.country}
        for each in accepted
    ]
    return success({"enqueued": len(told), "messages": told}, "Messages enqueued.")


def _accepted(body: SendIn, member: Account, key: str | None) -> Sequence[Accepted]:
    errors: list[FieldError] = []
    accepted: list[Accepted] = []
    for place, (given, made_up) in enumerate(zip(body.messages, message_ids(key, member), strict=False)):
        try:
            accepted.append(accept(given, member, made_up))
        except ContractError as error:
            errors += [FieldError(body.path(place, each.field), each.reason) for each in error.errors]
    if not errors:
        words = "is that of messages[{}] too; of the two only one would be sent"
        errors = [FieldError(body.path(n, "message_id"), words.format(before)) for n, before in repeated_ids(accepted)]
    if errors:
        raise RefusedError("the messages are refused, and none was enqueued", errors)
    return accepted
