"""The decision order, step by step; single filters are in test_screening.py, single ranking steps in test_ranking.py."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import pytest

from core.content.inspection import Content
from core.engine.country_profile import Permission
from core.engine.country_rules import Grade, RuleBook, RuleStatus, SenderOrigin
from core.engine.decide import decide
from core.engine.decision import (
    AlteredSenders,
    Decision,
    DefaultSender,
    Facts,
    InvalidOverride,
    Policy,
    Rejection,
    Request,
    SenderRef,
)
from core.engine.explanation import explanation
from core.sender import Product, RegistrationStatus, Sender, SenderStatus, SenderType, TrafficClass
from tests.support.worlds import DAY, NOW, ask, book, chosen, default, fate, name, number, pool, registered, rule

PARK = Policy(invalid_override=InvalidOverride.PARK)
SHARED = SenderRef(None, SenderType.SHARED_LONGCODE)
GOOD, SECOND = number("+61400000001"), number("+61400000002")
SUSPENDED = number("+61400000003", status=SenderStatus.SUSPENDED)
RIVALS = number("+61400000004", account_id="rival")
FOREIGN = number("+447000000005", country="GB")
ONE_WAY = number("+61400000006", two_way=False)
NO_MMS = number("+61400000007")
MMS = number("+61400000008", mms=True)
ALTERED_NAMES = book(
    *(rule(each) for each in SenderType if each not in (SenderType.ALPHA_TAG, SenderType.LONGCODE)),
    rule(SenderType.LONGCODE, RuleStatus.ALLOWED, SenderOrigin.DOMESTIC),
    rule(SenderType.LONGCODE, RuleStatus.BLOCKED, SenderOrigin.FOREIGN),
    rule(SenderType.ALPHA_TAG, RuleStatus.ALTERED),
    mms=True,
)


def ref(sender: Sender) -> SenderRef:
    return SenderRef(sender.sender_id)


def test_it_takes_the_local_dedicated_number_before_a_compliant_shared_one() -> None:
    """The product's own example."""
    shared, dedicated = pool(trust=100), number(trust=1)
    for senders in ([shared, dedicated], [dedicated, shared]):
        decision = ask(senders)
        assert (decision.sender, decision.source, decision.reason) == (dedicated, "smart", "LOCAL_DEDICATED")
        assert fate(decision, shared.sender_id).rejected is Rejection.DEDICATED_AVAILABLE


SMART = {
    "registered name": (name(registrations=registered()), "REGISTERED_NAME"),
    "name": (name(), "NAME"),
    "local dedicated": (number(), "LOCAL_DEDICATED"),
    "foreign dedicated": (number("+44700000000", country="GB"), "FOREIGN_DEDICATED"),
    "local shared": (pool(), "LOCAL_SHARED"),
    "foreign shared": (pool("+44700000000", country="GB"), "FOREIGN_SHARED"),
    "shared without a number": (pool(None, country=None), "FOREIGN_SHARED"),
}


@pytest.mark.parametrize("label", SMART)
def test_it_says_in_one_code_why_it_chose(label: str) -> None:
    sender, reason = SMART[label]
    decision = ask([sender])
    assert (decision.sender, decision.source, decision.reason) == (sender, "smart", reason)
    assert (decision.park, decision.warnings, decision.grade) == (None, (), Grade.COMPLIANT)


def test_it_keeps_the_shared_number_where_the_dedicated_one_is_only_altered() -> None:
    decision = ask([pool(), name()], ALTERED_NAMES)
    assert (chosen(decision), fate(decision, "Acme").rank) == ("+61400000099", 2)


def test_it_prefers_any_dedicated_compliant_sender_even_to_a_better_ranked_shared_one() -> None:
    foreign = number("+44700000000", country="GB", trust=0)
    decision = ask([pool(registrations=registered()), foreign])
    assert decision.sender == foreign


# -- steps 1 to 3 -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Named:
    """Who is named, what the account holds, and what should come of it: sender, source, warnings or parking code."""

    asked: dict[str, Any]
    senders: tuple[Sender, ...]
    sender: str | None
    source: str | None
    warnings: tuple[str, ...] = ()
    park: str | None = None
    rules: RuleBook | None = None


