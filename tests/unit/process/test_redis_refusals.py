"""What a Redis refuses with, by any of redis-py's types and in any wrapping."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from redis import exceptions

from core.process.redis_refusals import REFUSALS, code_of, leave_after_refusals, refusal_words

MISCONF = (
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. " + 200 * "x"
)
CASES = [
    pytest.param(exceptions.ReadOnlyError("You can't write against a read only replica."), "READONLY", id="a type"),
    pytest.param(exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."), "OOM", id="OOM"),
    pytest.param(exceptions.AuthenticationError("invalid password"), "NOAUTH", id="no code told"),
    pytest.param(exceptions.AuthenticationError("no", status_code="WRONGPASS"), "WRONGPASS", id="a code told"),
    pytest.param(exceptions.BusyLoadingError("Redis is loading the dataset in memory"), "LOADING", id="loading"),
    pytest.param(exceptions.MovedError("1234 10.0.0.7:6379"), "MOVED", id="a Cluster"),
    pytest.param(redis.ResponseError(MISCONF), "MISCONF", id="a bare code"),
    pytest.param(redis.ResponseError("NOREPLICAS Not enough good replicas to write."), "NOREPLICAS", id="another"),
    pytest.param(redis.ResponseError("UNBLOCKED force unblock from blocking operation"), "UNBLOCKED", id="demoted"),
    pytest.param(
        redis.ResponseError("Command # 1 (HSETNX k f v) of pipeline caused error: BUSY Redis is busy"),
        "BUSY",
        id="in a pipeline",
    ),
    pytest.param(
        redis.ResponseError(
            "Error running script (call to f_1c3d): @user_script:3: @user_script: 3: -OOM command not allowed"
        ),
        "OOM",
        id="in a script of Redis 6.2",
    ),
    pytest.param(
        redis.ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value"), None, id="no"
    ),
    pytest.param(
        redis.ResponseError("The user executing the script can't run this command or subcommand script: 1c3d"),
        "NOPERM",
        id="forbidden in a script",
    ),
    pytest.param(redis.ResponseError("unknown command 'READONLYX'"), None, id="a word like one"),
    pytest.param(redis.ConnectionError("Connection refused"), None, id="away"),
    pytest.param(ValueError("READONLY"), None, id="none of Redis's"),
]


@pytest.mark.parametrize(("error", "code"), CASES)
def test_it_knows_a_refusal_and_its_remedy(error: Exception, code: str | None) -> None:
    assert code_of(error) == code
    words = refusal_words(error)
    assert words is None if code is None else words and code in words and REFUSALS[code] in words and len(words) < 300


class Connection:
    """A connection of redis-py that answers with what it is given."""

    def __init__(self, answer: object) -> None:
        self.answer, self.left = answer, 0

    def read_response(self) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def mark_for_reconnect(self) -> None:
        self.left += 1


class Pool:
    connection_class: type = Connection


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        pytest.param(exceptions.ReadOnlyError("You can't write"), 1, id="refused"),
        pytest.param(exceptions.NoScriptError("No matching script."), 0, id="asked for more"),
        pytest.param(b"OK", 0, id="answered"),
    ],
)
def test_a_connection_leaves_after_a_refusal(answer: object, left: int) -> None:
    pool: Any = Pool()
    leave_after_refusals(pool)
    leave_after_refusals(pool)
    connection = pool.connection_class(answer)
    assert len(type(connection).__mro__) == 4
    if isinstance(answer, Exception):
        with pytest.raises(type(answer)):
            connection.read_response()
    else:
        assert connection.read_response() == answer
    assert connection.left == left
