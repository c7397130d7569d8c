from __future__ import annotations

from itertools import permutations

import pytest

from core.engine.country_rules import Grade, RuleBook, RuleStatus, SenderOrigin
from core.engine.decision import Policy, Rejection, UnknownRule
from core.engine.ranking import RANKING
from core.sender import Evidence, Sender, SenderType
from tests.support.worlds import DAY, NOW, ask, book, chosen, fate, name, number, pool, registered, rule

LABELLED = book(
    rule(SenderType.ALPHA_TAG, RuleStatus.REGISTRATION_REQUIRED, unregistered=Grade.ALTERED),
    rule(SenderType.LONGCODE, RuleStatus.ALLOWED, SenderOrigin.DOMESTIC),
    rule(SenderType.LONGCODE, RuleStatus.ALTERED, SenderOrigin.FOREIGN),
    rule(SenderType.SHORTCODE, RuleStatus.UNKNOWN),
    rule(SenderType.SHARED_LONGCODE, RuleStatus.ALTERED),
)
TOLLFREE_FIRST = book(type_preference=(SenderType.TOLLFREE, SenderType.SHARED_LONGCODE))
SHORT, FREE, TEN = SenderType.SHORTCODE, SenderType.TOLLFREE, SenderType.TEN_DLC
OLD, NEW = NOW - 400 * DAY, NOW - DAY

#: label: the better sender, the worse one, rules, the step, the words of the worse
PAIRS: dict[str, tuple[Sender, Sender, RuleBook | None, str, str]] = {
    "compliant before altered": (number(trust=0), name(trust=100), LABELLED, "GRADE", "altered after compliant"),
    "compliant before unknown": (
        number(),
        number("12345", sender_type=SHORT),
        LABELLED,
        "GRADE",
        "unknown after compliant",
    ),
    "unknown before altered": (number("12345", sender_type=SHORT), name(), LABELLED, "GRADE", "altered after unknown"),
    "registered before local": (
        number("+44700000000", country="GB", registrations=registered()),
        number(),
        None,
        "REGISTERED",
        "not registered after registered",
    ),
    "local before type": (
        number(),
        number("12345", sender_type=SHORT, country="NZ"),
        None,
        "LOCAL",
        "foreign after local",
    ),
    "dedicated before shared, both altered": (
        name(country="AU"),
        pool(trust=100),
        LABELLED,
        "DEDICATED",
        "shared after dedicated",
    ),
    "short code before long code": (
        number("12345", sender_type=SHORT),
        number(trust=100),
        None,
        "TYPE_PREFERENCE",
        "longcode after shortcode",
    ),
    "10DLC before long code": (
        number("+61400000002", sender_type=TEN),
        number(trust=100),
        None,
        "TYPE_PREFERENCE",
        "longcode after 10DLC",
    ),
    "long code before toll-free": (
        number(),
        number("+61180000000", sender_type=FREE),
        None,
        "TYPE_PREFERENCE",
        "tollfree after longcode",
    ),
    "toll-free before own number": (
        number("+61180000000", sender_type=FREE),
        number(sender_type=SenderType.OWN_NUMBER),
        None,
        "TYPE_PREFERENCE",
        "own_number after tollfree",
    ),
    "the country's preference before the global order": (
        number("+61180000000", sender_type=FREE),
        number("12345", sender_type=SHORT, trust=100),
        TOLLFREE_FIRST,
        "TYPE_PREFERENCE",
        "shortcode after tollfree",
    ),
    "global order among the types that the country leaves out": (
        number("12345", sender_type=SHORT),
        number(trust=100),
        TOLLFREE_FIRST,
        "TYPE_PREFERENCE",
        "longcode after shortcode",
    ),
    "trusted before recent": (
        number(trust=80, purchased_at=OLD),
        number("+61400000002", trust=50, purchased_at=NEW),
        None,
        "TRUST",
        "trust 50 < 80",
    ),
    "recently bought before long held": (
        number("+61400000009", purchased_at=NEW),
        number(purchased_at=OLD),
        None,
        "RECENCY",
        "held since 2025-06-27T12:00:00Z < 2026-07-31T12:00:00Z",
    ),
    "purchase counts, not activation": (
        number("+61400000009", purchased_at=NEW),
        number(purchased_at=OLD, activated_at=NOW),
        None,
        "RECENCY",
        "held since",
    ),
    "activation counts where there is no purchase": (
        number("+61400000009", activated_at=NEW),
        number(purchased_at=OLD),
        None,
        "RECENCY",
        "held since",
    ),
    "dated before undated": (
        number("+61400000009", purchased_at=OLD),
        number(),
        None,
        "RECENCY",
        "held since an unknown date < 2025-06-27T12:00:00Z",
    ),
    "smaller id first": (
        number("+61400000000"),
        number("+61500000000"),
        None,
        "SENDER_ID",
        "+61500000000 of acme after +61400000000 of acme",
    ),
    "upper case before lower": (name("ACME"), name("Acme"), None, "SENDER_ID", "Acme of acme after ACME of acme"),
}


