from __future__ import annotations

from typing import Any

import pytest

from core.content.inspection import Content
from core.engine.country_profile import Certainty, Permission
from core.engine.country_rules import Grade, RuleBook, RuleStatus, SenderOrigin
from core.engine.decision import AlteredSenders, InvalidOverride, Policy, Rejection, UnknownRule
from core.engine.filters import FILTERS
from core.engine.generic_names import GENERIC_NAMES, generic_word
from core.sender import Product, RegistrationStatus, Sender, SenderStatus, SenderType, TrafficClass, form_error
from tests.support.worlds import DAY, NOW, ask, book, fate, name, number, pool, registered, rule

FORBID_ALTERED = Policy(altered_senders=AlteredSenders.FORBID)
LONGCODE, ALPHA = SenderType.LONGCODE, SenderType.ALPHA_TAG
MUST_REGISTER = book(rule(ALPHA, RuleStatus.REGISTRATION_REQUIRED, sources=("acma", "aws"), as_of="2026-07-01"))
LABELS_UNREGISTERED = book(rule(ALPHA, RuleStatus.REGISTRATION_REQUIRED, unregistered=Grade.ALTERED))
HOME_ONLY = book(
    rule(LONGCODE, RuleStatus.ALLOWED, SenderOrigin.DOMESTIC), rule(LONGCODE, RuleStatus.BLOCKED, SenderOrigin.FOREIGN)
)
NOWHERE = book(
    rule(LONGCODE, RuleStatus.BLOCKED, SenderOrigin.DOMESTIC), rule(LONGCODE, RuleStatus.BLOCKED, SenderOrigin.FOREIGN)
)
LINK = {"content": Content(has_url=True)}
PROMOTION = {"traffic_class": TrafficClass.PROMOTIONAL}
PENDING, REJECTED = RegistrationStatus.PENDING, RegistrationStatus.REJECTED

