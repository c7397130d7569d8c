"""Accounts, senders, defaults and parked messages as `--json` and `/v1` show them, by the names of the inventory file."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from core.contract.ids import ID_FIELDS
from core.moments import rfc3339, rfc3339_or_none
from core.sender import Registration, Sender, naming_fields

if TYPE_CHECKING:  # a command that lists senders need not load all that there is
    from core.accounts.accounts import Account
    from core.accounts.api_keys import ApiKey
    from core.defaults.at_risk import EndangeredDefault
    from core.defaults.rows import StoredDefault
    from core.defaults.strategies import Strategy
    from core.erasures.erasures import Erasure
    from core.parked.store import ParkedDocument, ParkedEntry


def account_document(account: Account) -> dict[str, Any]:
    """An account; `user_id` is its number in the HTTP API."""
    return {
        "account_id": account.account_id,
        "user_id": account.user_id,
        "name": account.name,
        "parent": account.parent,
        "may_borrow": account.may_borrow,
        "status": account.status.value,
        "created_at": rfc3339(account.created_at),
    }


def key_document(key: ApiKey) -> dict[str, Any]:
    """An API key without the key."""
    return {
        "key_id": key.key_id,
        "prefix": key.prefix,
        "name": key.name,
        "created_at": rfc3339(key.created_at),
        "last_used_at": rfc3339_or_none(key.last_used_at),
        "expires_at": rfc3339_or_none(key.expires_at),
        "revoked_at": rfc3339_or_none(key.revoked_at),
    }


def sender_document(sender: Sender) -> dict[str, Any]:
    """A sender with its registrations; `account_id` null is the platform pool."""
    classes = sender.traffic_classes
    return {
        "account_id": sender.account_id,
        **naming_fields(sender.sender_id, sender.sender_type, sender.country),
        "status": sender.status.value,
        "purchased_at": rfc3339_or_none(sender.purchased_at),
        "activated_at": rfc3339_or_none(sender.activated_at),
        "expires_at": rfc3339_or_none(sender.expires_at),
        "trust": sender.trust,
        "two_way": sender.two_way,
        "mms": sender.mms,
        "messages_per_second": sender.messages_per_second,
        "traffic_classes": None if classes is None else sorted(classes),
        "registrations": [registration_document(each) for each in sender.registrations],
    }


def registration_document(registration: Registration) -> dict[str, Any]:
    """A sender's standing in one country."""
    return {
        "country": registration.country,
        "status": registration.status.value,
        "valid_from": rfc3339_or_none(registration.valid_from),
        "valid_until": rfc3339_or_none(registration.valid_until),
    }


def default_document(default: StoredDefault) -> dict[str, Any]:
    """A default sender; strategies in the order in which they are tried."""
    return {
        "id": str(default.default_id),
        "account_id": default.account_id,
        "country": default.country,
        "product": default.product.value,
        "strategies": [strategy_document(each) for each in default.strategies],
        "status": default.status,
        "origin": default.origin,
        "created_at": rfc3339(default.created_timestamp),
        "updated_at": rfc3339(default.updated_timestamp),
    }


def endangered_document(endangered: EndangeredDefault) -> dict[str, Any]:
    """A default at risk, with its risks in the order of its strategies."""
    return default_document(endangered.default) | {
        "usable_now": endangered.usable_now,
        "at_risk_from": rfc3339_or_none(endangered.at_risk_from),
        "risks": [risk.document() for risk in endangered.risks],
    }


def strategy_document(strategy: Strategy) -> dict[str, Any]:
    """One sender of a default."""
    return {
        **strategy.naming_fields,
        "note": strategy.note,
        "status": strategy.status,
    }


def parked_document(entry: ParkedEntry) -> dict[str, Any]:
    """All about a parked message but its content."""
    return {
        "parked_id": entry.parked_id,
        "reason": str(entry.reason),
        "detail": entry.detail,
        "fields": [{"field": error.field, "reason": error.reason} for error in entry.fields],
        **{name: getattr(entry, name) for name in ID_FIELDS},
        "lane": entry.lane,
        "parked_at": rfc3339(entry.parked_at),
        "state": str(entry.state),
        "state_changed_at": rfc3339_or_none(entry.state_changed_at),
    }


def erasure_document(erasure: Erasure) -> dict[str, Any]:
    """What was erased, as counts."""
    return {
        "erasure_id": erasure.erasure_id,
        "erased_at": rfc3339(erasure.erased_at),
        "erased_by": erasure.erased_by,
        "account_id": erasure.account_id,
        "counts": dict(erasure.counts),
    }


def original_document(found: ParkedDocument) -> dict[str, str]:
    """The bytes as they came in: as text, or where they are not UTF-8 in base64; empty once dropped or erased."""
    try:
        return {"original": found.document.decode()}
    except UnicodeDecodeError:
        return {"original_base64": base64.b64encode(found.document).decode()}
