"""Databases with many accounts, or many senders of one, written in bulk: what growth and cold decisions are measured on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert

from core.accounts.sender_rows import sender_values
from core.sender import Sender, SenderType
from core.storage.database import open_engine, transaction
from core.storage.statements import chunks
from core.storage.tables import ACCOUNTS, SENDERS
from core.storage.upgrade import upgrade
from core.store import Store

ROWS = 5_000


def account_name(number: int) -> str:
    """The id of an account, counted from 0."""
    return f"account-{number}"


def build(database_url: str, accounts: int, senders: int = 1) -> None:
    """Migrate, install the rules, add so many accounts with so many Australian numbers each."""
    upgrade(database_url)
    engine = open_engine(database_url)
    try:
        Store(engine).ensure_rules()
        for part in chunks(range(accounts), ROWS):
            with transaction(engine) as connection:
                connection.execute(insert(ACCOUNTS), [_account(number) for number in part])
        for rows in chunks(_senders(accounts, senders), ROWS):
            with transaction(engine) as connection:
                connection.execute(insert(SENDERS), rows)
    finally:
        engine.dispose()


def _account(number: int) -> dict[str, Any]:
    return {
        "user_id": number + 1,
        "account_id": account_name(number),
        "parent_ref": None,
        "may_borrow": True,
        "status": "active",
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
    }


def _senders(accounts: int, senders: int) -> Iterator[dict[str, Any]]:
    for number in range(accounts):
        for place in range(senders):
            sender = Sender(account_name(number), f"+6149{place:07d}", SenderType.LONGCODE, "AU")
            yield sender_values(sender, number + 1)
