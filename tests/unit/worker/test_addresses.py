from __future__ import annotations

import pytest

from worker.addresses import fault_of, masked


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
        pytest.param(
            "amqp://guest:s3cret@a//;amqps://guest:s3cret@b:5671//v",
            "amqp://guest:***@a//;amqps://guest:***@b:5671//v",
            id="several",
        ),
        pytest.param("amqp://a//,amqp://u:s3cret@b//", "amqp://a//;amqp://u:***@b//", id="several, with commas"),
        pytest.param("amqp://u:s3cret@a//;u:s3cret@b//", "amqp://u:***@b//", id="several, one without a scheme"),
        pytest.param("amqp://a:5672//;u:s3cret@b//", "amqp://a:***@b//", id="several, the second alone has a login"),
        pytest.param("postgresql://u:s3cret@h1,h2/db", "postgresql://u:***@h1,h2/db", id="several hosts"),
        pytest.param(
            "postgresql://u:s3cret@h1:1,h2:2/db?x=s3cret", "postgresql://u:***@h1:1,h2:2/db", id="their ports"
        ),
        pytest.param("postgresql://u:s3cret@h1,v:s3cret@h2/db", "postgresql://u:***@h2/db", id="several passwords"),
        pytest.param("redis://:s3/cret@host/0", "redis://:***@host/0", id="a slash in the password"),
        pytest.param("redis://u:s3?cret@host/0", "redis://u:***", id="a question mark in the password"),
        pytest.param("amqp://u:s3;cret,@host//", "amqp://u:***@host//", id="a semicolon in the password"),
        pytest.param("redis://host:6379/0?password=s3@cret", "redis://host:***", id="an at sign in the query"),
        pytest.param("u:s3cret@host", "u:***@host", id="no scheme"),
        pytest.param("unix:///run/redis.sock?db=0", "unix:///run/redis.sock", id="socket"),
    ],
)
def test_it_shows_addresses_without_secrets(url: str, shown: str) -> None:
    assert masked(url) == shown


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("redis://:s3cret@host:6379/0", False),
        ("amqp://a//;amqp://b:5671//", False),
        ("unix:///run/redis.sock", False),
        ("redis://:s3cret@host:s3cret/0", True),
        ("redis://:s3/cret@host/0", True),
        ("amqp://a//;amqp://b:s3cret//", True),
        ("redis://h1:6379,h2:s3cret/0", True),
    ],
)
def test_it_says_what_is_wrong_with_a_url_without_a_part_of_it(url: str, wrong: bool) -> None:
    fault = fault_of(url)
    assert (fault is not None) is wrong
    assert "s3" not in str(fault)
