"""Services that answer and do not let us in: each role and command ends with a sentence, and not with 0."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.support.cli_runner import Cli
from tests.support.services import RedisProcess

ROLES = [("worker", "--", "-c", "1"), ("scheduler",), ("flower",)]
EACH_ROLE = pytest.mark.parametrize("words", ROLES, ids=lambda words: words[0])


def cli_on(broker_url: str, redis_url: str, tmp_path: Path) -> Cli:
    settings = {"BROKER_URL": broker_url, "REDIS_URL": redis_url, "DATABASE_URL": f"sqlite:///{tmp_path}/test.sqlite3"}
    return Cli({f"SMART_ASSIGN_{name}": value for name, value in settings.items()})


def with_login(url: str, user: str, password: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{user}:{password}@{rest.rpartition('@')[2]}"


@pytest.fixture(params=["guest's wrong password", "no such virtual host"])
def refusing_rabbitmq(request: pytest.FixtureRequest, rabbitmq_url: str) -> str:
    if "password" in request.param:
        return with_login(rabbitmq_url, "guest", "s3cret")
    return with_login(rabbitmq_url.rpartition("/")[0] + "/no-such-host", "guest", "guest")


@pytest.mark.rabbitmq
@EACH_ROLE
def test_a_role_ends_where_rabbitmq_does_not_let_it_in(
    words: tuple[str, ...], refusing_rabbitmq: str, redis_url: str, tmp_path: Path
) -> None:
    said = cli_on(refusing_rabbitmq, redis_url, tmp_path).refused(*words)
    assert "does not let this program in" in " ".join(said.split())
    assert "s3cret" not in said


@pytest.fixture
def server() -> Iterator[RedisProcess]:
    found = RedisProcess()
    try:
        found.start()
        yield found
    finally:
        found.remove()


@pytest.mark.redis
@EACH_ROLE
def test_a_role_ends_where_redis_asks_for_another_password(
    words: tuple[str, ...], server: RedisProcess, tmp_path: Path
) -> None:
    with server.client() as client:
        client.config_set("requirepass", "right")
    for url in (server.url, with_login(server.url, "", "s3cret")):
        said = cli_on(url, url, tmp_path).refused(*words)
        assert f"Redis at {url.replace('s3cret', '***')} does not let this program in" in " ".join(said.split())


@pytest.mark.redis
@pytest.mark.parametrize("option", ["--no-such-option", "--pool=nonsense"])
def test_a_worker_with_options_that_celery_does_not_know_is_wrong_usage(
    option: str, redis_client: redis.Redis, redis_url: str, tmp_path: Path
) -> None:
    cli = cli_on(redis_url, redis_url, tmp_path)
    cli.done("db", "upgrade")
    assert option.partition("=")[0] in cli.refused("worker", "--", option, exit_code=2)