#: label: sender, rules, what the message asks for, the code, a part of the words
REFUSED: dict[str, tuple[Sender, RuleBook | None, dict[str, Any], Rejection, str]] = {
    "of another account": (number(account_id="rival"), None, {}, Rejection.NOT_OWNED, "rival"),
    "of the parent, not borrowed": (number(), None, {"subaccount_id": "acme-nz"}, Rejection.NOT_OWNED, "acme"),
    "pending": (number(status=SenderStatus.PENDING), None, {}, Rejection.NOT_ACTIVE, "status is pending"),
    "suspended": (number(status=SenderStatus.SUSPENDED), None, {}, Rejection.NOT_ACTIVE, "suspended"),
    "expired by status": (number(status=SenderStatus.EXPIRED), None, {}, Rejection.NOT_ACTIVE, "expired"),
    "released": (number(status=SenderStatus.RELEASED), None, {}, Rejection.NOT_ACTIVE, "released"),
    "ended this moment": (number(expires_at=NOW), None, {}, Rejection.NOT_ACTIVE, "2026-08-01T12:00:00Z"),
    "own number past its year": (
        number(sender_type=SenderType.OWN_NUMBER, activated_at=NOW - 365 * DAY),
        None,
        {},
        Rejection.NOT_ACTIVE,
        "ended",
    ),
    "number with letters": (number("+6140000000x"), None, {}, Rejection.MALFORMED, "digits"),
    "name of digits": (name("12345"), None, {}, Rejection.MALFORMED, "not a digit"),
    "short code of two digits": (
        number("12", sender_type=SenderType.SHORTCODE),
        None,
        {},
        Rejection.MALFORMED,
        "3 to 8",
    ),
    "dedicated without an id": (number(""), None, {}, Rejection.MALFORMED, "digits"),
    "name of seven where six fit": (
        name("AcmeCos"),
        book(alpha_max_length=6),
        {},
        Rejection.NAME_TOO_LONG,
        "at most 6",
    ),
    "digit where letters only": (
        name("Acme24"),
        book(alpha_letters_only=True),
        {},
        Rejection.NAME_FORM,
        "letters only",
    ),
    "generic name": (name("Notice"), book(generic_senders_blocked=True), {}, Rejection.NAME_GENERIC, "generic"),
    "name of three where four are the least": (
        name("Abc"),
        book(alpha_min_length=4),
        {},
        Rejection.NAME_TOO_SHORT,
        "at least 4",
    ),
    "plus where it is on no list": (name("A+B"), book(alpha_characters="-_ "), {}, Rejection.NAME_FORM, "no '+'"),
    "plus first": (name("+Acme"), book(alpha_not_first="+"), {}, Rejection.NAME_FORM, "begins with +"),
    "no letter": (name("+12345"), book(alpha_needs_letter=True), {}, Rejection.NAME_FORM, "at least one letter"),
    "hyphen where there is no mark with one": (name("AD-Acme"), None, {}, Rejection.NAME_FORM, "no '-'"),
    "mark at the wrong end": (
        name("Acme-AD"),
        book(promotional_affix="AD-*"),
        PROMOTION,
        Rejection.NAME_FORM,
        "no '-'",
    ),
    "word that is generic in the country": (
        name("Colis"),
        book(generic_senders_blocked=True, generic_words=("COLIS",)),
        {},
        Rejection.NAME_GENERIC,
        "generic",
    ),
    "generic word within a name": (
        name("MyInfos"),
        book(generic_senders_blocked=True, generic_words=("*INFO*",)),
        {},
        Rejection.NAME_GENERIC,
        "INFO within a name",
    ),
    "link where there is none": (
        number(registrations=registered()),
        book(url_allowed=Permission.NO),
        LINK,
        Rejection.CONTENT_NOT_ALLOWED,
        "no links in texts of any senders",
    ),
    "link without registration": (
        number(),
        book(url_allowed=Permission.REGISTRATION),
        LINK,
        Rejection.CONTENT_NOT_ALLOWED,
        "but registered ones",
    ),
    "link that the type may not carry": (
        number(),
        book(rule(LONGCODE, url_allowed=Permission.NO), url_allowed=Permission.YES),
        LINK,
        Rejection.CONTENT_NOT_ALLOWED,
        "of any longcode senders",
    ),
    "short link": (
        number(registrations=registered()),
        book(shortener_allowed=Permission.NO, url_allowed=Permission.REGISTRATION),
        {"content": Content(has_url=True, has_shortener=True)},
        Rejection.CONTENT_NOT_ALLOWED,
        "links by a public shortener",
    ),
    "telephone number": (
        number(),
        book(phone_allowed=Permission.NO),
        {"content": Content(has_phone=True)},
        Rejection.CONTENT_NOT_ALLOWED,
        "telephone numbers",
    ),
    "promotion where there is none": (
        name(registrations=registered()),
        book(promotional_allowed=Permission.NO),
        PROMOTION,
        Rejection.PROMOTION_NOT_ALLOWED,
        "no promotion",
    ),
    "promotion without registration": (
        name(),
        book(promotional_allowed=Permission.REGISTRATION),
        PROMOTION,
        Rejection.PROMOTION_NOT_ALLOWED,
        "registered names only",
    ),
    "promotion without the mark before": (
        name("Acme"),
        book(promotional_affix="AD-*"),
        PROMOTION,
        Rejection.PROMOTIONAL_AFFIX,
        "begin with AD-",
    ),
    "promotion without the mark behind": (
        name("Acme"),
        book(promotional_affix="*-AD"),
        PROMOTION,
        Rejection.PROMOTIONAL_AFFIX,
        "end with -AD",
    ),
    "promotion without the mark within": (
        name("Acme"),
        book(promotional_affix="*AD*"),
        PROMOTION,
        Rejection.PROMOTIONAL_AFFIX,
        "contain AD",
    ),
    "sources that contradict each other": (
        name(),
        book(rule(ALPHA, certainty=Certainty.LOW)),
        {},
        Rejection.RULE_UNKNOWN,
        "sources contradict each other about alpha_tag (rule: allowed",
    ),
    "no rule at all": (name(), book(rule(LONGCODE)), {}, Rejection.RULE_UNKNOWN, "no rule"),
    "rule says unknown": (name(), book(rule(ALPHA, RuleStatus.UNKNOWN)), {}, Rejection.RULE_UNKNOWN, "rule: unknown"),
    "type blocked": (
        name(),
        book(rule(ALPHA, RuleStatus.BLOCKED, sources=("a", "b", "c", "d", "e"), as_of="2026")),
        {},
        Rejection.TYPE_BLOCKED,
        "AU refuses alpha_tag (rule: blocked, by a, b, c and 2 more, as of 2026)",
    ),
    "type blocked, each source with its date": (
        name(),
        book(rule(ALPHA, RuleStatus.BLOCKED, sources=("a", "b"), as_of="a:2025; b:2026-01")),
        {},
        Rejection.TYPE_BLOCKED,
        "(rule: blocked, by a:2025, b:2026-01)",
    ),
    "type blocked by a local correction": (
        name(),
        book(rule(ALPHA, RuleStatus.BLOCKED, override_reason="carrier told us", sources=("a",))),
        {},
        Rejection.TYPE_BLOCKED,
        "(rule: blocked, corrected here: carrier told us)",
    ),
    "blocked from home and abroad": (
        number("+44700000000", country="GB"),
        NOWHERE,
        {},
        Rejection.TYPE_BLOCKED,
        "blocked",
    ),
    "only foreign ones blocked": (
        number("+44700000000", country="GB"),
        HOME_ONLY,
        {},
        Rejection.SENDER_COUNTRY_NOT_ALLOWED,
        "no longcode from abroad",
    ),
    "foreign ones blocked, nothing known of domestic ones": (
        number("+44700000000", country="GB"),
        book(rule(LONGCODE, RuleStatus.BLOCKED, SenderOrigin.FOREIGN)),
        {},
        Rejection.SENDER_COUNTRY_NOT_ALLOWED,
        "no longcode from abroad",
    ),
    "sender country on no list": (
        number("+44700000000", country="GB"),
        book(rule(LONGCODE, only_sender_countries=("NZ", "US"))),
        {},
        Rejection.SENDER_COUNTRY_NOT_ALLOWED,
        "from NZ, US only",
    ),
    "never registered": (name(), MUST_REGISTER, {}, Rejection.NOT_REGISTERED, "not registered in AU"),
    "registration pending": (
        name(registrations=registered(status=PENDING)),
        MUST_REGISTER,
        {},
        Rejection.NOT_REGISTERED,
        "registration in AU pending (rule: registration_required, by acma, aws, as of 2026-07-01)",
    ),
    "registration rejected": (
        name(registrations=registered(status=REJECTED)),
        MUST_REGISTER,
        {},
        Rejection.NOT_REGISTERED,
        "rejected",
    ),
    "registration over this moment": (
        name(registrations=registered(valid_until=NOW)),
        MUST_REGISTER,
        {},
        Rejection.NOT_REGISTERED,
        "approved until 2026-08-01T12:00:00Z only",
    ),
    "registration to come": (
        name(registrations=registered(valid_from=NOW + DAY)),
        MUST_REGISTER,
        {},
        Rejection.NOT_REGISTERED,
        "approved from 2026-08-02T12:00:00Z only",
    ),
    "registered elsewhere": (
        name(registrations=registered("NZ")),
        MUST_REGISTER,
        {},
        Rejection.NOT_REGISTERED,
        "not registered in AU",
    ),
    "altered, policy forbid": (
        name(),
        book(rule(ALPHA, RuleStatus.ALTERED)),
        {"policy": FORBID_ALTERED},
        Rejection.ALTERED_FORBIDDEN,
        "rule: altered",
    ),
    "labelled without registration, policy forbid": (
        name(),
        LABELS_UNREGISTERED,
        {"policy": FORBID_ALTERED},
        Rejection.ALTERED_FORBIDDEN,
        "not registered in AU",
    ),
    "MMS from a number without it": (
        number(),
        book(mms=True),
        {"product": Product.MMS},
        Rejection.PRODUCT_NOT_SUPPORTED,
        "does not carry MMS",
    ),
    "MMS to a country without it": (
        number(mms=True),
        book(mms=False),
        {"product": Product.MMS},
        Rejection.PRODUCT_NOT_SUPPORTED,
        "AU takes no MMS",
    ),
    "MMS where the type is blocked anyway": (
        number(mms=True),
        NOWHERE,
        {"product": Product.MMS},
        Rejection.TYPE_BLOCKED,
        "refuses longcode",
    ),
    "MMS where nobody knows, from a name": (
        name(),
        book(rule(ALPHA, RuleStatus.UNKNOWN)),
        {"product": Product.MMS},
        Rejection.PRODUCT_NOT_SUPPORTED,
        "MMS",
    ),
    "reply to a name": (name(), None, {"reply_expected": True}, Rejection.NO_REPLIES, "cannot receive"),
    "reply to a one-way number": (
        number(two_way=False),
        None,
        {"reply_expected": True},
        Rejection.NO_REPLIES,
        "cannot",
    ),
    "reply to a long code where they are one-way": (
        number(),
        book(two_way_long_code=False),
        {"reply_expected": True},
        Rejection.NO_REPLIES,
        "one-way in AU",
    ),
    "reply to a shared number where they are one-way": (
        pool(),
        book(two_way_long_code=False),
        {"reply_expected": True},
        Rejection.NO_REPLIES,
        "one-way in AU",
    ),
    "promotion from a number for codes": (
        number(traffic_classes=frozenset({TrafficClass.OTP})),
        None,
        {"traffic_class": TrafficClass.PROMOTIONAL},
        Rejection.TRAFFIC_CLASS_NOT_ALLOWED,
        "not for promotional traffic, only otp",
    ),
    "number for no traffic": (
        number(traffic_classes=frozenset()),
        None,
        {},
        Rejection.TRAFFIC_CLASS_NOT_ALLOWED,
        "only none",
    ),
}