def explicit(sender: Sender, **more: Any) -> dict[str, Any]:
    return {"explicit": ref(sender), **more}


def sub(*defaults: DefaultSender, borrow: bool = True, **more: Any) -> dict[str, Any]:
    borrowed = frozenset({"acme"}) if borrow else frozenset()
    return {"subaccount_id": "acme-nz", "borrowed_from": borrowed, "defaults": defaults, **more}


#: What is the same under both values of INVALID_OVERRIDE.
ACCEPTED = {
    "explicit before the better ranked": Named(explicit(SECOND), (GOOD, SECOND), SECOND.sender_id, "explicit"),
    "explicit without the plus": Named(
        {"explicit": SenderRef("61400000002")}, (GOOD, SECOND), "+61400000002", "explicit"
    ),
    "explicit before override": Named(explicit(SECOND, override=ref(GOOD)), (GOOD, SECOND), "+61400000002", "explicit"),
    "override before default": Named(
        {"override": ref(SECOND), "defaults": (default(ref(GOOD)),)}, (GOOD, SECOND), "+61400000002", "override"
    ),
    "default before the better ranked": Named(
        {"defaults": (default(ref(SECOND)),)}, (GOOD, SECOND), "+61400000002", "default"
    ),
    "the sub-account's default before the account's": Named(
        sub(default(ref(SECOND), account_id="acme-nz"), default(ref(GOOD))), (GOOD, SECOND), "+61400000002", "default"
    ),
    "the account's default for its sub-account": Named(
        sub(default(ref(SECOND))), (GOOD, SECOND), "+61400000002", "inherited_default"
    ),
    "a default for another country": Named(
        {"defaults": (default(ref(SECOND), country="NZ"),)}, (GOOD, SECOND), "+61400000001", "smart"
    ),
    "a default for another product": Named(
        {"defaults": (default(ref(SECOND), product=Product.MMS),)}, (GOOD, SECOND), "+61400000001", "smart"
    ),
    "a default without strategies": Named({"defaults": (default(),)}, (GOOD,), "+61400000001", "smart"),
    "an explicit sender without a name": Named({"explicit": SenderRef("")}, (GOOD, pool()), "+61400000001", "smart"),
    "a shared number, though a dedicated one is held": Named(
        explicit(pool()), (GOOD, pool()), "+61400000099", "explicit"
    ),
    "the shared numbers as a default": Named(
        {"defaults": (default(SHARED),)}, (GOOD, pool()), "+61400000099", "default"
    ),
    "the shared pool without a number": Named({"override": SHARED}, (GOOD, pool(None)), None, "override"),
    "one text, two types, the type given": Named(
        {"explicit": SenderRef("61400", SenderType.SHORTCODE)},
        (number("61400"), number("61400", sender_type=SenderType.SHORTCODE, trust=0)),
        "61400",
        "explicit",
    ),
    "the country given": Named(
        {"explicit": SenderRef("+44700000000", None, "GB")},
        (GOOD, number("+44700000000", country="GB")),
        "+44700000000",
        "explicit",
    ),
    "a name that has no country, the country given": Named(
        {"explicit": SenderRef("Acme", None, "AU")}, (GOOD, name()), "Acme", "explicit"
    ),
    "altered, and nothing compliant is held": Named(
        explicit(name()),
        (name(), name("Other", trust=90)),
        "Acme",
        "explicit",
        ("SENDER_ALTERED",),
        rules=ALTERED_NAMES,
    ),
}

