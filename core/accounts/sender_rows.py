"""Senders and registrations as rows, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement

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


def identity_of(account_ref: int | None, sender_type: SenderType, sender_id: str | None) -> str:
    """The text that is unique for a sender; the same with and without the '+' of a number."""
    owner = _POOL if account_ref is None else str(account_ref)
    return f"{owner}/{sender_name(sender_type, sender_id)}"


def sender_of(values: Sequence[Any], account_id: str | None) -> Sender:
    """The sender of the values of `SENDER_COLUMNS`, without registrations."""
    sender_id, sender_type, country, status, bought, activated, expires, trust, two_way, mms, rate, classes = values
    return Sender(
        account_id,
        sender_id,
        _TYPES[sender_type],
        country,
        _STATUSES[status],
        bought,
        activated,
        expires,
        trust,
        two_way,
        mms,
        rate,
        None if classes is None else frozenset(map(TrafficClass, classes.split())),
    )


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


def registration_of(values: Sequence[Any]) -> Registration:
    """The registration of the values of `REGISTRATION_COLUMNS`."""
    country, status, valid_from, valid_until = values
    return Registration(country, RegistrationStatus(status), valid_from, valid_until)


def registration_values(registration: Registration, sender_ref: int) -> dict[str, Any]:
    """The columns of a registration."""
    return {
        "sender_ref": sender_ref,
        "country": registration.country,
        "status": registration.status.value,
        "valid_from": registration.valid_from,
        "valid_until": registration.valid_until,
    }
