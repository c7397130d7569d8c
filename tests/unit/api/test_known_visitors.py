"""How long the API trusts a key that was shown to it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from api.known_visitors import MAX_VISITORS, TRUST_S, KnownVisitors
from core.accounts.accounts import Account, AccountStatus
from core.accounts.logins import Visitor

ACME = Account("acme", 1, None, None, None, True, AccountStatus.ACTIVE, datetime(2026, 1, 1, tzinfo=UTC))


class Sql:
    """Knows every account whose key is `right`; a question takes `takes_s`."""

    def __init__(self) -> None:
        self.now, self.takes_s, self.suspended = 100.0, 0.0, False

    def authenticate(self, _user_name: str, key: str) -> Visitor | None:
        self.now += self.takes_s
        return Visitor(ACME, self.suspended) if key == "right" else None


@pytest.fixture
def sql() -> Sql:
    return Sql()


@pytest.fixture
def visitors(sql: Sql) -> KnownVisitors:
    return KnownVisitors(sql.authenticate, lambda: sql.now)


def test_it_recalls_who_showed_a_key_for_half_a_second(sql: Sql, visitors: KnownVisitors) -> None:
    assert visitors.recall("acme", "right") is None
    assert visitors.ask("acme", "right") == visitors.recall("acme", "right") == Visitor(ACME, suspended=False)
    sql.now += TRUST_S
    assert visitors.recall("acme", "right") is None


def test_it_counts_from_before_the_question(sql: Sql, visitors: KnownVisitors) -> None:
    sql.takes_s = TRUST_S
    assert visitors.ask("acme", "right") is not None
    assert visitors.recall("acme", "right") is None


@pytest.mark.parametrize(("user_name", "key"), [("acme", "wrong"), ("rival", "right"), ("acme", ""), ("", "right")])
def test_it_recalls_nobody_else(visitors: KnownVisitors, user_name: str, key: str) -> None:
    visitors.ask("acme", "right")
    assert visitors.recall(user_name, key) is None


def test_it_does_not_remember_a_refusal(visitors: KnownVisitors) -> None:
    assert visitors.ask("acme", "wrong") is None
    assert visitors.recall("acme", "wrong") is None


def test_it_sees_a_suspension_when_it_asks_again(sql: Sql, visitors: KnownVisitors) -> None:
    visitors.ask("acme", "right")
    sql.suspended, sql.now = True, sql.now + TRUST_S
    assert visitors.ask("acme", "right") == visitors.recall("acme", "right") == Visitor(ACME, suspended=True)


def test_it_forgets_the_oldest(visitors: KnownVisitors) -> None:
    for number in range(MAX_VISITORS + 1):
        visitors.ask(f"a{number}", "right")
    assert visitors.recall("a0", "right") is None
    assert visitors.recall(f"a{MAX_VISITORS}", "right") is not None
