"""Keeps senders that are numbers in E.164, and makes one sender of those that are one number."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
import structlog
from alembic import op

from core.phone import InvalidNumberError, sender_number

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

log = structlog.get_logger("smart_assign.migration")

#: As they were when this was written.
_NUMBER_TYPES = ("10DLC", "tollfree", "own_number", "longcode", "shared_longcode")
_ACTIVE, _APPROVED = "active", "approved"

_SENDERS = sa.table(
    "senders",
    *(sa.column(name) for name in ("id", "identity", "account_ref", "sender_id", "sender_type", "country", "status")),
)
_REGISTRATIONS = sa.table("registrations", *(sa.column(name) for name in ("sender_ref", "country", "status")))
_STRATEGIES = sa.table(
    "default_strategies",
    *(sa.column(name) for name in ("default_ref", "position", "sender_type", "sender_id", "sender_country_code")),
)
_ACCOUNTS = sa.table("accounts", sa.column("user_id"), sa.column("account_id"))

#: E.164 as it stands: to read a million of them takes minutes.
_KEPT = re.compile(r"\+[1-9][0-9]{6,14}\Z")

_Row = sa.Row[Any]


def upgrade() -> None:
    """Rewrites the texts, then joins; what is no number stays, is told of, and can no longer be chosen."""
    connection = op.get_bind()
    groups: defaultdict[str, list[tuple[_Row, str]]] = defaultdict(list)
    for row in connection.execute(sa.select(_SENDERS).where(_SENDERS.c.sender_type.in_(_NUMBER_TYPES))):
        number = _number(row.sender_id, row.country)
        if number is not None:
            owner = "pool" if row.account_ref is None else row.account_ref
            groups[f"{owner}/{row.sender_type}/{number[1:]}"].append((row, number))
        elif row.sender_id:
            log.warning("sender_is_no_number", sender_id=row.sender_id, sender_type=row.sender_type, **_of(row))
    for identity, group in groups.items():
        _join(connection, identity, group)
    _rewrite_strategies(connection)


def _number(text: str | None, country: str | None) -> str | None:
    """By the sender's country; else as a number with its calling code, as senders were taken until now."""
    if text and _KEPT.match(text):
        return text
    for hint in dict.fromkeys((country, None)) if text else ():
        try:
            return sender_number(text or "", hint)
        except InvalidNumberError:
            continue
    return None


def _of(row: _Row) -> dict[str, Any]:
    if row.account_ref is None:
        return {"account_id": None}
    query = sa.select(_ACCOUNTS.c.account_id).where(_ACCOUNTS.c.user_id == row.account_ref)
    return {"account_id": op.get_bind().scalar(query)}


def _join(connection: sa.Connection, identity: str, group: Sequence[tuple[_Row, str]]) -> None:
    """The active one that was added first stays, with the registrations of all; approved ones go before others."""
    kept, *others = sorted((row for row, _ in group), key=lambda row: (row.status != _ACTIVE, row.id))
    number = group[0][1]
    for other in others:
        _move_registrations(connection, other.id, kept.id)
    if others:
        refs = [other.id for other in others]
        connection.execute(sa.delete(_REGISTRATIONS).where(_REGISTRATIONS.c.sender_ref.in_(refs)))
        connection.execute(sa.delete(_SENDERS).where(_SENDERS.c.id.in_(refs)))
        joined = [f"{row.sender_id} ({row.status})" for row in (kept, *others)]
        log.warning("senders_joined", sender_id=number, sender_type=kept.sender_type, joined=joined, **_of(kept))
    if (kept.identity, kept.sender_id) != (identity, number):
        change = sa.update(_SENDERS).where(_SENDERS.c.id == kept.id)
        connection.execute(change.values(identity=identity, sender_id=number))


def _move_registrations(connection: sa.Connection, source: int, target: int) -> None:
    held = {row.country: row.status for row in connection.execute(_standings(target))}
    for country, status in connection.execute(_standings(source)).all():
        if country in held and (held[country] == _APPROVED or status != _APPROVED):
            continue
        here = sa.and_(_REGISTRATIONS.c.sender_ref == target, _REGISTRATIONS.c.country == country)
        connection.execute(sa.delete(_REGISTRATIONS).where(here))
        there = sa.and_(_REGISTRATIONS.c.sender_ref == source, _REGISTRATIONS.c.country == country)
        connection.execute(sa.update(_REGISTRATIONS).where(there).values(sender_ref=target))


def _standings(sender_ref: int) -> sa.Select[Any]:
    return sa.select(_REGISTRATIONS.c.country, _REGISTRATIONS.c.status).where(_REGISTRATIONS.c.sender_ref == sender_ref)


def _rewrite_strategies(connection: sa.Connection) -> None:
    """Of two strategies of one default that name one number, the first stays."""
    seen: set[tuple[Any, str, str]] = set()
    ordered = sa.select(_STRATEGIES).where(_STRATEGIES.c.sender_type.in_(_NUMBER_TYPES))
    for row in connection.execute(ordered.order_by(_STRATEGIES.c.default_ref, _STRATEGIES.c.position)).all():
        number = _number(row.sender_id, row.sender_country_code)
        if number is None:
            continue
        here = sa.and_(_STRATEGIES.c.default_ref == row.default_ref, _STRATEGIES.c.position == row.position)
        if (row.default_ref, row.sender_type, number) in seen:
            connection.execute(sa.delete(_STRATEGIES).where(here))
        elif number != row.sender_id:
            connection.execute(sa.update(_STRATEGIES).where(here).values(sender_id=number))
        seen.add((row.default_ref, row.sender_type, number))
