"""Senders and registrations as rows, and back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from core.sender import Registration, RegistrationStatus, Sender, SenderStatus, SenderType, TrafficClass

#: Owner part of the identity of a pool sender.
_POOL = "pool"


def identity_of(account_ref: int | None, sender_type: SenderType, sender_id: str | None) -> str:
    """The text that is unique for a sender; the same with and without the '+' of a number."""
    bare = (sender_id or "").removeprefix("+")
    owner = _POOL if account_ref is None else str(account_ref)
    return f"{owner}/{sender_type}/{bare if bare.isdigit() else sender_id or ''}"


def sender_of(row: Row[*tuple[Any, ...]], account_id: str | None) -> Sender:
    """The sender of a row of `senders`, without registrations."""
    classes = row.traffic_classes
    return Sender(
        account_id=account_id,
        sender_id=row.sender_id,
        sender_type=SenderType(row.sender_type),
        country=row.country,
        status=SenderStatus(row.status),
        purchased_at=row.purchased_at,
        activated_at=row.activated_at,
        expires_at=row.expires_at,
        trust=row.trust,
        two_way=row.two_way,
        mms=row.mms,
        messages_per_second=row.messages_per_second,
        traffic_classes=None if classes is None else frozenset(map(TrafficClass, classes.split())),
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


def registration_of(row: Row[*tuple[Any, ...]]) -> Registration:
    """The registration that a joined row carries (`registered_country`, `registration_status`)."""
    status = RegistrationStatus(row.registration_status)
    return Registration(row.registered_country, status, row.valid_from, row.valid_until)


def registration_values(registration: Registration, sender_ref: int) -> dict[str, Any]:
    """The columns of a registration."""
    return {
        "sender_ref": sender_ref,
        "country": registration.country,
        "status": registration.status.value,
        "valid_from": registration.valid_from,
        "valid_until": registration.valid_until,
    }
