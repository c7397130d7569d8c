from __future__ import annotations

from datetime import UTC, datetime

import click
import pytest

from core.errors import NotFoundError
from core.sender import SenderType
from worker.cli.parameters import Moment, OneOf, known_country, owner


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        pytest.param("2026-07-01", datetime(2026, 7, 1, tzinfo=UTC), id="a date is its first instant"),
        pytest.param("2026-07-01T02:00:00+02:00", datetime(2026, 7, 1, tzinfo=UTC), id="an offset counts"),
        pytest.param("2026-07-01T00:00:00.5Z", datetime(2026, 7, 1, 0, 0, 0, 500_000, tzinfo=UTC), id="fractions"),
    ],
)
def test_it_reads_moments(text: str, moment: datetime) -> None:
    assert Moment().convert(text, None, None) == moment


@pytest.mark.parametrize("text", ["20260701T000000Z", "tomorrow", "", "2026-13-01"])
def test_it_refuses_what_is_no_moment(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Moment().convert(text, None, None)


@pytest.mark.parametrize("text", ["10DLC", "10dlc"])
def test_it_takes_a_type_in_any_case(text: str) -> None:
    assert OneOf(SenderType).convert(text, None, None) is SenderType.TEN_DLC


def test_it_names_the_members_that_there_are() -> None:
    with pytest.raises(click.BadParameter, match="alpha_tag, 10DLC"):
        OneOf(SenderType).convert("alpha", None, None)


@pytest.mark.parametrize(("code", "country"), [("UK", "GB"), ("uk", "GB"), ("au", "AU"), (" de ", "DE"), ("XK", "XK")])
def test_it_reads_countries(code: str, country: str) -> None:
    assert known_country(code) == country


@pytest.mark.parametrize("code", ["ZZ", "", "GBR", "É"])
def test_it_refuses_what_is_no_country(code: str) -> None:
    with pytest.raises(NotFoundError, match="country"):
        known_country(code)


@pytest.mark.parametrize(
    ("account", "platform", "whose"),
    [pytest.param("acme", False, "acme", id="account"), pytest.param(None, True, None, id="pool")],
)
def test_it_knows_whose_senders_are_meant(account: str | None, platform: bool, whose: str | None) -> None:
    assert owner(account, platform) == whose


@pytest.mark.parametrize(("account", "platform"), [("acme", True), (None, False)])
def test_it_refuses_both_owners_and_none(account: str | None, platform: bool) -> None:
    with pytest.raises(click.UsageError):
        owner(account, platform)
