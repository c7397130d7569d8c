"""Workers are killed while they count receipts: each counts once, on either broker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from core.sender import SenderType
from core.trust.keys import SenderKey, TrustKeys
from tests.chaos.conftest import SETTINGS, StartWorkers
from tests.support.accounts import ACCOUNT, AU_NUMBER
from tests.support.receipts import receipts
from tests.support.running_worker import QUEUES, Deployment, until
from tests.support.services import RedisProcess
from tests.support.stock_clients import delete_queues, push
from worker.handoff.keys import Keys

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(240)]

DOCUMENTS, IN_EACH, KILLS = 600, 200, 4
#: Of all, what is left after some minutes; a document that is lost or counted twice is three times the difference.
LEAST = 0.9995
NUMBER = SenderKey(ACCOUNT, "AU", SenderType.LONGCODE, AU_NUMBER.removeprefix("+"))
LAST = NUMBER._replace(country="NZ")


@pytest.fixture(params=["redis", pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)])
def deployment(request: pytest.FixtureRequest, on_redis: Deployment, safe_redis: RedisProcess) -> Iterator[Deployment]:
    if request.param == "redis":
        yield on_redis
        return
    url = request.getfixturevalue("rabbitmq_url")
    made = Deployment(url, safe_redis.url, on_redis.database_url, SETTINGS)
    yield made
    delete_queues(made, QUEUES)


def counted(redis: RedisProcess, key: SenderKey = NUMBER) -> float:
    """Receipts that were counted; each has faded a little since."""
    with redis.client() as client:
        raw: Any = client.hget(TrustKeys("smart-assign").rates_stem + key.text, "")
    return sum(json.loads(raw)[1:6]) if raw else 0.0


def claims(redis: RedisProcess) -> int:
    with redis.client() as client:
        return int(client.zcard(Keys("smart-assign").feedback_claims))


def test_each_receipt_counts_once_whoever_is_killed(
    deployment: Deployment, safe_redis: RedisProcess, start_workers: StartWorkers
) -> None:
    (worker,) = start_workers(deployment, 1)
    for number in range(KILLS):
        documents = [
            receipts(ACCOUNT, AU_NUMBER, IN_EACH, dispatch_id=f"{number}-{n}") for n in range(DOCUMENTS // KILLS)
        ]
        before = counted(safe_redis)
        push(deployment, documents, "feedback")
        until(lambda before=before: counted(safe_redis) > before + 1, 30, "some to be counted")  # type: ignore[misc]
        worker.kill()
        worker.start()
    whole = DOCUMENTS * IN_EACH
    until(lambda: counted(safe_redis) > whole * LEAST, 60, lambda: f"{counted(safe_redis)} of {whole} were counted")
    # What was given back to the broker comes before what is sent after it.
    push(deployment, [receipts(ACCOUNT, AU_NUMBER, 1, country="NZ")], "feedback")
    until(lambda: counted(safe_redis, LAST) > 0 and not claims(safe_redis), 60, "the last one to be counted")
    assert whole * LEAST < counted(safe_redis) <= whole
