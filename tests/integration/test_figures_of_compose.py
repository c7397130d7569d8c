"""What the roles of the Compose file tell at /metrics, process by process, agrees to the message with what became of all.

Few messages, for every day; with SMART_ASSIGN_TEST_EFFORT=1000, a campaign of 100,000 and 20,000 single messages.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.integration.conftest import MakeDeployment
from tests.support.accounts import AU, BARE, EXPECTED, message
from tests.support.command_line import cli_command, run_cli
from tests.support.compose_file import compose, env_example
from tests.support.effort import EFFORT
from tests.support.figures import Figures
from tests.support.processes import ended_at_last
from tests.support.running_worker import Deployment
from tests.support.services import free_port
from tests.support.stock_clients import all_dispatched, waiting

LARGE = EFFORT >= 1000
CAMPAIGN, SINGLES = (100_000, 20_000) if LARGE else (2_000, 400)
UNSENDABLE, REPEATED, BROKEN = SINGLES // 20, SINGLES // 40, SINGLES // 80
SETTLED_S = 600 if LARGE else 100
pytestmark = pytest.mark.timeout(1800 if LARGE else 240)

PAIRS = [
    pytest.param("redis-postgresql", marks=[pytest.mark.redis, pytest.mark.postgres]),
    pytest.param("rabbitmq-postgresql", marks=[pytest.mark.rabbitmq, pytest.mark.postgres]),
]


@contextmanager
def role(name: str, environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A role by the command that the Compose file gives it."""
    services = compose(dict.fromkeys(env_example(commented=False), "secret"))["services"]
    command = cli_command(*services[name]["command"])
    with log.open("ab") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)
    with ended_at_last(process):
        yield process
        process.terminate()
        assert process.wait(60) == 0, log.read_text()[-3000:]


def send(deployment: Deployment, folder: Path) -> None:
    """As people do: singles of all kinds from a file, and a campaign from a CSV."""
    recipients = list(EXPECTED)
    good = [message(recipients[n % len(recipients)]) for n in range(SINGLES - UNSENDABLE)]
    unsendable = [message(AU, account_id=BARE) for _ in range(UNSENDABLE)]
    lines = folder / "messages.jsonl"
    lines.write_text("".join(f"{json.dumps(each)}\n" for each in [*good, *unsendable, *good[:REPEATED]]))
    numbers = folder / "recipients.csv"
    broken = ["+61000"] * BROKEN  # in CSV a number that is none is refused before it is enqueued
    numbers.write_text("\n".join(["to", *(f"+614{n:08d}" for n in range(10_000_000, 10_000_000 + CAMPAIGN)), *broken]))
    sent = run_cli("send", "--file", str(lines), "--json", environment=deployment.environment)
    assert json.loads(sent.stdout)["enqueued"] == SINGLES + REPEATED, sent.stderr
    words = ("--account", "acme", "--file", str(numbers), "--body", "Sale!", "--campaign-id", "c-figures")
    done = run_cli("campaign", "send", *words, "--json", environment=deployment.environment, timeout=600)
    assert done.returncode == bool(BROKEN), done.stderr  # it says which numbers it refused


@pytest.mark.parametrize("pair", PAIRS)
def test_every_figure_agrees_with_the_account_of_all_messages(
    pair: str, make_deployment: MakeDeployment, tmp_path: Path
) -> None:
    figures = {name: Figures(free_port()) for name in ("worker", "scheduler", "api")}
    deployment = make_deployment(pair, data_dir=str(tmp_path))
    with ExitStack() as stack:
        for name, asked in figures.items():
            ports = {"SMART_ASSIGN_METRICS_PORT": str(asked.port), "SMART_ASSIGN_API_PORT": str(asked.port)}
            log = tmp_path / f"{name}.log"
            stack.enter_context(role(name, deployment.environment | ports, log))
        for name in ("worker", "scheduler"):
            figures[name].until(lambda now: now.health("readyz")["status"] == 200, 90)
        send(deployment, tmp_path)
        settled = CAMPAIGN + SINGLES + REPEATED
        worker = figures["worker"]
        worker.until(lambda now: now.total("messages_in_total") == settled, SETTLED_S)
        assert_messages(worker, deployment)
        for name in ("worker", "scheduler"):
            figures[name].until(lambda now: now.by("documents_waiting", "queue") == lengths(deployment))
        assert_deployment(figures, deployment)


def lengths(deployment: Deployment) -> dict[str, float]:
    names = ("ingress", "campaign_ingress", "messages", "campaigns", "work", "dispatch", "parked", "events")
    return {name: float(length) for name in names if (length := waiting(deployment, name))}


def assert_messages(worker: Figures, deployment: Deployment) -> None:
    good = SINGLES - UNSENDABLE
    assert worker.by("messages_in_total", "lane") == {"single": SINGLES + REPEATED, "campaign": CAMPAIGN}
    assert worker.by("messages_dispatched_total", "lane") == {"single": good, "campaign": CAMPAIGN}
    assert worker.by("messages_parked_total", "reason") == {"NO_COMPLIANT_SENDER": UNSENDABLE} == parked(deployment)
    assert worker.by("messages_duplicate_total", "lane") == {"single": REPEATED}
    assert worker.by("handoff_seconds_count", "lane") == {"single": good, "campaign": CAMPAIGN}
    assert waiting(deployment, "dispatch") == good + CAMPAIGN
    told = json.loads(run_cli("campaign", "status", "c-figures", "--json", environment=deployment.environment).stdout)
    assert (told["dispatched"], told["parked"], told["complete"]) == (CAMPAIGN, {}, True)


def parked(deployment: Deployment) -> dict[str, int]:
    listed = run_cli("parked", "list", "--json", "--limit", "1", environment=deployment.environment)
    return dict(json.loads(listed.stdout)["counts"])


def assert_deployment(figures: dict[str, Figures], deployment: Deployment) -> None:
    worker, scheduler, api = figures["worker"], figures["scheduler"], figures["api"]
    assert worker.by("rules_info", "version") == scheduler.by("rules_info", "version")
    assert worker.total("sql_errors_total") == worker.total("redis_errors_total") == 0
    assert worker.total("claims_open") == worker.total("claims_overdue") == worker.total("work_in_hand") == 0
    assert 0 < worker.by("oldest_document_age_seconds", "queue")["dispatch"] < SETTLED_S + 120
    if deployment.on_redis:
        outcomes = api.by("messages_total", "outcome")
        assert outcomes == {"dispatched": SINGLES - UNSENDABLE + CAMPAIGN, "parked": UNSENDABLE, "duplicates": REPEATED}
    came = Counter(bool(each.get("campaign_id")) for each in all_dispatched(deployment))
    assert came == {True: CAMPAIGN, False: SINGLES - UNSENDABLE}
