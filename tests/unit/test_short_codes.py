"""A short code works in the country that leases it; where the inventory does not say which, its registration does."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.engine.decide import decide
from core.engine.decision import Facts, Policy, Reason, Rejection, Request
from core.rules.files import shipped_rules
from core.sender import Registration, RegistrationStatus, Sender, SenderType

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def registered(country: str, status: RegistrationStatus = RegistrationStatus.APPROVED) -> tuple[Registration, ...]:
    return (Registration(country, status),)


@pytest.mark.parametrize(
    ("sender_country", "registrations", "rejected"),
    [
        pytest.param(None, registered("US"), None, id="registered there"),
        pytest.param("US", registered("US"), None, id="of the country and registered"),
        pytest.param("US", (), Rejection.NOT_REGISTERED, id="of the country, not registered"),
        pytest.param(None, (), Rejection.SENDER_COUNTRY_NOT_ALLOWED, id="nothing known"),
        pytest.param(
            None,
            registered("US", RegistrationStatus.PENDING),
            Rejection.SENDER_COUNTRY_NOT_ALLOWED,
            id="registration pending",
        ),
        pytest.param(None, registered("CA"), Rejection.SENDER_COUNTRY_NOT_ALLOWED, id="registered elsewhere"),
        pytest.param("CA", registered("US"), Rejection.SENDER_COUNTRY_NOT_ALLOWED, id="of another country"),
    ],
)
def test_it_takes_a_short_code_to_be_at_home_where_it_is_registered(
    sender_country: str | None, registrations: tuple[Registration, ...], rejected: Rejection | None
) -> None:
    sender = Sender("acme", "12345", SenderType.SHORTCODE, sender_country, registrations=registrations)
    decision = decide(Request("acme", None, "US"), Facts((sender,)), shipped_rules(), Policy(), NOW)
    assert decision.candidates[0].rejected is rejected
    assert decision.reason is (None if rejected else Reason.LOCAL_DEDICATED)
