"""The use case: a batch of message documents in; enriched messages and parked ones out.

The batch is the unit. Messages are grouped by what a decision depends on, each group gets one verdict, and every
message is written with the verdict of its group. Nothing here moves a message: that is the caller's.
"""

from __future__ import annotations

from binascii import hexlify
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from core.cache.verdict import ParkVerdict, SenderVerdict, Verdict
from core.content.inspection import NO_CONTENT, NOWHERE, Content, ContentCountries, content_of, content_to
from core.contract.decode import Message, decode_message
from core.contract.ids import MARK_BYTES, NO_IDS, MessageIds, account_hash, digest_of
from core.encoding import ContractError, too_large
from core.engine.decision import Request, SenderRef
from core.errors import FieldError, ParkReason
from core.messages.enriched import SpreadWriter, Writer, tail_of, writer_of
from core.messages.monitored import Route
from core.moments import parse_rfc3339, rfc3339
from core.phone import InvalidRecipientError, parse_recipient, settled_country
from core.sender import Product, TrafficClass
from core.sender_ids import clean_sender_id

_NO_OVERRIDES: Mapping[str, SenderRef] = {}


@dataclass(frozen=True, slots=True)
class Parked:
    """One document that cannot be dispatched: where it stood in the batch, and why; ids as far as they are known."""

    index: int
    reason: ParkReason
    detail: str
    fields: tuple[FieldError, ...] = ()
    ids: MessageIds = NO_IDS


@dataclass(slots=True)
class Outcome:
    """What became of a batch: every document is enriched, parked or deferred.

    `payloads`, `marks`, `dispatch_ids` and `indexes` run side by side: the enriched JSON, the bytes by which a repeat is
    known (worker/handoff/lua/_hand_off.lua), the dispatch id in ASCII, and the place in the batch. `deferred` are the places of documents that wait
    until SQL can be read again. `monitored` counts the messages to countries that their accounts monitor.
    `campaigns`, of resends alone, runs beside `payloads`: account and campaign of those that belong to one.
    """

    payloads: list[bytes] = field(default_factory=list)
    marks: list[bytes] = field(default_factory=list)
    dispatch_ids: list[bytes] = field(default_factory=list)
    indexes: list[int] = field(default_factory=list)
    parked: list[Parked] = field(default_factory=list)
    deferred: list[int] = field(default_factory=list)
    monitored: Counter[Route] = field(default_factory=Counter)
    campaigns: list[tuple[str, str] | None] = field(default_factory=list)


class Verdicts(Protocol):
    """What gives a request its verdict: the decision cache, or a double."""

    def verdicts(self, requests: Iterable[Request], now: datetime) -> Mapping[Request, Verdict]:
        """The verdicts of `requests` at `now`."""


#: What a group's decision depends on: the fields of a Request. A plain tuple is the quickest to make, and equal to it.
_Key = tuple[str, str | None, str, Product, TrafficClass, bool, SenderRef | None, SenderRef | None, Content, tuple[()]]


class Group:
    """Messages of a batch that share one decision; they differ in recipient, text, id and the last fields alone."""

    __slots__ = ("account", "account_alone", "country", "example", "key", "verdict", "writer")

    def __init__(self, key: _Key, example: Message, *, beside_first_edition: bool) -> None:
        self.key, self.example, self.country = key, example, key[2]
        subaccount_id = example.subaccount_id
        self.account = account_hash(example.account_id, subaccount_id)
        second = beside_first_edition and subaccount_id is not None
        self.account_alone = account_hash(example.account_id) if second else None
        self.verdict: Verdict | None = None
        self.writer: Writer | SpreadWriter | None = None

    @property
    def monitored(self) -> bool:
        """Whether events tell of its messages."""
        return isinstance(self.verdict, SenderVerdict) and self.verdict.monitored

    @property
    def route(self) -> Route:
        """Whose messages they are, and where they go."""
        return self.example.account_id, self.example.subaccount_id, self.country


