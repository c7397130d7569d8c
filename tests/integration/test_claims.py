"""Claims on a real Redis: what is moved, what is settled, and what comes back."""

from __future__ import annotations

import json
import time

import pytest
import redis

from worker.envelopes.sealing import Sealer
from worker.handoff.keys import Keys
from worker.handoff.settlement import Settlement
from worker.redis_broker.claims import Claim, Claimed, Claims, Lane
from worker.settings import Settings

pytestmark = [pytest.mark.redis]

INGRESS, WORK, DISPATCH = "smart-assign.ingress", "smart-assign.work", "smart-assign.dispatch"


@pytest.fixture
def claims(redis_client: redis.Redis) -> Claims:
    return claims_with(redis_client)


def claims_with(client: redis.Redis, **settings: object) -> Claims:
    return Claims(client, Settings(**settings))  # type: ignore[arg-type]


def push(client: redis.Redis, *documents: bytes) -> None:
    client.lpush(INGRESS, *documents)


def enqueued(client: redis.Redis) -> list[tuple[str, int]]:
    """The claims named by the tasks on the work queue, oldest first, with their counts."""
    bodies = [json.loads(json.loads(raw)["body"]) for raw in client.lrange(WORK, 0, -1)]  # type: ignore[union-attr]
    return [(claim, count) for (claim, count), _, _ in reversed(bodies)]


def begun(claims: Claims) -> Claim:
    claim = claims.begin(claims.claim(Lane.INGRESS).id)
    assert claim is not None
    return claim


def outcome(*ids: str) -> Settlement:
    sealed = Sealer(DISPATCH).seal([b"{}" for _ in ids], [each.encode() for each in ids])
    return Settlement(sealed, [text.encode().ljust(14) for text in ids])


def test_it_claims_in_the_order_of_arrival(claims: Claims, redis_client: redis.Redis) -> None:
    push(redis_client, b"1", b"2", b"3")
    claimed = claims.claim(Lane.INGRESS)
    claim = claims.begin(claimed.id)
    assert (claimed.count, claim and claim.documents) == (3, [b"1", b"2", b"3"])
    assert redis_client.llen(INGRESS) == 0


def test_it_claims_no_more_than_its_share(redis_client: redis.Redis) -> None:
    push(redis_client, *(b"%d" % n for n in range(700)))
    assert claims_with(redis_client, claim_size=600).claim(Lane.INGRESS).count == 600
    assert redis_client.llen(INGRESS) == 100


def test_it_claims_no_more_bytes_than_its_share(redis_client: redis.Redis) -> None:
    push(redis_client, *(b"x" * 1000 for _ in range(10)))
    claims = claims_with(redis_client, claim_bytes=2500)
    assert claims.claim(Lane.INGRESS).count == 3
    assert redis_client.llen(INGRESS) == 7


def test_it_keeps_the_order_of_what_it_gives_back(redis_client: redis.Redis) -> None:
    push(redis_client, *(b"%d" % n * 100 for n in range(6)))
    claims = claims_with(redis_client, claim_bytes=250)
    first, second = begun(claims), begun(claims)
    assert [document[:1] for document in first.documents + second.documents] == [b"0", b"1", b"2", b"3", b"4", b"5"]


def test_it_says_that_nothing_waits(claims: Claims, redis_client: redis.Redis) -> None:
    assert claims.claim(Lane.INGRESS).count == 0
    assert redis_client.keys() == []


def test_it_waits_while_the_dispatch_queue_is_full(redis_client: redis.Redis) -> None:
    claims = claims_with(redis_client, dispatch_max_length=2)
    redis_client.lpush(DISPATCH, "a", "b")
    push(redis_client, b"1")
    assert claims.claim(Lane.INGRESS).count == -1
    redis_client.rpop(DISPATCH)
    assert claims.claim(Lane.INGRESS).count == 1


def test_it_claims_messages_of_every_priority(claims: Claims, redis_client: redis.Redis) -> None:
    for suffix in ("", *(f"\x06\x16{step}" for step in range(1, 10))):
        redis_client.lpush("smart-assign.messages" + suffix, b"x")
    assert claims.claim(Lane.MESSAGES).count == 10


def test_it_claims_by_the_steps_and_the_separator_of_the_producers(redis_client: redis.Redis) -> None:
    for name in ("smart-assign.messages", "smart-assign.messages:5", "smart-assign.messages:200"):
        redis_client.lpush(name, name)
    claims = claims_with(redis_client, broker_transport_options={"sep": ":", "priority_steps": [200, 0, 5]})
    claimed = claims.claim(Lane.MESSAGES)
    claim = claims.begin(claimed.id)
    assert claim
    assert [name.decode() for name in claim.documents] == [
        "smart-assign.messages",
        "smart-assign.messages:5",
        "smart-assign.messages:200",
    ]


def test_it_settles_once(claims: Claims, redis_client: redis.Redis) -> None:
    push(redis_client, b"1")
    claim = begun(claims)
    first, second = claims.settle(claim.id, outcome("a")), claims.settle(claim.id, outcome("a"))
    assert (first and first.dispatched, second) == (1, None)
    assert redis_client.llen(DISPATCH) == 1
    assert claims.begin(claim.id) is None


