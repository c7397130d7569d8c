"""Who may send links and the like: a rule of a country, a sender type, and a day, in files and in SQL's form."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest

from core.engine.country_profile import Permission
from core.engine.country_rules import CountryRule, RuleBook, RuleStatus, SenderOrigin
from core.errors import RefusedError
from core.rules.documents import book_as_dict, book_from_dict
from core.rules.facts_file import COLUMNS, read_facts
from core.rules.files import read_rules, shipped_rules, written_lines
from core.rules.timelines import with_facts
from core.sender import Product, SenderType

COUNTRY = '{"kind": "country", "country": "GB", "name": "United Kingdom"%s}'
RULE = '{"kind": "rule", "country": "GB", "sender_type": "longcode", "sender_country": "any", "status": "allowed"%s}'
NOW = datetime(2026, 11, 28, tzinfo=UTC)


def read(lines: str) -> RuleBook:
    return read_rules(io.StringIO(lines))


def rule_of(book: RuleBook) -> CountryRule:
    found = book.rule_for("GB", SenderType.LONGCODE, "GB", Product.SMS, NOW)
    assert found is not None
    return found


def test_it_reads_who_may_send_links_from_a_type_and_writes_it_again() -> None:
    lines = COUNTRY % ', "shortener_allowed": "no"' + "\n" + RULE % ', "url_allowed": "registration"'
    book = read(lines)
    assert rule_of(book).url_allowed is Permission.REGISTRATION
    assert book.profile("GB").shortener_allowed is Permission.NO
    assert book_from_dict(book_as_dict(book)) == book
    assert read("\n".join(written_lines(book))).rules == book.rules
    assert book.version != read(COUNTRY % "" + "\n" + RULE % "").version


def test_it_refuses_what_is_no_answer_by_line_and_field() -> None:
    with pytest.raises(RefusedError, match="line 2, field url_allowed: 'perhaps' is not one of: yes, registration, no"):
        read(COUNTRY % "" + "\n" + RULE % ', "url_allowed": "perhaps"')


@pytest.mark.parametrize(
    ("country", "rule", "watched"),
    [
        ("", "", {}),
        (', "url_allowed": "yes"', ', "phone_allowed": "yes"', {}),
        (', "url_allowed": "no"', "", {"GB": False}),
        ("", ', "shortener_allowed": "registration"', {"GB": False}),
        ("", ', "phone_allowed": "no"', {"GB": True}),
        (', "facts": [{"field": "url_allowed", "value": "no", "effective_from": "2100-01-01"}]', "", {"GB": False}),
    ],
)
def test_it_knows_the_countries_that_look_at_texts(country: str, rule: str, watched: dict[str, bool]) -> None:
    assert read(COUNTRY % country + "\n" + RULE % rule).content_countries == watched


def test_it_knows_them_of_the_rules_that_come_with_the_product() -> None:
    watched = shipped_rules().content_countries
    assert watched["MY"] is True
    assert watched["SE"] is False
    assert not watched.keys() & {"AU", "GB", "US"}


def test_it_takes_a_dated_fact_on_a_sender_type() -> None:
    line = "GB,longcode_domestic,url_allowed,,no,2027-01-01,,ofcom,2026-11,high,a test"
    facts, errors = read_facts(",".join(COLUMNS) + "\n" + line + "\n")
    assert errors == ()
    before, after = with_facts("allowed", facts)
    assert (before.content, after.content) == ({}, {"url_allowed": Permission.NO})
    assert after.effective_from == datetime(2027, 1, 1, tzinfo=UTC)
    _, errors = read_facts(",".join(COLUMNS) + "\n" + line.replace(",no,", ",perhaps,") + "\n")
    assert [each.field for each in errors] == ["line 2, column new_value"]


def test_a_correction_may_say_it_of_a_type() -> None:
    corrected = CountryRule(
        "GB",
        SenderType.LONGCODE,
        SenderOrigin.ANY,
        RuleStatus.ALLOWED,
        override_reason="a test",
        url_allowed=Permission.NO,
    )
    book = read(COUNTRY % "" + "\n" + RULE % "").with_overrides([corrected])
    assert rule_of(book).url_allowed is Permission.NO
    assert book.content_countries == {"GB": False}
