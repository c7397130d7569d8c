"""The ids of messages, as a test names them: by account and message."""

from __future__ import annotations

from core.contract.ids import account_hash, digest_of


def message_digest(account_id: str, message_id: str, subaccount_id: str | None = None) -> bytes:
    """The 16 bytes of a message: its dispatch id, and its mark against repeats."""
    return digest_of(account_hash(account_id, subaccount_id), message_id)
