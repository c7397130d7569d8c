"""Resends: decided again without what failed, with the id of their attempt, until there are too many attempts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from core.cache.verdict import ParkVerdict, Verdict, decision_verdict
from core.contract.models import EnrichedMessage
from core.encoding import encode_json
from core.engine.country_rules import RuleBook
from core.engine.decide import decide
from core.engine.decision import Facts, Policy, Request, SenderRef
from core.errors import ParkReason
from core.messages.assigner import Assigner, Outcome
from core.messages.resending import Resender
from core.sender import Sender, SenderType
from tests.support.worlds import book, number, rule

NOW = datetime(2026, 11, 28, 7, tzinfo=UTC)
SENDERS = tuple(number(f"+6140000000{n}", trust=90 - n) for n in range(1, 5))
FACTS, RULES = Facts(SENDERS), book()
NAMES = [sender.sender_id for sender in SENDERS]


class Decisions:
    """Decides by four equal numbers of acme; remembers what it was asked. `away`: SQL is."""

    def __init__(self, facts: Facts = FACTS, rules: RuleBook = RULES) -> None:
        self._facts, self._rules = facts, rules
        self.asked: list[Request] = []
        self.away = False

    def verdicts(self, requests: Iterable[Request], now: datetime) -> Mapping[Request, Verdict]:
        self.asked += requests
        return {} if self.away else {request: self._verdict(request, now) for request in self.asked}

    def _verdict(self, request: Request, now: datetime) -> Verdict:
        if request.account_id != "acme":
            return ParkVerdict(ParkReason.UNKNOWN_ACCOUNT, "there is no such account", "account_id")
        return decision_verdict(decide(request, self._facts, self._rules, Policy(), now))


@pytest.fixture
def decisions() -> Decisions:
    return Decisions()


def resender(decisions: Decisions, attempts: int = 3) -> Resender:
    return Resender(decisions, max_bytes=10_000, attempts=attempts, clock=lambda: NOW)


def dispatched(decisions: Decisions, **fields: Any) -> dict[str, Any]:
    """The first dispatch of a message."""
    message = {"message_id": "m1", "account_id": "acme", "to": "+61491570156", "body": "hello"} | fields
    assigner = Assigner(decisions, max_bytes=10_000, clock=lambda: NOW)
    (payload,) = assigner.assign([encode_json(message)]).payloads
    return json.loads(payload)  # type: ignore[no-any-return]


def resend(message: Mapping[str, Any], **fields: Any) -> bytes:
    return encode_json({"dispatch_id": message["dispatch_id"], "message": message} | fields)


def enriched(outcome: Outcome) -> dict[str, Any]:
    assert outcome.parked == []
    (payload,) = outcome.payloads
    found = json.loads(payload)
    EnrichedMessage.model_validate(found)
    assert found["dispatch_id"].encode() == outcome.dispatch_ids[0]
    assert bytes.fromhex(found["dispatch_id"]).startswith(outcome.marks[0])
    return found  # type: ignore[no-any-return]


def test_it_takes_the_next_sender_and_leaves_the_rest_as_it_was(decisions: Decisions) -> None:
    first = dispatched(decisions, custom_string="c", colour="green", campaign_id="c1")
    again = enriched(resender(decisions).assign([resend(first, reason="spam filter")]))
    changed = {"dispatch_id", "sender_id", "assignment", "assigned_at"}
    assert {k: v for k, v in again.items() if k not in changed} == {k: v for k, v in first.items() if k not in changed}
    assert (first["sender_id"], again["sender_id"]) == (NAMES[0], NAMES[1])
    assert again["sender_id"] == first["assignment"]["alternates"][0]["sender_id"]
    assignment = again["assignment"]
    assert (assignment["source"], assignment["attempt"]) == ("resend", 2)
    assert assignment["first_dispatch_id"] == first["dispatch_id"] != again["dispatch_id"]
    assert assignment["failed"] == [
        {"sender_id": NAMES[0], "sender_type": "longcode", "attempt": 1, "reason": "spam filter"}
    ]


def test_a_resend_of_a_resend_knows_all_that_failed(decisions: Decisions) -> None:
    first = dispatched(decisions)
    second = enriched(resender(decisions).assign([resend(first)]))
    third = enriched(resender(decisions).assign([resend(second)]))
    assert (third["sender_id"], third["assignment"]["attempt"]) == (NAMES[2], 3)
    assert [each["sender_id"] for each in third["assignment"]["failed"]] == NAMES[:2]
    assert third["assignment"]["first_dispatch_id"] == first["dispatch_id"]
    (parked,) = resender(decisions).assign([resend(third, reason="blocked")]).parked
    assert (parked.reason, parked.ids.message_id) == (ParkReason.NO_COMPLIANT_SENDER, "m1")
    assert parked.detail == (
        f"a message is dispatched at most 3 times; failed before: 1. {NAMES[0]}, 2. {NAMES[1]}, 3. {NAMES[2]} (blocked)"
    )


def test_a_repeat_is_a_repeat_and_another_attempt_is_none(decisions: Decisions) -> None:
    first, work = dispatched(decisions), resender(decisions, attempts=9)
    ids = [
        enriched(work.assign([resend(first, **more)]))["dispatch_id"] for more in ({}, {"attempt": 2}, {"attempt": 3})
    ]
    assert ids[0] == ids[1] != ids[2]


def test_the_sender_that_failed_may_be_named(decisions: Decisions) -> None:
    first = dispatched(decisions)
    again = enriched(resender(decisions).assign([resend(first, failed_sender_id=NAMES[1][1:])]))
    assert again["sender_id"] == NAMES[0]
    assert decisions.asked[-1].failed == (SenderRef(NAMES[1][1:]),)


def test_what_the_message_named_at_first_is_still_asked_for(decisions: Decisions) -> None:
    first = dispatched(decisions, sender_id=NAMES[3])
    assert first["assignment"]["source"] == "explicit"
    second = enriched(resender(decisions).assign([resend(first)]))
    assert (second["sender_id"], second["assignment"]["requested_sender_id"]) == (NAMES[0], NAMES[3])
    third = enriched(resender(decisions).assign([resend(second)]))
    assert (third["sender_id"], third["assignment"]["requested_sender_id"]) == (NAMES[1], NAMES[3])


def test_nobody_left_is_parked_with_the_history(decisions: Decisions) -> None:
    message = dispatched(decisions)
    work = resender(decisions, attempts=9)
    for _ in range(3):
        message = enriched(work.assign([resend(message)]))
    (parked,) = work.assign([resend(message)]).parked
    assert parked.reason is ParkReason.NO_COMPLIANT_SENDER
    assert "FAILED_BEFORE 4" in parked.detail
    assert f"failed before: 1. {NAMES[0]}, 2. {NAMES[1]}, 3. {NAMES[2]}, 4. {NAMES[3]}" in parked.detail


def test_many_that_failed_alike_share_a_decision(decisions: Decisions) -> None:
    documents = [resend(dispatched(decisions, message_id=f"m{n}")) for n in range(20)]
    decisions.asked.clear()
    assert len(resender(decisions).assign(documents).payloads) == 20
    assert len(decisions.asked) == 1


def test_while_sql_is_away_it_waits(decisions: Decisions) -> None:
    document = resend(dispatched(decisions))
    decisions.away = True
    outcome = resender(decisions).assign([document])
    assert (outcome.deferred, outcome.payloads, outcome.parked) == ([0], [], [])


BROKEN: list[tuple[dict[str, Any], ParkReason, str]] = [
    ({"dispatch_id": "other"}, ParkReason.INVALID_MESSAGE, "dispatch_id"),
    ({"dispatch_id": None}, ParkReason.INVALID_MESSAGE, "dispatch_id"),
    ({"attempt": 1}, ParkReason.INVALID_MESSAGE, "attempt"),
    ({"attempt": "2"}, ParkReason.INVALID_MESSAGE, "attempt"),
    ({"failed_sender_id": 7}, ParkReason.INVALID_MESSAGE, "failed_sender_id"),
    ({"reason": 7}, ParkReason.INVALID_MESSAGE, "reason"),
    ({"message": "m1"}, ParkReason.INVALID_MESSAGE, "message"),
    ({"message.to": None}, ParkReason.INVALID_MESSAGE, "message.to"),
    ({"message.sender_type": "pigeon"}, ParkReason.INVALID_MESSAGE, "message.sender_type"),
    ({"message.assignment": None}, ParkReason.INVALID_MESSAGE, "message.assignment"),
    ({"message.product": "MMS"}, ParkReason.INVALID_MESSAGE, "message.media_urls"),
    ({"message.to": "+61"}, ParkReason.INVALID_RECIPIENT, "message.to"),
    ({"message.account_id": "nobody"}, ParkReason.UNKNOWN_ACCOUNT, "message.account_id"),
]


@pytest.mark.parametrize(("changes", "reason", "field"), BROKEN, ids=str)
def test_a_document_that_is_wrong_is_parked_with_the_field(
    decisions: Decisions, changes: dict[str, Any], reason: ParkReason, field: str
) -> None:
    message = dispatched(decisions)
    document: dict[str, Any] = {"dispatch_id": message["dispatch_id"], "message": message}
    for name, value in changes.items():
        (message if "." in name else document)[name.removeprefix("message.")] = value
    good = resend(dispatched(decisions, message_id="m2"))
    outcome = resender(decisions).assign([encode_json(document), good])
    (parked,) = outcome.parked
    assert (parked.index, parked.reason, [each.field for each in parked.fields]) == (0, reason, [field])
    assert outcome.indexes == [1]
    if isinstance(document["message"], dict):
        assert parked.ids.message_id == "m1"


@pytest.mark.parametrize("document", [b"", b"[]", b"null", b"{}", b"\xff", b"[" * 5000, b"{" + b" " * 20_000 + b"}"])
def test_it_stops_at_no_document(decisions: Decisions, document: bytes) -> None:
    (parked,) = resender(decisions).assign([document]).parked
    assert parked.reason is ParkReason.INVALID_MESSAGE


def test_an_expired_message_is_not_sent_again(decisions: Decisions) -> None:
    message = dispatched(decisions) | {"expires_at": "2026-11-28T06:59:59Z"}
    (parked,) = resender(decisions).assign([resend(message)]).parked
    assert parked.reason is ParkReason.EXPIRED


def test_it_says_whose_campaign_each_message_belongs_to(decisions: Decisions) -> None:
    alone, of_campaign = dispatched(decisions), dispatched(decisions, message_id="m2") | {"campaign_id": "c1"}
    outcome = resender(decisions).assign([resend(alone), resend(of_campaign)])
    assert outcome.campaigns == [None, ("acme", "c1")]


def test_a_recipient_gets_the_nearest_or_the_drawn_of_those_that_are_left() -> None:
    """As its first dispatch would, had the sender that failed not been there."""
    held = [Sender("acme", f"+1{area}5550{n}00", SenderType.LONGCODE, "US") for n, area in enumerate((212, 305, 415))]
    rules = book(rule(SenderType.LONGCODE, country="US"))
    for facts in (Facts(tuple(held), spread=True), Facts(tuple(held), area_codes=True)):
        for to in ("+12125550123", "+13055550123", "+14155550123"):
            work = Decisions(facts, rules)
            first = dispatched(work, to=to)
            again = enriched(resender(work).assign([resend(first)]))
            left = tuple(each for each in held if each.sender_id != first["sender_id"])
            assert again["sender_id"] == dispatched(Decisions(replace(facts, senders=left), rules), to=to)["sender_id"]
