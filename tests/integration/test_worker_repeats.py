"""The same message id twice is one dispatch, within the window, however it comes."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from contextlib import suppress

import pytest

from core.accounts.accounts import Accounts
from core.errors import ConflictError
from tests.integration.conftest import PAIRS, MakeDeployment
from tests.support.accounts import AU, GB, US, message, open_store
from tests.support.quiet import wait_until_quiet
from tests.support.running_worker import PATIENCE_S, Deployment, RunningWorker, running, until
from tests.support.stock_clients import dispatched, listening, notices, purge, push, send_with_celery, waiting


def add_subaccounts(deployment: Deployment) -> None:
    """Two sub-accounts of acme, once for each deployment."""
    with open_store(deployment.database_url, deployment.redis_url) as store:
        for name in ("acme-nz", "acme-uk"):
            with suppress(ConflictError):
                Accounts(store).add(name, parent="acme")


def counted(worker: RunningWorker, expected: int) -> list[str]:
    """The ids that are dispatched, when nothing more can come."""
    deployment = worker.deployment
    until(lambda: waiting(deployment, "dispatch") >= expected, PATIENCE_S, lambda: worker.log)
    wait_until_quiet(worker)
    assert waiting(deployment, "dispatch") == expected
    return [document["message_id"] for document in dispatched(worker.deployment, expected)]


def test_it_dispatches_one_of_two_in_one_batch(worker: RunningWorker) -> None:
    deployment = worker.deployment
    twice, once = message(), message()
    push(deployment, [twice, once, twice, twice])
    assert sorted(counted(worker, 2)) == sorted([twice["message_id"], once["message_id"]])


def test_it_dispatches_one_of_two_that_come_apart(worker: RunningWorker) -> None:
    deployment = worker.deployment
    twice = message()
    push(deployment, [twice])
    assert counted(worker, 1) == [twice["message_id"]]
    push(deployment, [twice, message()])
    assert twice["message_id"] not in counted(worker, 1)


def test_it_dispatches_one_of_two_that_come_by_different_ways(worker: RunningWorker) -> None:
    deployment = worker.deployment
    twice = message()
    push(deployment, [twice])
    assert counted(worker, 1) == [twice["message_id"]]
    send_with_celery(deployment, [{"args": [twice]}, {"args": [message()]}])
    assert twice["message_id"] not in counted(worker, 1)


def test_it_takes_one_id_of_two_accounts_for_two_messages(worker: RunningWorker) -> None:
    deployment = worker.deployment
    one = message()
    other = one | {"account_id": "bare"}
    push(deployment, [one, other])
    assert counted(worker, 1) == [one["message_id"]]
    assert [notice["reason"] for notice in notices(deployment, 1)] == ["NO_COMPLIANT_SENDER"]


def test_it_takes_one_id_of_two_subaccounts_for_two_messages(worker: RunningWorker) -> None:
    deployment = worker.deployment
    add_subaccounts(deployment)
    one = message(to=AU)
    texts = [one, one | {"subaccount_id": "acme-nz", "to": GB}, one | {"subaccount_id": "acme-uk", "to": US}]
    push(deployment, texts)
    came = dispatched(deployment, 3)
    assert {(each["subaccount_id"], each["to"]) for each in came} == {(None, AU), ("acme-nz", GB), ("acme-uk", US)}
    assert len({each["dispatch_id"] for each in came}) == 3
    push(deployment, [*texts, message()])
    assert one["message_id"] not in counted(worker, 1)


def test_it_takes_one_batch_id_of_two_subaccounts_for_two_batches(worker: RunningWorker) -> None:
    deployment = worker.deployment
    add_subaccounts(deployment)
    names = {"account_id": "acme", "campaign_id": f"c-{uuid.uuid4()}", "batch_id": "1", "body": "Doors open at nine."}
    batches = [
        names | {"recipients": [{"to": to}], "subaccount_id": whose}
        for whose, to in ((None, AU), ("acme-nz", GB), ("acme-uk", US))
    ]
    push(deployment, batches, "campaign_ingress")
    assert {each["to"] for each in dispatched(deployment, 3)} == {AU, GB, US}
    push(deployment, batches, "campaign_ingress")
    assert counted(worker, 0) == []


def test_it_says_how_many_were_repeats(deployment: Deployment) -> None:
    twice = message()
    with listening(deployment) as listener:
        push(deployment, [twice] * 5)
        dispatched(deployment, 1)

        def told() -> int:
            results = [event["result"] for event in listener.tasks("messages.assign", "task-succeeded")]
            return sum(int(n) for result in results for n in re.findall(r"'duplicates': (\d+)", result))

        until(lambda: told() == 4, PATIENCE_S, lambda: f"{told()} repeats told")


@pytest.fixture
def in_small_batches(make_deployment: MakeDeployment) -> Deployment:
    return make_deployment("rabbitmq-postgresql", claim_size="5", concurrency="4")


@pytest.mark.rabbitmq
@pytest.mark.postgres
def test_it_dispatches_one_of_copies_that_are_worked_on_at_once(in_small_batches: Deployment) -> None:
    with running(in_small_batches) as worker:
        messages = [message() for _ in range(5)]
        # Every batch of five holds a copy of each, and four are worked on at a time.
        push(in_small_batches, [*messages, *reversed(messages)] * 20)
        assert sorted(counted(worker, 5)) == sorted(each["message_id"] for each in messages)
        push(in_small_batches, [message()])
        counted(worker, 1)


@pytest.fixture(scope="module", params=PAIRS)
def with_window(request: pytest.FixtureRequest, make_deployment: MakeDeployment) -> Callable[[int], Deployment]:
    """Workers with a window of so many seconds."""
    made = make_deployment(request.param)

    def of(seconds: int) -> Deployment:
        settings = {"idempotency_window": str(seconds)}
        return Deployment(made.broker_url, made.redis_url, made.database_url, settings, made.stem)

    return of


def test_it_forgets_an_id_after_the_window(with_window: Callable[[int], Deployment]) -> None:
    deployment = with_window(6)
    with running(deployment) as worker:
        purge(deployment, "dispatch", "parked")
        again = message()
        push(deployment, [again])
        dispatched(deployment, 1)
        push(deployment, [again])
        assert counted(worker, 0) == []
        time.sleep(8)  # half-windows are forgotten whole
        push(deployment, [again])
        assert counted(worker, 1) == [again["message_id"]]


def test_it_lets_every_repeat_pass_with_no_window(with_window: Callable[[int], Deployment]) -> None:
    deployment = with_window(0)
    with running(deployment) as worker:
        purge(deployment, "dispatch", "parked")
        again = message()
        push(deployment, [again, again])
        push(deployment, [again])
        assert counted(worker, 3) == [again["message_id"]] * 3
