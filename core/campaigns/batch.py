"""Campaign batches as they come in: what all recipients share, and each recipient with what is its own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any

import msgspec

from core.contract.decode import BodyText, CountryText, Text, Text64
from core.contract.ids import known_ids
from core.contract.models import MAX_RECIPIENTS, BatchRecipient, BatchSender, CampaignBatch, validated
from core.encoding import WHOLE_DOCUMENT, ContractError, check_parts, decode_json, encode_json
from core.engine.decision import SenderRef
from core.errors import FieldError
from core.sender import Product, SenderType, TrafficClass
from core.sender_ids import clean_sender_id

#: Recipients that settle as a whole. Also how long a single message may wait behind a campaign.
CHUNK = 1_000
#: Bytes that the recipients of a chunk share, times their number: 33 KB for each where a chunk is full.
MOST_SHARED_BYTES = 33_554_432


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
    batch = _decoded(document)
    _check_shared(batch)
    return batch


def _check_shared(batch: Batch) -> None:
    """What recipients share is written once for each of them: a few kilobytes would become gigabytes in a chunk."""
    told = {name: getattr(batch.shared, name) for name in _SHARED_FIELDS}
    shared = len(encode_json(dict(batch.extra) | told | {"senders": batch.senders}))
    times = min(CHUNK, len(batch.rows))
    if shared * times > MOST_SHARED_BYTES:
        reason = f"{times} recipients share {shared} bytes; together they may be at most {MOST_SHARED_BYTES}"
        raise ContractError([FieldError(WHOLE_DOCUMENT, reason)], known_ids(told))


def _decoded(document: bytes) -> Batch:
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
    batch = _decoded(bytes(raw))
    return Batch(
        batch.shared,
        batch.rows,
        batch.overrides,
        batch.extra,
        batch.senders,
        ReplayedRecipient(part_id, position, reason),
    )