#: label: who is named, what is held, what else is asked for, the cause in the warning, the parking code
UNFIT: dict[str, tuple[Sender, tuple[Sender, ...], dict[str, Any], str, str]] = {
    "is in no inventory": (RIVALS, (GOOD,), {}, "NOT_OWNED", "SENDER_NOT_OWNED"),
    "is another account's": (RIVALS, (GOOD, RIVALS), {}, "NOT_OWNED", "SENDER_NOT_OWNED"),
    "is suspended": (SUSPENDED, (GOOD, SUSPENDED), {}, "NOT_ACTIVE", "SENDER_NOT_ACTIVE"),
    "is from a country refused": (FOREIGN, (GOOD, FOREIGN), {}, "NOT_COMPLIANT", "SENDER_NOT_COMPLIANT"),
    "is altered, and a compliant one is held": (name(), (GOOD, name()), {}, "NOT_COMPLIANT", "SENDER_NOT_COMPLIANT"),
    "cannot receive": (ONE_WAY, (GOOD, ONE_WAY), {"reply_expected": True}, "NOT_COMPLIANT", "NO_SENDER_FOR_REPLIES"),
    "carries no MMS": (NO_MMS, (MMS, NO_MMS), {"product": Product.MMS}, "NOT_COMPLIANT", "NO_SENDER_FOR_PRODUCT"),
    "is for other traffic": (
        number("+61900000000", traffic_classes=frozenset({TrafficClass.OTP})),
        (GOOD, number("+61900000000", traffic_classes=frozenset({TrafficClass.OTP}))),
        {},
        "NOT_COMPLIANT",
        "SENDER_NOT_COMPLIANT",
    ),
}


def check(case: Named, policy: Policy) -> Decision:
    decision = ask(case.senders, case.rules, policy=policy, **case.asked)
    assert (chosen(decision), decision.source, decision.warnings, decision.park) == (
        case.sender,
        case.source,
        case.warnings,
        case.park,
    )
    return decision


@pytest.mark.parametrize("policy", [Policy(), PARK], ids=["revert", "park"])
@pytest.mark.parametrize("label", ACCEPTED)
def test_it_takes_the_first_that_is_named_and_fit(label: str, policy: Policy) -> None:
    check(ACCEPTED[label], policy)


def naming(step: str, sender: Sender, more: dict[str, Any]) -> dict[str, Any]:
    named = SenderRef(sender.sender_id)
    product = more.get("product", Product.SMS)
    defaults = {"defaults": (default(named, product=product),)}
    return (defaults if step == "default" else {step: named}) | more


@pytest.mark.parametrize("step", ["explicit", "override", "default"])
@pytest.mark.parametrize("label", UNFIT)
def test_it_reverts_with_a_warning_where_the_named_sender(label: str, step: str) -> None:
    sender, senders, more, cause, _ = UNFIT[label]
    warning = f"{'DEFAULT' if step == 'default' else 'OVERRIDE'}_{cause}_REVERTED"
    wanted = Named(naming(step, sender, more), senders, senders[0].sender_id, "smart", (warning,), rules=ALTERED_NAMES)
    decision = check(wanted, Policy())
    assert f"{sender.sender_id}, named by the " in decision.detail


@pytest.mark.parametrize("step", ["explicit", "override", "default"])
@pytest.mark.parametrize("label", UNFIT)
def test_it_parks_under_that_policy_where_the_named_sender(label: str, step: str) -> None:
    sender, senders, more, _, park = UNFIT[label]
    wanted = Named(naming(step, sender, more), senders, None, None, (), park, rules=ALTERED_NAMES)
    decision = check(wanted, PARK)
    assert (decision.reason, decision.grade) == (None, None)
    assert f"{sender.sender_id}, named by the " in decision.detail


UNFIT_CHAIN = {"explicit": ref(RIVALS), "override": ref(SUSPENDED)}

