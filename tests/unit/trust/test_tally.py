"""Receipts added up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.contract.feedback import Outcome, OutcomeKind
from core.sender import SenderType
from core.trust.rates import Added, TrustPolicy
from core.trust.tally import Named, tally

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
NUMBER = Named("acme", None, SenderType.LONGCODE, "+61491570006")


def outcome(kind: OutcomeKind = OutcomeKind.DELIVERED, ago: timedelta = timedelta(0), country: str = "AU") -> Outcome:
    return Outcome(NUMBER.sender_type, country, kind, NOW - ago, NUMBER.sender_id, NUMBER.account_id)


def test_it_adds_up_by_sender_and_country() -> None:
    found = tally([outcome(), outcome(OutcomeKind.FAILED), outcome(country="NZ"), outcome()], NOW, TrustPolicy())
    now = NOW.timestamp()
    assert found == {(NUMBER, "AU"): Added(2, 1, 0, 0, 0, 3, 2, now), (NUMBER, "NZ"): Added(1, 0, 0, 0, 0, 1, 1, now)}


def test_an_old_receipt_counts_less_and_is_not_recent() -> None:
    old = outcome(OutcomeKind.BLOCKED, timedelta(hours=72))
    late = outcome(OutcomeKind.EXPIRED, timedelta(hours=5))
    added = tally([old, late], NOW, TrustPolicy())[NUMBER, "AU"]
    assert (added.blocked, round(added.expired, 3), added.recent, added.recent_good) == (0.5, 0.953, 1, 0)
    assert added.newest == (NOW - timedelta(hours=5)).timestamp()


def test_a_spam_report_is_no_message() -> None:
    added = tally([outcome(OutcomeKind.SPAM_REPORT)], NOW, TrustPolicy())[NUMBER, "AU"]
    assert (added.spam, added.recent) == (1, 0)


def test_a_receipt_from_ahead_counts_as_one_of_now() -> None:
    added = tally([outcome(ago=-timedelta(minutes=30))], NOW, TrustPolicy())[NUMBER, "AU"]
    assert (added.delivered, added.newest) == (1, NOW.timestamp())
