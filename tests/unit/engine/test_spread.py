"""Recipients spread over equal senders: sticky, in proportion, with the least movement."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cache.verdict import Verdict, decision_verdict
from core.contract.decode import decode_message
from core.encoding import decode_json
from core.engine.decide import decide
from core.engine.decision import Decision, Facts, PoolMember, Request, SenderRef
from core.engine.explanation import explanation, for_recipient
from core.engine.spread import pick_sender, tickets_of
from core.messages.assigner import Assigner
from core.messages.enriched import SpreadWriter, Writer, writer_of
from core.sender import Evidence, Sender, SenderType
from tests.support.effort import examples
from tests.support.worlds import NOW, REVERT, ask, book, chosen, default, name, number, registered

RECIPIENTS = [f"+614{n * 7919 % 100_000_000:08d}" for n in range(6_000)]


def members(count: int, weight: float = 1.0) -> list[PoolMember]:
    return [PoolMember(number(f"+6149157{n:04d}"), weight) for n in range(count)]


def picked(pool: list[PoolMember], recipients: list[str] = RECIPIENTS) -> list[str | None]:
    tickets = tickets_of(pool)
    return [pool[pick_sender(recipient, tickets)].sender.sender_id for recipient in recipients]


@pytest.mark.parametrize("count", [2, 3, 4, 10])
def test_it_spreads_evenly_and_moves_least_when_a_sender_joins_or_leaves(count: int) -> None:
    pool = members(count + 1)
    newcomer = pool[-1].sender.sender_id
    before, after = picked(pool[:-1]), picked(pool)
    counts = Counter(before)
    # Four standard deviations of a binomial count.
    share, spread = len(RECIPIENTS) / count, 4 * (len(RECIPIENTS) * (count - 1)) ** 0.5 / count
    assert all(abs(counts[member.sender.sender_id] - share) < spread for member in pool[:-1])
    moved = [new for old, new in zip(before, after, strict=True) if old != new]
    assert set(moved) == {newcomer}
    expected = len(RECIPIENTS) / (count + 1)
    assert abs(len(moved) - expected) < 4 * (expected * count / (count + 1)) ** 0.5


def test_it_gives_each_sender_its_share_by_weight() -> None:
    weights = [1.0, 3.0, 0.5, 10.0]
    pool = [PoolMember(member.sender, weight) for member, weight in zip(members(4), weights, strict=True)]
    counts = Counter(picked(pool))
    for member in pool:
        expected = len(RECIPIENTS) * member.weight / sum(weights)
        assert abs(counts[member.sender.sender_id] - expected) < 4 * expected**0.5


def test_it_moves_recipients_only_to_the_sender_that_gains_weight() -> None:
    before = members(4)
    after = [*before[:2], PoolMember(before[2].sender, 2.0), before[3]]
    moved = {new for old, new in zip(picked(before), picked(after), strict=True) if old != new}
    assert moved == {before[2].sender.sender_id}


@examples(50)
@given(st.permutations(members(5)), st.integers(0, 10**11))
def test_it_picks_the_same_sender_in_whatever_order(pool: list[PoolMember], digits: int) -> None:
    recipient = [f"+61{digits}"]
    assert picked(pool, recipient) == picked(members(5), recipient)


FIRST_RELEASE = ["+61491570003", "+61491570001", "+61491570001", "+61491570001", "+61491570001", "+61491570003"]


def test_it_has_not_changed_since_it_was_first_released() -> None:
    assert picked(members(5), RECIPIENTS[:6]) == FIRST_RELEASE


def pool_of(decision: Decision) -> list[tuple[str | None, float]]:
    return [(member.sender.sender_id, member.weight) for member in decision.pool]


def decided(senders: list[Sender], *, spread: bool = True, **facts: Any) -> Decision:
    return decide(Request("acme", None, "AU"), Facts(tuple(senders), spread=spread, **facts), book(), REVERT, NOW)


ONE, TWO, THREE = (
    number("+61400000001", trust=90),
    number("+61400000002", messages_per_second=5.0),
    number("+61400000003"),
)


def test_it_spreads_over_senders_that_only_trust_or_age_tell_apart() -> None:
    decision = decided([THREE, TWO, ONE, name(), number("+64211234567", country="NZ")])
    assert pool_of(decision) == [("+61400000001", 1.0), ("+61400000002", 5.0), ("+61400000003", 1.0)]
    assert decision.detail == "recipients are spread over 3 equal senders"
    assert chosen(decision) == "+61400000001"


NO_POOLS = [
    pytest.param([ONE, TWO], False, id="switched off"),
    pytest.param([ONE], True, id="one sender"),
    pytest.param([number(registrations=registered()), TWO], True, id="one of them is registered"),
    pytest.param([ONE, number("+64211234567", country="NZ")], True, id="one of them is foreign"),
    pytest.param([ONE, number("+61400000009", account_id=None)], True, id="one of them is the platform's"),
    pytest.param([ONE, number("+61400000009", sender_type=SenderType.TOLLFREE)], True, id="two types"),
]


@pytest.mark.parametrize(("senders", "spread"), NO_POOLS)
def test_it_spreads_over_nothing_else(senders: list[Sender], spread: bool) -> None:
    assert decided(senders, spread=spread).pool == ()


def test_it_decides_as_before_where_it_is_off() -> None:
    assert decided([ONE, TWO], spread=False) == ask([ONE, TWO])


def spread_default(*strategies: SenderRef, spread: bool = True) -> Any:
    held = default(*strategies)
    return (type(held)(held.account_id, held.country, held.product, held.strategies, spread),)


def refs(*senders: Sender) -> list[SenderRef]:
    return [SenderRef(sender.sender_id, sender.sender_type) for sender in senders]


def test_it_spreads_over_the_strategies_of_a_default_that_pass_and_are_equal() -> None:
    gone = SenderRef("+61400000077", SenderType.LONGCODE)
    strategies = [*refs(TWO), gone, *refs(name(), ONE)]
    decision = decided([ONE, TWO, THREE, name()], spread=False, defaults=spread_default(*strategies))
    assert pool_of(decision) == [("+61400000002", 5.0), ("+61400000001", 1.0)]
    assert decision.detail.startswith("recipients are spread over 2 equal senders, named by the default of acme")
    assert decision.warnings == ("DEFAULT_NOT_OWNED_REVERTED",)
    assert decided([ONE, TWO], defaults=spread_default(*refs(TWO, ONE), spread=False)).pool == ()


def test_it_spreads_over_senders_that_deliver_as_long_as_there_are_any() -> None:
    dead = Evidence(trust=None, unhealthy=True, delivered=2.0, messages=70, span="days", as_of=NOW)
    failing = number("+61400000001", trust=90, evidence=dead)
    assert pool_of(decided([failing, TWO, THREE])) == [("+61400000002", 5.0), ("+61400000003", 1.0)]
    defaults = spread_default(*refs(failing, TWO, THREE))
    by_default = decided([failing, TWO, THREE], spread=False, defaults=defaults)
    assert pool_of(by_default) == [("+61400000002", 5.0), ("+61400000003", 1.0)]
    assert by_default.warnings == ()


ENCODER, VERDICTS = msgspec.json.Encoder(), msgspec.json.Decoder(Verdict)


class Decisions:
    """Gives every request the verdict of one decision, as it comes back from the shared cache."""

    def __init__(self, decision: Decision) -> None:
        self._verdict = decision_verdict(decision)

    def verdicts(self, requests: Any, now: datetime) -> Mapping[Request, Verdict]:
        copied = VERDICTS.decode(ENCODER.encode(self._verdict))
        return dict.fromkeys(requests, copied)


def test_it_gives_every_message_the_sender_that_an_explanation_names() -> None:
    decision = decided([ONE, TWO, THREE])
    documents = [
        json.dumps({"message_id": f"m{n}", "account_id": "acme", "to": f"+614915{n:05d}", "body": "x"}).encode()
        for n in range(300)
    ]
    outcome = Assigner(Decisions(decision), max_bytes=10_000, clock=lambda: NOW).assign(documents)
    came: list[Any] = [decode_json(payload) for payload in outcome.payloads]
    assert len({document["sender_id"] for document in came}) == 3
    for document in came:
        explained: Any = explanation(for_recipient(decision, document["to"]))
        assert explained["sender"]["sender_id"] == document["sender_id"]
        assert explained["decision_id"] == document["assignment"]["decision_id"]
        assert explained["sentence"].startswith(document["sender_id"])


def test_it_costs_nothing_a_message_where_it_is_off() -> None:
    sent = decode_message(b'{"message_id": "m", "account_id": "acme", "to": "+61491500000", "body": "x"}')
    writers = [
        writer_of(sent, "AU", decision_verdict(decided([ONE, TWO], spread=spread)), "") for spread in (False, True)
    ]
    assert [type(writer) for writer in writers] == [Writer, SpreadWriter]


def test_it_tells_the_pool_with_its_shares() -> None:
    document: Any = explanation(decided([ONE, TWO, THREE]))
    assert [(each["sender_id"], each["share"]) for each in document["pool"]] == [
        ("+61400000001", 0.1429),
        ("+61400000002", 0.7143),
        ("+61400000003", 0.1429),
    ]
    assert "pool" not in explanation(decided([ONE, TWO], spread=False))
