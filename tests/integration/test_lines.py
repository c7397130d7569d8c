"""Long queues are parted by account, on a real Redis: nobody waits behind another's flood, and nothing is lost by it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
import redis
from celery import Celery

from tests.integration.conftest import MakeDeployment
from tests.support.accounts import add_account, message, open_store
from tests.support.running_worker import PATIENCE_S, running, until
from tests.support.stock_clients import all_dispatched, push, waiting
from worker.handoff import scripts
from worker.handoff.chunks import Chunk, Chunks
from worker.handoff.keys import Keys
from worker.handoff.settlement import Settlement
from worker.redis_broker.claims import Claim, Claims, Lane
from worker.redis_broker.health import RedisHealth
from worker.redis_broker.lines import waiting_in_lines
from worker.redis_broker.observing import RedisObserver
from worker.settings import Settings

pytestmark = [pytest.mark.redis, pytest.mark.timeout(300)]

SETTINGS = Settings(claim_size=40)
KEYS = Keys(SETTINGS.key_prefix)


@pytest.fixture
def claims(redis_client: redis.Redis) -> Claims:
    return Claims(redis_client, SETTINGS)


def document(account_id: str, number: int) -> bytes:
    """As many a producer writes it, with something before the account that differs in length."""
    return json.dumps({"message_id": f"m-{number}", "account_id": account_id, "body": '"account_id": "no"'}).encode()


def flood(client: redis.Redis, count: int, *others: int, queue: str = SETTINGS.ingress_queue) -> list[bytes]:
    """So many messages of one account; at the places `others` those of another."""
    documents = [document("other" if n in others else "flood", n) for n in range(count)]
    client.lpush(queue, *documents)
    return documents


def begun(claims: Claims, *, lines_first: bool = False, lane: Lane = Lane.INGRESS) -> Claim:
    claim = claims.begin(claims.claim(lane, lines_first=lines_first).id)
    assert claim is not None
    return claim


def accounts_of(claim: Claim) -> Counter[str]:
    return Counter(json.loads(each)["account_id"] for each in claim.documents)


def all_claimed(claims: Claims) -> Iterator[list[bytes]]:
    """The documents of claims in turn, until nothing waits."""
    lines_first = False
    while (found := claims.claim(Lane.INGRESS, lines_first=lines_first)).count > 0:
        claim = claims.begin(found.id)
        assert claim is not None
        assert len(claim.documents) == found.count
        yield claim.documents
        lines_first = not lines_first


def test_it_says_that_a_queue_is_crowded_where_much_of_it_is_one_accounts(
    claims: Claims, redis_client: redis.Redis
) -> None:
    flood(redis_client, 79)
    assert not claims.claim(Lane.INGRESS).crowded  # what is left is no more than a claim
    flood(redis_client, 41)
    assert claims.claim(Lane.INGRESS).crowded
    redis_client.delete(SETTINGS.ingress_queue)
    redis_client.lpush(SETTINGS.ingress_queue, *(document(f"account-{n % 9}", n) for n in range(200)))
    assert not claims.claim(Lane.INGRESS).crowded


def test_what_came_last_is_next_though_a_flood_came_before(claims: Claims, redis_client: redis.Redis) -> None:
    flood(redis_client, 400, 399)
    while claims.part(Lane.INGRESS):
        pass
    assert accounts_of(begun(claims)) == {"other": 1}
    assert accounts_of(begun(claims)) == {"flood": 40}


def test_an_account_that_has_a_line_and_all_others_take_turns(claims: Claims, redis_client: redis.Redis) -> None:
    flood(redis_client, 240, *range(0, 240, 10))
    while claims.part(Lane.INGRESS):
        pass
    turns = [accounts_of(begun(claims, lines_first=n % 2 == 1)) for n in range(4)]
    assert [sorted(each) for each in turns] == [["other"], ["flood"], ["other"], ["flood"]]


def test_accounts_that_have_a_line_take_turns(claims: Claims, redis_client: redis.Redis) -> None:
    redis_client.lpush(SETTINGS.ingress_queue, *(document("ab"[n % 2], n) for n in range(240)))
    while claims.part(Lane.INGRESS):
        pass
    assert [sorted(accounts_of(begun(claims, lines_first=True))) for _ in range(4)] == [["a"], ["b"]] * 2


@pytest.mark.parametrize("every", [2, 3, 7, 1000], ids=["half", "a third", "a seventh", "none"])
def test_nothing_is_lost_or_twice_and_each_account_keeps_its_order(
    claims: Claims, redis_client: redis.Redis, every: int
) -> None:
    odd = [b"\xff", b"{}", b'{"account_id": "' + b"x" * 99 + b'"}']
    redis_client.lpush(SETTINGS.ingress_queue, *odd)
    sent = [*odd, *flood(redis_client, 530, *range(0, 530, every))]
    claims.part(Lane.INGRESS)
    came = [each for documents in all_claimed(claims) for each in documents]
    assert Counter(came) == Counter(sent)
    assert not redis_client.keys("smart-assign:line*")
    place = {each: n for n, each in enumerate(sent)}
    for account in (b'"flood"', b'"other"'):
        parted = [place[each] for each in came if account in each and place[each] < 120]
        assert parted == sorted(parted)


def test_it_counts_what_waits_in_lines(claims: Claims, redis_client: redis.Redis, redis_url: str) -> None:
    flood(redis_client, 130, 5)
    assert claims.part(Lane.INGRESS) is False
    assert waiting_in_lines(redis_client, KEYS, Lane.INGRESS) == 120
    assert RedisHealth(lambda: redis_url, SETTINGS).queue_lengths()[SETTINGS.ingress_queue] == 130
    observer = RedisObserver(redis_url, SETTINGS)
    assert observer.look().queues["ingress"].waiting == 130
    assert claims.claim(Lane.INGRESS, lines_first=True).count == 39  # one of forty is another's
    assert observer.look().queues["ingress"].waiting == 91
    assert redis_client.hget(KEYS.intake, f"taken:{SETTINGS.ingress_queue}") == b"39"
    observer.close()


def test_a_campaign_gives_way_to_what_waits_in_lines(claims: Claims, redis_client: redis.Redis) -> None:
    flood(redis_client, 120)
    claims.part(Lane.INGRESS)
    assert redis_client.llen(SETTINGS.ingress_queue) == 0
    assert Chunks(redis_client, SETTINGS).settle_chunk(Chunk("b", 0, 1, 1, "w"), Settlement()).waiting == 1


def test_a_worker_that_knows_no_lines_takes_up_what_waits_there_after_its_deadline(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scripts, "WAITING_S", 0)
    claims = Claims(redis_client, SETTINGS)
    flood(redis_client, 41)
    claims.part(Lane.INGRESS)
    (recovered,) = claims.recover()
    assert re.fullmatch("[a-z_]+-[0-9a-f]{32}", recovered)  # what a worker of any version takes for a claim
    claim = claims.begin(recovered)
    assert claim is not None
    assert len(claim.documents) == 40
    assert claims.settle(recovered, Settlement()) is not None
    assert (
        len(begun(claims, lines_first=True).documents) == 1
    )  # not the one that was settled: what is left on the queue
    assert claims.claim(Lane.INGRESS).count == 0


def task_messages(client: redis.Redis, url: str, documents: Sequence[bytes]) -> None:
    app = Celery(broker=url, set_as_current=False)
    with app.connection_for_write() as connection, app.amqp.Producer(connection) as producer:
        for each in documents:
            app.send_task("message.assign", args=[json.loads(each)], queue=SETTINGS.messages_queue, producer=producer)
    assert client.llen(SETTINGS.messages_queue) == len(documents)


def test_tasks_are_parted_by_what_they_show_of_their_arguments(
    claims: Claims, redis_client: redis.Redis, redis_url: str
) -> None:
    sent = [document("other" if n == 119 else "flood", n) for n in range(120)]
    task_messages(redis_client, redis_url, sent)
    while claims.part(Lane.MESSAGES):
        pass
    assert len(begun(claims, lane=Lane.MESSAGES).documents) == 1
    assert len(begun(claims, lane=Lane.MESSAGES).documents) == 40


def test_a_worker_sends_what_came_last_before_most_of_a_flood(make_deployment: MakeDeployment) -> None:
    deployment = make_deployment("redis-sqlite", claim_size="200")
    with open_store(deployment.database_url, deployment.redis_url) as store:
        add_account(store, "other")
    count = 20_000
    late = message(account_id="other")
    with running(deployment):
        push(deployment, [message(account_id="other"), message()])
        until(lambda: waiting(deployment, "dispatch") == 2, PATIENCE_S, "what lets decisions be known")
        # In one command, so that all of it waits at once.
        push(deployment, [*(message() for _ in range(count)), late])
        until(lambda: waiting(deployment, "dispatch") == count + 3, PATIENCE_S, "all messages")
    came = [each["message_id"] for each in all_dispatched(deployment)]  # the newest first
    assert len(set(came)) == count + 3
    assert came.index(late["message_id"]) > count / 2
