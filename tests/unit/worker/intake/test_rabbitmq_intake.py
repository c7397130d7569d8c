"""Intake on RabbitMQ: deliveries become tasks of the own pool; what fails comes again, what waits is held."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import fakeredis
import pytest
from amqp.exceptions import NotFound, RecoverableConnectionError

import worker.intake.rabbitmq as intake_on_rabbitmq
from core.process.watch import Watch
from tests.support.celery_doubles import Channel, Consumer
from tests.support.handoff_doubles import batch, document
from tests.support.strangers import task_headers
from worker.configuration import Configured
from worker.envelopes.task_messages import BATCH_TASK, MESSAGE_TASK, WORK_TASK
from worker.intake.deliveries import DeliveryCounts
from worker.intake.in_hand import FIRST_PREFETCHED
from worker.intake.rabbitmq import FULL_PAUSE_S, GATHER_S, REQUEUE_PAUSE_S, RabbitIntake
from worker.settings import Settings

INGRESS, MESSAGES = "smart-assign.ingress", "smart-assign.messages"
CAMPAIGNS, WORK, RESEND = "smart-assign.ingress.campaigns", "smart-assign.work", "smart-assign.resend"


class Intake:
    """The step, started before a RabbitMQ of channels in memory."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
        own = Settings(broker_url="amqp://guest@127.0.0.1//", claim_attempts=2, **settings)
        urls: Any = SimpleNamespace(redis_url="redis://127.0.0.1:1", broker_url=own.broker_url)
        parts = SimpleNamespace(watch=Watch())
        monkeypatch.setattr(intake_on_rabbitmq, "configured", lambda: Configured(own, urls))
        monkeypatch.setattr(intake_on_rabbitmq, "runtime", lambda: parts)
        monkeypatch.setattr(intake_on_rabbitmq, "declare_queues", lambda *_: None)
        self.consumer = Consumer(children=3)
        self.step = RabbitIntake(self.consumer)
        self.step._counts = DeliveryCounts(fakeredis.FakeRedis(), "smart-assign")
        self.step.start(self.consumer)
        self.gauge, self.singles, self.resends, self.campaigns, self.scheduled = self.consumer.channels
        self.turn()

    def turn(self) -> list[float]:
        return self.consumer.timer.turn()

    @property
    def started(self) -> list[Any]:
        return self.consumer.started


@pytest.fixture
def intake(monkeypatch: pytest.MonkeyPatch) -> Intake:
    return Intake(monkeypatch)


def test_it_consumes_each_queue_and_begins_with_a_thousand_messages_ahead(intake: Intake) -> None:
    assert intake.singles.consumes() == {INGRESS, MESSAGES}
    assert intake.campaigns.consumes() == {CAMPAIGNS, "smart-assign.campaigns"}
    assert intake.scheduled.consumes() == {WORK}
    assert [each.prefetch for each in (intake.singles, intake.campaigns, intake.scheduled)] == [FIRST_PREFETCHED, 2, 12]


def test_deliveries_of_a_moment_are_one_task_and_acknowledged_together_at_its_end(intake: Intake) -> None:
    documents = [document(message_id=f"m{number}") for number in range(3)]
    for each in documents:
        intake.singles.deliver(INGRESS, each)
    assert intake.started == []
    assert intake.turn() == [GATHER_S]
    (task,) = intake.started
    assert (task.task, task.args[1:]) == (WORK_TASK, [3, [each.decode() for each in documents], 0, []])
    assert intake.singles.acknowledged == []
    task.ends()
    assert intake.singles.acknowledged == [(3, True)]