OWN, PARENTS, PLATFORMS = {"account_id": "acme-nz"}, {"account_id": "acme"}, {"account_id": None}

#: label: what a sub-account may use, the owners in the order of the ranking
OWNERS: dict[str, tuple[list[Sender], list[str]]] = {
    "the same number twice": ([number(**PLATFORMS), number(**OWN)], ["acme-nz", "platform"]),
    "the parent's younger number": (
        [number("+61300000000", **PARENTS, purchased_at=NEW), number("+61400000000", **OWN, purchased_at=OLD)],
        ["acme-nz", "acme"],
    ),
    "the platform's trusted number": (
        [number("+61300000000", **PLATFORMS, trust=100), number("+61400000000", **OWN)],
        ["acme-nz", "platform"],
    ),
    "the parent's short code": (
        [number("12345", sender_type=SHORT, **PARENTS), number("+61400000000", **OWN)],
        ["acme-nz", "acme"],
    ),
    "all three": (
        [number("+61100000000", **PLATFORMS), number("+61200000000", **PARENTS), number("+61300000000", **OWN)],
        ["acme-nz", "acme", "platform"],
    ),
    "none of its own": (
        [number("+61100000000", **PLATFORMS, trust=100), number("+61200000000", **PARENTS)],
        ["acme", "platform"],
    ),
    "not before local": (
        [
            number("+44700000000", country="GB", **OWN),
            number("+61200000000", **PARENTS),
            number("+61300000000", **PLATFORMS),
        ],
        ["acme", "platform", "acme-nz"],
    ),
    "not before registered": (
        [name("OWN", **OWN), name("PARENT", **PARENTS, registrations=registered())],
        ["acme", "acme-nz"],
    ),
    "not before dedicated": ([pool("+61100000000", **OWN), number("+61200000000", **PLATFORMS)], ["platform"]),
    "of shared numbers too": ([pool("+61100000000", trust=100), pool("+61200000000", **OWN)], ["acme-nz", "platform"]),
}


@pytest.mark.parametrize("label", OWNERS)
def test_it_takes_the_nearest_owner(label: str) -> None:
    held, order = OWNERS[label]
    for senders in permutations(held):
        decision = ask(senders, subaccount_id="acme-nz", borrowed_from=frozenset({"acme"}))
        assert [c.account_id or "platform" for c in decision.candidates if c.rank is not None] == order


def test_it_says_that_the_owner_decided() -> None:
    senders = [number("+61100000000", **PLATFORMS), number("+61200000000", **PARENTS), number("+61300000000", **OWN)]
    decision = ask(senders, subaccount_id="acme-nz", borrowed_from=frozenset({"acme"}))
    assert [c.detail for c in decision.candidates] == [
        "before +61200000000 (NEAREST_OWNER): the account's own before its parent's",
        "after +61300000000 (NEAREST_OWNER): its parent's after the account's own",
        "after +61200000000 (NEAREST_OWNER): the platform's after its parent's",
    ]


@pytest.mark.parametrize("label", PAIRS)
def test_it_ranks_by_the_first_step_that_tells_two_apart(label: str) -> None:
    better, worse, rules, step, words = PAIRS[label]
    for senders in permutations((better, worse)):
        decision = ask(senders, rules)
        first, second = decision.candidates
        assert decision.sender == better
        assert (first.rank, second.rank) == (1, 2)
        assert second.detail.startswith(f"after {better.sender_id} ({step}): ")
        assert words in second.detail
        assert first.detail.startswith(f"before {worse.sender_id} ({step}): ")


def test_it_calls_a_name_local_where_it_is_registered() -> None:
    abroad = number("+44700000000", country="GB", registrations=registered(), trust=100)
    decision = ask([abroad, name(registrations=registered())])
    assert (chosen(decision), fate(decision, "+44700000000").detail) == (
        "Acme",
        "after Acme (LOCAL): foreign after local",
    )


def test_it_does_not_call_a_number_local_where_it_is_registered() -> None:
    decision = ask([number("+44700000000", country="GB", registrations=registered())])
    assert decision.reason == "FOREIGN_DEDICATED"


def measured(trust: int | None, delivered: float, *, unhealthy: bool = False, messages: int = 12_400) -> Evidence:
    return Evidence(trust, unhealthy, delivered, messages, "days", NOW)


GOOD, POOR, DEAD = (
    measured(95, 97.24),
    measured(80, 81.0, messages=900),
    measured(None, 3.0, unhealthy=True, messages=60),
)


