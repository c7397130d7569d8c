"""Recipients of calling code 1 get the equal sender of their area code, else of their state, else the best."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cache.verdict import Verdict, decision_verdict
from core.engine.country_profile import CountryProfile
from core.engine.country_rules import RuleBook
from core.engine.decide import decide
from core.engine.decision import Decision, Facts, Policy, PoolMember, Request
from core.engine.explanation import explanation, for_recipient, sentence
from core.engine.nearness import NearestSender, Place, place_of
from core.engine.spread import tickets_of
from core.messages.assigner import Assigner
from core.sender import Sender, SenderType
from tests.support.effort import examples
from tests.support.worlds import NOW, number, rule

RULES = RuleBook.of("test-1", [rule(SenderType.LONGCODE, country="US")], [CountryProfile("US", "US")])
#: New York twice, Los Angeles, and one of an area code that no list has.
NEW_YORK, SECOND, LOS_ANGELES, NOWHERE = (
    number(sender_id, country="US", trust=trust)
    for sender_id, trust in (("+12125550001", 10), ("+16465550002", 20), ("+12135550003", 30), ("+19995550004", 90))
)
SENDERS = (NEW_YORK, SECOND, LOS_ANGELES, NOWHERE)
#: Recipient -> its sender: of its area code, of its state (the better one), the best of all.
EXPECTED = {
    "+12125559999": NEW_YORK,
    "+16465559999": SECOND,
    "+19175559999": SECOND,  # 917 is New York
    "+14155559999": LOS_ANGELES,  # 415 is California
    "+12025559999": NOWHERE,  # the District of Columbia: nobody is near
    "+19995559999": NOWHERE,  # an area code that nobody knows is one all the same
}


def decided(senders: tuple[Sender, ...] = SENDERS, **facts: Any) -> Decision:
    return decide(Request("acme", None, "US"), Facts(senders, **facts), RULES, Policy(), NOW)


def met(decision: Decision, e164: str) -> Decision:
    return for_recipient(decision, e164)


@pytest.mark.parametrize("e164", EXPECTED)
def test_it_gives_a_recipient_the_nearest_of_equal_senders(e164: str) -> None:
    decision = decided(area_codes=True)
    assert met(decision, e164).sender == EXPECTED[e164]
    assert decision.sender == NOWHERE


def test_it_is_off_until_it_is_asked_for() -> None:
    plain = decided()
    assert all(met(plain, e164) == plain for e164 in EXPECTED)
    assert (plain.pool, plain.sender) == ((), NOWHERE)


def test_it_changes_nothing_where_all_are_in_one_place_or_not_equal() -> None:
    here = (NEW_YORK, number("+12125550005", country="US"))
    assert decided(here, area_codes=True) == decided(here)
    shared = number("+12135550009", country="US", account_id=None)
    assert met(decided((NEW_YORK, shared), area_codes=True), "+12135559999").sender == NEW_YORK


def test_it_spreads_over_the_nearest_alone() -> None:
    decision = decided((*SENDERS, number("+12125550006", country="US")), area_codes=True, spread=True)
    there = {met(decision, f"+1212555{n:04d}").sender for n in range(200)}
    assert {each and each.sender_id for each in there} == {"+12125550001", "+12125550006"}
    anywhere = {met(decision, f"+1202555{n:04d}").sender for n in range(500)}
    assert len(anywhere) == 5


def test_it_says_why_in_explain() -> None:
    decision = decided(area_codes=True)
    document: Any = explanation(decision)
    assert document["pool"][1] == {
        "sender_id": "+12135550003",
        "sender_type": "longcode",
        "sender_country_code": "US",
        "share": None,
        "area_code": "213",
        "region": "California",
    }
    assert "of 4 equal senders recipients get one of their area code, else of their state" in sentence(decision)
    assert "it has the recipient's area code 212" in sentence(met(decision, "+12125559999"))
    assert "it is of the recipient's California" in sentence(met(decision, "+14155559999"))
    assert "none is near this recipient" in sentence(met(decision, "+12025559999"))
    assert decision.decision_id != decided(spread=True).decision_id


class Verdicts:
    """Gives every request the verdict of one decision, as workers find it in Redis."""

    def __init__(self, decision: Decision) -> None:
        encoded = msgspec.json.encode(decision_verdict(decision))
        self._verdict: Verdict = msgspec.json.decode(encoded, type=Verdict)  # type: ignore[arg-type]

    def verdicts(self, requests: Any, now: datetime) -> Mapping[Request, Verdict]:
        return dict.fromkeys(requests, self._verdict)


@pytest.mark.parametrize("spread", [False, True])
def test_it_sends_as_explain_says(spread: bool) -> None:
    decision = decided(area_codes=True, spread=spread)
    documents = [
        json.dumps({"message_id": e164, "account_id": "acme", "to": e164, "body": "x"}).encode() for e164 in EXPECTED
    ]
    outcome = Assigner(Verdicts(decision), max_bytes=10_000, clock=lambda: NOW).assign(documents)
    for payload in map(json.loads, outcome.payloads):
        expected = met(decision, payload["to"])
        assert expected.sender is not None
        assert payload["sender_id"] == expected.sender.sender_id
        alternates = [each["sender_id"] for each in payload["assignment"]["alternates"]]
        assert alternates == [each.sender.sender_id for each in expected.alternates]
        assert payload["sender_id"] not in alternates


places = st.none() | st.builds(
    Place, st.sampled_from(["212", "646", "213"]), st.sampled_from(["New York", "California", ""])
)
recipients = st.sampled_from(["+12125550100", "+16465550100", "+12135550100", "+14155550100", "+61491570156", "+1212"])


@examples(200)
@given(st.lists(places, min_size=2, max_size=5), recipients, st.booleans())
def test_it_always_picks_a_nearest_one_and_always_the_same(held: list[Place | None], e164: str, spread: bool) -> None:
    senders = [number(f"+614000000{n:02d}") for n in range(len(held))]
    tickets = tickets_of(members(senders))
    picked = NearestSender(held, tickets, spread=spread).pick(e164)
    assert picked == NearestSender(held, tickets, spread=spread).pick(e164)
    recipient = place_of(number(e164))
    ranks = [_rank(place, recipient) for place in held]
    assert ranks[picked] == min(ranks)
    if not spread:
        assert picked == ranks.index(min(ranks))


def _rank(place: Place | None, recipient: Place | None) -> int:
    if place is None or recipient is None:
        return 2
    if place.area_code == recipient.area_code:
        return 0
    return 1 if place.region and place.region == recipient.region else 2


def members(senders: list[Sender]) -> Any:
    return [PoolMember(sender, 1.0) for sender in senders]
