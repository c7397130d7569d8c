"""Wrong keys are counted, by account and by address, and make only strangers wait."""

from __future__ import annotations

import fakeredis
import pytest
import redis
from structlog.testing import capture_logs

from api.failed_logins import MAX_OF_ACCOUNT, MAX_OF_ADDRESS, MAX_REMEMBERED, WINDOW_S, FailedLogins

HOME, ABROAD = "192.0.2.1", "192.0.2.2"


class Clock:
    """A clock that a test sets; it begins with a window."""

    now = 100.0 * WINDOW_S

    def __call__(self) -> float:
        return self.now


class Away(redis.Redis):
    """A Redis that does not answer."""

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> redis.client.Pipeline:
        raise redis.ConnectionError("away")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server() -> fakeredis.FakeServer:
    return fakeredis.FakeServer()


@pytest.fixture
def failures(server: fakeredis.FakeServer, clock: Clock) -> FailedLogins:
    return FailedLogins(fakeredis.FakeRedis(server=server), "sa", clock)


def test_it_makes_an_account_wait_at_one_address(failures: FailedLogins) -> None:
    for _ in range(MAX_OF_ACCOUNT):
        assert failures.wait("acme", HOME) == 0
        failures.note("acme", HOME)
    assert failures.wait("acme", HOME) == WINDOW_S
    assert (failures.wait("acme", ABROAD), failures.wait("rival", HOME)) == (0, 0)


def test_it_makes_an_address_wait_that_tries_every_account(failures: FailedLogins) -> None:
    for number in range(MAX_OF_ADDRESS):
        failures.note(f"a{number}", HOME)
    assert failures.wait("acme", HOME) == WINDOW_S
    assert failures.wait("acme", ABROAD) == 0


def test_it_begins_anew_with_each_window(failures: FailedLogins, clock: Clock) -> None:
    for _ in range(MAX_OF_ACCOUNT):
        failures.note("acme", HOME)
    clock.now += WINDOW_S - 5
    assert failures.wait("acme", HOME) == 5
    clock.now += 5
    assert failures.wait("acme", HOME) == 0


def test_it_counts_across_processes(server: fakeredis.FakeServer, clock: Clock) -> None:
    processes = [FailedLogins(fakeredis.FakeRedis(server=server), "sa", clock) for _ in range(2)]
    for number in range(MAX_OF_ACCOUNT):
        processes[number % 2].note("acme", HOME)
    assert processes[1].wait("acme", HOME) == WINDOW_S


def test_it_counts_for_itself_while_redis_is_away(clock: Clock) -> None:
    failures = FailedLogins(Away(), "sa", clock)
    for _ in range(MAX_OF_ACCOUNT):
        assert failures.wait("acme", HOME) == 0
        failures.note("acme", HOME)
    assert failures.wait("acme", HOME) == WINDOW_S


def test_it_logs_once_a_window_and_names_no_account(failures: FailedLogins) -> None:
    with capture_logs() as logs:
        for _ in range(MAX_OF_ACCOUNT + 5):
            failures.note("a secret typed in the wrong place", HOME)
    (line,) = logs
    assert (line["event"], line["address"]) == ("api_wrong_keys", HOME)
    assert "secret" not in str(line)


def test_it_remembers_a_bounded_number(failures: FailedLogins) -> None:
    for number in range(MAX_REMEMBERED + 10):
        failures._counts[f"account-{number}"] = 1
    failures.note("acme", HOME)
    assert len(failures._counts) < 10