def test_it_leaves_nothing_behind_but_marks_and_counts(claims: Claims, redis_client: redis.Redis) -> None:
    push(redis_client, b"1")
    claim = begun(claims)
    claims.settle(claim.id, outcome("a"))
    redis_client.delete(WORK, DISPATCH)
    left = {key.decode().rpartition(":")[0] for key in redis_client.keys()}  # type: ignore[union-attr]  # noqa: SIM118  # no dict
    assert left == {"smart-assign", "smart-assign:seen", "smart-assign:seen:ours"}
    assert redis_client.hgetall(Keys("smart-assign").counts) == {b"dispatched": b"1"}


def test_it_settles_more_than_a_stack_holds(redis_client: redis.Redis) -> None:
    claims = claims_with(redis_client, claim_size=10_000)
    push(redis_client, *(b"%d" % n for n in range(9_000)))
    claim = begun(claims)
    settled = claims.settle(claim.id, outcome(*(str(n) for n in range(9_000))))
    assert settled
    assert settled.dispatched == 9_000
    again = begun_with(claims, redis_client, b"again")
    settled = claims.settle(again.id, outcome(*(str(n) for n in range(8_990, 9_010))))
    assert settled
    assert (settled.dispatched, settled.duplicates) == (10, 10)


def begun_with(claims: Claims, client: redis.Redis, document: bytes) -> Claim:
    push(client, document)
    return begun(claims)


def test_it_recovers_a_claim_past_its_deadline(redis_client: redis.Redis) -> None:
    claims = claims_with(redis_client, claim_deadline_s=0.1)
    push(redis_client, b"1", b"2")
    claim = begun(claims)
    assert claims.recover() == []
    time.sleep(0.15)
    assert claims.recover() == [claim.id]
    assert enqueued(redis_client) == [(claim.id, 2)]
    assert claims.recover() == []
    again = claims.begin(claim.id)
    assert again
    assert (again.attempt, again.documents) == (2, [b"1", b"2"])


def test_it_recovers_at_once_what_came_to_no_end(claims: Claims, redis_client: redis.Redis) -> None:
    push(redis_client, b"1")
    claim = begun(claims)
    claims.make_due(claim.id)
    assert claims.recover() == [claim.id]
    again = claims.begin(claim.id)
    assert again
    assert again.attempt == 2


def test_it_hurries_nothing_that_was_settled(claims: Claims, redis_client: redis.Redis) -> None:
    push(redis_client, b"1")
    claim = begun(claims)
    claims.settle(claim.id, outcome("a"))
    claims.make_due(claim.id)
    assert claims.recover() == []


def test_a_campaign_that_gave_way_is_claimed_before_others(claims: Claims, redis_client: redis.Redis) -> None:
    redis_client.lpush("smart-assign.ingress.campaigns", b"first")
    claim = claims.begin(claims.claim(Lane.CAMPAIGN_INGRESS).id)
    assert claim
    redis_client.lpush("smart-assign.ingress.campaigns", b"second")
    claims.postpone(claim)
    again = claims.claim(Lane.CAMPAIGNS)
    assert again == Claimed(claim.id, 1)
    begun_again = claims.begin(again.id)
    assert begun_again
    assert begun_again.attempt == 1
    claims.settle(claim.id, Settlement())
    claims.postpone(claim)
    other = claims.claim(Lane.CAMPAIGN_INGRESS)
    assert (other.id != claim.id, other.count) == (True, 1)


def test_it_recovers_nothing_that_was_settled(redis_client: redis.Redis) -> None:
    claims = claims_with(redis_client, claim_deadline_s=0.05)
    push(redis_client, b"1")
    claims.settle(begun(claims).id, outcome("a"))
    time.sleep(0.1)
    assert claims.recover() == []


def test_it_splits_a_claim_so_that_each_document_has_one_more_chance(redis_client: redis.Redis) -> None:
    claims = claims_with(redis_client, claim_attempts=3)
    push(redis_client, b"1", b"2")
    claim = begun(claims)
    redis_client.delete(WORK)
    assert claims.split(claim) == 2
    parts = [claims.begin(claim_id) for claim_id, _ in enqueued(redis_client)]
    assert [(part and part.documents, part and part.attempt) for part in parts] == [([b"1"], 3), ([b"2"], 3)]
    assert claims.begin(claim.id) is None


def test_it_defers_what_must_wait(claims: Claims, redis_client: redis.Redis) -> None:
    push(redis_client, b"1", b"2")
    claim = begun(claims)
    settlement = outcome("a")
    settlement.deferred = [b"2"]
    claims.settle(claim.id, settlement)
    redis_client.delete(WORK)
    assert claims.recover() == []
    time.sleep(2.1)
    (recovered,) = claims.recover()
    deferred = claims.begin(recovered)
    assert deferred
    assert (deferred.attempt, deferred.documents) == (1, [b"2"])


def test_it_announces_once(claims: Claims, redis_client: redis.Redis) -> None:
    push(redis_client, b"1")
    settlement = Settlement(parked=[("prk_1", b"record")])
    claims.settle(begun(claims).id, settlement)
    assert list(claims.outbox_pages()) == [[("prk_1", b"record")]]
    assert [claims.announce([("prk_1", b"notice")]) for _ in range(2)] == [1, 0]
    assert redis_client.llen("smart-assign.parked") == 1


def test_it_settles_a_task_of_celery_once(claims: Claims, redis_client: redis.Redis) -> None:
    first, second = (claims.settle_task("t1", outcome("a")) for _ in range(2))
    assert (first and first.dispatched, second) == (1, None)
