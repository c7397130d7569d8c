"""Times: what each of the two readers takes of the one grammar, and how they are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from core.moments import boundary_text, moment_text, parse_moment, parse_rfc3339, rfc3339, second_text

JULY = datetime(2026, 7, 1, tzinfo=UTC)
HALF = JULY + timedelta(seconds=0.5)
NEW_YEAR = datetime(2017, 1, 1, tzinfo=UTC)

#: What a program and a person may write.
COMPLETE = [
    pytest.param("2026-07-01T00:00:00Z", JULY, id="UTC"),
    pytest.param("2026-07-01t00:00:00z", JULY, id="lower case"),
    pytest.param("2026-07-01 00:00:00Z", JULY, id="a space"),
    pytest.param("2026-07-01T10:00:00+10:00", JULY, id="an offset"),
    pytest.param("2026-06-30T12:30:00-11:30", JULY, id="a negative offset"),
    pytest.param("2026-07-01T00:00:00.5Z", HALF, id="a fraction"),
    pytest.param("2026-07-01T00:00:00.500000000Z", HALF, id="nanoseconds"),
    pytest.param("2016-12-31T23:59:60Z", NEW_YEAR, id="a leap second"),
    pytest.param("2017-01-01T10:59:60+11:00", NEW_YEAR, id="a leap second with an offset"),
]

#: What only a person may write.
SHORT = [
    pytest.param("2026-07-01", JULY, id="a date"),
    pytest.param("2026-07-01T00:00:00", JULY, id="no offset"),
    pytest.param("2026-07-01 00:00:00.5", HALF, id="a fraction without offset"),
    pytest.param("2026-07-01T00:00", JULY, id="no seconds"),
    pytest.param("2026-07-01T10:00+10:00", JULY, id="an offset but no seconds"),
    pytest.param("2016-12-31 23:59:60", NEW_YEAR, id="a leap second without offset"),
]

#: What nobody may write.
NONE = [
    pytest.param(text, id=label)
    for label, text in {
        "nothing": "",
        "a word": "soon",
        "a year": "2026",
        "no hyphens": "20260701",
        "basic form": "20260701T000000Z",
        "a comma": "2026-07-01T00:00:00,5Z",
        "an offset without colon": "2026-07-01T00:00:00+0100",
        "an offset of hours": "2026-07-01T00:00:00+01",
        "a date with an offset": "2026-07-01Z",
        "an hour alone": "2026-07-01T00Z",
        "a week date": "2026-W05-1",
        "another order": "01/07/2026",
        "blanks": " 2026-07-01T00:00:00Z",
        "a line end": "2026-07-01T00:00:00Z\n",
        "other digits": "\uff12\uff10\uff12\uff16-07-01T00:00:00Z",
        "no such day": "2026-02-30T00:00:00Z",
        "no such hour": "2026-07-01T24:00:01Z",
        "a leap second at noon": "2026-07-01T12:00:60Z",
        "a leap second in another zone": "2016-12-31T23:59:60+01:00",
        "before all years": "0001-01-01T00:00:00+14:00",
        "after all years": "9999-12-31T23:59:59-23:59",
        "a leap second after all years": "9999-12-31T23:59:60Z",
    }.items()
]


@pytest.mark.parametrize(("text", "moment"), COMPLETE)
def test_it_reads_what_a_program_wrote(text: str, moment: datetime) -> None:
    assert parse_rfc3339(text) == moment
    assert parse_rfc3339(text).tzinfo is UTC


@pytest.mark.parametrize(("text", "moment"), [*COMPLETE, *SHORT])
def test_it_reads_what_a_person_wrote(text: str, moment: datetime) -> None:
    assert parse_moment(text) == moment
    assert parse_moment(text).tzinfo is UTC


@pytest.mark.parametrize("text", NONE)
def test_it_reads_nothing_else(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        parse_rfc3339(text)
    with pytest.raises(ValueError, match="neither a date"):
        parse_moment(text)


@pytest.mark.parametrize(("text", "_moment"), SHORT)
def test_it_asks_a_program_for_all_of_it(text: str, _moment: datetime) -> None:
    with pytest.raises(ValueError, match="must be an RFC 3339 time with an offset"):
        parse_rfc3339(text)


def test_it_quotes_no_more_than_a_line_of_what_is_no_time() -> None:
    with pytest.raises(ValueError, match=f"^'{'x' * 40}…' is neither"):
        parse_moment("x" * 100_000)


def test_it_writes_times_in_utc() -> None:
    moment = JULY.astimezone(timezone(timedelta(hours=10)))
    assert rfc3339(moment) == "2026-07-01T00:00:00.000000Z"
    assert second_text(HALF) == "2026-07-01T00:00:00Z"
    assert second_text(None) is None
    assert (moment_text(moment), moment_text(HALF)) == ("2026-07-01T00:00:00Z", "2026-07-01T00:00:00.500000Z")


def test_it_writes_a_boundary_at_midnight_as_a_date() -> None:
    assert boundary_text(JULY.astimezone(timezone(timedelta(hours=10)))) == "2026-07-01"
    assert boundary_text(HALF) == "2026-07-01T00:00:00.500000Z"
