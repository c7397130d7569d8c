"""The recipients of a campaign batch and their senders, chunk by chunk; and a recipient that was parked, as it is replayed.

A batch is one account's, so its messages differ in recipient, text and custom string only: one verdict for each
country serves the whole chunk.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import Any

import msgspec

from core.campaigns.batch import CHUNK, Batch, ExtendedRow, RefusedRow, Row
from core.content.inspection import Content
from core.contract.decode import ExtendedMessage
from core.contract.ids import MessageIds, known_ids
from core.encoding import encode_json
from core.errors import FieldError, ParkReason
from core.messages.assigner import Assigner, Group, Messages, Outcome, Parked
from core.messages.enriched import encode_tail
from core.phone import settled_country


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
    groups: dict[str | tuple[str, Content], Group] = {}
    content_countries = messages.content_countries
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
            if country in content_countries:
                group = _group_by_content(messages, groups, like, country, body)
            else:
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


def _group_by_content(
    messages: Messages,
    groups: dict[str | tuple[str, Content], Group],
    like: ExtendedMessage,
    country: str,
    body: str,
) -> Group:
    content = messages.content(body, country)
    key = (country, content)
    return groups.get(key) or groups.setdefault(key, messages.group(like, country, content))


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
