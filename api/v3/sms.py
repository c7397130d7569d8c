"""`/v3/sms/send`: ClickSend's endpoint for sending, so that its generated client sends through us."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictBool, StrictInt

from api.admission import BASIC, AdmittedRoute, Parts, Viewer
from api.envelope import Success, failures, success
from api.sending import MAX_MESSAGES, Accepted, accept, enqueue, message_ids
from api.strict import StrictModel
from api.v1.messages import IdempotencyKey
from core.accounts.accounts import Account
from core.content.segments import text_size
from core.contract.models import CountryHint
from core.encoding import ContractError
from core.errors import FieldError, RefusedError
from core.sender import SenderType

router = APIRouter(prefix="/v3/sms", tags=["SMS"], route_class=AdmittedRoute, dependencies=[BASIC])

SUCCESS, INVALID_RECIPIENT = "SUCCESS", "INVALID_RECIPIENT"

_EXAMPLE: dict[str, JsonValue] = {"messages": [{"to": "+61491570156", "body": "Your table is ready.", "source": "api"}]}


class SmsIn(StrictModel):
    """One message, in ClickSend's field names."""

    to: str | None = Field(
        None, description="required: lists and contacts are not kept here", examples=["+61491570156"]
    )
    body: str = Field(examples=["Your table is ready."])
    sender: str | None = Field(None, alias="from", description="a sender of the account; empty: Smart Assign decides")
    source: str | None = None
    schedule: StrictInt | None = Field(None, description="Unix time; null or 0: at once")
    custom_string: str | None = None
    country: str | None = Field(None, description="ISO 3166-1 alpha-2, for a national number")
    from_email: str | None = Field(None, description="passed through")
    list_id: str | StrictInt | None = Field(None, description="refused: lists are not kept here")
    contact_id: StrictInt | None = Field(None, description="refused: contacts are not kept here")
    exclude_no_sender_id_recipients: StrictBool | None = Field(
        None, description="no difference: a message without a compliant sender is always parked"
    )


class SenderFor(StrictModel):
    """The sender for messages to one country that name none."""

    recipient_country_code: CountryHint
    sender_id: str | None = Field(None, description="required; a pool without a number of its own is set as a default")
    sender_type: SenderType | None = None
    sender_country_code: CountryHint | None = Field(None, description="passed over: a sender's own country is known")


class SmsCollection(StrictModel):
    """The messages to send."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    messages: list[SmsIn] = Field(min_length=1, max_length=MAX_MESSAGES)
    senders: list[SenderFor] | None = None
    shorten_urls: StrictBool | None = Field(None, description="true is refused: links are left as they are")


class SmsOut(BaseModel):
    """One message: enqueued where `status` is `SUCCESS`; prices and carriers are the dispatcher's business."""

    direction: str
    date: int
    to: str
    body: str
    sender: str = Field(alias="from")
    schedule: int
    message_id: str | None
    message_parts: int
    message_price: str | None
    from_email: str | None
    list_id: str | None
    custom_string: str
    contact_id: str | None
    user_id: int
    subaccount_id: int
    is_shared_system_number: bool
    country: str | None
    carrier: str | None
    status: str


class SmsData(BaseModel):
    """The messages in the order given, and how many were enqueued."""

    total_price: float | None
    total_count: int
    queued_count: int
    messages: list[SmsOut]
    currency: dict[str, Any] | None
    blocked_count: int


class _Judged(NamedTuple):
    sms: SmsIn
    accepted: Accepted | None
    status: str


