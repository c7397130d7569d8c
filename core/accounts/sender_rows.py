"""Senders and registrations as rows, and back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement

from core.process.log_events import LogEvent
from core.process.logger import Logger
from core.process.printable import one_line
from core.sender import (
    Registration,
    RegistrationStatus,
    Sender,
    SenderStatus,
    SenderType,
    TrafficClass,
    sender_name,
)
from core.storage.tables import REGISTRATIONS, SENDERS

log = Logger(__name__)

#: Owner part of the identity of a pool sender.
_POOL = "pool"

#: What `sender_of` reads, in its order. By place and not by name: an inventory may hold a thousand senders.
SENDER_COLUMNS: tuple[ColumnElement[Any], ...] = (
    SENDERS.c.sender_id,
    SENDERS.c.sender_type,
    SENDERS.c.country,
    SENDERS.c.status,
    SENDERS.c.purchased_at,
    SENDERS.c.activated_at,
    SENDERS.c.expires_at,
    SENDERS.c.trust,
    SENDERS.c.two_way,
    SENDERS.c.mms,
    SENDERS.c.messages_per_second,
    SENDERS.c.traffic_classes,
)

#: What `registration_of` reads, in its order.
REGISTRATION_COLUMNS: tuple[ColumnElement[Any], ...] = (
    REGISTRATIONS.c.country,
    REGISTRATIONS.c.status,
    REGISTRATIONS.c.valid_from,
    REGISTRATIONS.c.valid_until,
)

_TYPES = {each.value: each for each in SenderType}
_STATUSES = {each.value: each for each in SenderStatus}
_CLASSES = {each.value: each for each in TrafficClass}
_REGISTRATION_STATUSES = {each.value: each for each in RegistrationStatus}


def identity_of(account_ref: int | None, sender_type: SenderType, sender_id: str | None) -> str:
    """The text that is unique for a sender; the same with and without the '+' of a number."""
    owner = _POOL if account_ref is None else str(account_ref)
    return f"{owner}/{sender_name(sender_type, sender_id)}"


def sender_of(values: Sequence[Any], account_id: str | None) -> Sender | None:
    """The sender of the values of `SENDER_COLUMNS`, without registrations.

    None: a newer version of this program wrote of it what this one does not know, and it is no sender here. Told once.
    """
    sender_id, sender_type, country, status, bought, activated, expires, trust, two_way, mms, rate, classes = values
    known_type, known_status = type_of(sender_type), _STATUSES.get(status)
    if known_status is None:
        _tell("status", status)
    if known_type is None or known_status is None:
        return None
    return Sender(
        account_id,
        sender_id,
        known_type,
        country,
        known_status,
        bought,
        activated,
        expires,
        trust,
        two_way,
        mms,
        rate,
        None if classes is None else _known_classes(classes),
    )


def type_of(name: str) -> SenderType | None:
    """A sender type by its name; None for one of a newer version, which is told once."""
    found = _TYPES.get(name)
    if found is None:
        _tell("sender_type", name)
    return found


def _known_classes(names: str) -> frozenset[TrafficClass]:
    """Those of them that are known: a sender may not send more here than there."""
    for name in names.split():
        if name not in _CLASSES:
            _tell("traffic_classes", name)
    return frozenset(_CLASSES[name] for name in names.split() if name in _CLASSES)


@lru_cache(maxsize=64)
def _tell(column: str, value: str) -> None:
    """Once for each value, for there may be a row of it in every decision."""
    log.warning(LogEvent.NEWER_ROW_LEFT_OUT, column=column, value=one_line(value))


def sender_values(sender: Sender, account_ref: int | None) -> dict[str, Any]:
    """The columns of a sender, identity included."""
    classes = sender.traffic_classes
    return {
        "identity": identity_of(account_ref, sender.sender_type, sender.sender_id),
        "account_ref": account_ref,
        "sender_id": sender.sender_id or None,
        "sender_type": sender.sender_type.value,
        "country": sender.country,
        "status": sender.status.value,
        "purchased_at": sender.purchased_at,
        "activated_at": sender.activated_at,
        "expires_at": sender.expires_at,
        "trust": sender.trust,
        "two_way": sender.two_way,
        "mms": sender.mms,
        "messages_per_second": sender.messages_per_second,
        "traffic_classes": None if classes is None else " ".join(sorted(classes)),
    }


def registration_of(values: Sequence[Any]) -> Registration | None:
    """The registration of the values of `REGISTRATION_COLUMNS`; None: of a newer version, and none here. Told once."""
    country, status, valid_from, valid_until = values
    known = _REGISTRATION_STATUSES.get(status)
    if known is None:
        _tell("registrations.status", status)
        return None
    return Registration(country, known, valid_from, valid_until)


def registration_values(registration: Registration, sender_ref: int) -> dict[str, Any]:
    """The columns of a registration."""
    return {
        "sender_ref": sender_ref,
        "country": registration.country,
        "status": registration.status.value,
        "valid_from": registration.valid_from,
        "valid_until": registration.valid_until,
    }
