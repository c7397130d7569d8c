"""The use case: a batch of message documents in; enriched messages and parked ones out.

The batch is the unit. Messages are grouped by what a decision depends on, each group gets one verdict, and every
message is written with the verdict of its group. Nothing here moves a message: that is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from core.cache import Answer
from core.contracts import (
    WHOLE_DOCUMENT,
    ContractError,
    Message,
    decode_message,
    message_digest,
    parse_rfc3339,
    rfc3339,
)
from core.decision import Request, SenderRef
from core.enriched import writer_of
from core.errors import FieldError, ParkReason
from core.phone import InvalidRecipientError, parse_recipient, settled_country
from core.sender import Product, SenderType, TrafficClass
from core.verdict import Verdict

#: A Sender ID is at most 16 characters long; a longer text can match none, and is cut before it becomes a cache key.
MAX_SENDER_ID = 32

_NO_OVERRIDES: Mapping[str, SenderRef] = {}


@dataclass(frozen=True, slots=True)
class Parked:
    """One document that cannot be dispatched: where it stood in the batch, and why; ids as far as they are known."""

    index: int
    reason: ParkReason
    detail: str
    fields: tuple[FieldError, ...] = ()
    message_id: str | None = None
    account_id: str | None = None
    subaccount_id: str | None = None
    campaign_id: str | None = None
    batch_id: str | None = None
    country: str | None = None


@dataclass(slots=True)
class Outcome:
    """What became of a batch: every document is enriched, parked or deferred.

    `payloads`, `digests` and `indexes` run side by side: the enriched JSON, the 16 bytes that name the message, and
    the place in the batch. `deferred` are the places of documents that wait until SQL can be read again.
    """

    payloads: list[bytes] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    indexes: list[int] = field(default_factory=list)
    parked: list[Parked] = field(default_factory=list)
    deferred: list[int] = field(default_factory=list)


class Verdicts(Protocol):
    """What gives a request its verdict: the decision cache, or a double."""

    def verdicts(self, requests: Iterable[Request], now: datetime) -> Answer:
        """The verdicts of `requests` at `now`."""


Group = tuple[str, str | None, str, Product, TrafficClass, bool, str | None, SenderType | None, SenderRef | None]


class _Read(NamedTuple):
    """A message that was read: its place, normal form, recipient and group."""

    place: int
    message: Message
    e164: str
    country: str
    group: Group


class Assigner:
    """Gives every message of a batch its sender."""

    def __init__(
        self, decisions: Verdicts, *, max_bytes: int, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._decisions, self._max_bytes, self._clock = decisions, max_bytes, clock

    def assign(self, documents: Sequence[bytes]) -> Outcome:
        """Assign a batch of JSON documents. Total: no document, however broken, makes it raise."""
        now, outcome = self._clock(), Outcome()
        read = []
        for index, document in enumerate(documents):
            entry = self._read(index, document, now)
            if isinstance(entry, Parked):
                outcome.parked.append(entry)
            else:
                read.append(entry)
        self._write(read, now, outcome)
        return outcome

    def assign_messages(self, messages: Iterable[tuple[int, Message]], overrides: Mapping[str, SenderRef]) -> Outcome:
        """Assign messages in normal form, each with its place; `overrides` are their batch's senders by country."""
        now, outcome = self._clock(), Outcome()
        read = []
        for index, message in messages:
            entry = _locate(index, message, now, overrides)
            if isinstance(entry, Parked):
                outcome.parked.append(entry)
            else:
                read.append(entry)
        self._write(read, now, outcome)
        return outcome

    def _read(self, index: int, document: bytes, now: datetime) -> _Read | Parked:
        if len(document) > self._max_bytes:
            error = FieldError(WHOLE_DOCUMENT, f"is {len(document)} bytes long; at most {self._max_bytes} are taken")
            return _refused(index, ContractError([error]))
        try:
            message = decode_message(document)
        except ContractError as error:
            return _refused(index, error)
        return _locate(index, message, now)

    def _write(self, read: list[_Read], now: datetime, outcome: Outcome) -> None:
        examples = {entry.group: entry for entry in read}
        requests = {group: request_of(group) for group in examples}
        answer = self._decisions.verdicts(requests.values(), now)
        verdicts = {group: answer.verdicts.get(request) for group, request in requests.items()}
        assigned_at = rfc3339(now)
        writers = {
            group: writer_of(examples[group].message, examples[group].country, verdict, assigned_at)
            for group, verdict in verdicts.items()
            if verdict is not None and verdict.park is None
        }
        for entry in read:
            writer = writers.get(entry.group)
            if writer is None:
                _not_sent(entry, verdicts[entry.group], outcome)
                continue
            message = entry.message
            digest = message_digest(message.account_id, message.message_id)
            outcome.payloads.append(writer.write(message, entry.e164, digest.hex()))
            outcome.digests.append(digest)
            outcome.indexes.append(entry.place)


