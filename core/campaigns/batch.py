"""Campaign batches: read once, worked chunk by chunk, each recipient with the verdict of its country.

A batch is one account's, so its messages differ in recipient, text and custom string only: one verdict for each
country serves the whole chunk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, Any

import msgspec

from core.contract.decode import BodyText, CountryText, ExtendedMessage, Text, Text64
from core.contract.ids import MessageIds, known_ids
from core.contract.models import MAX_RECIPIENTS, BatchRecipient, BatchSender, CampaignBatch, validated
from core.encoding import WHOLE_DOCUMENT, ContractError, check_parts, decode_json, encode_json
from core.engine.decision import SenderRef
from core.errors import FieldError, ParkReason
from core.messages.assigner import Assigner, Group, Messages, Outcome, Parked
from core.messages.enriched import encode_tail
from core.phone import settled_country
from core.sender import Product, SenderType, TrafficClass
from core.sender_ids import clean_sender_id

#: Recipients that settle as a whole. Also how long a single message may wait behind a campaign.
CHUNK = 1_000


class Row(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One recipient in normal form."""

    to: str
    message_id: Text64 | None = None
    body: BodyText | None = None
    country: CountryText | None = None
    custom_string: Text | None = None


class ExtendedRow(Row):
    """A recipient with unknown fields."""

    extra: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A recipient that breaks the contract; the others go on."""

    value: object
    errors: tuple[FieldError, ...]


class _Shared(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    account_id: Text64
    campaign_id: Text64
    batch_id: Text64
    subaccount_id: Text64 | None = None
    country: CountryText | None = None
    body: BodyText | None = None
    product: Product = Product.SMS
    media_urls: list[str] | None = None
    sender_id: Text | None = None
    sender_type: SenderType | None = None
    traffic_class: TrafficClass = TrafficClass.TRANSACTIONAL
    reply_expected: bool = False
    source: Text | None = None
    custom_string: Text | None = None
    schedule: int | float | None = None
    expires_at: str | None = None
    total_batches: Annotated[int, msgspec.Meta(ge=1)] | None = None


class _PlainBatch(_Shared, kw_only=True):
    recipients: list[Row]


@dataclass(frozen=True, slots=True)
class ReplayedRecipient:
    """A recipient of a batch that was parked, sent again: where it stood, and why it had been parked."""

    part_id: str
    position: int
    reason: str


@dataclass(frozen=True)
class Batch:
    """One campaign batch in normal form. `overrides` are the batch's own senders by recipient country."""

    shared: _Shared
    rows: Sequence[Row | RefusedRow]
    overrides: Mapping[str, SenderRef] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    senders: Sequence[Any] | None = None
    part: ReplayedRecipient | None = None

    @property
    def chunks(self) -> int:
        """How many chunks the batch is worked in."""
        return -(-len(self.rows) // CHUNK)

    @property
    def key(self) -> str:
        """A digest that stands for the batch, or for the part of it that is sent again; sub-accounts may share it."""
        return _digest(self._names)

    @property
    def key_of_subaccount(self) -> str:
        """The same for the sub-account alone, where another has taken `key`."""
        return _digest([*self._names, self.shared.subaccount_id or ""])

    @property
    def _names(self) -> list[str]:
        shared = self.shared
        return [shared.account_id, shared.campaign_id, shared.batch_id, self.part.part_id if self.part else ""]

    def message_id(self, position: int) -> str:
        """The id of a recipient's message where the batch gives none; the same at every delivery."""
        return f"{self.stem}-{position}"

    @cached_property
    def stem(self) -> str:
        """What those ids have in common."""
        names = encode_json([self.shared.campaign_id, self.shared.batch_id])
        return hashlib.blake2b(names, digest_size=12).hexdigest()

    def extra_of(self, row: Row, *, own: bool = False) -> Mapping[str, Any]:
        """The unknown fields that a recipient's message carries; `own`: without those of the batch."""
        mine: Mapping[str, Any] = row.extra if isinstance(row, ExtendedRow) else {}
        if own or not self.extra:
            return mine
        return {**self.extra, **mine}


def _digest(names: Sequence[str]) -> str:
    return hashlib.blake2b(encode_json(names), digest_size=16).hexdigest()


_decode_plain = msgspec.json.Decoder(_PlainBatch).decode
_SHARED_FIELDS = _Shared.__struct_fields__
#: A parking code, of a newer version perhaps: it becomes part of a name in the campaign's progress.
_Code = Annotated[str, msgspec.Meta(pattern=r"\A[A-Z][A-Z0-9_]{0,63}\Z")]
_decode_part = msgspec.json.Decoder(tuple[str, _Code, int, msgspec.Raw]).decode


def decode_batch(document: bytes) -> Batch:
    """Read one campaign batch, or one part that is sent again. Raises ContractError for the batch as a whole."""
    check_parts(document)
    if document.startswith(b"["):
        return _read_part(document)
    try:
        plain = _decode_plain(document)
    except (ValueError, RecursionError):
        return read_batch(decode_json(document))
    unusual = plain.expires_at is not None or plain.product is not Product.SMS or plain.country == "UK"
    if unusual or not 0 < len(plain.recipients) <= MAX_RECIPIENTS:
        return read_batch(decode_json(document))
    for row in plain.recipients:
        if row.country == "UK":
            row.country = "GB"
    return Batch(plain, plain.recipients)


def read_batch(document: object) -> Batch:
    """Read one batch from its JSON values, by the model; its recipients one by one. Raises ContractError."""
    model = validated(CampaignBatch, document)
    shared = _Shared(**{name: getattr(model, name) for name in _SHARED_FIELDS})
    rows = [_row(value, index) for index, value in enumerate(model.recipients)]
    raw_senders = document.get("senders") if isinstance(document, dict) else None
    overrides = {sender.recipient_country_code: _override(sender) for sender in reversed(model.senders or ())}
    return Batch(shared, rows, overrides, model.model_extra or {}, raw_senders)


def _override(sender: BatchSender) -> SenderRef:
    named = clean_sender_id(sender.sender_id) if sender.sender_id else None
    return SenderRef(named, sender.sender_type, sender.sender_country_code)


_ROW_FIELDS = frozenset(Row.__struct_fields__)


def _row(value: object, index: int) -> Row | RefusedRow:
    try:
        row = _extended_row(value) if type(value) is dict and len(value) > 1 else msgspec.convert(value, Row)
    except msgspec.ValidationError:
        return _unusual_row(value, index)
    return _unusual_row(value, index) if row.country == "UK" else row


def _extended_row(value: dict[str, Any]) -> Row:
    """Raises msgspec.ValidationError."""
    extra = {name: value[name] for name in value if name not in _ROW_FIELDS}
    if not extra:
        return msgspec.convert(value, Row)
    row = msgspec.convert({name: value[name] for name in value if name in _ROW_FIELDS}, Row)
    return ExtendedRow(row.to, row.message_id, row.body, row.country, row.custom_string, extra)


def _unusual_row(value: object, index: int) -> Row | RefusedRow:
    try:
        model = validated(BatchRecipient, value)
    except ContractError as error:
        return RefusedRow(value, tuple(_under(f"recipients[{index}]", each) for each in error.errors))
    fields = {name: getattr(model, name) for name in Row.__struct_fields__}
    return ExtendedRow(**fields, extra=model.model_extra) if model.model_extra else Row(**fields)


def _under(path: str, error: FieldError) -> FieldError:
    return FieldError(path if error.field == WHOLE_DOCUMENT else f"{path}.{error.field}", error.reason)


def _read_part(document: bytes) -> Batch:
    try:
        part_id, reason, position, raw = _decode_part(document)
    except (ValueError, RecursionError):
        raise ContractError([FieldError(WHOLE_DOCUMENT, "must be a campaign batch")]) from None
    batch = decode_batch(bytes(raw))
    return Batch(
        batch.shared,
        batch.rows,
        batch.overrides,
        batch.extra,
        batch.senders,
        ReplayedRecipient(part_id, position, reason),
    )


def assign_chunk(assigner: Assigner, batch: Batch, chunk: int) -> Outcome:
    """Give every recipient of a chunk its sender. The places in the outcome are positions in the batch."""
    messages = assigner.new_batch(batch.overrides)
    refused = _add_chunk(batch, chunk, messages)
    outcome = assigner.finish(messages)
    outcome.parked = [*refused, *(_with_path(entry) for entry in outcome.parked)]
    return outcome


def _add_chunk(batch: Batch, chunk: int, messages: Messages) -> list[Parked]:
    """Add the recipients of a chunk to `messages`; gives those that break the contract."""
    refused: list[Parked] = []
    groups: dict[str, Group] = {}
    like, tail = _message_like(batch)
    may_be_alike, stem, first = like.expires_at is None, batch.stem, chunk * CHUNK
    for position, row in enumerate(batch.rows[first : first + CHUNK], first):
        if (
            type(row) is Row
            and may_be_alike
            and row.custom_string is None
            and (body := row.body or like.body)
            and (country := settled_country(row.to))
        ):
            # Nearly every recipient: nothing of its own but number, text and id.
            group = groups.get(country) or groups.setdefault(country, messages.group(like, country))
            messages.entries.append((position, group, row.message_id or f"{stem}-{position}", row.to, body, tail))
        elif isinstance(row, RefusedRow):
            message_id = known_ids(row.value).get("message_id")
            refused.append(_refused(batch, position, row.errors, message_id))
        elif row.body is None and batch.shared.body is None:
            error = FieldError(f"recipients[{position}].body", "is required where the batch has none")
            refused.append(_refused(batch, position, (error,), row.message_id))
        else:
            messages.add(position, _message(batch, like, position, row))
    return refused


def _message_like(batch: Batch) -> tuple[ExtendedMessage, bytes]:
    """What the messages of a batch have in common, and its tail; `to`, `message_id` and perhaps `body` are still unset."""
    shared = batch.shared
    like = ExtendedMessage(
        message_id="",
        account_id=shared.account_id,
        to="",
        body=shared.body or "",
        subaccount_id=shared.subaccount_id,
        country=shared.country,
        product=shared.product,
        media_urls=shared.media_urls,
        sender_id=shared.sender_id,
        sender_type=shared.sender_type,
        traffic_class=shared.traffic_class,
        reply_expected=shared.reply_expected,
        source=shared.source,
        custom_string=shared.custom_string,
        schedule=shared.schedule,
        expires_at=shared.expires_at,
        extra=batch.extra,
        campaign_id=shared.campaign_id,
        batch_id=shared.batch_id,
    )
    like.tail = encode_tail(like)
    return like, like.tail


def _message(batch: Batch, like: ExtendedMessage, position: int, row: Row) -> ExtendedMessage:
    message = copy(like)
    message.to = row.to
    message.message_id = row.message_id or batch.message_id(position)
    if row.body is not None:
        message.body = row.body
    if row.country is not None:
        message.country = row.country
    if row.custom_string is not None or isinstance(row, ExtendedRow):
        message.tail = None
        message.custom_string = like.custom_string if row.custom_string is None else row.custom_string
        message.extra = batch.extra_of(row)
    return message


def _with_path(entry: Parked) -> Parked:
    fields = tuple(
        FieldError(f"recipients[{entry.index}].to", error.reason) if error.field == "to" else error
        for error in entry.fields
    )
    return replace(entry, fields=fields)


def _refused(batch: Batch, position: int, errors: tuple[FieldError, ...], message_id: str | None) -> Parked:
    shared = batch.shared
    detail = "; ".join(f"{error.field}: {error.reason}" for error in errors)
    return Parked(
        position,
        ParkReason.INVALID_MESSAGE,
        detail,
        errors,
        MessageIds(
            message_id=message_id or batch.message_id(position),
            campaign_id=shared.campaign_id,
            batch_id=shared.batch_id,
            account_id=shared.account_id,
            subaccount_id=shared.subaccount_id,
        ),
    )


def part_document(batch: Batch, position: int, part_id: str, reason: ParkReason) -> bytes:
    """One recipient of a batch as a document of its own, to be kept and perhaps sent again.

    Its shape is a list, `[part id, reason, position, batch]`, which no batch has.
    """
    row = batch.rows[position]
    recipient = row.value if isinstance(row, RefusedRow) else _as_json(row) | dict(batch.extra_of(row, own=True))
    if isinstance(recipient, dict) and not recipient.get("message_id"):
        recipient = recipient | {"message_id": batch.message_id(position)}
    document = dict(batch.extra) | _as_json(batch.shared) | {"recipients": [recipient]}
    if batch.senders:
        document["senders"] = batch.senders
    return encode_json([part_id, reason, position, document])


def _as_json(struct: msgspec.Struct) -> dict[str, Any]:
    values = ((name, getattr(struct, name)) for name in struct.__struct_fields__ if name != "recipients")
    return {name: value for name, value in values if value is not None and name != "extra"}
