"""Resends: a message whose sender failed at the carrier is decided again, without the senders that failed.

What comes out is an outcome like any other: enriched messages with the id of their attempt, parked and deferred documents.
"""

from __future__ import annotations

from binascii import hexlify
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from core.cache.verdict import ParkVerdict, SenderVerdict, Verdict
from core.content.inspection import NOWHERE, ContentCountries
from core.contract.decode import Message, read_message
from core.contract.ids import MARK_BYTES, MessageIds
from core.contract.models import validated
from core.contract.resends import FailedSender, ResendRequest, resend_digest
from core.encoding import ContractError, decode_json, encode_json, too_large
from core.engine.decision import Request, SenderRef, Source
from core.engine.graded_sender import label
from core.errors import FieldError, ParkReason
from core.messages.assigner import (
    Outcome,
    Parked,
    Verdicts,
    parked_unread,
    request_for,
)
from core.messages.enriched import picker_of
from core.moments import rfc3339
from core.phone import parse_recipient
from core.sender_ids import clean_sender_id

#: The sources in which a message or its batch named the sender.
_NAMED = frozenset({Source.EXPLICIT, Source.OVERRIDE})
_MESSAGE_FIELD = "message"


@dataclass(frozen=True, slots=True)
class _Resend:
    """One resend that can be decided: its place, what it asks for, the message as values, and the request for it."""

    place: int
    asked: ResendRequest
    document: Mapping[str, Any]
    message: Message
    request: Request


class Resender:
    """Decides again for messages that failed."""

    def __init__(
        self,
        decisions: Verdicts,
        *,
        max_bytes: int,
        attempts: int,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        content_countries: Callable[[], ContentCountries] = lambda: NOWHERE,
    ) -> None:
        """`attempts`: how many dispatches a message may have in all, the first one included."""
        self._decisions, self._max_bytes, self._attempts, self._clock = decisions, max_bytes, attempts, clock
        self._content_countries = content_countries

    def assign(self, documents: Sequence[bytes]) -> Outcome:
        """Assign a batch of resend documents. Total: no document, however broken, makes it raise."""
        outcome, now, countries = Outcome(), self._clock(), self._content_countries()
        resends: list[_Resend] = []
        for place, document in enumerate(documents):
            try:
                found = self._read(place, document, now, countries)
            except ContractError as error:
                found = parked_unread(place, ParkReason.INVALID_MESSAGE, str(error), error.known, error.errors)
            if isinstance(found, Parked):
                outcome.parked.append(found)
            else:
                resends.append(found)
        verdicts = (
            self._decisions.verdicts(list(dict.fromkeys(each.request for each in resends)), now) if resends else {}
        )
        for each in resends:
            _write(each, verdicts.get(each.request), now, outcome)
        return outcome

    def _read(self, place: int, document: bytes, now: datetime, countries: ContentCountries) -> _Resend | Parked:
        """Raises ContractError."""
        if len(document) > self._max_bytes:
            raise too_large(document, self._max_bytes)
        values = decode_json(document)
        asked = validated(ResendRequest, values)
        assert isinstance(values, dict)  # it is valid
        message = read_message(values[_MESSAGE_FIELD])
        if asked.next_attempt > self._attempts:
            return _ended(place, asked, f"a message is dispatched at most {self._attempts} times")
        found = request_for(message, now, content_countries=countries)
        if isinstance(found, Parked):
            fields = tuple(FieldError(f"{_MESSAGE_FIELD}.{each.field}", each.reason) for each in found.fields)
            return Parked(place, found.reason, found.detail, fields, _ids(asked, found.ids.country))
        request = found._replace(explicit=_explicit(asked), failed=_failed_refs(asked.failed))
        return _Resend(place, asked, values[_MESSAGE_FIELD], message, request)