#: label: sender, rules, what the message asks for, the candidate's grade
ACCEPTED: dict[str, tuple[Sender, RuleBook | None, dict[str, Any], Grade]] = {
    "a number of the account": (number(), None, {}, Grade.COMPLIANT),
    "a pool without a number": (pool(None), None, {}, Grade.COMPLIANT),
    "the platform's dedicated number": (number(account_id=None), None, {}, Grade.COMPLIANT),
    "the parent's, borrowed": (
        number(),
        None,
        {"subaccount_id": "acme-nz", "borrowed_from": frozenset({"acme"})},
        Grade.COMPLIANT,
    ),
    "the sub-account's own": (number(account_id="acme-nz"), None, {"subaccount_id": "acme-nz"}, Grade.COMPLIANT),
    "before its end": (number(expires_at=NOW + DAY), None, {}, Grade.COMPLIANT),
    "own number within its year": (
        number(sender_type=SenderType.OWN_NUMBER, activated_at=NOW - 364 * DAY),
        None,
        {},
        Grade.COMPLIANT,
    ),
    "name of six where six fit": (name("AcmeCo"), book(alpha_max_length=6), {}, Grade.COMPLIANT),
    "letters where letters only": (name(), book(alpha_letters_only=True), {}, Grade.COMPLIANT),
    "number where names are letters only": (number(), book(alpha_letters_only=True), {}, Grade.COMPLIANT),
    "name that contains a generic one": (name("InfoAcme"), book(generic_senders_blocked=True), {}, Grade.COMPLIANT),
    "name of three where three are the least": (name("Abc"), book(alpha_min_length=3), {}, Grade.COMPLIANT),
    "plus where it is on the list": (name("A+B"), book(alpha_characters="+-"), {}, Grade.COMPLIANT),
    "plus elsewhere than first": (name("Acme+"), book(alpha_not_first="+"), {}, Grade.COMPLIANT),
    "a letter": (name("+1234a"), book(alpha_needs_letter=True), {}, Grade.COMPLIANT),
    "a mark with a hyphen before": (name("AD-Acme"), book(promotional_affix="AD-*"), PROMOTION, Grade.COMPLIANT),
    "a mark with a hyphen behind": (name("Acme-AD"), book(promotional_affix="*-AD"), PROMOTION, Grade.COMPLIANT),
    "a mark where only letters and digits are listed": (
        name("AD-Acme"),
        book(promotional_affix="AD-*", alpha_characters=""),
        PROMOTION,
        Grade.COMPLIANT,
    ),
    "a mark within": (name("AcmeAD"), book(promotional_affix="*AD*"), PROMOTION, Grade.COMPLIANT),
    "no mark on what is no promotion": (name(), book(promotional_affix="AD-*"), {}, Grade.COMPLIANT),
    "no mark on a number": (number(), book(promotional_affix="AD-*"), PROMOTION, Grade.COMPLIANT),
    "promotion from a registered name": (
        name(registrations=registered()),
        book(promotional_allowed=Permission.REGISTRATION),
        PROMOTION,
        Grade.COMPLIANT,
    ),
    "promotion from a number where names may not": (
        number(),
        book(promotional_allowed=Permission.NO),
        PROMOTION,
        Grade.COMPLIANT,
    ),
    "a name that merely contains a word that must be whole": (
        name("MesColis"),
        book(generic_senders_blocked=True, generic_words=("COLIS",)),
        {},
        Grade.COMPLIANT,
    ),
    "a registered name with a generic word within": (
        name("MyInfos", registrations=registered()),
        book(generic_senders_blocked=True, generic_words=("*INFO*",)),
        {},
        Grade.COMPLIANT,
    ),
    "registered where sources contradict each other": (
        name(registrations=registered()),
        book(rule(ALPHA, certainty=Certainty.LOW)),
        {},
        Grade.COMPLIANT,
    ),
    "generic name where nobody minds": (name("INFO"), book(), {}, Grade.COMPLIANT),
    "own country where foreign is blocked": (number(), HOME_ONLY, {}, Grade.COMPLIANT),
    "sender country on the list": (
        number("+64210000000", country="NZ"),
        book(rule(LONGCODE, only_sender_countries=("NZ", "US"))),
        {},
        Grade.COMPLIANT,
    ),
    "registered": (name(registrations=registered()), MUST_REGISTER, {}, Grade.COMPLIANT),
    "registered from this moment": (name(registrations=registered(valid_from=NOW)), MUST_REGISTER, {}, Grade.COMPLIANT),
    "one registration over, one in date": (
        name(registrations=registered(valid_until=NOW) + registered(valid_from=NOW)),
        MUST_REGISTER,
        {},
        Grade.COMPLIANT,
    ),
    "labelled without registration": (name(), LABELS_UNREGISTERED, {}, Grade.ALTERED),
    "altered": (name(), book(rule(ALPHA, RuleStatus.ALTERED)), {}, Grade.ALTERED),
    "registered, altered forbidden": (
        name(registrations=registered()),
        LABELS_UNREGISTERED,
        {"policy": FORBID_ALTERED},
        Grade.COMPLIANT,
    ),
    "MMS": (number(mms=True), book(mms=True), {"product": Product.MMS}, Grade.COMPLIANT),
    "MMS where nobody knows, local": (number(mms=True), book(), {"product": Product.MMS}, Grade.UNKNOWN),
    "reply to a number": (number(), book(two_way_long_code=True), {"reply_expected": True}, Grade.COMPLIANT),
    "reply to a short code where long codes are one-way": (
        number("12345", sender_type=SenderType.SHORTCODE),
        book(two_way_long_code=False),
        {"reply_expected": True},
        Grade.COMPLIANT,
    ),
    "no reply expected where long codes are one-way": (number(), book(two_way_long_code=False), {}, Grade.COMPLIANT),
    "link that the type may carry where others may not": (
        number(),
        book(rule(LONGCODE, url_allowed=Permission.YES), url_allowed=Permission.NO),
        LINK,
        Grade.COMPLIANT,
    ),
    "link of a registered sender": (
        number(registrations=registered()),
        book(url_allowed=Permission.REGISTRATION),
        LINK,
        Grade.COMPLIANT,
    ),
    "link where nothing is said": (number(), None, LINK, Grade.COMPLIANT),
    "no link where there may be none": (number(), book(url_allowed=Permission.NO), {}, Grade.COMPLIANT),
    "its own class of traffic": (
        number(traffic_classes=frozenset({TrafficClass.OTP})),
        None,
        {"traffic_class": TrafficClass.OTP},
        Grade.COMPLIANT,
    ),
}


