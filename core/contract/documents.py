"""The wire: messages in, enriched messages and parked notices out. The only place that knows their JSON.

The pydantic models say what the contract is (schemas, errors by field). The hot path reads the same documents with
`decode_message`: a typed msgspec decoder takes the plain ones, and every document that it does not take is put
to the pydantic model, which alone may refuse. So a document is refused with the same words whichever way it came.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal, TypeVar

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from core.engine.decision import Source
from core.errors import FieldError, ParkReason
from core.sender import Product, SenderType, TrafficClass

SCHEMA_VERSION = 1
CONTENT_TYPE = "application/json"
MAX_RECIPIENTS = 10_000

#: The field that an error names when the document as a whole is to blame.
WHOLE_DOCUMENT = "$"

# RFC 3339, section 5.6, with the lower-case and space forms that it allows.
_RFC3339_FORM = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
_RFC3339 = re.compile(_RFC3339_FORM + r"\Z")
#: Where the seconds stand; a leap second is written as 60.
_SECONDS = slice(17, 19)
_COUNTRY = re.compile(r"[A-Za-z]{2}\Z")


def parse_rfc3339(text: str) -> datetime:
    """`text` as aware UTC; a leap second is the one after it. Raises ValueError where it is no RFC 3339 time."""
    if not _RFC3339.match(text):
        raise ValueError("must be an RFC 3339 time with an offset, such as 2026-01-31T12:00:00Z")
    try:
        if text[_SECONDS] == "60":
            return _after_leap_second(text)
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("must be a time that exists") from None


def _after_leap_second(text: str) -> datetime:
    before = datetime.fromisoformat(f"{text[: _SECONDS.start]}59{text[_SECONDS.stop :]}".upper()).astimezone(UTC)
    if (before.hour, before.minute) != (23, 59):
        raise ValueError("leap seconds end a day of UTC")
    return before + timedelta(seconds=1)


def _checked_rfc3339(text: str) -> str:
    parse_rfc3339(text)
    return text


def _country(text: str) -> str:
    if not _COUNTRY.match(text):
        raise ValueError("must be an ISO 3166-1 alpha-2 code")
    code = text.upper()
    return "GB" if code == "UK" else code


def _field_error(field: str, reason: str) -> PydanticCustomError:
    return PydanticCustomError("field", "{reason}", {"field": field, "reason": reason})


def _default_for_null(kind: Any, default: object) -> BeforeValidator:
    return BeforeValidator(lambda value: default if value is None else value, json_schema_input_type=kind | None)


Identifier = Annotated[StrictStr, Field(min_length=1, max_length=64)]
CountryHint = Annotated[
    StrictStr,
    Field(min_length=2, max_length=2, json_schema_extra={"pattern": "^[A-Za-z]{2}$"}),
    AfterValidator(_country),
]
Body = Annotated[StrictStr, Field(min_length=1, max_length=1600)]
Timestamp = Annotated[
    StrictStr,
    AfterValidator(_checked_rfc3339),
    Field(json_schema_extra={"format": "date-time", "pattern": f"^{_RFC3339_FORM}$"}),
]
UnixTime = StrictInt | Annotated[StrictFloat, Field(allow_inf_nan=False)]
ProductField = Annotated[Product, _default_for_null(Product, Product.SMS)]
TrafficField = Annotated[TrafficClass, _default_for_null(TrafficClass, TrafficClass.TRANSACTIONAL)]
FlagField = Annotated[StrictBool, _default_for_null(bool, False)]


def _tell_in_schema(schema: dict[str, Any]) -> None:
    """Say in a JSON schema what the validators of `_Shared` ask."""
    schema["properties"]["from"] = {"type": ["string", "null"], "description": "alias of sender_id"}
    schema["if"] = {"properties": {"product": {"const": "MMS"}}, "required": ["product"]}
    schema["then"] = {"properties": {"media_urls": {"type": "array", "minItems": 1}}, "required": ["media_urls"]}


class _Shared(BaseModel):
    """The fields that a single message and a campaign batch have in common."""

    model_config = ConfigDict(extra="allow", frozen=True, json_schema_extra=_tell_in_schema)

    account_id: Identifier
    subaccount_id: Identifier | None = None
    country: CountryHint | None = Field(None, description="hint for national numbers; UK is read as GB")
    product: ProductField = Product.SMS
    media_urls: list[StrictStr] | None = Field(None, description="required for MMS")
    sender_id: StrictStr | None = Field(None, description="null or empty: Smart Assign decides; alias: from")
    sender_type: SenderType | None = None
    traffic_class: TrafficField = TrafficClass.TRANSACTIONAL
    reply_expected: FlagField = False
    source: StrictStr | None = None
    custom_string: StrictStr | None = None
    schedule: UnixTime | None = Field(None, description="Unix time; the dispatcher holds the message")
    expires_at: Timestamp | None = Field(None, description="past it, the message is parked as EXPIRED")

    @model_validator(mode="before")
    @classmethod
    def _read_alias(cls, document: Any) -> Any:
        if not isinstance(document, dict) or "from" not in document:
            return document
        rest = dict(document)
        alias = rest.pop("from")
        if rest.get("sender_id") in (None, "", alias):
            rest["sender_id"] = alias
        elif alias not in (None, ""):
            raise _field_error("from", "must not differ from sender_id, whose alias it is")
        return rest

    @model_validator(mode="after")
    def _media_for_mms(self) -> _Shared:
        if self.product is Product.MMS and not self.media_urls:
            raise _field_error("media_urls", "must hold at least one URL where product is MMS")
        return self


class OutgoingMessage(_Shared):
    """One message to one recipient, as upstream services enqueue it (contract 2.1)."""

    message_id: Identifier
    to: StrictStr = Field(description="E.164 with '+', or a national number where country is given")
    body: Body


class BatchRecipient(BaseModel):
    """One recipient of a campaign batch; what it leaves out, the batch gives."""

    model_config = ConfigDict(extra="allow", frozen=True)

    to: StrictStr
    message_id: Identifier | None = None
    body: Body | None = None
    country: CountryHint | None = None
    custom_string: StrictStr | None = None


class BatchSender(BaseModel):
    """The sender that a batch names for one recipient country."""

    model_config = ConfigDict(extra="allow", frozen=True)

    recipient_country_code: CountryHint
    sender_type: SenderType
    sender_id: StrictStr | None = None
    sender_country_code: CountryHint | None = None


class CampaignBatch(_Shared):
    """Many recipients of one campaign (contract 2.2); `batch_id` is the idempotency key of the batch."""

    campaign_id: Identifier
    batch_id: Identifier
    body: Body | None = None
    # Each is validated on its own, so that one that is refused stops no other.
    recipients: list[Any] = Field(
        min_length=1,
        max_length=MAX_RECIPIENTS,
        json_schema_extra=lambda schema: schema.update(items=BatchRecipient.model_json_schema()),
    )
    senders: list[BatchSender] | None = None
    total_batches: Annotated[StrictInt, Field(ge=1)] | None = None


class Assignment(BaseModel):
    """Why the message has its sender."""

    source: Source
    grade: Literal["compliant", "altered"]
    reason: str = Field(description="stable code, such as LOCAL_DEDICATED")
    warnings: list[str]
    decision_id: str
    rules_version: str
    requested_sender_id: str | None = Field(None, description="the sender asked for, where another one was used")


class EnrichedMessage(BaseModel):
    """One message with its sender, as it stands on the dispatch queue (contract 2.3)."""

    schema_: Literal[1] = Field(alias="schema")
    dispatch_id: str = Field(description="the same at every redelivery of the same message")
    message_id: str
    account_id: str
    subaccount_id: str | None
    to: str
    country: str
    body: str
    product: Product
    traffic_class: TrafficClass
    reply_expected: bool
    sender_id: str | None
    sender_type: SenderType
    sender_country_code: str | None
    assignment: Assignment
    assigned_at: str = Field(json_schema_extra={"format": "date-time"})
    media_urls: list[str] | None
    source: str | None
    custom_string: str | None
    schedule: int | float | None
    expires_at: str | None
    campaign_id: str | None
    batch_id: str | None
    extra: dict[str, Any]


class NoticeField(BaseModel):
    """One field that broke the contract."""

    field: str
    reason: str


class ParkedNotice(BaseModel):
    """Tells that a message was kept instead of dispatched, without its body (contract 2.4)."""

    schema_: Literal[1] = Field(alias="schema")
    parked_id: str
    reason: ParkReason
    detail: str
    fields: list[NoticeField] | None = None
    message_id: str | None = None
    campaign_id: str | None = None
    batch_id: str | None = None
    account_id: str | None = None
    country: str | None = None
    parked_at: str = Field(json_schema_extra={"format": "date-time"})


#: File name under docs/schemas -> model. A test keeps the files equal to the models.
EXPORTED_SCHEMAS: Mapping[str, type[BaseModel]] = {
    "outgoing-message.json": OutgoingMessage,
    "campaign-batch.json": CampaignBatch,
    "batch-recipient.json": BatchRecipient,
    "enriched-message.json": EnrichedMessage,
    "parked-notice.json": ParkedNotice,
}


class ContractError(Exception):
    """A document that breaks the contract; `errors` names every field, `known` holds the ids that could be read."""

    def __init__(self, errors: Sequence[FieldError], known: Mapping[str, str] | None = None) -> None:
        super().__init__("; ".join(f"{error.field}: {error.reason}" for error in errors))
        self.errors = tuple(errors)
        self.known = dict(known or {})


Text64 = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
BodyText = Annotated[str, msgspec.Meta(min_length=1, max_length=1600)]
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
    sender_id: str | None = None
    alias: str | None = msgspec.field(default=None, name="from")
    sender_type: SenderType | None = None
    traffic_class: TrafficClass = TrafficClass.TRANSACTIONAL
    reply_expected: bool = False
    source: str | None = None
    custom_string: str | None = None
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
_any_decoder = msgspec.json.Decoder()
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


def decode_json(document: bytes) -> object:
    """The JSON values of `document`. Raises ContractError where it is not UTF-8 JSON; never quotes the document."""
    try:
        return _any_decoder.decode(document)
    except UnicodeDecodeError:
        reason = "is not UTF-8"
    except RecursionError:
        reason = "is nested too deeply"
    except msgspec.DecodeError as error:
        reason = f"is not JSON: {error}"
    raise ContractError([FieldError(WHOLE_DOCUMENT, reason)])


def encode_json(document: object) -> bytes:
    """`document` as compact UTF-8 JSON."""
    return msgspec.json.encode(document)


_Model = TypeVar("_Model", bound=BaseModel)
_ID_FIELDS = ("message_id", "campaign_id", "batch_id", "account_id", "subaccount_id", "country")


def validated(model: type[_Model], document: object) -> _Model:
    """`document` as `model`. Raises ContractError, which names every field to blame."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    raise ContractError([_as_field_error(detail) for detail in details], known_ids(document))


