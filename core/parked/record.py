"""Parked messages on their way: from the assigner to the outbox, to the store, to the notice."""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec

from core.contract.ids import ID_FIELDS
from core.encoding import SCHEMA_VERSION, encode_json
from core.messages.assigner import Parked
from core.moments import rfc3339
from core.parked.store import ParkedDocument, ParkedEntry, ParkedState

_decoder = msgspec.json.Decoder(ParkedDocument)


def parked_id(work_id: str, index: int) -> str:
    """The id of a document parked out of a piece of work: the same at every attempt."""
    return "prk_" + hashlib.blake2b(f"{work_id}/{index}".encode(), digest_size=12).hexdigest()


def document_to_park(parked: Parked, *, work_id: str, lane: str, document: bytes, now: datetime) -> ParkedDocument:
    """What is kept of one parked document: the original to the byte, where it came in, and why it stays."""
    return ParkedDocument(
        parked_id=parked_id(work_id, parked.index),
        reason=parked.reason,
        detail=parked.detail,
        lane=lane,
        parked_at=now,
        fields=parked.fields,
        state=ParkedState.PARKED,
        state_changed_at=None,
        document=document,
        **parked.ids.as_dict(),
    )


def encode_parked(parked: ParkedDocument) -> bytes:
    """As JSON for the outbox, the document in base64."""
    return encode_json(parked)


def decode_parked(text: bytes) -> ParkedDocument:
    """The inverse of `encode_parked`."""
    return _decoder.decode(text)


def parked_notice(parked: ParkedEntry) -> bytes:
    """The notice of contract 2.4: everything but the body; what is not known is left out."""
    notice: dict[str, object] = {
        "schema": SCHEMA_VERSION,
        "parked_id": parked.parked_id,
        "reason": parked.reason,
        "detail": parked.detail,
    }
    if parked.fields:
        notice["fields"] = [{"field": error.field, "reason": error.reason} for error in parked.fields]
    ids = {name: getattr(parked, name) for name in ID_FIELDS}
    notice |= {name: value for name, value in ids.items() if value is not None and name != "subaccount_id"}
    return encode_json(notice | {"parked_at": rfc3339(parked.parked_at)})
