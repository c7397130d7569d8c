from __future__ import annotations

import json
from datetime import timedelta, timezone

import pytest

from core.engine.country_rules import RuleStatus
from core.engine.decision import Decision, InvalidOverride, Policy, SenderRef
from core.engine.explanation import explanation, sentence
from core.sender import Product, SenderStatus, SenderType
from tests.support.worlds import DAY, NOW, ask, book, default, name, number, pool, registered, rule

PARK = Policy(invalid_override=InvalidOverride.PARK)
ALTERED = book(rule(SenderType.ALPHA_TAG, RuleStatus.ALTERED))


def test_it_tells_all_of_a_decision() -> None:
    senders = [number(trust=80, expires_at=NOW + DAY), pool(), number("+6x")]
    decision = ask(senders, explicit=SenderRef("Ghost"))
    assert explanation(decision) == {
        "decision_id": decision.decision_id,
        "sender": {"sender_id": "+61400000001", "sender_type": "longcode", "sender_country_code": "AU"},
        "account_id": "acme",
        "subaccount_id": None,
        "country": "AU",
        "product": "SMS",
        "traffic_class": "transactional",
        "reply_expected": False,
        "source": "smart",
        "grade": "compliant",
        "reason": "LOCAL_DEDICATED",
        "warnings": ["OVERRIDE_NOT_OWNED_REVERTED"],
        "rules_version": "test-1",
        "valid_until": "2026-08-02T12:00:00Z",
        "destination": {"mode": "allow", "set_by": None, "set_for": None},
        "sentence": sentence(decision),
        "alternates": [
            {
                "sender_id": "+61400000099",
                "sender_type": "shared_longcode",
                "sender_country_code": "AU",
                "grade": "compliant",
            }
        ],
        "candidates": [
            {
                "sender_id": "+61400000001",
                "sender_type": "longcode",
                "sender_country_code": "AU",
                "account_id": "acme",
                "grade": "compliant",
                "rank": 1,
                "rejected": None,
                "detail": "the only candidate that fits",
            },
            {
                "sender_id": "+6x",
                "sender_type": "longcode",
                "sender_country_code": "AU",
                "account_id": "acme",
                "grade": "compliant",
                "rank": None,
                "rejected": "MALFORMED",
                "detail": "must be 2 to 15 digits with an optional leading '+'",
            },
            {
                "sender_id": "+61400000099",
                "sender_type": "shared_longcode",
                "sender_country_code": "AU",
                "account_id": None,
                "grade": "compliant",
                "rank": None,
                "rejected": "DEDICATED_AVAILABLE",
                "detail": "shared, and the account holds a compliant dedicated sender",
            },
            {
                "sender_id": "Ghost",
                "sender_type": None,
                "sender_country_code": None,
                "account_id": None,
                "grade": "unknown",
                "rank": None,
                "rejected": "NOT_OWNED",
                "detail": "named, but in no inventory that may be used",
            },
        ],
    }


def test_it_gives_the_parking_code_as_reason_where_there_is_no_sender() -> None:
    document = explanation(ask([]))
    assert (document["sender"], document["source"], document["grade"]) == (None, None, None)
    assert document["reason"] == "NO_COMPLIANT_SENDER"


def test_it_holds_plain_json_values_only() -> None:
    document = explanation(ask([number(), name()], explicit=SenderRef("Acme"), product=Product.MMS))
    kinds = {type(value) for value in [*document.values(), *document["candidates"][0].values()]}  # type: ignore[index]
    assert kinds <= {str, int, bool, list, dict, type(None)}
    assert json.loads(json.dumps(document)) == document


def test_it_writes_times_in_utc() -> None:
    sydney = timezone(timedelta(hours=10))
    decision = ask([number(expires_at=(NOW + DAY).astimezone(sydney))])
    assert explanation(decision)["valid_until"] == "2026-08-02T12:00:00Z"


SENTENCES: dict[str, tuple[Decision, str]] = {
    "one fits": (
        ask([number()]),
        "+61400000001 sends SMS to AU, a dedicated number of AU: nothing else fits.",
    ),
    "best of several": (
        ask([number(), number("+44700000000", country="GB"), name(registrations=registered())]),
        "Acme sends SMS to AU, a name registered in AU: it is the best of 3.",
    ),
    "named by the message": (
        ask([number(), name()], explicit=SenderRef("Acme")),
        "Acme sends SMS to AU: it is named by the message.",
    ),
    "named by a default": (
        ask([number()], defaults=(default(SenderRef("+61400000001")),)),
        "+61400000001 sends SMS to AU: it is named by the default of acme.",
    ),
    "the pool has no number": (
        ask([pool(None)]),
        "the shared_longcode pool sends SMS to AU, a shared number of AU: nothing else fits.",
    ),
    "altered": (
        ask([name()], ALTERED),
        "Acme sends SMS to AU, a name, though it arrives replaced or labelled: nothing else fits.",
    ),
    "nothing is known": (
        ask([number()], book(rule(SenderType.LONGCODE, RuleStatus.UNKNOWN))),
        "+61400000001 sends SMS to AU, a dedicated number of AU, though nothing is known of the rule: nothing else fits.",
    ),
    "reverted": (
        ask([number(), name(status=SenderStatus.SUSPENDED)], explicit=SenderRef("Acme")),
        (
            "+61400000001 sends SMS to AU, a dedicated number of AU: nothing else fits; "
            "Acme, named by the message, cannot be used: status is suspended (NOT_ACTIVE)."
        ),
    ),
    "parked by policy": (
        ask([number()], explicit=SenderRef("Ghost"), policy=PARK),
        (
            "No sender for SMS to AU (SENDER_NOT_OWNED): the policy is to park a message whose named sender cannot be used; "
            "Ghost, named by the message, cannot be used: it is in no inventory that may be used (NOT_OWNED)."
        ),
    ),
    "nothing held": (ask([]), "No sender for SMS to AU (NO_COMPLIANT_SENDER): the account has no sender."),
    "nothing fits": (
        ask([number("+6x"), number("+6y"), name(status=SenderStatus.SUSPENDED)]),
        "No sender for SMS to AU (NO_COMPLIANT_SENDER): none of 3 senders fits (MALFORMED 2, NOT_ACTIVE 1).",
    ),
    "no rules": (
        ask([number()], country="ZZ"),
        "No sender for SMS to ZZ (UNKNOWN_COUNTRY): there are no rules for ZZ.",
    ),
}


@pytest.mark.parametrize("label", SENTENCES)
def test_it_says_why_in_one_sentence(label: str) -> None:
    decision, words = SENTENCES[label]
    assert sentence(decision) == words
