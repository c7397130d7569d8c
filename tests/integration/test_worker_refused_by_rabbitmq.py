"""A RabbitMQ that answers and takes nothing: the worker waits, fails no task, sends nothing twice, and goes on."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace

import pytest
from amqp.exceptions import NotFound

from tests.conftest import started
from tests.integration.conftest import MakeDeployment
from tests.support.accounts import AU, message
from tests.support.rabbit_refusals import full, reads_only, short_of_memory
from tests.support.running_worker import PATIENCE_S, QUEUES, Deployment, RunningWorker, running, until
from tests.support.services import RabbitProcess
from tests.support.stock_clients import all_dispatched, amqp_connection, push, waiting

pytestmark = [pytest.mark.slow, pytest.mark.rabbitmq, pytest.mark.postgres]

#: Messages in one wave, and what the full queue has room for.
SENT, ROOM = 300, 100
#: Longer than the deliveries that a message has, at one a second, with CLAIM_ATTEMPTS below.
LASTS_S = 5.0
SETTINGS = {"claim_attempts": "2"}
#: RabbitMQ takes back what a consumer holds for so long; here it looks once a second.
CONSUMER_TIMEOUT_S = 12
VARIABLES = {"consumer_timeout": f"{CONSUMER_TIMEOUT_S}000", "channel_tick_interval": "1000"}


@dataclass(frozen=True)
class Broken:
    """A worker, its RabbitMQ, and who administers it."""

    worker: RunningWorker
    server: RabbitProcess

    @property
    def deployment(self) -> Deployment:
        return self.worker.deployment


@pytest.fixture(scope="module")
def broken(make_deployment: MakeDeployment, absent: Callable[[str, Exception | str], None]) -> Iterator[Broken]:
    with started(RabbitProcess(variables=VARIABLES), "a RabbitMQ server to start", absent) as server:
        deployment = replace(make_deployment("rabbitmq-postgresql", **SETTINGS), broker_url=server.url)
        with amqp_connection(deployment) as connection:
            # A quorum queue takes more than its limit before it refuses.
            connection.channel().queue_declare(deployment.queue("dispatch"), durable=True, auto_delete=False)
        with running(deployment) as worker:
            yield Broken(worker, server)


def send(deployment: Deployment) -> list[str]:
    """Messages and a campaign batch; gives the ids of all."""
    singles = [message(AU) for _ in range(SENT)]
    recipients = [{"to": AU, "message_id": f"c{time.monotonic_ns()}-{n}"} for n in range(SENT)]
    batch = {"account_id": singles[0]["account_id"], "campaign_id": f"c{time.monotonic_ns()}", "batch_id": "1"}
    push(deployment, singles)
    push(deployment, [batch | {"body": "Hello", "recipients": recipients}], "campaign_ingress")
    return [each["message_id"] for each in (*singles, *recipients)]


def come(deployment: Deployment, count: int, timeout: float = 30.0) -> Counter[str]:
    """How often each id stands on the dispatch queue, once at least `count` do."""
    found: Counter[str] = Counter()
    deadline = time.monotonic() + timeout
    while found.total() < count and time.monotonic() < deadline:
        with suppress(NotFound):  # it was deleted, and the worker has not made it anew yet
            found.update(each["message_id"] for each in all_dispatched(deployment))
        time.sleep(0.1)
    time.sleep(1)
    found.update(each["message_id"] for each in all_dispatched(deployment))
    return found


def check(broken: Broken, sent: list[str], found: Counter[str], log_before: int) -> None:
    assert broken.worker.alive, broken.worker.log[log_before:]
    assert found == Counter(sent), broken.worker.log[log_before:]
    assert waiting(broken.deployment, "parked") == 0
    log = broken.worker.log[log_before:]
    assert "Traceback" not in log, log
    assert len(log.splitlines()) < 60, log[-3000:]


def test_it_waits_while_the_dispatch_queue_rejects(broken: Broken) -> None:
    log_before = len(broken.worker.log)
    with full(broken.server, broken.deployment.queue("dispatch"), ROOM):
        sent = send(broken.deployment)
        time.sleep(LASTS_S)
        assert waiting(broken.deployment, "dispatch") == ROOM
        found = come(broken.deployment, ROOM)
    found += come(broken.deployment, 2 * SENT - found.total())
    check(broken, sent, found, log_before)


def test_it_goes_on_where_the_limit_is_lifted_and_nobody_takes(broken: Broken) -> None:
    """A quorum queue does not tell of it whoever it refused."""
    log_before = len(broken.worker.log)
    with full(broken.server, broken.deployment.queue("dispatch"), ROOM):
        sent = send(broken.deployment)
        time.sleep(LASTS_S)
    until(lambda: waiting(broken.deployment, "dispatch") == 2 * SENT, PATIENCE_S, "what was refused before")
    check(broken, sent, come(broken.deployment, 2 * SENT), log_before)


def test_it_goes_on_where_the_broker_takes_its_deliveries_for_lost(broken: Broken) -> None:
    """What comes again while the first attempt still waits may go out twice, with the same dispatch_id."""
    with full(broken.server, broken.deployment.queue("dispatch"), ROOM):
        sent = send(broken.deployment)
        time.sleep(CONSUMER_TIMEOUT_S + 4)
        found = come(broken.deployment, ROOM)
    found += come(broken.deployment, 2 * SENT - found.total())
    assert broken.worker.alive, broken.worker.log[-5000:]
    assert set(found) == set(sent), broken.worker.log[-5000:]


def test_it_waits_while_the_broker_is_short_of_memory(broken: Broken) -> None:
    log_before = len(broken.worker.log)
    with ExitStack() as stack:
        with full(broken.server, broken.deployment.queue("dispatch"), ROOM):
            sent = send(broken.deployment)
            until(lambda: waiting(broken.deployment, "dispatch") == ROOM, PATIENCE_S, "a full dispatch queue")
            stack.enter_context(short_of_memory(broken.server))
        time.sleep(LASTS_S)
        assert waiting(broken.deployment, "dispatch") == ROOM
    check(broken, sent, come(broken.deployment, 2 * SENT), log_before)


def test_it_waits_until_it_may_write(broken: Broken) -> None:
    log_before = len(broken.worker.log)
    with ExitStack() as stack:
        with full(broken.server, broken.deployment.queue("dispatch"), ROOM):
            sent = send(broken.deployment)
            until(lambda: waiting(broken.deployment, "dispatch") == ROOM, PATIENCE_S, "a full dispatch queue")
            stack.enter_context(reads_only(broken.server))
        time.sleep(LASTS_S)
        assert waiting(broken.deployment, "dispatch") == ROOM
    check(broken, sent, come(broken.deployment, 2 * SENT), log_before)


def test_it_makes_a_queue_anew_that_was_deleted(broken: Broken) -> None:
    log_before = len(broken.worker.log)
    with amqp_connection(broken.deployment) as connection:
        connection.channel().queue_delete(broken.deployment.queue("dispatch"))
    sent = send(broken.deployment)
    check(broken, sent, come(broken.deployment, 2 * SENT), log_before)


def test_it_makes_no_queues_but_its_own(broken: Broken) -> None:
    names = broken.server.control("list_queues", "name").split()
    assert set(QUEUES) == {name for name in QUEUES if broken.deployment.queue(name) in names}
    assert not [name for name in names if "delayed" in name]