def test_resends_are_gathered_apart_and_say_what_they_are(intake: Intake) -> None:
    assert intake.resends.consumes() == {RESEND}
    intake.singles.deliver(INGRESS, document())
    intake.resends.deliver(RESEND, document(message_id="m2"))
    intake.resends.deliver(RESEND, b"x", application_headers={"compression": "nonsense"})
    intake.turn()
    assert [each.kwargs.get("resends", False) for each in intake.started] == [False, True, True]
    assert "refused" in intake.started[2].kwargs
    for each in intake.started:
        each.ends()
    assert (intake.singles.acknowledged, intake.resends.acknowledged) == ([(1, True)], [(1, True), (2, True)])


def test_a_full_batch_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    intake = Intake(monkeypatch, claim_size=2)
    for _ in range(3):
        intake.singles.deliver(INGRESS, document())
    assert [each.args[1] for each in intake.started] == [2]
    intake.turn()
    assert [each.args[1] for each in intake.started] == [2, 1]


def test_bytes_that_are_no_text_come_through_whole(intake: Intake) -> None:
    intake.singles.deliver(INGRESS, b"\xff\x00{")
    intake.turn()
    assert intake.started[0].args[2][0].encode("latin-1") == b"\xff\x00{"


def test_a_task_that_failed_is_given_back_after_a_pause(intake: Intake) -> None:
    intake.singles.deliver(INGRESS, document())
    intake.turn()
    intake.started[0].fails()
    assert intake.singles.given_back == []
    assert intake.turn() == [REQUEUE_PAUSE_S]
    assert intake.singles.given_back == [1]


def test_a_task_that_only_waits_is_held_and_begun_anew(intake: Intake) -> None:
    intake.singles.deliver(INGRESS, document())
    intake.turn()
    intake.started[0].fails(waits=True)
    intake.turn()
    assert (len(intake.started), intake.singles.given_back) == (2, [])
    assert intake.started[1].args[4] == [0]  # what it had reserved is its own
    intake.started[1].ends()
    assert intake.singles.acknowledged == [(1, True)]


def test_what_waited_is_not_begun_anew_behind_a_lost_connection(intake: Intake) -> None:
    intake.singles.deliver(INGRESS, document())
    intake.turn()
    intake.started[0].fails(waits=True)
    intake.step.stop(intake.consumer)
    intake.step.shutdown(intake.consumer)
    intake.turn()
    assert len(intake.started) == 1


def test_a_document_that_failed_before_is_worked_on_alone_and_counted_as_exhausted_in_the_end(intake: Intake) -> None:
    for _ in range(4):
        intake.singles.deliver(INGRESS, document(), redelivered=True)
    intake.turn()
    assert [(each.args[1], each.args[3]) for each in intake.started] == [(1, 0), (1, 0), (1, 1), (1, 0)]


def test_a_queue_that_counts_deliveries_is_believed(intake: Intake) -> None:
    intake.singles.deliver(INGRESS, document(), redelivered=True, application_headers={"x-delivery-count": 7})
    assert [each.args[3] for each in intake.started] == [4]


def test_what_cannot_be_opened_is_parked_together_with_its_reasons(intake: Intake) -> None:
    for count in (-1, "x"):
        intake.singles.deliver(MESSAGES, b"?", application_headers={"x-delivery-count": count})
    intake.turn()
    (task,) = intake.started
    assert task.args[1] == 2
    assert task.kwargs == {"refused": [["headers.x-delivery-count", "must be a whole number"]] * 2}


def test_nothing_that_a_reader_trips_over_ends_the_worker(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake.step, "_messages", None)
    intake.singles.deliver(MESSAGES, b"x", application_headers={"task": MESSAGE_TASK})
    intake.turn()
    assert intake.started[0].kwargs == {"refused": [["$", "cannot be read: AttributeError"]]}


def test_a_campaign_batch_is_a_task_of_its_own(intake: Intake) -> None:
    intake.campaigns.deliver(CAMPAIGNS, batch("+61491570156"))
    intake.campaigns.deliver(CAMPAIGNS, b"?", application_headers={"x-delivery-count": -1})
    assert [(each.task, each.args[1], "refused" in each.kwargs) for each in intake.started] == [
        (BATCH_TASK, 1, False),
        (BATCH_TASK, 1, True),
    ]