def _explicit(asked: ResendRequest) -> SenderRef | None:
    """The sender that the message, or its batch, named at first: it may have been used, or something else in its place."""
    assignment, message = asked.message.assignment, asked.message
    if assignment.requested_sender_id:
        return SenderRef(clean_sender_id(assignment.requested_sender_id))
    if assignment.source in _NAMED and message.sender_id:
        return SenderRef(clean_sender_id(message.sender_id), message.sender_type)
    return None


def _failed_refs(failed: Sequence[FailedSender]) -> tuple[SenderRef, ...]:
    """The senders that failed, in one order, so that messages with which the same ones failed share a decision."""
    refs = {SenderRef(each.sender_id and clean_sender_id(each.sender_id), each.sender_type) for each in failed}
    return tuple(sorted(refs, key=lambda ref: (ref.sender_id or "", ref.sender_type or "")))


def _write(resend: _Resend, verdict: Verdict | None, now: datetime, outcome: Outcome) -> None:
    asked, request = resend.asked, resend.request
    if verdict is None:
        outcome.deferred.append(resend.place)
        return
    if isinstance(verdict, ParkVerdict):
        fields = (FieldError(f"{_MESSAGE_FIELD}.{verdict.field}", verdict.detail),) if verdict.field else ()
        detail = f"{verdict.detail}; {_history(asked.failed)}"
        outcome.parked.append(Parked(resend.place, verdict.park, detail, fields, _ids(asked, request.country)))
        return
    digest = resend_digest(asked.first_dispatch_id, asked.next_attempt)
    dispatch_id = hexlify(digest)
    outcome.payloads.append(_enriched(resend, verdict, dispatch_id.decode(), now))
    outcome.marks.append(digest[:MARK_BYTES])
    outcome.dispatch_ids.append(dispatch_id)
    outcome.indexes.append(resend.place)
    campaign_id = asked.message.campaign_id
    outcome.campaigns.append((request.account_id, campaign_id) if campaign_id else None)
    if verdict.monitored:
        outcome.monitored[request.account_id, request.subaccount_id, request.country] += 1


def _enriched(resend: _Resend, verdict: SenderVerdict, dispatch_id: str, now: datetime) -> bytes:
    """The message as it was, but for what this attempt changes."""
    asked = resend.asked
    e164 = parse_recipient(resend.message.to, resend.message.country).e164
    shared = verdict.shared
    if verdict.pool:
        shared = verdict.pool[picker_of(verdict)(e164)].shared
    values = decode_json(bytes(shared))
    assert isinstance(values, dict)  # the cache writes objects
    attempt = {
        "attempt": asked.next_attempt,
        "first_dispatch_id": asked.first_dispatch_id,
        "failed": [
            each.model_dump(mode="json", exclude_none=True) | {"sender_id": each.sender_id} for each in asked.failed
        ],
    }
    changed = {"dispatch_id": dispatch_id, "to": e164, "country": resend.request.country, "assigned_at": rfc3339(now)}
    return encode_json({**resend.document, **values, **changed, "assignment": values["assignment"] | attempt})


def _ended(place: int, asked: ResendRequest, words: str) -> Parked:
    detail = f"{words}; {_history(asked.failed)}"
    return Parked(place, ParkReason.NO_COMPLIANT_SENDER, detail, ids=_ids(asked, asked.message.country))


def _history(failed: Sequence[FailedSender]) -> str:
    """What has been tried, for people: `failed before: 1. +61491570156 (spam filter), 2. ACME`."""
    tried = [
        f"{number}. {label(each.sender_id, each.sender_type)}" + (f" ({each.reason})" if each.reason else "")
        for number, each in enumerate(failed, 1)
    ]
    return f"failed before: {', '.join(tried)}"


def _ids(asked: ResendRequest, country: str | None) -> MessageIds:
    message = asked.message
    return MessageIds(
        message_id=message.message_id,
        campaign_id=message.campaign_id,
        batch_id=message.batch_id,
        account_id=message.account_id,
        subaccount_id=message.subaccount_id,
        country=country,
    )
