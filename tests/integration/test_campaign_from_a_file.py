"""A campaign from a file to the dispatch queue, its sender killed on the way: nothing lost, nothing twice.

SMART_ASSIGN_TEST_RECIPIENTS makes it longer; a million takes minutes, most of them the stock consumer's.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.accounts.accounts import Accounts
from core.accounts.senders import Senders
from core.sender import Registration, RegistrationStatus, Sender, SenderType
from tests.integration.conftest import PAIRS, MakeDeployment
from tests.support.accounts import NAME, US_NUMBER, open_store
from tests.support.command_line import cli_command, run_cli
from tests.support.processes import ended_at_last
from tests.support.running_worker import Deployment, running, until

RECIPIENTS = int(os.environ.get("SMART_ASSIGN_TEST_RECIPIENTS", "20000"))
#: The stock consumer is slow: a few thousand messages a second.
SECONDS = 120 + RECIPIENTS / 1_000
PROGRAM = Path(__file__).parents[1] / "support" / "programs" / "count_with_kombu.py"
#: Country -> the beginning of a number there, six digits short.
BEGINNINGS = {
    "AR": "+5491123", "AT": "+43664", "AU": "+61412", "BE": "+32450", "BR": "+5511961", "CH": "+41781", "CL": "+56221",
    "CO": "+573211", "CZ": "+420601", "DE": "+4915123", "DK": "+4534", "ES": "+34612", "FI": "+358412", "FR": "+33612",
    "GB": "+447400", "GR": "+306912", "HU": "+36201", "ID": "+62812", "IE": "+353850", "IN": "+918123", "IT": "+393123",
    "JP": "+819012", "KR": "+821020", "MX": "+522221", "MY": "+60123", "NL": "+31612", "NO": "+4740", "NZ": "+64211",
    "PE": "+51912", "PH": "+639051", "PL": "+48512", "PT": "+351912", "RO": "+40712", "SE": "+46701", "SG": "+6581",
    "TH": "+66812", "TR": "+905012", "US": "+12015", "VN": "+84912", "ZA": "+27711",
}  # fmt: skip
#: All other countries take the name.
SENDERS_BY_COUNTRY = {"US": US_NUMBER, "NZ": "4711"}

BATCH = 500
#: Batches that the sender puts on the queue of a worker that is not there; half of them one trip.
AHEAD = 32

pytestmark = [pytest.mark.slow, pytest.mark.timeout(SECONDS + 120)]


@pytest.fixture(params=PAIRS)
def made(request: pytest.FixtureRequest, make_deployment: MakeDeployment, tmp_path: Path) -> Deployment:
    """Services without a worker; account `traveller` may send to all forty countries."""
    made = make_deployment(request.param, data_dir=str(tmp_path / "data"))
    registered = tuple(Registration(country, RegistrationStatus.APPROVED) for country in BEGINNINGS)
    with open_store(made.database_url, made.redis_url) as store:
        Accounts(store).add("traveller")
        for sender in (
            Sender("traveller", NAME, SenderType.ALPHA_TAG, None, registrations=registered),
            Sender("traveller", US_NUMBER, SenderType.TEN_DLC, "US", registrations=registered),
            Sender("traveller", "4711", SenderType.SHORTCODE, "NZ", registrations=registered),
        ):
            Senders(store).add(sender)
    return made


@pytest.fixture
def recipients(tmp_path: Path) -> Path:
    """A file of all recipients, each with a number of its own, and two rows that are none."""
    file, beginnings = tmp_path / "recipients.csv", list(BEGINNINGS.values())
    with file.open("w") as stream:
        stream.write("To;Custom_String\n123;nobody\n")
        for number in range(RECIPIENTS):
            stream.write(f"{beginnings[number % 40]}{number // 40:06d};r{number}\n")
        stream.write(";nobody\n")
    return file


@pytest.fixture
def consumer(made: Deployment) -> Iterator[subprocess.Popen[str]]:
    """A dispatcher in a process of its own, which waits for its order."""
    process = subprocess.Popen(
        [sys.executable, "-I", str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def counted(consumer: subprocess.Popen[str], made: Deployment) -> dict[str, Any]:
    order = {"broker": made.broker_url, "queue": made.queue("dispatch"), "expected": RECIPIENTS, "seconds": SECONDS}
    told, _ = consumer.communicate(json.dumps(order), timeout=SECONDS + 60)
    return dict(json.loads(told))


def words(file: Path, *more: str) -> list[str]:
    start = [
        "campaign",
        "send",
        "--account",
        "traveller",
        "--file",
        str(file),
        "--body",
        "Hello",
        "--campaign-id",
        "c1",
    ]
    return [*start, "--batch-size", str(BATCH), "--max-waiting", str(AHEAD), "--json", *more]


def send_and_kill(made: Deployment, file: Path, state_file: Path) -> int:
    """Send until the queue is full, kill, and forget the latest trip, as if it had not been recorded; its batches."""
    earlier = state_file.with_suffix(".earlier")

    def recorded() -> int:
        try:
            batches = int(json.loads(state_file.read_bytes())["batches"])
        except FileNotFoundError:
            return 0
        if 0 < batches < AHEAD:
            shutil.copy(state_file, earlier)
        return batches

    with ended_at_last(subprocess.Popen(cli_command(*words(file)), env=made.environment, stdout=subprocess.PIPE)):
        until(lambda: recorded() >= AHEAD, 60, "the first batches")
    if not earlier.exists():  # it was too quick to be watched
        return 0
    before = json.loads(earlier.read_bytes())["batches"]
    earlier.replace(state_file)
    return AHEAD - int(before)


def test_it_sends_every_row_once_though_its_sender_is_killed(
    made: Deployment, recipients: Path, consumer: subprocess.Popen[str], tmp_path: Path
) -> None:
    state_file = tmp_path / "data" / "campaigns" / "c1.json"
    repeated = send_and_kill(made, recipients, state_file)
    refused = run_cli(*words(recipients), environment=made.environment)
    assert (refused.returncode, "--resume goes on" in refused.stderr) == (1, True)
    with running(made):
        sent = run_cli(*words(recipients, "--resume"), environment=made.environment, timeout=SECONDS)
        told = json.loads(sent.stdout)
        assert (sent.returncode, told["enqueued"], told["batches"]) == (1, RECIPIENTS, -(-RECIPIENTS // BATCH))
        assert [(row["line"], row["field"]) for row in told["refused"]] == [(2, "to"), (RECIPIENTS + 3, "to")]
        came = counted(consumer, made)
        shown = json.loads(run_cli("campaign", "status", "c1", "--json", environment=made.environment).stdout)
    assert (came["taken"], came["distinct"], came["most_often"]) == (RECIPIENTS, RECIPIENTS, 1)
    assert came["senders"] == {
        f"{country} {SENDERS_BY_COUNTRY.get(country, NAME)}": len(range(place, RECIPIENTS, 40))
        for place, country in enumerate(BEGINNINGS)
    }
    assert shown == {
        "campaign_id": "c1",
        "received": RECIPIENTS + repeated * BATCH,
        "dispatched": RECIPIENTS,
        "parked": {},
        "duplicates": repeated * BATCH,
        "batches": told["batches"],
        "total_batches": told["batches"],
        "complete": True,
    }
