"""Reading messages, as the hot path does.

A typed msgspec decoder takes the plain documents, and every document that it does not take is put to the pydantic
model (core/contract/models.py), which alone may refuse. So a document is refused with the same words whichever way
it came.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import msgspec

from core.contract.models import OutgoingMessage, validated
from core.encoding import decode_json
from core.sender import Product, SenderType, TrafficClass

Text64 = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
#: An optional text; an empty one, which counts as null, is left to the model.
Text = Annotated[str, msgspec.Meta(min_length=1)]
#: Of a body.
MOST_CHARACTERS = 1600
BodyText = Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_CHARACTERS)]
CountryText = Annotated[str, msgspec.Meta(pattern="^[A-Z][A-Z]$", max_length=2)]


class Message(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One message in normal form: defaults filled, alias resolved, `country` upper-case with UK as GB.

    `extra` holds the unknown fields; it is a field only in `ExtendedMessage`, so that no document can set it.
    """

    extra: ClassVar[Mapping[str, Any]] = {}
    campaign_id: ClassVar[str | None] = None
    batch_id: ClassVar[str | None] = None
    tail: ClassVar[bytes | None] = None

    message_id: Text64
    account_id: Text64
    to: str
    body: BodyText
    subaccount_id: Text64 | None = None
    country: CountryText | None = None
    product: Product = Product.SMS
    media_urls: list[str] | None = None
    sender_id: Text | None = None
    alias: str | None = msgspec.field(default=None, name="from")
    sender_type: SenderType | None = None
    traffic_class: TrafficClass = TrafficClass.TRANSACTIONAL
    reply_expected: bool = False
    source: Text | None = None
    custom_string: Text | None = None
    schedule: int | float | None = None
    expires_at: str | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it says nothing but who sends what to whom, and how."""
        return (
            self.media_urls is None
            and self.source is None
            and self.custom_string is None
            and self.schedule is None
            and self.expires_at is None
        )


class ExtendedMessage(Message):
    """A message with unknown fields, or one that came in a campaign batch.

    `tail` is what `core.messages.enriched.encode_tail` gives for it, where that is known beforehand.
    """

    # The base has these as class variables, so that a plain message costs nothing for them.
    extra: Mapping[str, Any] = {}  # type: ignore[misc]
    campaign_id: str | None = None  # type: ignore[misc]
    batch_id: str | None = None  # type: ignore[misc]
    tail: bytes | None = None  # type: ignore[misc]


_plain_decoder = msgspec.json.Decoder(Message)
_MESSAGE_FIELDS = tuple(name for name in OutgoingMessage.model_fields)


def decode_message(document: bytes) -> Message:
    """Read one message document. Raises ContractError, which names every field to blame."""
    try:
        message = _plain_decoder.decode(document)
    except (ValueError, RecursionError):
        return read_message(decode_json(document))
    if message.alias is not None or message.expires_at is not None or message.product is not Product.SMS:
        return read_message(decode_json(document))
    if message.country == "UK":
        message.country = "GB"
    return message


def read_message(document: object) -> Message:
    """Read one message from its JSON values, by the model. Raises ContractError."""
    model = validated(OutgoingMessage, document)
    fields = {name: getattr(model, name) for name in _MESSAGE_FIELDS}
    return ExtendedMessage(**fields, extra=model.model_extra or {})