def test_it_ranks_by_measured_trust_in_the_place_of_the_inventorys() -> None:
    decision = ask([number(trust=90, evidence=POOR), number("+61400000002", trust=10, evidence=GOOD)])
    assert [c.detail for c in decision.candidates] == [
        (
            "before +61400000001 (TRUST): trust 95 > 80; delivers 97.2 % in AU over 12,400 messages of the last days, "
            "as of 2026-08-01T12:00:00Z; its equal 81.0 %"
        ),
        (
            "after +61400000002 (TRUST): trust 80 < 95; delivers 81.0 % in AU over 900 messages of the last days, "
            "as of 2026-08-01T12:00:00Z; its equal 97.2 %"
        ),
    ]


def test_it_says_what_is_measured_of_one_alone() -> None:
    first, second = ask([number(trust=90), number("+61400000002", evidence=POOR)]).candidates
    assert first.detail == "before +61400000002 (TRUST): trust 90 > 80; nothing is measured of it; its equal 81.0 %"
    assert second.detail.endswith("2026-08-01T12:00:00Z; nothing is measured of its equal")
    alone = fate(ask([number(evidence=GOOD)]), "+61400000001").detail
    assert alone.startswith("the only candidate that fits; delivers 97.2 % in AU")


def test_it_ranks_an_unhealthy_sender_behind_those_of_other_owners_and_types() -> None:
    dead = number("12345", sender_type=SHORT, trust=100, evidence=DEAD)
    decision = ask([dead, number("+61180000000", sender_type=FREE, account_id=None, trust=0)])
    assert (chosen(decision), decision.warnings) == ("+61180000000", ())
    assert "(HEALTH): unhealthy after healthy; delivers 3.0 %" in fate(decision, "12345").detail


@pytest.mark.parametrize(
    "worse",
    [number("+44700000000", country="GB"), pool(), name()],
    ids=["foreign", "shared", "altered"],
)
def test_it_ranks_an_unhealthy_sender_no_lower_than_its_equals(worse: Sender) -> None:
    rules = book(
        rule(SenderType.LONGCODE), rule(SenderType.ALPHA_TAG, RuleStatus.ALTERED), rule(SenderType.SHARED_LONGCODE)
    )
    decision = ask([worse, number(evidence=DEAD)], rules)
    assert (chosen(decision), decision.warnings) == ("+61400000001", ("SENDER_UNHEALTHY",))


def test_it_orders_even_two_rows_of_one_sender_with_other_evidence() -> None:
    twice = [number(evidence=measured(95, 95.1)), number(evidence=measured(95, 95.2))]
    assert ask(twice) == ask(twice[::-1])


def test_it_keeps_the_steps_in_the_order_of_the_contract() -> None:
    order = "GRADE REGISTERED LOCAL DEDICATED HEALTH NEAREST_OWNER TYPE_PREFERENCE TRUST RECENCY SENDER_ID"
    assert [step.code for step in RANKING] == order.split()


def test_it_tells_each_candidate_why_it_stands_behind_its_neighbour() -> None:
    decision = ask(
        [number("+61300000000", trust=10), number("+61200000000", trust=20), number("+61100000000", trust=30)]
    )
    assert [(c.sender_id, c.rank, c.detail) for c in decision.candidates] == [
        ("+61100000000", 1, "before +61200000000 (TRUST): trust 30 > 20"),
        ("+61200000000", 2, "after +61100000000 (TRUST): trust 20 < 30"),
        ("+61300000000", 3, "after +61200000000 (TRUST): trust 10 < 20"),
    ]


def test_it_says_when_there_is_nothing_to_compare() -> None:
    assert fate(ask([number()]), "+61400000001").detail == "the only candidate that fits"


def test_it_orders_even_two_rows_of_one_sender() -> None:
    twice = [number(mms=True), number(mms=False)]
    assert ask(twice) == ask(twice[::-1])


def test_it_lists_the_rejected_after_the_ranked_best_first() -> None:
    senders = [name("AB"), number("+61x", trust=1), number("+61y", trust=9), number("+61200000000")]
    listed = [(c.sender_id, c.rank, c.rejected) for c in ask(senders).candidates]
    bad = Rejection.MALFORMED
    assert listed == [("+61200000000", 1, None), ("+61y", None, bad), ("+61x", None, bad), ("AB", None, bad)]


def test_it_prefers_what_may_be_compliant_to_what_is_altered() -> None:
    rules = book(rule(SenderType.LONGCODE, RuleStatus.UNKNOWN), rule(SenderType.ALPHA_TAG, RuleStatus.ALTERED))
    decision = ask([name(), number("+44700000000", country="GB")], rules, policy=Policy(unknown_rule=UnknownRule.ALLOW))
    assert (chosen(decision), decision.grade, decision.warnings) == ("+44700000000", Grade.COMPLIANT, ("RULE_UNKNOWN",))
