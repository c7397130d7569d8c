"""What `rules check` finds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from core.engine.country_profile import CountryProfile, ProfileFact
from core.engine.country_rules import CountryRule, RuleBook, RuleStatus, SenderOrigin
from core.rules.files import shipped_rules
from core.rules.review import looked_at, review
from core.sender import SenderType

NOW = datetime(2026, 11, 27, tzinfo=UTC)
DAY = timedelta(days=1)
ALPHA, ANY, ALLOWED = SenderType.ALPHA_TAG, SenderOrigin.ANY, RuleStatus.ALLOWED


@pytest.mark.parametrize(
    ("as_of", "day"),
    [
        ("", None),
        ("regulator:date not recorded", None),
        ("telnyx:2023-05-26", date(2023, 5, 26)),
        ("aws:2026; telnyx:2023-05-26", date(2026, 12, 31)),
        ("bird:2025-2026", date(2026, 12, 31)),
        ("twilio_numbers:2026-04", date(2026, 4, 30)),
        ("x:2025-12", date(2025, 12, 31)),
        ("x:2024-02", date(2024, 2, 29)),
        ("pushtech:2023+", date(2023, 12, 31)),
        ("x:2026-02-30; y:2025", date(2025, 12, 31)),
        ("telnyx:2024-03-21 (read 2026-11-27)", date(2026, 11, 27)),
    ],
)
def test_it_takes_the_latest_day_that_a_source_may_mean(as_of: str, day: date | None) -> None:
    assert looked_at(as_of) == day


def book(*rules: CountryRule, facts: tuple[ProfileFact, ...] = ()) -> RuleBook:
    return RuleBook.of("test", rules, [CountryProfile("XK", "Kosovo", facts=facts)])


@pytest.mark.parametrize(
    ("as_of", "stale"), [("x:2025-11-27", False), ("x:2025-11-26", True), ("", True), ("x:2026", False)]
)
def test_it_finds_what_nobody_has_looked_at_for_a_year(as_of: str, stale: bool) -> None:
    found = review(book(CountryRule("XK", ALPHA, ANY, ALLOWED, as_of=as_of, sources=("x", "y"))), NOW)
    assert [group.country for group in found.stale] == ["XK"] * stale


def test_it_finds_what_rests_on_one_source_by_country() -> None:
    rules = [
        CountryRule("XK", kind, ANY, ALLOWED, sources=sources)
        for kind, sources in ((ALPHA, ("x",)), (SenderType.LONGCODE, ("x",)), (SenderType.TOLLFREE, ("x", "y")))
    ]
    (group,) = review(book(*rules), NOW).single_source
    assert (group.sources, group.sender_types) == (("x",), (ALPHA, SenderType.LONGCODE))


@pytest.mark.parametrize(("days", "told"), [(0, 0), (1, 1), (90, 1), (91, 0)])
def test_it_tells_a_change_within_ninety_days(days: int, told: int) -> None:
    turn = NOW + days * DAY
    rules = (
        CountryRule("XK", ALPHA, ANY, ALLOWED, effective_until=turn),
        CountryRule("XK", ALPHA, ANY, RuleStatus.BLOCKED, effective_from=turn),
    )
    changes = review(book(*rules), NOW).coming
    assert [(change.at, change.what) for change in changes] == [(turn, "alpha_tag any")] * told


def test_it_tells_the_end_of_a_rule_that_nothing_follows_and_of_a_fact() -> None:
    turn = NOW + DAY
    ending = CountryRule("XK", ALPHA, ANY, ALLOWED, effective_until=turn)
    fact = ProfileFact("alpha_case_sensitive", True, NOW + 2 * DAY, NOW + 3 * DAY)
    words = [change.words for change in review(book(ending, facts=(fact,)), NOW).coming]
    assert words == [
        "ends: allowed until 2026-11-28",
        "alpha_case_sensitive yes from 2026-11-29 until 2026-11-30",
        "ends: alpha_case_sensitive yes from 2026-11-29 until 2026-11-30",
    ]


def test_it_leaves_local_corrections_and_past_rules_out() -> None:
    past = CountryRule("XK", ALPHA, ANY, ALLOWED, effective_until=NOW, sources=("x",))
    corrected = CountryRule("XK", ALPHA, ANY, ALLOWED, sources=("override",), override_reason="x")
    found = review(book(past).with_overrides([corrected]), NOW)
    assert (found.stale, found.coming, found.single_source) == ((), (), ())


def test_it_tells_of_the_shipped_rules_what_their_facts_say() -> None:
    rules = shipped_rules()
    october = {change.country: change.words for change in review(rules, datetime(2026, 9, 1, tzinfo=UTC)).coming}
    assert {"AT", "ES", "FI", "TR"} <= october.keys()
    single = {(group.country, group.sources) for group in review(rules, NOW).single_source}
    assert ("BI", ("telnyx",)) in single
    assert ("AQ", ()) in {(group.country, group.sources) for group in review(rules, NOW).stale}


def test_it_says_of_no_source_that_it_will_be_looked_at() -> None:
    found = review(book(CountryRule("XK", ALPHA, ANY, ALLOWED, as_of="x:2026", sources=("x",))), NOW)
    assert [group.looked_at for group in found.single_source] == [NOW.date()]