CHAINS = {
    "explicit fails, override is taken": Named(
        {"explicit": ref(RIVALS), "override": ref(SECOND)},
        (GOOD, SECOND),
        "+61400000002",
        "override",
        ("OVERRIDE_NOT_OWNED_REVERTED",),
    ),
    "explicit and override fail, the default is taken": Named(
        {**UNFIT_CHAIN, "defaults": (default(ref(SECOND)),)},
        (GOOD, SECOND, SUSPENDED),
        "+61400000002",
        "default",
        ("OVERRIDE_NOT_OWNED_REVERTED", "OVERRIDE_NOT_ACTIVE_REVERTED"),
    ),
    "all named fail, smart decides": Named(
        {**UNFIT_CHAIN, "defaults": (default(ref(RIVALS), ref(SUSPENDED)),)},
        (GOOD, SUSPENDED),
        "+61400000001",
        "smart",
        (
            "OVERRIDE_NOT_OWNED_REVERTED",
            "OVERRIDE_NOT_ACTIVE_REVERTED",
            "DEFAULT_NOT_OWNED_REVERTED",
            "DEFAULT_NOT_ACTIVE_REVERTED",
        ),
    ),
    "the sub-account's default fails, the account's is taken": Named(
        sub(default(ref(SUSPENDED), account_id="acme-nz"), default(ref(SECOND))),
        (GOOD, SECOND, SUSPENDED),
        "+61400000002",
        "inherited_default",
        ("DEFAULT_NOT_ACTIVE_REVERTED",),
    ),
    "the account's default is not to be borrowed": Named(
        sub(default(ref(GOOD)), borrow=False),
        (GOOD, pool()),
        "+61400000099",
        "smart",
        ("DEFAULT_NOT_OWNED_REVERTED",),
    ),
    "the same warning once": Named(
        {"defaults": (default(ref(RIVALS), SenderRef("NOBODY")),)},
        (GOOD,),
        "+61400000001",
        "smart",
        ("DEFAULT_NOT_OWNED_REVERTED",),
    ),
    "all fail, and nothing fits": Named(
        {"explicit": ref(SUSPENDED)}, (SUSPENDED,), None, None, ("OVERRIDE_NOT_ACTIVE_REVERTED",), "NO_COMPLIANT_SENDER"
    ),
}


@pytest.mark.parametrize("label", CHAINS)
def test_it_reverts_step_by_step(label: str) -> None:
    check(CHAINS[label], Policy())


@pytest.mark.parametrize("policy", [Policy(), PARK], ids=["revert", "park"])
def test_it_takes_the_second_strategy_with_a_warning_for_the_first(policy: Policy) -> None:
    asked = {"defaults": (default(ref(SUSPENDED), ref(SECOND)),)}
    check(Named(asked, (GOOD, SECOND, SUSPENDED), "+61400000002", "default", ("DEFAULT_NOT_ACTIVE_REVERTED",)), policy)


def test_it_parks_for_the_reason_of_the_first_strategy() -> None:
    asked = {"defaults": (default(ref(SUSPENDED), ref(RIVALS)),)}
    check(Named(asked, (GOOD, SUSPENDED), None, None, (), "SENDER_NOT_ACTIVE"), PARK)


def test_it_parks_before_it_asks_the_next_step() -> None:
    asked = {"explicit": ref(RIVALS), "override": ref(GOOD)}
    check(Named(asked, (GOOD,), None, None, (), "SENDER_NOT_OWNED"), PARK)


def test_it_takes_the_best_ranked_of_several_under_one_name() -> None:
    short, long = number("61400", sender_type=SenderType.SHORTCODE), number("61400")
    for senders in ([short, long], [long, short]):
        assert ask(senders, explicit=SenderRef("61400")).sender == short


def test_it_lets_the_one_that_came_furthest_speak_for_several_under_one_name() -> None:
    mine, theirs = number(status=SenderStatus.SUSPENDED), number(account_id="rival")
    assert ask([theirs, mine], policy=PARK, explicit=ref(mine)).park == "SENDER_NOT_ACTIVE"


#: label: the names held, the name asked for, the one that goes out
SPELLINGS: dict[str, tuple[list[Sender], str, str]] = {
    "found whatever its case": ([name("Acme")], "ACME", "Acme"),
    "as asked for, where both are held": ([name("ACME"), name("Acme", trust=100)], "ACME", "ACME"),
    "the registered one, where both are held": (
        [name("ACME"), name("Acme", registrations=registered())],
        "ACME",
        "Acme",
    ),
    "the one that is left": ([name("ACME", status=SenderStatus.SUSPENDED), name("Acme")], "ACME", "Acme"),
    "with blanks around it": ([name("Acme")], " acme ", "Acme"),
}


@pytest.mark.parametrize("label", SPELLINGS)
def test_it_sends_a_name_as_it_is_registered(label: str) -> None:
    held, asked, goes_out = SPELLINGS[label]
    for senders in permutations([*held, GOOD]):
        decision = ask(senders, explicit=SenderRef(asked), policy=PARK)
        assert (chosen(decision), decision.source) == (goes_out, "explicit")


