"""The wire: messages in, enriched messages and parked notices out, as pydantic models.

They say what the contract is: its schemas, and which field is to blame. Messages are read by core/contract/decode.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

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

from core.content.segments import Encoding
from core.contract.ids import known_ids
from core.encoding import WHOLE_DOCUMENT, ContractError
from core.engine.decision import Source
from core.errors import FieldError, ParkReason
from core.moments import RFC3339_FORM, parse_rfc3339
from core.sender import Product, SenderType, TrafficClass

MAX_RECIPIENTS = 10_000

_COUNTRY = re.compile(r"[A-Za-z]{2}\Z")


def _checked_rfc3339(text: str) -> str:
    parse_rfc3339(text)
    return text


def _country(text: str) -> str:
    if not _COUNTRY.match(text):
        raise ValueError("must be an ISO 3166-1 alpha-2 code")
    code = text.upper()
    return "GB" if code == "UK" else code


def field_error(field: str, reason: str) -> PydanticCustomError:
    """An error of a whole document that names one of its fields."""
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
    Field(json_schema_extra={"format": "date-time", "pattern": f"^{RFC3339_FORM}$"}),
]
UnixTime = StrictInt | Annotated[StrictFloat, Field(allow_inf_nan=False)]
ProductField = Annotated[Product, _default_for_null(Product, Product.SMS)]
TrafficField = Annotated[TrafficClass, _default_for_null(TrafficClass, TrafficClass.TRANSACTIONAL)]
FlagField = Annotated[StrictBool, _default_for_null(bool, False)]


def without_empty(model: type[BaseModel], document: Any) -> Any:
    """`document` with null for every optional field that is "", as PHP and forms write what was left out."""
    if not isinstance(document, dict) or "" not in document.values():
        return document
    fields = model.model_fields
    optional = {name for name, value in document.items() if name in fields and not fields[name].is_required()}
    return {name: None if value == "" and name in optional else value for name, value in document.items()}


def allow_empty(schema: dict[str, Any]) -> None:
    """Say in a JSON schema that "" counts as null in an optional field."""
    for name in schema["properties"].keys() - set(schema["required"]):
        schema["properties"][name].setdefault("anyOf", []).append({"const": ""})


def _tell_in_schema(schema: dict[str, Any]) -> None:
    """Say in a JSON schema what the validators of `MessageFields` ask."""
    allow_empty(schema)
    schema["properties"]["from"] = {"type": ["string", "null"], "description": "alias of sender_id"}
    schema["if"] = {"properties": {"product": {"const": "MMS"}}, "required": ["product"]}
    schema["then"] = {
        "properties": {"media_urls": {"type": "array", "items": {"type": "string"}, "minItems": 1}},
        "required": ["media_urls"],
    }


class MessageFields(BaseModel):
    """The fields that messages have in common however they come, besides whose they are."""

    model_config = ConfigDict(extra="allow", frozen=True, json_schema_extra=_tell_in_schema)

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
            return without_empty(cls, document)
        rest = dict(document)
        alias = rest.pop("from")
        if rest.get("sender_id") in (None, "", alias):
            rest["sender_id"] = alias
        elif alias not in (None, ""):
            raise field_error("from", "must not differ from sender_id, whose alias it is")
        return without_empty(cls, rest)

    @model_validator(mode="after")
    def _media_for_mms(self) -> MessageFields:
        if self.product is Product.MMS and not self.media_urls:
            raise field_error("media_urls", "must hold at least one URL where product is MMS")
        return self


class _Shared(MessageFields):
    """The fields that a single message and a campaign batch have in common."""

    account_id: Identifier
    subaccount_id: Identifier | None = None


class OutgoingMessage(_Shared):
    """One message to one recipient, as upstream services enqueue it (contract 2.1)."""

    message_id: Identifier
    to: StrictStr = Field(description="E.164 with '+', or a national number where country is given")
    body: Body


class BatchRecipient(BaseModel):
    """One recipient of a campaign batch; what it leaves out, the batch gives."""

    model_config = ConfigDict(extra="allow", frozen=True, json_schema_extra=allow_empty)

    to: StrictStr
    message_id: Identifier | None = None
    body: Body | None = None
    country: CountryHint | None = None
    custom_string: StrictStr | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_empty(cls, document: Any) -> Any:
        return without_empty(cls, document)


class BatchSender(BaseModel):
    """The sender that a batch names for one recipient country."""

    model_config = ConfigDict(extra="allow", frozen=True, json_schema_extra=allow_empty)

    recipient_country_code: CountryHint
    sender_type: SenderType
    sender_id: StrictStr | None = None
    sender_country_code: CountryHint | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_empty(cls, document: Any) -> Any:
        return without_empty(cls, document)


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


class AlternateSender(BaseModel):
    """A sender that would come next."""

    sender_id: str | None
    sender_type: SenderType
    sender_country_code: str | None
    grade: Literal["compliant", "altered"]


class Assignment(BaseModel):
    """Why the message has its sender."""

    source: Source
    grade: Literal["compliant", "altered"]
    reason: str = Field(description="stable code, such as LOCAL_DEDICATED")
    warnings: list[str]
    decision_id: str
    rules_version: str
    alternates: list[AlternateSender] = Field(description="who would come next, in order, if the sender failed")
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
    encoding: Encoding | None = Field(description="of the text; null for MMS")
    segments: Annotated[int, Field(ge=1)] | None = Field(description="that the text takes; null for MMS")
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
    #: A code that stands in no list is one of a newer version.
    reason: ParkReason | str
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


_Model = TypeVar("_Model", bound=BaseModel)


def validated(model: type[_Model], document: object) -> _Model:
    """`document` as `model`. Raises ContractError, which names every field to blame."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    raise ContractError([_as_field_error(detail) for detail in details], known_ids(document))


def _as_field_error(detail: ErrorDetails) -> FieldError:
    if detail["type"] == "field":
        return FieldError(_path((*detail["loc"], detail["ctx"]["field"])), detail["msg"])
    return FieldError(_path(detail["loc"]), detail["msg"].removeprefix("Value error, "))


def _path(parts: Sequence[int | str]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts if _is_field(part))
    return text.lstrip(".") or WHOLE_DOCUMENT


def _is_field(part: int | str) -> bool:
    # In the path of a union pydantic names the member tried ("int", "constrained-str") beside the field.
    return isinstance(part, int) or part not in {"int", "float", "constrained-float"}
