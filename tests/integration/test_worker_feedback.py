"""Receipts, by a worker on each broker: what fails is demoted, comes back, and nobody else's word counts for it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from core.sender import Sender, SenderType
from core.store import Store
from tests.support.accounts import AU, add_account, message
from tests.support.running_worker import Deployment, until
from tests.support.stock_clients import dispatched, push

FIRST, SECOND = "+61491570701", "+61491570702"
WAIT_S = 30.0


@pytest.fixture
def account(store: Store) -> str:
    """An account with two numbers of Australia, the first of which is trusted more."""
    account_id = f"f{uuid.uuid4().hex[:8]}"
    held = [
        Sender(account_id, number, SenderType.LONGCODE, "AU", trust=trust)
        for number, trust in ((FIRST, 60), (SECOND, 55))
    ]
    return add_account(store, account_id, tuple(held))


def receipts(
    account_id: str | None, sender_id: str, count: int, outcome: str = "failed", **fields: Any
) -> list[dict[str, Any]]:
    receipt = {
        "account_id": account_id,
        "sender_id": sender_id,
        "sender_type": "longcode",
        "country": "AU",
        "outcome": outcome,
        "at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
    }
    return [receipt | fields] * count


def sender_of(deployment: Deployment, account_id: str) -> dict[str, Any]:
    push(deployment, [message(AU, account_id=account_id)])
    return dispatched(deployment, 1)[0]


def leaves_from(deployment: Deployment, account_id: str, sender_id: str) -> None:
    until(lambda: sender_of(deployment, account_id)["sender_id"] == sender_id, WAIT_S, f"a message from {sender_id}")


def test_it_demotes_a_sender_whose_messages_fail_and_takes_it_back_when_they_arrive(
    deployment: Deployment, account: str
) -> None:
    assert sender_of(deployment, account)["sender_id"] == FIRST
    push(deployment, [receipts(account, FIRST, 300)], "feedback")
    leaves_from(deployment, account, SECOND)
    push(deployment, [receipts(account, FIRST, 1500, "delivered")], "feedback")
    leaves_from(deployment, account, FIRST)