#: How one number is written, with the country that whoever names it gives.
NUMBERS = [
    ("+61491570006", None),
    ("+61 491 570 006", None),
    ("+61\u202f491\u2007570\u00a0006", None),
    ("0061491570006", None),
    ("61491570006", None),
    ("0491570006", None),
    ("0491 570 006", None),
    ("0491570006", "AU"),
    ("61491570006", "AU"),
    ("+61 (0) 491 570 006", "AU"),
]


@pytest.mark.parametrize(("text", "country"), NUMBERS)
@pytest.mark.parametrize("by", ["explicit", "override", "default"])
def test_it_takes_every_spelling_of_a_number_for_one_sender(text: str, country: str | None, by: str) -> None:
    ref = SenderRef(text, SenderType.LONGCODE, country)
    named: dict[str, Any] = {"defaults": (default(ref),)} if by == "default" else {by: ref}
    decision = ask([number("+61491570006"), number("+61491570007", trust=100), name()], policy=PARK, **named)
    assert (chosen(decision), decision.source) == ("+61491570006", by)


#: label: a text that names none of a number of AU, one of SG and a short code, and the country given
OTHER_NUMBERS: dict[str, tuple[str, str | None]] = {
    "another number": ("+61491570007", None),
    "too short": ("12", None),
    "the end of one": ("570006", None),
    "a national number of another country": ("0491570006", "NZ"),
    "another country": ("+61491570006", "SG"),
    "a short code with blanks": ("61 400", None),
    "two numbers": ("+61491570006, +6581234567", None),
}


@pytest.mark.parametrize("label", OTHER_NUMBERS)
def test_it_takes_no_other_text_for_a_number(label: str) -> None:
    text, country = OTHER_NUMBERS[label]
    held = [
        number("+61491570006"),
        number("+6581234567", country="SG"),
        number("61400", sender_type=SenderType.SHORTCODE),
    ]
    decision = ask(held, explicit=SenderRef(text, None, country))
    assert decision.warnings == ("OVERRIDE_NOT_OWNED_REVERTED",)


def test_it_guesses_no_country_for_a_national_number_that_is_held_in_two() -> None:
    # 0212345678 is a number of New Zealand and of France.
    held = [number("+64212345678", country="NZ"), number("+33212345678", country="FR")]
    assert ask(held, explicit=SenderRef("0212345678")).warnings == ("OVERRIDE_NOT_OWNED_REVERTED",)
    assert chosen(ask(held, explicit=SenderRef("0212345678", None, "NZ"))) == "+64212345678"


def test_it_does_not_take_another_type_for_the_one_that_is_named() -> None:
    decision = ask([GOOD], explicit=SenderRef(GOOD.sender_id, SenderType.TOLLFREE))
    assert decision.warnings == ("OVERRIDE_NOT_OWNED_REVERTED",)


def test_it_does_not_take_a_number_of_another_country_for_the_one_that_is_named() -> None:
    decision = ask([GOOD], explicit=SenderRef(GOOD.sender_id, None, "NZ"))
    assert decision.warnings == ("OVERRIDE_NOT_OWNED_REVERTED",)


def test_it_lists_a_named_sender_that_is_in_no_inventory_once() -> None:
    ghost = SenderRef("Ghost")
    decision = ask([GOOD], explicit=ghost, override=ghost)
    candidate = decision.candidates[-1]
    assert (candidate.sender_id, candidate.sender_type, candidate.rejected) == ("Ghost", None, Rejection.NOT_OWNED)
    assert len(decision.candidates) == 2


def test_it_shows_why_a_named_altered_sender_was_passed_over() -> None:
    decision = ask([GOOD, name(), name("Other")], ALTERED_NAMES, explicit=SenderRef("Acme"))
    assert fate(decision, "Acme").rejected is Rejection.COMPLIANT_AVAILABLE
    assert (fate(decision, GOOD.sender_id).rank, fate(decision, "Other").rank) == (1, 2)


def test_it_ranks_all_whoever_is_named() -> None:
    decision = ask([GOOD, SECOND], explicit=ref(SECOND))
    assert [(c.sender_id, c.rank) for c in decision.candidates] == [("+61400000001", 1), ("+61400000002", 2)]


