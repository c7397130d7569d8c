from __future__ import annotations

import pytest

from worker.addresses import masked


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        pytest.param("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0", id="nothing to hide"),
        pytest.param("redis://:s3cret@host:6379/0", "redis://:***@host:6379/0", id="password alone"),
        pytest.param("amqps://guest:s3cret@host//", "amqps://guest:***@host//", id="virtual host"),
        pytest.param("amqp://guest:s3@cret@host/", "amqp://guest:***@host/", id="at sign in the password"),
        pytest.param("redis://host/0?password=s3cret", "redis://host/0", id="password in the query"),
        pytest.param("postgresql+psycopg://user@host/db", "postgresql+psycopg://user@host/db", id="user alone"),
        pytest.param("sqlite:////home/a:b@c/x.db", "sqlite:////home/a:b@c/x.db", id="a path is no login"),
        pytest.param("unix:///run/redis.sock?db=0", "unix:///run/redis.sock", id="socket"),
    ],
)
def test_it_shows_addresses_without_secrets(url: str, shown: str) -> None:
    assert masked(url) == shown
