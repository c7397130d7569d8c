"""The figures of a worker agree with what became of the messages, on either broker; and nothing of the messages is in them."""

from __future__ import annotations

import json
import uuid
from collections import Counter

import pytest

from core.metrics.catalogue import CATALOGUE, Role
from tests.integration.conftest import PAIRS, MakeDeployment
from tests.support.accounts import ACCOUNT, AU, BARE, FR, GB, US, message
from tests.support.figures import Figures
from tests.support.running_worker import PATIENCE_S, running, until
from tests.support.services import free_port
from tests.support.stock_clients import all_dispatched, push, waiting

BATCHES, RECIPIENTS = 3, 700


def singles() -> list[object]:
    """Messages that go out, that come twice, that have no sender, and what is no message."""
    good = [message(to) for to in (AU, GB, FR, US) for _ in range(100)]
    unsendable = [message(AU, account_id=BARE) for _ in range(30)]
    return [*good, *good[:50], *unsendable, *({"account_id": f"nobody-{n}"} for n in range(20))]


def campaign() -> list[object]:
    stem = uuid.uuid4().hex[:8]
    return [
        {
            "account_id": ACCOUNT,
            "campaign_id": f"c-{stem}",
            "batch_id": f"b-{number}",
            "body": "Sale!",
            "total_batches": BATCHES + 1,
            "recipients": [{"to": f"+61491{number}{n:05d}"} for n in range(RECIPIENTS)],
        }
        for number in range(BATCHES)
    ]


@pytest.mark.parametrize("pair", PAIRS)
def test_the_figures_agree_with_what_became_of_every_message(pair: str, make_deployment: MakeDeployment) -> None:
    figures = Figures(free_port())
    deployment = make_deployment(pair, metrics_port=str(figures.port), health_stall_s="8")
    with running(deployment) as worker:
        sent, batches = singles(), campaign()
        push(deployment, sent)
        push(deployment, batches, "campaign_ingress")
        total = len(sent) + BATCHES * RECIPIENTS
        figures.until(lambda now: now.total("messages_in_total") == total)
        worker.kill_child(worker.children[0])  # what it counted stays
        until(lambda: len(worker.children) == 2, PATIENCE_S, "no other child took its place")
        push(deployment, [message(GB)])
        figures.until(lambda now: now.total("messages_in_total") == total + 1)
        figures.until(lambda now: now.by("documents_waiting", "queue").get("dispatch") == 2501)
        came = [dict(each) for each in all_dispatched(deployment)]
        assert_agrees(figures, came)
        figures.until(lambda now: now.health("readyz")["status"] == 200)
        assert list(figures.by("campaign_settled_ratio", "campaign").values()) == [BATCHES / (BATCHES + 1)]
        assert figures.total("campaigns_in_flight") == 1
        assert figures.health() == {"status": 200, "ok": True, "reasons": []}
        assert_catalogued(figures, on_redis=deployment.on_redis)
        push(deployment, [{"dispatch_id": came[0]["dispatch_id"], "message": came[0]}], "resend")
        figures.until(lambda now: now.by("messages_in_total", "lane").get("resend") == 1)


def assert_agrees(figures: Figures, came: list[dict[str, object]]) -> None:
    by_lane = Counter("campaign" if each.get("campaign_id") else "single" for each in came)
    assert figures.by("messages_dispatched_total", "lane") == by_lane == {"single": 401, "campaign": 2100}
    parked = figures.by("messages_parked_total", "reason", lane="single")
    assert parked == {"NO_COMPLIANT_SENDER": 30, "INVALID_MESSAGE": 20}
    assert figures.by("messages_duplicate_total", "lane") == {"single": 50}
    assert figures.by("handoff_seconds_count", "lane") == by_lane
    found, decided = figures.by("decisions_found_total", "cache"), figures.by("decisions_total", "source")
    assert sum(found.values()) == sum(decided.values())
    assert set(decided) == {"smart", "none"}
    assert found["sql"] == 5  # one for each account and country
    assert figures.total("work_documents_sum") >= figures.total("work_documents_count") > 0
    assert figures.by("work_begun_total", "attempt").keys() == {"1"}


def assert_catalogued(figures: Figures, *, on_redis: bool) -> None:
    text = figures.get("/metrics")[1]
    names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")}
    foreign = "RabbitMQ alone" if on_redis else "Redis alone"
    absent = {name for name, metric in CATALOGUE.items() if foreign in metric.words} | {"smart_assign_defaults_at_risk"}
    assert names == {name for name, metric in CATALOGUE.items() if Role.WORKER in metric.roles} - absent
    for told in (ACCOUNT, BARE, AU, "Sale"):
        assert f'"{told}' not in text


@pytest.mark.redis
def test_a_second_worker_on_the_machine_goes_on_without_the_port(make_deployment: MakeDeployment) -> None:
    figures = Figures(free_port())
    deployment = make_deployment("redis-sqlite", metrics_port=str(figures.port))
    with running(deployment) as first:
        figures.until(lambda now: now.health()["status"] == 200)
        with running(deployment) as second:
            events = [json.loads(line) for line in second.log.splitlines() if line.startswith("{")]
            [said] = [event for event in events if event.get("event") == "metrics_port_taken"]
            assert (said["level"], said["port"]) == ("warning", figures.port)
            first.kill()
            push(deployment, [message()])
            until(lambda: waiting(deployment, "dispatch") == 1, PATIENCE_S, lambda: second.log)