def test_it_uses_a_named_sender_of_which_nothing_is_known_though_compliant_ones_are_held() -> None:
    rules = book(rule(SenderType.LONGCODE, RuleStatus.UNKNOWN), rule(SenderType.SHARED_LONGCODE))
    decision = ask([GOOD, pool()], rules, explicit=ref(GOOD))
    assert (chosen(decision), decision.grade, decision.warnings) == (GOOD.sender_id, Grade.COMPLIANT, ("RULE_UNKNOWN",))
    assert fate(decision, GOOD.sender_id).grade is Grade.UNKNOWN


# -- nothing fits -------------------------------------------------------------------------------------------------------

LINK = Content(has_url=True)
NO_LINKS = book(url_allowed=Permission.NO)

NOTHING: dict[str, tuple[tuple[Sender, ...], RuleBook | None, dict[str, Any], str]] = {
    "no sender at all": ((), None, {}, "NO_COMPLIANT_SENDER"),
    "all refused": ((SUSPENDED, RIVALS), None, {}, "NO_COMPLIANT_SENDER"),
    "only the reply is in the way": ((ONE_WAY, SUSPENDED), None, {"reply_expected": True}, "NO_SENDER_FOR_REPLIES"),
    "more than the reply is in the way": ((SUSPENDED,), None, {"reply_expected": True}, "NO_COMPLIANT_SENDER"),
    "only the product is in the way": ((NO_MMS,), None, {"product": Product.MMS}, "NO_SENDER_FOR_PRODUCT"),
    "the country takes no MMS": ((MMS,), book(mms=False), {"product": Product.MMS}, "NO_SENDER_FOR_PRODUCT"),
    "MMS to a country of which nothing is known": (
        (number("+44700000000", country="GB", mms=True),),
        None,
        {"product": Product.MMS},
        "NO_SENDER_FOR_PRODUCT",
    ),
    "product and reply are in the way": (
        (ONE_WAY,),
        book(mms=True),
        {"product": Product.MMS, "reply_expected": True},
        "NO_SENDER_FOR_PRODUCT",
    ),
    "only the content is in the way": ((GOOD,), NO_LINKS, {"content": LINK}, "CONTENT_NOT_ALLOWED"),
    "more than the content is in the way": ((SUSPENDED,), NO_LINKS, {"content": LINK}, "NO_COMPLIANT_SENDER"),
    "content and reply are in the way": (
        (ONE_WAY,),
        NO_LINKS,
        {"content": LINK, "reply_expected": True},
        "NO_COMPLIANT_SENDER",
    ),
    "content of a named sender, where the policy is to park": (
        (GOOD,),
        NO_LINKS,
        {"content": LINK, "explicit": ref(GOOD), "policy": PARK},
        "CONTENT_NOT_ALLOWED",
    ),
    "altered and forbidden": (
        (name(),),
        ALTERED_NAMES,
        {"policy": Policy(altered_senders=AlteredSenders.FORBID)},
        "NO_COMPLIANT_SENDER",
    ),
}


@pytest.mark.parametrize("label", NOTHING)
def test_it_parks_with_the_requirement_that_is_in_the_way(label: str) -> None:
    senders, rules, asked, park = NOTHING[label]
    decision = ask(senders, rules, **asked)
    assert (decision.sender, decision.park, decision.source, decision.reason) == (None, park, None, None)
    assert all(candidate.rejected for candidate in decision.candidates)


def test_it_passes_over_a_sender_that_may_not_carry_a_link_and_says_so() -> None:
    rules = book(url_allowed=Permission.REGISTRATION)
    mine = replace(SECOND, registrations=registered())
    decision = ask([GOOD, mine], rules, content=LINK, explicit=ref(GOOD))
    assert (chosen(decision), decision.warnings) == (SECOND.sender_id, ("OVERRIDE_NOT_COMPLIANT_REVERTED",))
    document = explanation(decision)
    assert document["content"] == {"has_url": True, "has_shortener": False, "has_phone": False}
    assert "SMS with a link to AU" in str(document["sentence"])


def test_it_decides_as_before_where_a_text_holds_nothing() -> None:
    plain = ask([GOOD])
    assert "content" not in explanation(plain)
    assert ask([GOOD], NO_LINKS).sender == plain.sender
    assert ask([GOOD], content=LINK).decision_id != plain.decision_id


