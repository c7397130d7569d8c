"""What a worker of the next version wrote, read by this one, as it happens while one replaces the other.

Each is read, kept as it is, or not there for this version; nothing ends by it, and nothing is lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from kombu import Queue
from sqlalchemy import text

from core.accounts import sender_rows
from core.accounts.accounts import Accounts, AccountStatus
from core.accounts.senders import Senders
from core.cache.decisions import DecisionCache
from core.cache.epochs import RedisEpochs
from core.campaigns.batch import decode_batch
from core.campaigns.progress import Progress, progress_key
from core.defaults.default_senders import DefaultSenders
from core.defaults.pages import PageRequest
from core.defaults.strategies import Strategy
from core.documents import parked_document as document_of
from core.engine.decision import Policy
from core.errors import ParkReason
from core.messages.assigner import Assigner, parked_unread
from core.parked.record import document_to_park, encode_parked
from core.parked.store import ParkedFilter
from core.sender import Product, SenderType
from core.storage.scopes import account_scope
from core.store import Store
from tests.support.accounts import ACCOUNT, AU, AU_NUMBER, GB, GB_NUMBER, US, message, open_store, seed
from tests.support.cli_runner import Cli
from tests.support.running_worker import Deployment
from tests.support.stock_clients import notices
from worker.envelopes.celery_queue import is_of_newer_version
from worker.envelopes.kombu_messages import document_in
from worker.handoff.broker import PoolWork
from worker.handoff.keys import Keys
from worker.redis_broker.campaigns import RedisBatches
from worker.redis_broker.claims import Claims, Lane
from worker.redis_broker.messages import RedisMessages
from worker.redis_broker.parking import Parking
from worker.settings import Settings

pytestmark = [pytest.mark.redis]

SETTINGS = Settings()
KEYS = Keys(SETTINGS.key_prefix)
NOW = datetime(2026, 12, 1, tzinfo=UTC)
UUID_TEXT = "0b9d5ae1-5f0e-4a2e-9a59-3c5b6f0e8f11"


@pytest.fixture
def store(tmp_path: Path, redis_url: str) -> Iterator[Store]:
    database_url = f"sqlite:///{tmp_path}/next.sqlite3"
    seed(database_url, redis_url)
    with open_store(database_url, redis_url) as opened:
        yield opened


@pytest.fixture
def claims(redis_client: redis.Redis) -> Claims:
    return Claims(redis_client, SETTINGS)


@pytest.fixture
def parking(store: Store, claims: Claims) -> Parking:
    return Parking(store, claims, SETTINGS.parked_queue)


@pytest.fixture
def assigner(store: Store, redis_client: redis.Redis) -> Assigner:
    return Assigner(
        DecisionCache(store, redis_client, Policy(), prefix=SETTINGS.key_prefix, size=100), max_bytes=1_048_576
    )


def record(parked_id: str, **changes: Any) -> bytes:
    """A record of the outbox, with what the next version changed in it."""
    entry = parked_unread(0, ParkReason.UNKNOWN_ACCOUNT, "no such account", {"account_id": "acme"})
    ours = document_to_park(entry, work_id=parked_id, lane="smart-assign.ingress", document=b"{}", now=NOW)
    return json.dumps(json.loads(encode_parked(ours)) | {"parked_id": parked_id} | changes).encode()


def test_a_document_keeps_the_fields_that_only_the_next_version_knows(assigner: Assigner) -> None:
    outcome = assigner.assign([json.dumps(message(AU, schema=2, priority_class="gold")).encode()])
    (enriched,) = [json.loads(payload) for payload in outcome.payloads]
    assert (enriched["sender_id"], enriched["extra"]["priority_class"]) == (AU_NUMBER, "gold")


@pytest.mark.parametrize(
    "verdict",
    [
        pytest.param(b'{"verdict":"park","park":"RESEND_EXHAUSTED","detail":"x"}', id="a reason"),
        pytest.param(b'{"verdict":"hold","until":12}', id="a kind"),
        pytest.param(b'{"verdict":"sender","shared":[1],"pool":{"a":1}}', id="a form"),
        pytest.param(b"\x81\xa7verdict\x01", id="another encoding"),
    ],
)
def test_a_verdict_is_not_there(assigner: Assigner, redis_client: redis.Redis, store: Store, verdict: bytes) -> None:
    assigner.assign([json.dumps(message(AU)).encode()])
    for key in redis_client.scan_iter(f"{SETTINGS.key_prefix}:decision:*"):
        redis_client.set(key, verdict)
    another = Assigner(
        DecisionCache(store, redis_client, Policy(), prefix=SETTINGS.key_prefix, size=100), max_bytes=1_048_576
    )
    outcome = another.assign([json.dumps(message(AU)).encode()])
    assert [json.loads(payload)["sender_id"] for payload in outcome.payloads] == [AU_NUMBER]


def test_an_epoch_is_read_from_sql(assigner: Assigner, redis_client: redis.Redis) -> None:
    epochs = RedisEpochs(redis_client, SETTINGS.key_prefix)
    redis_client.set(epochs.key(account_scope("acme")), b"7@eu-1")
    assert epochs.read([account_scope("acme")]) == {account_scope("acme"): None}
    outcome = assigner.assign([json.dumps(message(AU)).encode()])
    assert len(outcome.payloads) == 1


def test_a_record_of_the_outbox_is_told_of_as_it_is(
    parking: Parking, store: Store, claims: Claims, redis_client: redis.Redis
) -> None:
    redis_client.hset(KEYS.outbox, "prk_new", record("prk_new", reason="COUNTRY_CLOSED", region="EU"))
    assert parking.sweep() == 1
    (envelope,) = redis_client.lrange(SETTINGS.parked_queue, 0, -1)
    assert json.loads(document_in(envelope))["reason"] == "COUNTRY_CLOSED"
    (entry,) = store.parked(ParkedFilter())
    assert document_of(entry)["reason"] == "COUNTRY_CLOSED"
    assert store.parked_counts(ParkedFilter()) == {"COUNTRY_CLOSED": 1}
    assert list(claims.outbox_pages()) == []


def test_a_record_that_cannot_be_read_stays_and_keeps_nobody_back(
    parking: Parking, claims: Claims, redis_client: redis.Redis
) -> None:
    for number in range(1200):  # more than one page
        redis_client.hset(KEYS.outbox, f"prk_v2_{number}", b'{"form":2,"sealed":"..."}')
    redis_client.hset(KEYS.outbox, "prk_ours", record("prk_ours"))
    assert parking.sweep() == 1
    assert parking.sweep() == 0
    assert sum(len(page) for page in claims.outbox_pages()) == 1200


def test_one_record_that_sql_refuses_keeps_nobody_back(
    parking: Parking, store: Store, redis_client: redis.Redis
) -> None:
    refusal = "CREATE TRIGGER no_such BEFORE INSERT ON parked WHEN NEW.reason = 'REFUSED' BEGIN SELECT RAISE(ABORT, 'no'); END"
    with store.engine.begin() as connection:
        connection.execute(text(refusal))
    for number in range(5):
        name = f"prk_{number}"
        redis_client.hset(KEYS.outbox, name, record(name, reason="REFUSED" if number == 2 else "UNKNOWN_ACCOUNT"))
    with pytest.raises(Exception, match="no"):
        parking.sweep()
    assert redis_client.hkeys(KEYS.outbox) == [b"prk_2"]
    assert redis_client.llen(SETTINGS.parked_queue) == 4


def test_parked_rows_are_shown_as_they_are(parking: Parking, store: Store, redis_client: redis.Redis) -> None:
    redis_client.hset(KEYS.outbox, "prk_1", record("prk_1", fields=[{"field": "to", "reason": "closed"}]))
    parking.sweep()
    with store.engine.begin() as connection:
        fields = json.dumps([{"field": "to", "reason": "closed", "hint": "later"}])
        connection.execute(text("UPDATE parked SET state = 'expired', fields = :fields"), {"fields": fields})
    (entry,) = store.parked(ParkedFilter(state=None))
    assert (entry.state, entry.fields[0].reason) == ("expired", "closed")


def test_progress_counts_codes_and_skips_fields_that_only_the_next_version_knows(redis_client: redis.Redis) -> None:
    written = {"dispatched": 3, "parked:COUNTRY_CLOSED": 2, "parked:by_region": "EU=2", "retold": "1/3", "batches": 1}
    redis_client.hset(progress_key(SETTINGS.key_prefix, "acme", "c1"), mapping=written)
    redis_client.hset(KEYS.counts, mapping={"dispatched": 3, "trust": "0.7"})
    progress = Progress(redis_client, SETTINGS.key_prefix)
    found = progress.find("c1", "acme")
    assert (found.received, found.parked) == (5, {"COUNTRY_CLOSED": 2})
    assert progress.outcomes() == {"dispatched": 3}


NEWER = {
    "a sender's type": "UPDATE senders SET sender_type = 'rcs_agent' WHERE country = 'AU'",
    "a sender's status": "UPDATE senders SET status = 'quarantined' WHERE country = 'AU'",
    "a sender's traffic classes": "UPDATE senders SET traffic_classes = 'carrier_pigeon' WHERE country = 'AU'",
    "a registration's status": "UPDATE registrations SET status = 'provisional'",
    "a strategy's type": "UPDATE default_strategies SET sender_type = 'rcs_agent'",
}


@pytest.mark.parametrize("what", NEWER)
def test_a_row_is_left_out_and_told_of_once_and_the_account_sends_on(
    assigner: Assigner, store: Store, capfd: pytest.CaptureFixture[str], what: str
) -> None:
    sender_rows._tell.cache_clear()
    defaults = DefaultSenders(store, store.active_rules, Policy())
    defaults.create(ACCOUNT, "GB", Product.SMS, [Strategy(SenderType.LONGCODE, GB_NUMBER, "GB")], "tests")
    with store.engine.begin() as connection:
        assert connection.execute(text(NEWER[what])).rowcount
    for reply_expected in (False, True):
        documents = [message(to, reply_expected=reply_expected) for to in (AU, GB, US)]
        outcome = assigner.assign([json.dumps(each).encode() for each in documents])
        assert GB_NUMBER in {json.loads(payload)["sender_id"] for payload in outcome.payloads}
    Senders(store).page(ACCOUNT)
    defaults.page(ACCOUNT, PageRequest())
    assert capfd.readouterr().err.count("newer_row_left_out") == 1


def test_an_account_of_another_standing_does_not_send(assigner: Assigner, store: Store) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE accounts SET status = 'in_review'"))
    (parked,) = assigner.assign([json.dumps(message(AU)).encode()]).parked
    assert parked.reason is ParkReason.ACCOUNT_SUSPENDED
    assert Accounts(store).get(ACCOUNT).status is AccountStatus.SUSPENDED


def test_a_decision_is_shown_as_it_was_written(store: Store, redis_url: str) -> None:
    written = {"decision_id": "dec_new", "account_id": ACCOUNT, "verdict": {"kind": "route", "legs": []}, "form": 2}
    store.save_decisions({"dec_new": json.dumps(written).encode()}, NOW)
    url = store.engine.url.render_as_string(hide_password=False)
    cli = Cli({"SMART_ASSIGN_BROKER_URL": redis_url, "SMART_ASSIGN_DATABASE_URL": url})
    assert cli.done("explain", "--decision", "dec_new") == written
    refused = cli.run("explain", "--decision", "dec_new")
    assert refused.exit_code == 1
    assert "a newer version of this program wrote the decision" in refused.stderr


def test_a_recipient_that_the_next_version_parked_can_be_sent_again() -> None:
    batch = {"account_id": "acme", "campaign_id": "c", "batch_id": "b", "body": "x", "recipients": [{"to": AU}]}
    part = decode_batch(json.dumps(["prk_1", "COUNTRY_CLOSED", 0, batch]).encode()).part
    assert part is not None
    assert part.reason == "COUNTRY_CLOSED"


def test_a_claim_of_a_new_lane_is_left_to_the_next_version(
    claims: Claims, assigner: Assigner, parking: Parking, redis_client: redis.Redis
) -> None:
    theirs = [f"postal-{number:032x}" for number in range(250)]
    for claim_id in theirs:
        redis_client.rpush(KEYS.claim(claim_id), b"{}")
        redis_client.zadd(KEYS.claims, {claim_id: 1})
    redis_client.lpush(SETTINGS.ingress_queue, json.dumps(message(AU)).encode())
    ours = claims.claim(Lane.INGRESS).id
    claims.make_due(ours)
    redis_client.zadd(KEYS.claims, {ours: 2})  # behind all of theirs
    assert claims.recover() == [ours]
    messages = RedisMessages(claims, assigner, parking, SETTINGS)
    batches = RedisBatches(claims, None, SETTINGS)  # type: ignore[arg-type]  # it works on none
    for work in (messages, batches):
        assert work.on_work(PoolWork(theirs[0]))["left_to_newer"] == 1
    assert messages.on_work(PoolWork(ours))["dispatched"] == 1
    assert redis_client.zscore(KEYS.claims, theirs[0]) == 1
    assert redis_client.llen(KEYS.claim(theirs[0])) == 1
    assert not redis_client.hexists(KEYS.attempts, theirs[0])


@pytest.mark.rabbitmq
def test_a_task_of_its_scheduler_is_parked_under_a_reason_of_its_own(deployment: Deployment) -> None:
    with Celery(broker=deployment.broker_url) as scheduler:
        scheduler.conf.task_queues = [Queue(deployment.queue("work"), no_declare=True)]
        scheduler.send_task("trust.publish", queue=deployment.queue("work"), expires=60)
    (notice,) = notices(deployment, 1)
    assert notice["reason"] == "NEWER_VERSION"
    assert "a newer version's scheduler" in notice["detail"]


@pytest.mark.parametrize(
    ("name", "args", "task_id"),
    [
        ("decisions.prune", [], UUID_TEXT),
        ("os.system", ["rm"] * 2, UUID_TEXT),
        ("../x.y", [], UUID_TEXT),
        ("trust.publish", [], "no uuid"),
    ],
    ids=["ours", "arguments", "a name", "an id"],
)
def test_no_other_task_counts_as_one_of_its_scheduler(name: str, args: list[str], task_id: str) -> None:
    body = json.dumps([args, {}, {}]).encode()
    assert not is_of_newer_version({"task": name, "id": task_id}, "application/json", body)
    assert is_of_newer_version({"task": "trust.publish", "id": UUID_TEXT}, "application/json", b"[[],{},{}]")