#: A message that is to be written: its place in the batch, its group, and what is its own: message id, number in E.164,
#: body, tail. A plain tuple is the quickest to make.
Entry = tuple[int, Group, str, str, str, bytes]


class Messages:
    """The messages of one batch that can be sent to somebody, by group; and those that are parked before that."""

    def __init__(
        self,
        now: datetime,
        overrides: Mapping[str, SenderRef] = _NO_OVERRIDES,
        *,
        beside_first_edition: bool = True,
        content_countries: ContentCountries = NOWHERE,
    ) -> None:
        self.now, self._overrides, self._beside_first_edition = now, overrides, beside_first_edition
        self.content_countries = content_countries
        self._seen: tuple[str, Content, bool] = ("", NO_CONTENT, True)
        self.groups: dict[_Key, Group] = {}
        self.entries: list[Entry] = []
        self.parked: list[Parked] = []

    def add(self, place: int, message: Message) -> None:
        """Add one message in normal form."""
        located = _locate(place, message, self.now)
        if isinstance(located, Parked):
            self.parked.append(located)
            return
        e164, country = located
        content = self.content(message.body, country) if country in self.content_countries else NO_CONTENT
        group = self.group(message, country, content)
        self.entries.append((place, group, message.message_id, e164, message.body, tail_of(message)))

    def content(self, body: str, country: str) -> Content:
        """What the text holds, as far as rules of the country look at it; a text that many share is read once."""
        numbers = self.content_countries.get(country)
        if numbers is None:
            return NO_CONTENT
        seen, content, with_numbers = self._seen
        if body is not seen or numbers is not with_numbers:
            content = content_of(body, numbers=numbers)
            self._seen = (body, content, numbers)
        return content

    def group(self, message: Message, country: str, content: Content = NO_CONTENT) -> Group:
        """The group of a message to `country` whose text holds this."""
        key = _key(message, country, self._overrides.get(country), content)
        found = self.groups.get(key)
        if found is None:
            found = self.groups[key] = Group(key, message, beside_first_edition=self._beside_first_edition)
        return found


class Assigner:
    """Gives every message of a batch its sender."""

    def __init__(
        self,
        decisions: Verdicts,
        *,
        max_bytes: int,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        beside_first_edition: Callable[[], bool] = lambda: True,
        content_countries: Callable[[], ContentCountries] = lambda: NOWHERE,
    ) -> None:
        """`beside_first_edition`: whether workers may take the same messages that know no ids of sub-accounts.

        `content_countries` may be asked once a batch.
        """
        self._decisions, self._max_bytes, self._clock = decisions, max_bytes, clock
        self._beside_first_edition, self._content_countries = beside_first_edition, content_countries

    def assign(self, documents: Sequence[bytes]) -> Outcome:
        """Assign a batch of JSON documents. Total: no document, however broken, makes it raise."""
        batch = self.new_batch()
        for place, document in enumerate(documents):
            try:
                batch.add(place, self._decoded(document))
            except ContractError as error:
                batch.parked.append(_refused(place, error))
        return self.finish(batch)

    def new_batch(self, overrides: Mapping[str, SenderRef] = _NO_OVERRIDES) -> Messages:
        """An empty batch; `overrides` are its own senders by country."""
        return Messages(
            self._clock(),
            overrides,
            beside_first_edition=self._beside_first_edition(),
            content_countries=self._content_countries(),
        )

    def finish(self, batch: Messages) -> Outcome:
        """Write every message of a batch with the verdict of its group."""
        outcome = Outcome(parked=batch.parked)
        self._decide(batch)
        watched = {group for group in batch.groups.values() if group.monitored}
        if watched:
            outcome.monitored.update(group.route for _, group, *_ in batch.entries if group in watched)
        for place, group, message_id, e164, body, tail in batch.entries:
            if group.writer is None:
                _not_sent(place, group, message_id, outcome)
                continue
            digest = digest_of(group.account, message_id)
            dispatch_id = hexlify(digest)
            outcome.payloads.append(group.writer.write(message_id, e164, body, tail, dispatch_id))
            mark = digest[:MARK_BYTES]
            if group.account_alone is not None:  # the second mark, by which workers of the first edition know it
                mark += digest_of(group.account_alone, message_id)[:MARK_BYTES]
            outcome.marks.append(mark)
            outcome.dispatch_ids.append(dispatch_id)
            outcome.indexes.append(place)
        return outcome

    def _decide(self, batch: Messages) -> None:
        verdicts = self._decisions.verdicts([Request(*key) for key in batch.groups], batch.now)
        assigned_at = rfc3339(batch.now)
        for key, group in batch.groups.items():
            verdict = group.verdict = verdicts.get(key)  # type: ignore[call-overload]  # a Request is such a tuple
            if isinstance(verdict, SenderVerdict):
                group.writer = writer_of(group.example, group.country, verdict, assigned_at)

    def _decoded(self, document: bytes) -> Message:
        if len(document) > self._max_bytes:
            raise too_large(document, self._max_bytes)
        return decode_message(document)