def test_it_uses_altered_where_nothing_compliant_exists_and_warns() -> None:
    decision = ask([name()], ALTERED_NAMES)
    assert (decision.grade, decision.reason, decision.warnings) == (Grade.ALTERED, "NAME", ("SENDER_ALTERED",))


def test_it_parks_a_country_without_rules_whatever_the_sender() -> None:
    decision = ask([GOOD, RIVALS], country="ZZ", explicit=ref(GOOD))
    assert (decision.sender, decision.park) == (None, "UNKNOWN_COUNTRY")
    assert fate(decision, GOOD.sender_id).rejected is Rejection.RULE_UNKNOWN
    assert fate(decision, RIVALS.sender_id).rejected is Rejection.NOT_OWNED


# -- validity and name --------------------------------------------------------------------------------------------------

VALID_UNTIL = {
    "nothing ends": ((GOOD,), None),
    "a sender ends": ((number(expires_at=NOW + 3 * DAY), SECOND), NOW + 3 * DAY),
    "a sender ended before": ((number(expires_at=NOW - DAY), SECOND), None),
    "an own number ends a year after its activation": (
        (number(sender_type=SenderType.OWN_NUMBER, activated_at=NOW - 364 * DAY),),
        NOW + DAY,
    ),
    "a registration ends": ((name(registrations=registered(valid_until=NOW + 5 * DAY)),), NOW + 5 * DAY),
    "a registration begins": ((name(registrations=registered(valid_from=NOW + 2 * DAY)),), NOW + 2 * DAY),
    "a registration elsewhere ends": ((name(registrations=registered("NZ", valid_until=NOW + DAY)),), None),
    "a pending registration has dates": (
        (name(registrations=registered(status=RegistrationStatus.PENDING, valid_until=NOW + DAY)),),
        NOW + DAY,
    ),
    "the earliest counts": (
        (number(expires_at=NOW + 3 * DAY), name(registrations=registered(valid_until=NOW + 2 * DAY))),
        NOW + 2 * DAY,
    ),
}


@pytest.mark.parametrize("label", VALID_UNTIL)
def test_it_holds_until_something_begins_or_ends(label: str) -> None:
    senders, until = VALID_UNTIL[label]
    assert ask(senders).valid_until == until


def test_it_changes_its_mind_at_the_boundary_of_a_rule() -> None:
    """Australia's registry: an unregistered name is plain until the day, labelled from then on."""
    rules = book(
        rule(SenderType.ALPHA_TAG, effective_until=NOW),
        rule(SenderType.ALPHA_TAG, RuleStatus.REGISTRATION_REQUIRED, unregistered=Grade.ALTERED, effective_from=NOW),
    )
    before = ask([name()], rules, now=NOW - DAY)
    after = ask([name()], rules, now=NOW)
    assert (before.grade, before.valid_until) == (Grade.COMPLIANT, NOW)
    assert (after.grade, after.valid_until) == (Grade.ALTERED, None)


DIFFERENT: dict[str, dict[str, Any]] = {
    "account": {"account_id": "platform"},
    "product": {"product": Product.MMS},
    "traffic class": {"traffic_class": TrafficClass.OTP},
    "reply expected": {"reply_expected": True},
    "explicit": {"explicit": ref(GOOD)},
    "senders": {"senders": (GOOD,)},
    "rules version": {"rules": replace(book(), version="test-2")},
    "validity": {"senders": (replace(GOOD, expires_at=NOW + DAY), SECOND)},
}


def test_it_names_decisions_apart_by_their_content() -> None:
    asked: list[dict[str, Any]] = [{}, *DIFFERENT.values()]
    decisions = [ask(**({"senders": (GOOD, SECOND)} | each)) for each in asked]
    assert len({decision.decision_id for decision in decisions}) == len(asked)


def test_it_names_like_decisions_alike() -> None:
    decision = ask([GOOD, SECOND])
    assert decision == ask([SECOND, GOOD], now=NOW + DAY)
    assert re.fullmatch("dec_[0-9a-f]{32}", decision.decision_id)


def test_it_answers_with_the_request_and_the_version_of_the_rules() -> None:
    request = Request("acme", None, "AU")
    decision = decide(request, Facts((GOOD,)), book(), Policy(), NOW)
    assert (decision.request, decision.rules_version) == (request, "test-1")
