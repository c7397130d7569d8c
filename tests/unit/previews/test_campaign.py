"""A preview says what sending will do: the same decisions, counted by country, and nothing kept."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest

from core.cache.verdict import Verdict, decision_verdict, problem_verdict
from core.campaigns.assigning import assign_chunk
from core.campaigns.batch import read_batch
from core.engine.country_profile import CountryProfile
from core.engine.country_rules import RuleBook
from core.engine.decide import decide
from core.engine.decision import AccountProblem, Facts, Policy, Request
from core.errors import ParkReason
from core.messages.assigner import Assigner
from core.previews.audience import Audience, audience_of
from core.previews.campaign import preview
from core.sender import SenderType
from tests.support.worlds import NOW, number, rule

AU_ONE, AU_TWO, NZ, US, SATELLITE = "+61491570156", "+61491570157", "+64211234567", "+12025550123", "+870773111632"
RULES = RuleBook.of(
    "test-1",
    [rule(SenderType.LONGCODE, country=country) for country in ("AU", "NZ", "US")],
    [CountryProfile(country, country) for country in ("AU", "NZ", "US")],
)


class Inventory:
    """Senders of account acme; no other account exists. Stands for SQL, and for the decisions that sending makes."""

    def __init__(self, *, spread: bool = False) -> None:
        self._senders = (number(), number("+61400000002"), number("+6421999999", country="NZ", two_way=False))
        self._spread = spread

    def load_facts(self, requests: Sequence[Request]) -> Mapping[Request, Facts | AccountProblem]:
        problem = AccountProblem(ParkReason.UNKNOWN_ACCOUNT, "account_id", "there is no such account")
        held = Facts(self._senders, spread=self._spread)
        return {request: held if request.account_id == "acme" else problem for request in requests}

    def active_rules(self) -> RuleBook:
        return RULES

    def verdicts(self, requests: Iterable[Request], now: datetime) -> Mapping[Request, Verdict]:
        wanted = list(requests)
        found = self.load_facts(wanted)
        return {
            request: problem_verdict(facts)
            if isinstance(facts, AccountProblem)
            else decision_verdict(decide(request, facts, RULES, Policy(), now))
            for request, facts in found.items()
        }


def batch(*recipients: object, **fields: Any) -> Any:
    shared = {"account_id": "acme", "campaign_id": "c", "batch_id": "1", "body": "Hello"}
    return read_batch(shared | {"recipients": list(recipients)} | fields)


EVERYBODY = [{"to": to} for to in (AU_ONE, NZ, AU_TWO, US, SATELLITE, AU_ONE)]
CAMPAIGNS = [
    pytest.param({}, id="plain"),
    pytest.param({"account_id": "nobody"}, id="unknown account"),
    pytest.param({"sender_id": "+61400000002"}, id="a sender named"),
    pytest.param({"reply_expected": True}, id="replies"),
    pytest.param({"expires_at": "2020-01-01T00:00:00Z"}, id="expired"),
    pytest.param(
        {"senders": [{"recipient_country_code": "NZ", "sender_type": "longcode", "sender_id": "+61400000001"}]},
        id="an override for one country",
    ),
]


@pytest.mark.parametrize("fields", CAMPAIGNS)
def test_it_shows_what_sending_does(fields: dict[str, Any]) -> None:
    campaign, inventory = batch(*EVERYBODY, **fields), Inventory()
    shown = preview(campaign, audience_of(campaign), inventory, inventory.active_rules(), Policy(), now=NOW)
    outcome = assign_chunk(Assigner(inventory, max_bytes=10_000, clock=lambda: NOW), campaign, 0)
    sent = Counter((d["country"], d["sender_id"], d["assignment"]["source"]) for d in map(json.loads, outcome.payloads))
    parked = Counter((entry.ids.country, str(entry.reason)) for entry in outcome.parked)
    documents: list[Any] = [country.document() for country in shown.countries]
    assert sent == {
        (each["country"], each["sender"]["sender_id"], each["source"]): each["sendable"]
        for each in documents
        if each["sender"]
    }
    assert parked == {
        (each["country"], code): count for each in documents for code, count in each["unsendable"].items()
    }
    assert (shown.recipients, shown.sendable) == (len(EVERYBODY), len(outcome.payloads))


def test_it_prints_what_the_contract_says() -> None:
    campaign = batch({"to": AU_ONE}, {"to": AU_ONE}, {"to": "12"}, {"to": 5}, {"to": "0211234567", "country": "NZ"})
    inventory = Inventory()
    shown: Any = preview(
        campaign, audience_of(campaign), inventory, inventory.active_rules(), Policy(), now=NOW
    ).document()
    assert (shown["invalid"], shown["repeats"], [each["country"] for each in shown["countries"]]) == (
        2,
        1,
        ["AU", "NZ"],
    )
    assert {
        name: shown["countries"][0][name] for name in ("country", "recipients", "sendable", "unsendable", "sender")
    } == {
        "country": "AU",
        "recipients": 2,
        "sendable": 2,
        "unsendable": {},
        "sender": {"sender_id": "+61400000001", "sender_type": "longcode", "sender_country_code": "AU"},
    }
    assert "pool" not in shown["countries"][0]


def test_it_shows_the_senders_over_which_recipients_are_spread() -> None:
    campaign = batch({"to": AU_ONE})
    inventory = Inventory(spread=True)
    shown: Any = preview(
        campaign, audience_of(campaign), inventory, inventory.active_rules(), Policy(), now=NOW
    ).document()
    assert [each["share"] for each in shown["countries"][0]["pool"]] == [0.5, 0.5]


def test_it_has_nothing_to_decide_for_nobody() -> None:
    campaign = batch({"to": "12"})
    inventory = Inventory()
    shown = preview(campaign, audience_of(campaign), inventory, inventory.active_rules(), Policy(), now=NOW)
    assert (shown.countries, shown.invalid) == ((), 1)


def test_it_counts_repeats_only_as_far_as_they_are_cheap() -> None:
    audience = Audience("Hello", repeats_among=3)
    for expected in (0, 1, 2, None):
        audience.add(AU_ONE, "AU")
        assert audience.repeats == expected