@pytest.mark.parametrize("label", REFUSED)
def test_it_refuses_a_sender_with_code_and_words(label: str) -> None:
    sender, rules, wanted, code, words = REFUSED[label]
    candidate = fate(ask([sender], rules, **wanted), sender.sender_id)
    assert (candidate.rejected, candidate.rank) == (code, None)
    assert words in candidate.detail


@pytest.mark.parametrize("label", ACCEPTED)
def test_it_accepts_a_sender_with_its_grade(label: str) -> None:
    sender, rules, wanted, grade = ACCEPTED[label]
    decision = ask([sender], rules, **wanted)
    candidate = fate(decision, sender.sender_id)
    assert (candidate.rejected, candidate.rank, candidate.grade) == (None, 1, grade)
    assert decision.sender == sender


UNKNOWN = {
    "local number": number(),
    "local short code": number("12345", sender_type=SenderType.SHORTCODE),
    "foreign number": number("+44700000000", country="GB"),
    "name": name(country="AU"),
    "shared number": pool(),
}
ADMITTED = {
    UnknownRule.FORBID: set[str](),
    UnknownRule.LOCAL: {"local number", "local short code"},
    UnknownRule.ALLOW: set(UNKNOWN),
}


@pytest.mark.parametrize("silence", ["no rule", "rule unknown"])
@pytest.mark.parametrize("policy", UnknownRule)
def test_it_obeys_the_policy_where_the_data_says_nothing(policy: UnknownRule, silence: str) -> None:
    status = RuleStatus.UNKNOWN
    rules = (
        RuleBook("test-1", {"AU": ()}) if silence == "no rule" else book(*(rule(each, status) for each in SenderType))
    )
    decisions = {label: ask([sender], rules, policy=Policy(unknown_rule=policy)) for label, sender in UNKNOWN.items()}
    assert {label for label, decision in decisions.items() if decision.sender} == ADMITTED[policy]
    assert {d.candidates[0].rejected for d in decisions.values() if not d.sender} <= {Rejection.RULE_UNKNOWN}


