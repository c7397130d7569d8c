"""Receipts of delivery, as a dispatcher writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def receipts(
    account_id: str | None, sender_id: str, count: int, outcome: str = "failed", **fields: Any
) -> list[dict[str, Any]]:
    """The same receipt of a long code in Australia so many times."""
    receipt = {
        "account_id": account_id,
        "sender_id": sender_id,
        "sender_type": "longcode",
        "country": "AU",
        "outcome": outcome,
        "at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
    }
    return [receipt | fields] * count
