"""A worker's health says whether it does its work; Celery's ping says only that it is there."""

from __future__ import annotations

from pathlib import Path
from subprocess import CompletedProcess

import pytest
from celery import Celery

from tests.integration.conftest import PAIRS, MakeDeployment
from tests.support.accounts import message
from tests.support.command_line import run_cli
from tests.support.figures import Figures
from tests.support.running_worker import PATIENCE_S, RunningWorker, until
from tests.support.services import free_port
from tests.support.stock_clients import push, waiting


def pings(worker: RunningWorker) -> bool:
    with Celery(broker=worker.deployment.broker_url, set_as_current=False) as stock:
        # By its name: workers of other tests on the same virtual host answer as well.
        answers = stock.control.ping(timeout=10, limit=1, destination=[worker.name])
    return any(worker.name in each for each in answers)


@pytest.mark.parametrize("pair", PAIRS)
def test_it_fails_where_consumption_alone_has_stopped(
    pair: str, make_deployment: MakeDeployment, tmp_path: Path
) -> None:
    stop, figures = tmp_path / "stop", Figures(free_port())
    deployment = make_deployment(pair, metrics_port=str(figures.port), health_stall_s="10")
    worker = RunningWorker(
        deployment, application="tests.support.programs.stopping_worker", variables={"STOP_TAKING": str(stop)}
    )

    def ask(*options: str) -> CompletedProcess[str]:
        return run_cli("health", *options, environment=deployment.environment)

    try:
        worker.start()
        figures.until(lambda now: now.health("readyz")["status"] == 200)
        push(deployment, [message()])
        until(lambda: waiting(deployment, "dispatch") == 1, PATIENCE_S, lambda: worker.log)
        until(lambda: ask("--ready").stdout == "ready\n", PATIENCE_S, lambda: str(figures.health("readyz")))
        assert ask().stdout == "healthy\n"
        stop.touch()
        figures.until(lambda now: idle(now, worker), PATIENCE_S)
        assert pings(worker)
        refused = ask()
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr.startswith("smart-assign: ")
    finally:
        worker.remove()


def idle(figures: Figures, worker: RunningWorker) -> bool:
    """Whether a document waits too long; where the worker took it just before it stopped, another one is sent."""
    if not waiting(worker.deployment, "ingress"):
        push(worker.deployment, [message()])
    said = figures.health()
    return said["status"] == 503 and any("documents wait" in each for each in said["reasons"])