def _not_sent(entry: _Read, verdict: Verdict | None, outcome: Outcome) -> None:
    if verdict is None:
        outcome.deferred.append(entry.place)
    else:
        outcome.parked.append(_unsendable(entry, verdict))


def _locate(
    index: int, message: Message, now: datetime, overrides: Mapping[str, SenderRef] = _NO_OVERRIDES
) -> _Read | Parked:
    e164, country = message.to, settled_country(message.to)
    if country is None:
        try:
            recipient = parse_recipient(message.to, message.country)
        except InvalidRecipientError as error:
            fields = (FieldError("to", error.reason),)
            return _parked(index, message, ParkReason.INVALID_RECIPIENT, f"to {error.reason}", fields=fields)
        e164, country = recipient.e164, recipient.country
    if message.expires_at is not None and parse_rfc3339(message.expires_at) <= now:
        return _parked(index, message, ParkReason.EXPIRED, "expires_at had passed", country=country)
    return _Read(index, message, e164, country, _group(message, country, overrides.get(country)))


def _group(message: Message, country: str, override: SenderRef | None) -> Group:
    return (
        message.account_id,
        message.subaccount_id,
        country,
        message.product,
        message.traffic_class,
        message.reply_expected,
        message.sender_id or None,
        message.sender_type,
        override,
    )


def request_for(
    message: Message, now: datetime, overrides: Mapping[str, SenderRef] = _NO_OVERRIDES
) -> Request | Parked:
    """What is to be decided for one message, by the steps that a batch takes; or why it is parked before that."""
    read = _locate(0, message, now, overrides)
    return read if isinstance(read, Parked) else request_of(read.group)


def request_of(group: Group) -> Request:
    """The decision request of a group; texts that can be no Sender ID are cut to what a log and a key can hold."""
    account_id, subaccount_id, country, product, traffic_class, reply_expected, sender_id, sender_type, override = group
    explicit = SenderRef(clean_sender_id(sender_id), sender_type) if sender_id else None
    return Request(account_id, subaccount_id, country, product, traffic_class, reply_expected, explicit, override)


def clean_sender_id(sender_id: str) -> str:
    """`sender_id` as it may stand in a log and a cache key: short, and printable."""
    text = sender_id if len(sender_id) <= MAX_SENDER_ID else sender_id[: MAX_SENDER_ID - 1] + "…"
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)


def _unsendable(entry: _Read, verdict: Verdict) -> Parked:
    reason = verdict.park or ParkReason.NO_COMPLIANT_SENDER
    fields = (FieldError(verdict.field, verdict.detail),) if verdict.field else ()
    return _parked(entry.place, entry.message, reason, verdict.detail, country=entry.country, fields=fields)


def _parked(
    index: int,
    message: Message,
    reason: ParkReason,
    detail: str,
    *,
    country: str | None = None,
    fields: tuple[FieldError, ...] = (),
) -> Parked:
    return Parked(
        index,
        reason,
        detail,
        fields,
        message.message_id,
        message.account_id,
        message.subaccount_id,
        message.campaign_id,
        message.batch_id,
        country,
    )


def _refused(index: int, error: ContractError) -> Parked:
    known = error.known
    return Parked(
        index,
        ParkReason.INVALID_MESSAGE,
        str(error),
        error.errors,
        known.get("message_id"),
        known.get("account_id"),
        known.get("subaccount_id"),
        known.get("campaign_id"),
        known.get("batch_id"),
        known.get("country"),
    )