def test_it_asks_the_filters_in_the_order_of_the_contract() -> None:
    assert [each.code for each in FILTERS] == [
        Rejection.NOT_OWNED,
        Rejection.NOT_ACTIVE,
        Rejection.MALFORMED,
        Rejection.NAME_TOO_LONG,
        Rejection.NAME_TOO_SHORT,
        Rejection.NAME_FORM,
        Rejection.NAME_GENERIC,
        Rejection.RULE_UNKNOWN,
        Rejection.SENDER_COUNTRY_NOT_ALLOWED,
        Rejection.TYPE_BLOCKED,
        Rejection.NOT_REGISTERED,
        Rejection.ALTERED_FORBIDDEN,
        Rejection.PRODUCT_NOT_SUPPORTED,
        Rejection.NO_REPLIES,
        Rejection.TRAFFIC_CLASS_NOT_ALLOWED,
        Rejection.PROMOTION_NOT_ALLOWED,
        Rejection.PROMOTIONAL_AFFIX,
        Rejection.CONTENT_NOT_ALLOWED,
    ]


def test_it_names_the_first_of_several_failings() -> None:
    sender = name("INFO", account_id="rival", status=SenderStatus.SUSPENDED)
    rules = book(rule(ALPHA, RuleStatus.BLOCKED), generic_senders_blocked=True)
    assert fate(ask([sender], rules), "INFO").rejected is Rejection.NOT_OWNED


def test_it_knows_only_generic_names_that_a_sender_could_have() -> None:
    assert [each for each in sorted(GENERIC_NAMES) if form_error(ALPHA, each)] == []
    assert generic_word("Verify", ()) == "VERIFY"
    assert generic_word("Verifone", ()) is None


def test_it_reads_ascension_by_the_rules_of_saint_helena() -> None:
    rules = RuleBook.of("test-1", [rule(LONGCODE, RuleStatus.REGISTRATION_REQUIRED, country="SH")])
    sender = number("+29022222", country="SH", registrations=registered("SH"))
    decision = ask([sender], rules, country="AC", policy=Policy(InvalidOverride.PARK))
    assert (decision.sender, decision.reason) == (sender, "LOCAL_DEDICATED")
