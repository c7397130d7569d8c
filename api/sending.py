"""Messages that come over HTTP: judged as whoever reads the queue would judge them, then enqueued."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from fastapi import HTTPException
from pydantic import ConfigDict, Field, JsonValue

from api.broker import BROKER_FAILURES
from api.services import Services
from api.strict import unknown_words
from core.accounts.accounts import Account
from core.contract.models import Body, Identifier, MessageFields, OutgoingMessage, validated
from core.encoding import WHOLE_DOCUMENT, ContractError, encode_json, storable
from core.errors import FieldError
from core.phone import InvalidRecipientError, Recipient, parse_recipient
from core.process.log_events import LogEvent

log = structlog.get_logger(__name__)

#: Messages of one request.
MAX_MESSAGES = 1_000
#: One message as JSON, a sixteenth of what a worker reads.
MAX_MESSAGE_BYTES = 65_536

#: Names the ids that are derived of an `Idempotency-Key`.
_KEYED = uuid.UUID("5b0f9d5e-7f0f-4d3a-9a52-0c6d2f1c9b7e")
#: What a message says of whose it is, which the login does here.
_OF_THE_QUEUE = frozenset({"account_id", "subaccount_id"})


class MessageIn(MessageFields):
    """One message; whose it is, the key says. `message_id` left out is made up, and answered."""

    model_config = ConfigDict(extra="forbid")

    to: str = Field(
        description="E.164 with '+', or a national number where country is given", examples=["+61491570156"]
    )
    body: Body = Field(examples=["Your table is ready."])
    message_id: Identifier | None = Field(
        None, description="unique for the account; a message that has it already was sent"
    )
    extra: dict[str, JsonValue] | None = Field(None, description="further fields, passed through to the dispatcher")


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that may be enqueued: its document, and the recipient that it was read as."""

    message_id: str
    recipient: Recipient
    document: dict[str, Any]

    @property
    def encoded(self) -> bytes:
        """As it goes onto the queue."""
        return encode_json(self.document)


def message_ids(key: str | None, account: Account) -> Iterable[str]:
    """Ids for messages that bring none; with a key of the client's the same at each repetition of a request."""
    place = 0
    while True:
        yield str(uuid.uuid5(_KEYED, f"{account.account_id}\n{key}\n{place}")) if key else str(uuid.uuid4())
        place += 1


def sending_ids(member: Account) -> dict[str, str]:
    """The ids that a message of `member` carries."""
    if member.parent is None:
        return {"account_id": member.account_id}
    return {"account_id": member.parent, "subaccount_id": member.account_id}


def accept(given: object, member: Account, made_up: str) -> Accepted:
    """Read one message of `member`. Raises ContractError, which names every field to blame."""
    fields = _checked(given)
    recipient = _recipient(fields)
    extra = fields.pop("extra", None) or {}
    message_id = fields.pop("message_id", None) or made_up
    accepted = Accepted(message_id, recipient, {**sending_ids(member), "message_id": message_id, **fields, **extra})
    if len(accepted.encoded) > MAX_MESSAGE_BYTES:
        raise ContractError([FieldError(WHOLE_DOCUMENT, f"has more than {MAX_MESSAGE_BYTES:,} bytes")])
    return accepted


def _checked(given: object) -> dict[str, Any]:
    """The fields that are set, as JSON values."""
    if not isinstance(given, Mapping):
        raise ContractError([FieldError(WHOLE_DOCUMENT, "must be an object")])
    known = [*MessageIn.model_fields, "from"]
    errors = [FieldError(name, unknown_words("field", name, known)) for name in given if name not in known]
    try:
        model = validated(MessageIn, {name: value for name, value in given.items() if name in known})
    except ContractError as error:
        raise ContractError([*errors, *error.errors]) from None
    taken = (_OF_THE_QUEUE | {"from"}).union(OutgoingMessage.model_fields).intersection(model.extra or {})
    errors += [FieldError(f"extra.{name}", "is a field of the message itself") for name in sorted(taken)]
    unfit = [
        name
        for name, value in (model.extra or {}).items()
        if not storable(json.dumps([name, value], ensure_ascii=False))
    ]
    errors += [FieldError(f"extra.{name}"[:200], "must not contain NUL or half a surrogate pair") for name in unfit]
    if errors:
        raise ContractError(errors)
    return model.model_dump(mode="json", exclude_unset=True, exclude_none=True)


def _recipient(fields: Mapping[str, Any]) -> Recipient:
    try:
        return parse_recipient(fields["to"], fields.get("country"))
    except InvalidRecipientError as error:
        raise ContractError([FieldError("to", error.reason)]) from None


def repeated_ids(accepted: Sequence[Accepted]) -> list[tuple[int, int]]:
    """Places of messages whose id one before has, and the place of that one: of the two only one would be sent."""
    first: dict[str, int] = {}
    places = ((place, first.setdefault(each.message_id, place)) for place, each in enumerate(accepted))
    return [(place, before) for place, before in places if place != before]


def enqueue(services: Services, accepted: Sequence[Accepted]) -> None:
    """Put messages on the ingress. Raises HTTPException 503 where the broker is away or has no such queue yet."""
    if not accepted:
        return
    queue = services.settings.ingress_queue
    try:
        services.broker.send(queue, [each.encoded for each in accepted])
    except BROKER_FAILURES as error:
        log.warning(LogEvent.API_BROKER_AWAY, queue=queue, error=str(error))
        words = "the broker cannot be used at present; messages sent again with the same ids are sent once"
        raise HTTPException(503, words) from None