def _not_sent(place: int, group: Group, message_id: str, outcome: Outcome) -> None:
    if isinstance(group.verdict, ParkVerdict):
        outcome.parked.append(_unsendable(place, group, message_id, group.verdict))
    else:
        outcome.deferred.append(place)


def _locate(place: int, message: Message, now: datetime) -> tuple[str, str] | Parked:
    """The recipient in E.164 and its country; or why the message is parked before anything is decided."""
    e164, country = message.to, settled_country(message.to)
    if country is None:
        try:
            recipient = parse_recipient(message.to, message.country)
        except InvalidRecipientError as error:
            fields = (FieldError("to", error.reason),)
            ids = _ids(message, message.message_id)
            return Parked(place, ParkReason.INVALID_RECIPIENT, f"to {error.reason}", fields, ids)
        e164, country = recipient.e164, recipient.country
    if message.expires_at is not None and parse_rfc3339(message.expires_at) <= now:
        ids = _ids(message, message.message_id, country)
        return Parked(place, ParkReason.EXPIRED, "expires_at had passed", ids=ids)
    return e164, country


def _key(message: Message, country: str, override: SenderRef | None, content: Content) -> _Key:
    return (
        message.account_id,
        message.subaccount_id,
        country,
        message.product,
        message.traffic_class,
        message.reply_expected,
        SenderRef(clean_sender_id(message.sender_id), message.sender_type) if message.sender_id else None,
        override,
        content,
        (),
    )


def request_for(
    message: Message,
    now: datetime,
    overrides: Mapping[str, SenderRef] = _NO_OVERRIDES,
    content_countries: ContentCountries = NOWHERE,
) -> Request | Parked:
    """What is to be decided for one message, by the steps that a batch takes; or why it is parked before that."""
    located = _locate(0, message, now)
    if isinstance(located, Parked):
        return located
    country = located[1]
    content = content_to(message.body, country, content_countries)
    return Request(*_key(message, country, overrides.get(country), content))


def _unsendable(place: int, group: Group, message_id: str, verdict: ParkVerdict) -> Parked:
    fields = (FieldError(verdict.field, verdict.detail),) if verdict.field else ()
    ids = _ids(group.example, message_id, group.country)
    return Parked(place, verdict.park, verdict.detail, fields, ids)


def _ids(message: Message, message_id: str, country: str | None = None) -> MessageIds:
    return MessageIds(
        message_id=message_id,
        campaign_id=message.campaign_id,
        batch_id=message.batch_id,
        account_id=message.account_id,
        subaccount_id=message.subaccount_id,
        country=country,
    )


def _refused(index: int, error: ContractError) -> Parked:
    return parked_unread(index, ParkReason.INVALID_MESSAGE, str(error), error.known, error.errors)


def parked_unread(
    index: int, reason: ParkReason, detail: str, known: Mapping[str, str], fields: tuple[FieldError, ...] = ()
) -> Parked:
    """A document parked without having been read as a message; `known` are the ids found in it."""
    return Parked(index, reason, detail, fields, MessageIds(**known))