@router.post("/send", response_model=Success[SmsData], responses=failures(413))
def send_sms(body: SmsCollection, viewer: Viewer, parts: Parts, idempotency_key: IdempotencyKey = None) -> Response:
    """Enqueue messages. One whose number cannot be read is passed over, as its `status` tells; the others are sent."""
    judged = _judge(body, viewer, idempotency_key)
    accepted = [each.accepted for each in judged if each.accepted]
    enqueue(parts, accepted)
    now = int(parts.store.clock().timestamp())
    user_id = parts.accounts.get(viewer.parent).user_id if viewer.parent else viewer.user_id
    data = {
        "total_price": None,
        "total_count": len(judged),
        "queued_count": len(accepted),
        "messages": [_told(each, now) | {"user_id": user_id, "subaccount_id": viewer.user_id} for each in judged],
        "currency": None,
        "blocked_count": len(judged) - len(accepted),
    }
    return success(data, "Messages queued for delivery.")


def _judge(body: SmsCollection, viewer: Account, key: str | None) -> Sequence[_Judged]:
    """What becomes of each message. Raises RefusedError, with every field to blame; an unreadable number is none."""
    errors = [FieldError("shorten_urls", "is not done here: links are left as they are")] if body.shorten_urls else []
    errors += [
        FieldError(f"senders[{place}].sender_id", "is required: a pool without a number is set as a default sender")
        for place, each in enumerate(body.senders or ())
        if not each.sender_id
    ]
    judged = []
    for place, (sms, made_up) in enumerate(zip(body.messages, message_ids(key, viewer), strict=False)):
        found, wrong = _one(sms, body.senders or (), viewer, made_up)
        judged.append(found)
        errors += [FieldError(f"messages[{place}].{each.field}", each.reason) for each in wrong]
    if errors:
        raise RefusedError("the messages are refused, and none was enqueued", errors)
    return judged


def _one(
    sms: SmsIn, senders: Sequence[SenderFor], viewer: Account, made_up: str
) -> tuple[_Judged, Sequence[FieldError]]:
    errors = [
        FieldError(name, f"is refused: {name.removesuffix('_id')}s are not kept here")
        for name in ("list_id", "contact_id")
        if getattr(sms, name)
    ]
    if sms.to is None:
        errors.append(FieldError("to", "is required"))
    if errors:
        return _Judged(sms, None, ""), errors
    document = _document(sms)
    try:
        accepted = accept(document, viewer, made_up)
    except ContractError as error:
        if any(each.field != "to" for each in error.errors):
            return _Judged(sms, None, ""), error.errors
        return _Judged(sms, None, INVALID_RECIPIENT), ()
    if not sms.sender:
        accepted.document.update(_sender_for(accepted.recipient.country, senders))
    return _Judged(sms, accepted, SUCCESS), ()


def _document(sms: SmsIn) -> dict[str, Any]:
    """The message in our field names."""
    given = {
        "to": sms.to,
        "body": sms.body,
        "sender_id": sms.sender,
        "source": sms.source,
        "schedule": sms.schedule or None,
        "custom_string": sms.custom_string,
        "country": sms.country,
        "extra": {"from_email": sms.from_email} if sms.from_email else None,
    }
    return {name: value for name, value in given.items() if value is not None and value != ""}


def _sender_for(country: str, senders: Sequence[SenderFor]) -> dict[str, Any]:
    found = next((each for each in senders if each.recipient_country_code == country), None)
    return found.model_dump(mode="json", include={"sender_id", "sender_type"}, exclude_none=True) if found else {}


def _told(judged: _Judged, now: int) -> dict[str, Any]:
    sms, accepted = judged.sms, judged.accepted
    return {
        "direction": "out",
        "date": now,
        "to": accepted.recipient.e164 if accepted else sms.to,
        "body": sms.body,
        "from": sms.sender or "",
        "schedule": sms.schedule or 0,
        "message_id": accepted.message_id if accepted else None,
        "message_parts": text_size(sms.body).segments,
        "message_price": None,
        "from_email": sms.from_email,
        "list_id": None,
        "custom_string": sms.custom_string or "",
        "contact_id": None,
        "is_shared_system_number": False,
        "country": accepted.recipient.country if accepted else None,
        "carrier": None,
        "status": judged.status,
    }
