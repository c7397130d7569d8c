"""The facts that come with the product, each with the grade that it gives to a sender on a day."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from core.content.inspection import Content
from core.engine.country_profile import Permission
from core.engine.country_rules import Grade, grade_of
from core.engine.decide import decide
from core.engine.decision import Facts, Policy, Rejection, Request
from core.rules.files import shipped_facts, shipped_rules
from core.sender import Product, Registration, RegistrationStatus, Sender, SenderType, TrafficClass

TODAY = "2026-11-27"
COMPLIANT, ALTERED, BLOCKED, UNKNOWN = Grade.COMPLIANT, Grade.ALTERED, Grade.BLOCKED, Grade.UNKNOWN
ALPHA, DOMESTIC, FOREIGN, SHORT, TOLLFREE = (
    "alpha_tag",
    "longcode_domestic",
    "longcode_foreign",
    "shortcode",
    "tollfree",
)

#: country, sender, day -> grade of an unregistered sender, and of a registered one where it differs
GRADES: list[tuple[str, str, str, Grade, Grade]] = [
    ("AM", ALPHA, TODAY, ALTERED, COMPLIANT),
    ("AS", FOREIGN, TODAY, COMPLIANT, COMPLIANT),
    ("AT", ALPHA, "2026-09-30", COMPLIANT, COMPLIANT),
    ("AT", ALPHA, "2026-10-01", BLOCKED, COMPLIANT),
    ("AT", DOMESTIC, "2026-09-30", COMPLIANT, COMPLIANT),
    ("AT", DOMESTIC, TODAY, COMPLIANT, COMPLIANT),
    ("AT", SHORT, TODAY, COMPLIANT, COMPLIANT),
    ("AU", ALPHA, "2026-06-30", COMPLIANT, COMPLIANT),
    ("AU", ALPHA, "2026-07-01", ALTERED, COMPLIANT),
    ("AX", ALPHA, "2026-05-03", COMPLIANT, COMPLIANT),
    ("AX", ALPHA, "2026-05-04", ALTERED, COMPLIANT),
    ("AX", ALPHA, "2026-11-02", UNKNOWN, COMPLIANT),
    ("AX", DOMESTIC, "2026-05-03", UNKNOWN, UNKNOWN),
    ("AX", DOMESTIC, "2026-05-04", UNKNOWN, COMPLIANT),
    ("AZ", ALPHA, TODAY, UNKNOWN, COMPLIANT),
    ("BA", ALPHA, TODAY, COMPLIANT, COMPLIANT),
    ("BD", ALPHA, "2025-09-08", BLOCKED, COMPLIANT),
    ("BG", ALPHA, TODAY, ALTERED, ALTERED),
    ("BI", ALPHA, TODAY, UNKNOWN, COMPLIANT),
    ("BR", ALPHA, TODAY, ALTERED, ALTERED),
    ("BS", FOREIGN, TODAY, BLOCKED, BLOCKED),
    ("BT", ALPHA, TODAY, UNKNOWN, COMPLIANT),
    ("CA", FOREIGN, TODAY, BLOCKED, BLOCKED),
    ("CZ", ALPHA, "2025-07-14", BLOCKED, COMPLIANT),
    ("DZ", ALPHA, TODAY, UNKNOWN, COMPLIANT),
    ("ES", ALPHA, "2026-09-14", COMPLIANT, COMPLIANT),
    ("ES", ALPHA, "2026-09-15", BLOCKED, COMPLIANT),
    ("ET", ALPHA, "2026-10-08", BLOCKED, COMPLIANT),
    ("FI", ALPHA, "2026-05-03", COMPLIANT, COMPLIANT),
    ("FI", ALPHA, "2026-05-04", ALTERED, COMPLIANT),
    ("FI", ALPHA, "2026-11-01", ALTERED, COMPLIANT),
    ("FI", ALPHA, "2026-11-02", UNKNOWN, COMPLIANT),
    ("FI", DOMESTIC, "2026-05-03", COMPLIANT, COMPLIANT),
    ("FI", DOMESTIC, "2026-05-04", BLOCKED, COMPLIANT),
    ("FR", ALPHA, TODAY, COMPLIANT, COMPLIANT),
    ("GA", ALPHA, TODAY, UNKNOWN, COMPLIANT),
    ("GB", ALPHA, "2026-01-01", COMPLIANT, COMPLIANT),
    ("GB", ALPHA, TODAY, COMPLIANT, COMPLIANT),
    ("GB", SHORT, TODAY, COMPLIANT, COMPLIANT),
    ("GB", FOREIGN, TODAY, BLOCKED, BLOCKED),
    ("GH", ALPHA, "2026-07-08", BLOCKED, COMPLIANT),
    ("GR", ALPHA, TODAY, UNKNOWN, COMPLIANT),
    ("HK", ALPHA, TODAY, BLOCKED, COMPLIANT),
    ("IE", ALPHA, "2025-07-02", COMPLIANT, COMPLIANT),
    ("IE", ALPHA, "2025-07-03", ALTERED, COMPLIANT),
    ("IQ", ALPHA, TODAY, UNKNOWN, COMPLIANT),
    ("IT", ALPHA, TODAY, COMPLIANT, COMPLIANT),
    ("IT", FOREIGN, TODAY, BLOCKED, BLOCKED),
    ("KG", ALPHA, TODAY, UNKNOWN, COMPLIANT),
    ("KH", ALPHA, TODAY, BLOCKED, COMPLIANT),
    ("KM", ALPHA, TODAY, UNKNOWN, COMPLIANT),
    ("KY", ALPHA, TODAY, UNKNOWN, UNKNOWN),
    ("LB", ALPHA, TODAY, BLOCKED, COMPLIANT),
    ("ME", ALPHA, TODAY, COMPLIANT, COMPLIANT),
    ("MG", ALPHA, TODAY, UNKNOWN, COMPLIANT),
    ("MM", ALPHA, TODAY, BLOCKED, COMPLIANT),
    ("MW", ALPHA, TODAY, UNKNOWN, COMPLIANT),
    ("MX", ALPHA, TODAY, ALTERED, COMPLIANT),
    ("MZ", ALPHA, TODAY, BLOCKED, COMPLIANT),
    ("NE", ALPHA, TODAY, UNKNOWN, COMPLIANT),
    ("NO", ALPHA, TODAY, UNKNOWN, COMPLIANT),
    ("NZ", FOREIGN, TODAY, BLOCKED, BLOCKED),
    ("OM", ALPHA, TODAY, BLOCKED, COMPLIANT),
    ("PH", ALPHA, "2025-04-07", BLOCKED, COMPLIANT),
    ("PS", ALPHA, TODAY, UNKNOWN, COMPLIANT),
    ("RO", ALPHA, TODAY, ALTERED, COMPLIANT),
    ("RS", ALPHA, TODAY, ALTERED, COMPLIANT),
    ("RU", ALPHA, TODAY, ALTERED, COMPLIANT),
    ("SG", ALPHA, TODAY, ALTERED, COMPLIANT),
    ("SI", ALPHA, TODAY, COMPLIANT, COMPLIANT),
    ("SY", ALPHA, TODAY, UNKNOWN, COMPLIANT),
    ("TD", ALPHA, TODAY, UNKNOWN, COMPLIANT),
    ("TH", ALPHA, "2025-10-06", BLOCKED, COMPLIANT),
    ("TJ", ALPHA, TODAY, UNKNOWN, COMPLIANT),
    ("TL", ALPHA, TODAY, UNKNOWN, COMPLIANT),
    ("TN", ALPHA, TODAY, UNKNOWN, COMPLIANT),
    ("TR", ALPHA, "2026-11-17", UNKNOWN, COMPLIANT),
    ("TR", ALPHA, "2026-11-18", BLOCKED, COMPLIANT),
    ("TZ", ALPHA, "2025-06-16", BLOCKED, COMPLIANT),
    ("US", FOREIGN, TODAY, BLOCKED, BLOCKED),
    ("US", TOLLFREE, "2026-02-17", BLOCKED, COMPLIANT),
    ("VE", ALPHA, TODAY, ALTERED, ALTERED),
    ("ZW", ALPHA, TODAY, COMPLIANT, COMPLIANT),
]

_TYPES = {
    ALPHA: SenderType.ALPHA_TAG,
    SHORT: SenderType.SHORTCODE,
    TOLLFREE: SenderType.TOLLFREE,
    DOMESTIC: SenderType.LONGCODE,
    FOREIGN: SenderType.LONGCODE,
}

#: country, field of the profile, day before it -> its value; day from which -> its value
PROFILES: list[tuple[str, str, str, Any]] = [
    ("AE", "promotional_affix", TODAY, "AD-*"),
    ("AE", "promotional_allowed", TODAY, Permission.REGISTRATION),
    ("AE", "promotional_window", TODAY, "07:00-21:00"),
    ("AE", "url_allowed", TODAY, Permission.REGISTRATION),
    ("AT", "alpha_min_length", TODAY, 3),
    ("AT", "alpha_max_length", TODAY, 11),
    ("AT", "alpha_characters", "2026-09-30", None),
    ("AT", "alpha_characters", "2026-10-01", " +-_&"),
    ("AT", "alpha_not_first", "2026-09-30", ""),
    ("AT", "alpha_not_first", "2026-10-01", "+"),
    ("AT", "alpha_needs_letter", "2026-09-30", False),
    ("AT", "alpha_needs_letter", "2026-10-01", True),
    ("AT", "alpha_case_sensitive", "2026-09-30", None),
    ("AT", "alpha_case_sensitive", "2026-10-01", True),
    ("AT", "generic_senders_blocked", "2026-09-30", None),
    ("AT", "generic_senders_blocked", "2026-10-01", True),
    ("AT", "generic_words", "2026-10-01", ("DOCTOR", "ARZT", "PHARMACY", "APOTHEKE", "OTP", "SMSINFO")),
    ("AU", "alpha_charset_notes", TODAY, "printable ASCII, 2 to 11 characters, not digits alone"),
    ("AU", "alpha_case_sensitive", TODAY, False),
    ("BW", "generic_senders_blocked", TODAY, True),
    ("CN", "url_allowed", TODAY, Permission.REGISTRATION),
    ("DK", "url_allowed", TODAY, Permission.REGISTRATION),
    ("ES", "alpha_case_sensitive", "2026-09-14", None),
    ("ES", "alpha_case_sensitive", "2026-09-15", True),
    ("ES", "generic_senders_blocked", "2026-09-14", None),
    ("ES", "generic_senders_blocked", "2026-09-15", True),
    ("ES", "alpha_min_length", "2026-09-15", 3),
    ("FI", "alpha_charset_notes", TODAY, "letters, digits and space advised; no space at either end, no two together"),
    ("FI", "generic_senders_blocked", TODAY, True),
    ("FI", "generic_words", TODAY, ("ADMIN", "INFO")),
    ("FI", "url_allowed", TODAY, Permission.REGISTRATION),
    ("FR", "alpha_characters", "2025-03-09", None),
    ("FR", "alpha_characters", "2025-03-10", ""),
    ("FR", "alpha_needs_letter", "2025-03-10", True),
    (
        "FR",
        "generic_words",
        "2025-03-10",
        ("ALERTE", "ALERT", "RDV", "PAIEMENT", "PAYMENT", "BANQUE", "BANK", "COLIS", "PARCEL"),
    ),
    ("FR", "promotional_window", "2026-02-28", ""),
    ("FR", "promotional_window", "2026-03-01", "08:00-21:30"),
    ("GB", "alpha_case_sensitive", TODAY, True),
    ("GB", "alpha_characters", TODAY, ".-_ &"),
    ("GB", "generic_words", TODAY, ("*ALERT*", "*INFO*", "*VERIFY*")),
    ("IL", "alpha_local_registration", TODAY, True),
    ("IN", "alpha_case_sensitive", TODAY, True),
    ("IN", "alpha_charset_notes", "2025-05-05", "letters only (6)"),
    (
        "IN",
        "alpha_charset_notes",
        "2025-05-06",
        "letters only (6); operators put -P, -S, -T or -G behind it, by the class of the text",
    ),
    ("IN", "url_allowed", "2024-09-30", None),
    ("IN", "url_allowed", "2024-10-01", Permission.REGISTRATION),
    ("IQ", "alpha_case_sensitive", TODAY, True),
    ("IQ", "alpha_local_registration", TODAY, True),
    ("IS", "url_allowed", TODAY, Permission.REGISTRATION),
    ("IT", "alpha_local_registration", TODAY, True),
    ("IT", "generic_senders_blocked", TODAY, True),
    ("JO", "promotional_affix", TODAY, "ADV*"),
    ("JO", "promotional_window", TODAY, "07:00-21:00"),
    ("JP", "url_allowed", TODAY, None),
    ("KW", "promotional_affix", TODAY, "*AD*"),
    ("KW", "alpha_case_sensitive", TODAY, True),
    ("LK", "promotional_allowed", TODAY, Permission.NO),
    ("MA", "alpha_case_sensitive", TODAY, True),
    ("MY", "phone_allowed", "2024-08-31", None),
    ("MY", "phone_allowed", "2024-09-01", Permission.NO),
    ("MY", "url_allowed", "2024-08-31", None),
    ("MY", "url_allowed", "2024-09-01", Permission.NO),
    ("NO", "generic_senders_blocked", TODAY, True),
    ("NO", "url_allowed", TODAY, Permission.REGISTRATION),
    ("PH", "generic_words", TODAY, ("*TEST*", "*MESSAGE*", "*SMS*", "*VERIFY*", "*OTP*", "SMART", "SUN")),
    ("PL", "shortener_allowed", TODAY, Permission.NO),
    ("QA", "alpha_case_sensitive", TODAY, True),
    ("RO", "url_allowed", TODAY, Permission.REGISTRATION),
    ("SA", "alpha_case_sensitive", TODAY, True),
    ("SA", "promotional_affix", TODAY, "*-AD"),
    ("SA", "promotional_allowed", "2024-03-31", None),
    ("SA", "promotional_allowed", "2024-04-01", Permission.REGISTRATION),
    ("SA", "shortener_allowed", TODAY, Permission.NO),
    ("SA", "url_allowed", TODAY, Permission.REGISTRATION),
    ("SE", "url_allowed", TODAY, Permission.REGISTRATION),
    ("TH", "alpha_case_sensitive", TODAY, True),
    ("TH", "url_allowed", TODAY, Permission.REGISTRATION),
    ("TN", "alpha_local_registration", TODAY, True),
    ("TR", "promotional_allowed", TODAY, Permission.NO),
    ("TR", "url_allowed", "2026-03-31", None),
    ("TR", "url_allowed", "2026-04-01", Permission.NO),
    ("UA", "alpha_case_sensitive", TODAY, True),
    ("VN", "alpha_case_sensitive", TODAY, True),
]

LINK = {"content": Content(has_url=True)}
SHORT_LINK = {"content": Content(has_url=True, has_shortener=True)}
PROMOTION = {"traffic_class": TrafficClass.PROMOTIONAL}

#: label: country, name, registered, day, what the message is -> the code of its rejection, None: it may be used
NAMES: dict[str, tuple[str, str, bool, str, dict[str, Any], Rejection | None]] = {
    "to Austria before its register": ("AT", "Acme", False, "2026-09-30", {}, None),
    "to Austria unregistered": ("AT", "Acme", False, "2026-10-01", {}, Rejection.NOT_REGISTERED),
    "to Austria registered": ("AT", "Acme", True, "2026-10-01", {}, None),
    "to Austria, a plus first": ("AT", "+Acme", True, "2026-10-01", {}, Rejection.NAME_FORM),
    "to Austria, like a telephone number": ("AT", "12+345", True, "2026-10-01", {}, Rejection.NAME_FORM),
    "to Austria, a chemist": ("AT", "Apotheke", True, "2026-10-01", {}, Rejection.NAME_GENERIC),
    "to Austria, a chemist before": ("AT", "Apotheke", False, "2026-09-30", {}, None),
    "to Finland labelled": ("FI", "Acme", False, "2026-11-01", {}, None),
    "to Finland where nobody knows": ("FI", "Acme", False, "2026-11-02", {}, Rejection.RULE_UNKNOWN),
    "to Britain": ("GB", "Acme", False, TODAY, {}, None),
    "to Britain with a word within": ("GB", "AcmeAlerts", False, TODAY, {}, Rejection.NAME_GENERIC),
    "to Britain with the word on request": ("GB", "Infosys", True, TODAY, {}, None),
    "to Britain with a plus": ("GB", "Acme+", False, TODAY, {}, Rejection.NAME_FORM),
    "to France with a French word": ("FR", "Colis", False, TODAY, {}, Rejection.NAME_GENERIC),
    "to France with a French word within": ("FR", "MonColis", False, TODAY, {}, None),
    "to France with a plus": ("FR", "Acme+", False, TODAY, {}, Rejection.NAME_FORM),
    "to the Philippines with a word within": ("PH", "AcmeSMS", False, TODAY, {}, Rejection.NAME_GENERIC),
    "promotion to the Emirates with the mark": ("AE", "AD-Acme", True, TODAY, PROMOTION, None),
    "promotion to the Emirates without it": ("AE", "Acme", True, TODAY, PROMOTION, Rejection.PROMOTIONAL_AFFIX),
    "codes to the Emirates without it": ("AE", "Acme", True, TODAY, {}, None),
    "promotion to Saudi Arabia with the mark": ("SA", "Acme-AD", True, TODAY, PROMOTION, None),
    "promotion to Saudi Arabia, mark before": ("SA", "AD-Acme", True, TODAY, PROMOTION, Rejection.NAME_FORM),
    "promotion to Kuwait": ("KW", "ADAcme", True, TODAY, PROMOTION, None),
    "promotion to Jordan without the mark": ("JO", "Acme", True, TODAY, PROMOTION, Rejection.PROMOTIONAL_AFFIX),
    "promotion to Turkey": ("TR", "Acme", True, TODAY, PROMOTION, Rejection.PROMOTION_NOT_ALLOWED),
    "promotion to Sri Lanka": ("LK", "Acme", True, TODAY, PROMOTION, Rejection.PROMOTION_NOT_ALLOWED),
    "a link to Norway from a registered name": ("NO", "Acme", True, TODAY, LINK, None),
    "a link to Turkey": ("TR", "Acme", True, TODAY, LINK, Rejection.CONTENT_NOT_ALLOWED),
    "a link to Turkey before": ("TR", "Acme", True, "2026-03-31", LINK, None),
    "a link to India from a registered name": ("IN", "ACMEIN", True, TODAY, LINK, None),
    "a short link to Poland": ("PL", "Acme", False, TODAY, SHORT_LINK, Rejection.CONTENT_NOT_ALLOWED),
    "a link to Poland": ("PL", "Acme", False, TODAY, LINK, None),
    "a short link to Saudi Arabia": ("SA", "Acme", True, TODAY, SHORT_LINK, Rejection.CONTENT_NOT_ALLOWED),
    "a link to Britain": ("GB", "Acme", False, TODAY, LINK, None),
    "a hyphen elsewhere": ("AU", "AD-Acme", True, TODAY, {}, Rejection.NAME_FORM),
}


def moment(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00:00+00:00")


@pytest.mark.parametrize(("country", "subject", "day", "unregistered", "registered"), GRADES)
def test_it_grades_a_sender_as_the_facts_say(
    country: str, subject: str, day: str, unregistered: Grade, registered: Grade
) -> None:
    origin = {ALPHA: None, FOREIGN: "FR"}.get(subject, country)
    rule = shipped_rules().rule_for(country, _TYPES[subject], origin, Product.SMS, moment(day))
    assert (grade_of(rule, registered=False), grade_of(rule, registered=True)) == (unregistered, registered)


@pytest.mark.parametrize(("country", "field", "day", "value"), PROFILES)
def test_it_puts_the_facts_of_a_day_into_the_profile(country: str, field: str, day: str, value: Any) -> None:
    assert getattr(shipped_rules().profile(country, moment(day)), field) == value


@pytest.mark.parametrize("label", NAMES)
def test_it_judges_a_name_by_the_facts(label: str) -> None:
    country, text, registered, day, asked, rejected = NAMES[label]
    standing = (Registration(country, RegistrationStatus.APPROVED),) if registered else ()
    sender = Sender("acme", text, SenderType.ALPHA_TAG, registrations=standing)
    request = Request("acme", None, country, **asked)
    (candidate,) = decide(request, Facts((sender,)), shipped_rules(), Policy(), moment(day)).candidates
    assert candidate.rejected is rejected


def test_it_tests_every_fact() -> None:
    graded = {(country, subject) for country, subject, *_ in GRADES}
    told = {(country, field) for country, field, *_ in PROFILES}
    of_rules = {(fact.country, fact.subject) for fact in shipped_facts() if fact.column and fact.field != "note"}
    of_profiles = {(fact.country, fact.field) for fact in shipped_facts() if not fact.column}
    assert (graded, told) == (of_rules, of_profiles)


def test_it_ends_the_timeline_of_a_column_with_what_the_table_says() -> None:
    status = {"prohibited": "blocked", "overwritten": "altered"}
    far = datetime(2100, 1, 1, tzinfo=UTC)
    for fact in shipped_facts():
        if fact.field == "status" and fact.subject in {ALPHA, DOMESTIC, FOREIGN}:
            origin = {ALPHA: None, FOREIGN: "FR"}.get(fact.subject, fact.country)
            rule = shipped_rules().rule_for(fact.country, _TYPES[fact.subject], origin, Product.SMS, far)
            assert rule is not None
            assert rule.status == status.get(fact.new_value, fact.new_value), fact


def test_it_names_the_turns_of_facts_too() -> None:
    book = shipped_rules()
    assert book.next_boundary("AT", moment("2026-09-30")) == datetime(2026, 10, 1, tzinfo=UTC)
    assert book.next_boundary("FI", moment("2026-05-04")) == datetime(2026, 11, 2, tzinfo=UTC)
    assert book.next_boundary("TR", moment("2026-03-01")) == datetime(2026, 4, 1, tzinfo=UTC)
    assert book.next_boundary("FI", moment("2026-11-02")) is None
