"""The shipped rules, and how a book answers for a country, a sender and a moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.engine.country_profile import CountryProfile
from core.engine.country_rules import (
    AllowedType,
    CompliantTypes,
    CountryRule,
    Grade,
    RuleBook,
    RuleStatus,
    SenderOrigin,
    grade_of,
)
from core.rules.documents import (
    book_as_dict,
    book_from_dict,
    profile_as_dict,
    profile_from_dict,
    rule_as_dict,
    rule_from_dict,
)
from core.rules.files import shipped_rules
from core.sender import Product, SenderType

NOW = datetime(2026, 11, 1, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)

ALPHA, TEN_DLC, TOLLFREE = SenderType.ALPHA_TAG, SenderType.TEN_DLC, SenderType.TOLLFREE
OWN, SHORT, LONG, SHARED = (
    SenderType.OWN_NUMBER,
    SenderType.SHORTCODE,
    SenderType.LONGCODE,
    SenderType.SHARED_LONGCODE,
)
ALLOWED, REGISTER, ALTERED = RuleStatus.ALLOWED, RuleStatus.REGISTRATION_REQUIRED, RuleStatus.ALTERED
BLOCKED, UNKNOWN = RuleStatus.BLOCKED, RuleStatus.UNKNOWN
DOMESTIC, FOREIGN, ANY = SenderOrigin.DOMESTIC, SenderOrigin.FOREIGN, SenderOrigin.ANY

AU_TURN = datetime(2026, 7, 1, tzinfo=UTC)
ES_TURN = datetime(2026, 9, 15, tzinfo=UTC)
IE_TURN = datetime(2025, 7, 3, tzinfo=UTC)

#: recipient, sender type, sender country -> status, origin of the rule, sender countries it is limited to
MAPPING = [
    ("US", ALPHA, None, BLOCKED, ANY, ()),
    ("US", OWN, "US", BLOCKED, ANY, ()),
    ("US", LONG, "US", REGISTER, DOMESTIC, ()),
    ("US", LONG, "CA", BLOCKED, FOREIGN, ()),
    ("US", SHORT, "US", REGISTER, DOMESTIC, ()),
    ("US", SHORT, "CA", BLOCKED, FOREIGN, ()),
    ("US", TOLLFREE, "CA", REGISTER, ANY, ("CA", "US")),
    ("US", TEN_DLC, "US", REGISTER, ANY, ("CA", "US")),
    ("US", SHARED, None, BLOCKED, ANY, ()),
    ("CA", OWN, "CA", BLOCKED, ANY, ()),
    ("CA", TEN_DLC, "CA", BLOCKED, ANY, ()),
    ("CA", LONG, "CA", ALLOWED, DOMESTIC, ()),
    ("CA", TOLLFREE, "US", REGISTER, ANY, ("CA", "US")),
    ("GB", ALPHA, None, ALLOWED, ANY, ()),
    ("GB", LONG, "GB", ALLOWED, DOMESTIC, ()),
    ("GB", OWN, "GB", ALLOWED, DOMESTIC, ()),
    ("GB", OWN, "FR", BLOCKED, FOREIGN, ()),
    ("GB", LONG, None, BLOCKED, FOREIGN, ()),
    ("GB", TOLLFREE, "GB", UNKNOWN, DOMESTIC, ()),
    ("GB", TOLLFREE, "US", BLOCKED, FOREIGN, ()),
    ("GB", TEN_DLC, "US", BLOCKED, ANY, ()),
    ("IN", ALPHA, None, REGISTER, ANY, ()),
    ("IN", LONG, "IN", BLOCKED, DOMESTIC, ()),
    ("IN", LONG, "US", ALTERED, FOREIGN, ()),
    ("FR", LONG, "DE", ALTERED, FOREIGN, ()),
    ("FR", OWN, "DE", ALTERED, FOREIGN, ()),
    ("FR", LONG, "FR", ALLOWED, DOMESTIC, ()),
    ("FR", SHORT, "FR", REGISTER, DOMESTIC, ()),
    ("FR", SHARED, None, ALLOWED, ANY, ()),
    ("FR", SHARED, "FR", ALLOWED, ANY, ()),
    ("KH", LONG, "US", ALTERED, FOREIGN, ()),
    ("BE", ALPHA, None, ALTERED, ANY, ()),
    ("AE", ALPHA, None, REGISTER, ANY, ()),
    ("AE", LONG, "AE", BLOCKED, DOMESTIC, ()),
    ("AE", SHORT, "AE", REGISTER, DOMESTIC, ()),
    ("AE", SHARED, None, ALLOWED, ANY, ()),
    ("AQ", ALPHA, None, UNKNOWN, ANY, ()),
    ("AQ", LONG, "AQ", UNKNOWN, DOMESTIC, ()),
    ("AQ", LONG, "US", UNKNOWN, FOREIGN, ()),
    ("GU", ALPHA, None, BLOCKED, ANY, ()),
    ("GU", TOLLFREE, "US", ALLOWED, ANY, ("CA", "GU", "US")),
    ("GU", TEN_DLC, "US", UNKNOWN, ANY, ("CA", "GU", "US")),
    ("GU", LONG, "US", BLOCKED, FOREIGN, ()),
    ("PR", TEN_DLC, "US", REGISTER, ANY, ("CA", "PR", "US")),
    ("PR", LONG, "US", ALLOWED, FOREIGN, ()),
    ("PR", OWN, "PR", ALLOWED, DOMESTIC, ()),
    ("AC", ALPHA, None, ALLOWED, ANY, ()),
    ("TA", LONG, "SH", UNKNOWN, DOMESTIC, ()),
    ("SH", LONG, "AC", UNKNOWN, DOMESTIC, ()),
]

#: country, moment -> status of a name and its grade when it is not registered
DATED = [
    ("AU", AU_TURN - INSTANT, ALLOWED, Grade.COMPLIANT),
    ("AU", AU_TURN, REGISTER, Grade.ALTERED),
    ("AU", AU_TURN + INSTANT, REGISTER, Grade.ALTERED),
    ("ES", ES_TURN - INSTANT, ALLOWED, Grade.COMPLIANT),
    ("ES", ES_TURN, REGISTER, Grade.BLOCKED),
    ("IE", IE_TURN - INSTANT, ALLOWED, Grade.COMPLIANT),
    ("IE", IE_TURN, REGISTER, Grade.ALTERED),
    ("SG", NOW, REGISTER, Grade.ALTERED),
    ("HK", NOW, REGISTER, Grade.BLOCKED),
]


def rule(sender_country: SenderOrigin, status: RuleStatus, **given: object) -> CountryRule:
    return replace(CountryRule("XK", LONG, sender_country, status), **given)  # type: ignore[arg-type]


def book(*rules: CountryRule, mms: bool | None = None) -> RuleBook:
    return RuleBook.of("test", rules, [CountryProfile("XK", "Kosovo", mms=mms)])


def asked(rules: RuleBook, sender_country: str | None, moment: datetime = NOW) -> CountryRule | None:
    return rules.rule_for("XK", LONG, sender_country, Product.SMS, moment)


@pytest.mark.parametrize(("country", "sender_type", "sender_country", "status", "origin", "only"), MAPPING)
def test_it_maps_a_column_to_the_rule_of_a_sender_type(
    country: str,
    sender_type: SenderType,
    sender_country: str | None,
    status: RuleStatus,
    origin: SenderOrigin,
    only: tuple[str, ...],
) -> None:
    found = shipped_rules().rule_for(country, sender_type, sender_country, Product.SMS, NOW)
    assert found is not None
    assert (found.status, found.sender_country, found.only_sender_countries) == (status, origin, only)


@pytest.mark.parametrize(("country", "moment", "status", "unregistered"), DATED)
def test_it_turns_a_dated_rule_at_midnight_utc(
    country: str, moment: datetime, status: RuleStatus, unregistered: Grade
) -> None:
    found = shipped_rules().rule_for(country, ALPHA, None, Product.SMS, moment)
    assert found is not None
    assert found.status is status
    assert grade_of(found, registered=False) is unregistered
    assert grade_of(found, registered=True) is Grade.COMPLIANT


@pytest.mark.parametrize(
    ("country", "moment", "boundary"),
    [
        ("AU", AU_TURN - INSTANT, AU_TURN),
        ("AU", AU_TURN, None),
        ("ES", IE_TURN, ES_TURN),
        ("IE", datetime(2000, 1, 1, tzinfo=UTC), IE_TURN),
        ("GB", NOW, None),
        ("ZZ", NOW, None),
    ],
)
def test_it_names_the_next_moment_at_which_a_rule_turns(
    country: str, moment: datetime, boundary: datetime | None
) -> None:
    assert shipped_rules().next_boundary(country, moment) == boundary


def test_it_counts_the_ends_of_overrides_as_boundaries() -> None:
    until = NOW + timedelta(days=1)
    rules = book(rule(ANY, ALLOWED)).with_overrides([rule(ANY, BLOCKED, override_reason="x", effective_until=until)])
    assert rules.next_boundary("XK", NOW) == until
    assert rules.next_boundary("XK", until) is None


def test_it_holds_every_country_with_rules_for_every_type_and_origin() -> None:
    rules = shipped_rules()
    assert len(rules.countries()) == 250
    for country in rules.countries():
        for sender_type in SenderType:
            for sender_country in (country, "FR", "DE"):
                assert rules.rule_for(country, sender_type, sender_country, Product.SMS, NOW) is not None


def test_it_gives_every_rule_a_source_and_date_of_its_own_or_those_of_its_country() -> None:
    rules = shipped_rules()
    for country in rules.countries():
        profile = rules.profile(country)
        for held in rules.rules_of(country):
            told = (held.sources, held.as_of, held.confidence)
            assert told == (profile.sources, profile.as_of, profile.confidence) or "(read 2026-11-27)" in held.as_of
        assert bool(profile.sources) == bool(profile.as_of) == bool(profile.sources_total)


def test_it_points_nowhere_outside_the_data() -> None:
    assert not [held for held in shipped_rules().profiles.values() if ".csv" in repr(held)]


@pytest.mark.parametrize(
    ("country", "fact", "value"),
    [
        ("IN", "alpha_max_length", 6),
        ("IN", "alpha_letters_only", True),
        ("MA", "alpha_letters_only", True),
        ("KE", "alpha_letters_only", True),
        ("CD", "alpha_letters_only", False),
        ("GB", "alpha_letters_only", False),
        ("NA", "alpha_max_length", 10),
        ("GB", "alpha_max_length", 11),
        ("GB", "generic_senders_blocked", True),
        ("MY", "generic_senders_blocked", False),
        ("DE", "generic_senders_blocked", None),
        ("US", "mms", True),
        ("AU", "mms", True),
        ("GB", "mms", False),
        ("AQ", "mms", None),
        ("GB", "two_way_long_code", True),
        ("AR", "two_way_long_code", False),
        ("AD", "two_way_long_code", None),
        ("US", "type_preference", (SHORT, TEN_DLC, TOLLFREE, LONG)),
        ("CA", "type_preference", (SHORT, TOLLFREE, LONG)),
        ("GB", "type_preference", ()),
        ("DO", "calling_codes", ("1809", "1829", "1849")),
        ("UM", "calling_codes", ()),
        ("PK", "alpha_majority", "registration_required"),
        ("BG", "alpha_majority", "allowed"),
        ("BE", "alpha_majority", "altered"),
        ("JP", "alpha_local_registration", True),
        ("AR", "delivery_receipts", "no"),
        ("AC", "country", "SH"),
        ("ZZ", "country", "ZZ"),
    ],
)
def test_it_tells_what_the_data_says_of_a_country(country: str, fact: str, value: object) -> None:
    assert getattr(shipped_rules().profile(country), fact) == value


@pytest.mark.parametrize(("country", "known"), [("GB", True), ("AQ", True), ("AC", True), ("TA", True), ("ZZ", False)])
def test_it_knows_the_countries_of_its_data(country: str, known: bool) -> None:
    assert shipped_rules().knows(country) is known
    assert bool(shipped_rules().rules_of(country)) is known


def test_it_has_no_rule_for_a_country_that_it_does_not_know() -> None:
    assert shipped_rules().rule_for("ZZ", ALPHA, None, Product.SMS, NOW) is None
    assert grade_of(None, registered=True) is Grade.UNKNOWN


@pytest.mark.parametrize(
    ("label", "country", "sender_type", "status"),
    [
        ("a number follows its SMS rule where MMS arrives", "US", LONG, REGISTER),
        ("a blocked number stays blocked where MMS arrives", "US", OWN, BLOCKED),
        ("a name carries no media anywhere", "AU", ALPHA, BLOCKED),
        ("nothing passes where MMS does not arrive", "GB", LONG, BLOCKED),
        ("nothing is known where the data is silent", "PR", SHORT, BLOCKED),
        ("what SMS allows is unknown where the data is silent", "SX", LONG, UNKNOWN),
        ("what SMS blocks is blocked where the data is silent", "SX", TEN_DLC, BLOCKED),
    ],
)
def test_it_derives_the_rule_for_mms(label: str, country: str, sender_type: SenderType, status: RuleStatus) -> None:
    found = shipped_rules().rule_for(country, sender_type, "FR" if country == "SX" else country, Product.MMS, NOW)
    assert found is not None
    assert found.status is status, label


@pytest.mark.parametrize(
    ("label", "sender_country", "status"),
    [
        ("domestic before any", "XK", ALLOWED),
        ("any where no narrower rule speaks", "FR", BLOCKED),
        ("a number without a country is foreign", None, BLOCKED),
    ],
)
def test_it_prefers_the_narrower_origin(label: str, sender_country: str | None, status: RuleStatus) -> None:
    found = asked(book(rule(ANY, BLOCKED), rule(DOMESTIC, ALLOWED)), sender_country)
    assert found is not None
    assert found.status is status, label


@pytest.mark.parametrize("sender_type", [ALPHA, SHARED])
def test_it_reads_only_the_rule_for_any_origin_for_a_name_or_pool_without_a_country(sender_type: SenderType) -> None:
    foreign = CountryRule("XK", sender_type, FOREIGN, BLOCKED)
    alone = book(foreign)
    both = book(foreign, CountryRule("XK", sender_type, ANY, ALLOWED))
    assert alone.rule_for("XK", sender_type, None, Product.SMS, NOW) is None
    assert both.rules_of("XK")[1] == both.rule_for("XK", sender_type, None, Product.SMS, NOW)


@pytest.mark.parametrize(
    ("only", "sender_country", "admitted"),
    [
        ((), None, True),
        ((), "FR", True),
        (("CA", "US"), "US", True),
        (("CA", "US"), "FR", False),
        (("US",), None, False),
    ],
)
def test_it_admits_only_the_sender_countries_of_the_rule(
    only: tuple[str, ...], sender_country: str | None, admitted: bool
) -> None:
    assert rule(ANY, ALLOWED, only_sender_countries=only).admits(sender_country) is admitted


@pytest.mark.parametrize(
    ("status", "registered", "grade"),
    [
        (ALLOWED, False, Grade.COMPLIANT),
        (REGISTER, True, Grade.COMPLIANT),
        (REGISTER, False, Grade.BLOCKED),
        (ALTERED, True, Grade.ALTERED),
        (BLOCKED, True, Grade.BLOCKED),
        (UNKNOWN, True, Grade.UNKNOWN),
    ],
)
def test_it_grades_a_sender_by_rule_and_registration(status: RuleStatus, registered: bool, grade: Grade) -> None:
    assert grade_of(rule(ANY, status), registered) is grade


def test_it_lets_an_override_go_before_a_narrower_rule_while_in_force() -> None:
    until = NOW + timedelta(days=1)
    data = book(rule(DOMESTIC, ALLOWED), rule(FOREIGN, ALLOWED))
    corrected = data.with_overrides([rule(ANY, BLOCKED, override_reason="fraud", effective_until=until)])
    for sender_country in ("XK", "FR"):
        now, later = asked(corrected, sender_country), asked(corrected, sender_country, until)
        assert now is not None
        assert later is not None
        assert (now.status, later.status) == (BLOCKED, ALLOWED)


def test_it_takes_the_later_of_two_overrides() -> None:
    first, second = rule(ANY, BLOCKED, override_reason="1"), rule(ANY, ALLOWED, override_reason="2")
    assert asked(book(rule(ANY, UNKNOWN)).with_overrides([first, second]), "FR") == second


def test_it_replaces_its_overrides_and_their_mark_in_the_version() -> None:
    data = shipped_rules()
    override = CountryRule("AC", LONG, ANY, BLOCKED, override_reason="x")
    corrected = data.with_overrides([override])
    assert corrected.version.startswith(f"{data.version}+")
    assert corrected.version != data.with_overrides([replace(override, status=ALLOWED)]).version
    assert corrected.rules_of("SH")[0].status is BLOCKED
    assert corrected.with_overrides([]) == data


def test_it_learns_a_country_from_an_override_and_forgets_it_again() -> None:
    corrected = book(rule(ANY, ALLOWED)).with_overrides([CountryRule("ZZ", LONG, ANY, ALLOWED, override_reason="x")])
    assert corrected.knows("ZZ")
    assert not corrected.with_overrides([]).knows("ZZ")


def test_it_refuses_an_override_without_a_reason() -> None:
    with pytest.raises(ValueError, match="reason"):
        book().with_overrides([rule(ANY, ALLOWED)])


@pytest.mark.parametrize(
    ("label", "rules", "expected"),
    [
        ("any allowed is global", [rule(ANY, ALLOWED)], AllowedType(LONG, True)),
        ("both allowed is global", [rule(DOMESTIC, ALLOWED), rule(FOREIGN, REGISTER)], AllowedType(LONG, True)),
        ("domestic alone is the country", [rule(DOMESTIC, REGISTER)], AllowedType(LONG, False, ("XK",))),
        (
            "domestic with foreign altered is the country",
            [rule(DOMESTIC, ALLOWED), rule(FOREIGN, ALTERED)],
            AllowedType(LONG, False, ("XK",)),
        ),
        (
            "a rule for some senders names them",
            [rule(ANY, REGISTER, only_sender_countries=("CA", "US"))],
            AllowedType(LONG, False, ("CA", "US")),
        ),
        (
            "foreign for some and domestic names all of them",
            [rule(DOMESTIC, ALLOWED), rule(FOREIGN, ALLOWED, only_sender_countries=("US",))],
            AllowedType(LONG, False, ("US", "XK")),
        ),
        (
            "foreign with the country itself unknown is global",
            [rule(DOMESTIC, UNKNOWN), rule(FOREIGN, ALLOWED)],
            AllowedType(LONG, True),
        ),
        (
            "foreign with the country itself refused is all others",
            [rule(DOMESTIC, BLOCKED), rule(FOREIGN, ALLOWED), CountryRule("GB", ALPHA, ANY, ALLOWED)],
            AllowedType(LONG, False, ("GB",)),
        ),
        ("altered is blocked", [rule(ANY, ALTERED)], LONG),
        ("blocked is blocked", [rule(DOMESTIC, BLOCKED), rule(FOREIGN, ALTERED)], LONG),
        ("partly unknown is in neither list", [rule(DOMESTIC, UNKNOWN), rule(FOREIGN, BLOCKED)], None),
        ("no rule is in neither list", [], None),
    ],
)
def test_it_lists_the_types_that_a_country_accepts(
    label: str, rules: list[CountryRule], expected: AllowedType | SenderType | None
) -> None:
    allowed = (expected,) if isinstance(expected, AllowedType) else ()
    blocked = (expected,) if isinstance(expected, SenderType) else ()
    assert book(*rules).compliant_types("XK", Product.SMS, NOW) == CompliantTypes(allowed, blocked), label


def test_it_lists_what_the_united_states_accept() -> None:
    types = shipped_rules().compliant_types("US", Product.SMS, NOW)
    assert types.allowed == (
        AllowedType(TEN_DLC, False, ("CA", "US")),
        AllowedType(TOLLFREE, False, ("CA", "US")),
        AllowedType(SHORT, False, ("US",)),
        AllowedType(LONG, False, ("US",)),
    )
    assert types.blocked == (ALPHA, OWN, SHARED)


def test_it_lists_no_type_for_mms_where_mms_does_not_arrive() -> None:
    types = shipped_rules().compliant_types("GB", Product.MMS, NOW)
    assert types == CompliantTypes((), tuple(SenderType))


def test_it_names_equal_content_alike_and_dates_it_by_its_newest_source() -> None:
    version = shipped_rules().version
    date, _, digest = version.rpartition("-")
    assert date == "2026-11-28"
    assert len(digest) == 6


def test_it_shows_a_rule_as_the_machine_output_promises() -> None:
    found = shipped_rules().rule_for("AU", ALPHA, None, Product.SMS, NOW)
    assert found is not None
    shown = rule_as_dict(found)
    assert shown["sender_type"] == "alpha_tag"
    assert shown["sender_country"] == "any"
    assert shown["status"] == "registration_required"
    assert shown["effective_from"] == "2026-07-01T00:00:00+00:00"
    assert shown["effective_until"] is None
    assert shown["unregistered"] == "altered"
    assert shown["sources"][0] == "aws"
    assert (shown["confidence"], shown["sources_total"]) == (7, 10)


def test_it_survives_the_way_through_json_values() -> None:
    rules = shipped_rules().with_overrides([rule(ANY, BLOCKED, override_reason="x", effective_until=NOW)])
    assert book_from_dict(book_as_dict(rules)) == rules
    for country in rules.countries():
        assert profile_from_dict(profile_as_dict(rules.profile(country))) == rules.profile(country)
        assert [rule_from_dict(rule_as_dict(held)) for held in rules.rules_of(country)] == [*rules.rules_of(country)]