def test_a_stranger_on_the_queue_of_the_scheduler_is_parked(intake: Intake) -> None:
    intake.scheduled.deliver(WORK, b"{}")
    (task,) = intake.started
    assert task.kwargs == {"refused": [["headers.task", f"is no task that {WORK} is for"]]}


def test_a_task_for_celery_itself_is_held_until_celery_ends_it(intake: Intake) -> None:
    body = json.dumps([[{"message_id": "m"}], {}, {}]).encode()
    headers = task_headers(group="g")
    intake.singles.deliver(MESSAGES, body, application_headers=headers, content_type="application/json")
    (task,) = intake.started
    assert task.task == MESSAGE_TASK
    intake.singles.deliver(INGRESS, document())
    intake.turn()
    intake.started[1].ends()
    assert intake.singles.acknowledged == [(2, False)]  # the first is Celery's
    task.ends()
    assert intake.singles.acknowledged == [(2, False), (1, False)]


def test_while_the_dispatch_queue_is_full_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    intake = Intake(monkeypatch, dispatch_max_length=10)
    intake.gauge.waiting = 10
    intake.singles.deliver(INGRESS, document())
    intake.turn()  # gathered
    intake.turn()  # asked
    assert (intake.started, intake.turn()) == ([], [FULL_PAUSE_S])
    intake.gauge.waiting = 9
    assert intake.turn() == [FULL_PAUSE_S]
    assert len(intake.started) == 1


def test_a_dispatch_queue_that_was_deleted_is_not_full(monkeypatch: pytest.MonkeyPatch) -> None:
    intake = Intake(monkeypatch, dispatch_max_length=10)
    intake.gauge.fails = NotFound("gone")
    intake.singles.deliver(INGRESS, document())
    intake.turn()
    intake.turn()
    assert len(intake.started) == 1


def test_a_worker_that_is_told_to_go_starts_nothing_more_and_acknowledges_what_has_ended(intake: Intake) -> None:
    intake.singles.deliver(INGRESS, document(message_id="first"))
    intake.turn()
    intake.singles.deliver(INGRESS, document(message_id="second"))
    intake.turn()
    intake.singles.deliver(INGRESS, document(message_id="third"))
    intake.step.stop_intake(intake.consumer)
    assert intake.singles.consumes() == set()
    intake.turn()
    assert len(intake.started) == 2
    intake.started[1].ends()  # behind the first, which will not
    intake.step.give_back(intake.consumer)
    assert (intake.singles.acknowledged, intake.singles.connection) == ([(2, False)], None)


@pytest.mark.parametrize("end", ["ends", "fails"])
def test_a_lost_connection_is_left_to_the_broker_which_delivers_again(intake: Intake, end: str) -> None:
    intake.singles.deliver(INGRESS, document())
    intake.turn()
    intake.singles.fails = OSError("gone")
    getattr(intake.started[0], end)()
    intake.turn()
    intake.step.stop_intake(intake.consumer)
    assert (intake.singles.acknowledged, intake.singles.given_back) == ([], [])


def test_a_channel_that_has_ended_unseen_is_told_to_celery_which_connects_anew(intake: Intake) -> None:
    intake.consumer.timer.repeat()
    intake.campaigns.connection = None
    with pytest.raises(RecoverableConnectionError):
        intake.consumer.timer.repeat()
    intake.step.stop_intake(intake.consumer)
    intake.consumer.timer.repeat()


def test_each_channel_has_acknowledgements_of_its_own(intake: Intake) -> None:
    channels: list[Channel] = [intake.singles, intake.campaigns]
    intake.campaigns.deliver(CAMPAIGNS, batch("+61491570156"))
    intake.started[0].ends()
    assert [each.acknowledged for each in channels] == [[], [(1, True)]]
