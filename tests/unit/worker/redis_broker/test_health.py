"""A Redis that answers, and may be none that can be used."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import pytest
import redis
from redis.exceptions import AuthenticationError

from worker.redis_broker import health

URL = "redis://:s3cret@10.0.0.1:6379/0"


class Server:
    """A client of a server that says this of itself."""

    def __init__(self, told: dict[str, object] | Exception) -> None:
        self._told = told

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def info(self, _section: str) -> dict[str, object]:
        if isinstance(self._told, Exception):
            raise self._told
        return self._told


REFUSALS = [
    pytest.param({"redis_mode": "standalone", "redis_version": "7.0.15"}, None, id="a single server"),
    pytest.param({"redis_version": "7.0.15"}, None, id="a server that does not say"),
    pytest.param({"redis_mode": "cluster"}, "belongs to a Redis Cluster", id="a cluster's node"),
    pytest.param({"redis_mode": "sentinel"}, "is a Sentinel", id="a sentinel"),
    pytest.param(AuthenticationError("Authentication required."), "Authentication required.", id="no password"),
    pytest.param(redis.ConnectionError("refused"), None, id="a server that is away"),
    pytest.param(redis.exceptions.NoPermissionError("no INFO"), None, id="a user without INFO"),
]


@pytest.mark.parametrize(("told", "said"), REFUSALS)
def test_it_tells_who_refuses_from_who_is_away(
    told: dict[str, object] | Exception, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "open_redis", lambda *_: Server(told))
    refusal = health.redis_refusal(URL)
    assert (refusal is None) if said is None else (said in str(refusal))
    assert "s3cret" not in str(refusal)