def _as_field_error(detail: ErrorDetails) -> FieldError:
    if detail["type"] == "field":
        return FieldError(detail["ctx"]["field"], detail["msg"])
    return FieldError(_path(detail["loc"]), detail["msg"].removeprefix("Value error, "))


def _path(parts: Sequence[int | str]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts if _is_field(part))
    return text.lstrip(".") or WHOLE_DOCUMENT


def _is_field(part: int | str) -> bool:
    # In the path of a union pydantic names the member tried ("int", "constrained-str") beside the field.
    return isinstance(part, int) or part not in {"int", "float", "constrained-float"}


def known_ids(document: object) -> dict[str, str]:
    """The ids of a document that are texts of a sane length, for a notice about a document that was refused."""
    if not isinstance(document, dict):
        return {}
    found = {name: document.get(name) for name in _ID_FIELDS}
    return {name: value for name, value in found.items() if isinstance(value, str) and 0 < len(value) <= 64}


def ids_in(document: bytes) -> dict[str, str]:
    """`known_ids` of a document as it came in; none where it cannot be read."""
    try:
        return known_ids(decode_json(document))
    except ContractError:
        return {}


def message_digest(account_id: str, message_id: str) -> bytes:
    """16 bytes that stand for one message of one account: its dispatch id, and its mark against repeats."""
    return digest_of(account_hash(account_id), message_id)


def account_hash(account_id: str) -> hashlib.blake2b:
    """What the digests of one account's messages begin with, for `digest_of`."""
    return hashlib.blake2b(f"{len(account_id)}:{account_id}".encode(), digest_size=16)


def digest_of(account: hashlib.blake2b, message_id: str) -> bytes:
    """`message_digest` of a message of the account with this `account_hash`; to copy one is quicker than to begin anew."""
    digest = account.copy()
    digest.update(message_id.encode())
    return digest.digest()


def rfc3339(moment: datetime) -> str:
    """`moment` as RFC 3339 in UTC with microseconds and a Z."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
