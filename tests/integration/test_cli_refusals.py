"""Services that answer and do not let us in: each role and command ends with a sentence, and not with 0."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from tests.conftest import started
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
def server(absent: Callable[[str, Exception | str], None]) -> Iterator[RedisProcess]:
    with started(RedisProcess(), "a Redis server to start", absent) as found:
        yield found


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


SENDING = ["--account", "acme", "--to", "+61491570156", "--body", "Hello"]


@pytest.mark.rabbitmq
@pytest.mark.parametrize(
    "words", [["send", *SENDING], ["dispatch", "tail"], ["dispatch", "tail", "--drain"]], ids=" ".join
)
def test_a_command_says_why_rabbitmq_does_not_let_it_in(
    words: list[str], refusing_rabbitmq: str, redis_url: str, tmp_path: Path
) -> None:
    said = cli_on(refusing_rabbitmq, redis_url, tmp_path).refused(*words)
    assert "ACCESS_REFUSED" in said or "NOT_ALLOWED" in said
    assert "s3cret" not in said


@pytest.mark.rabbitmq
def test_a_campaign_and_a_replay_say_why_rabbitmq_does_not_let_them_in(
    refusing_rabbitmq: str, redis_url: str, tmp_path: Path
) -> None:
    cli = cli_on(refusing_rabbitmq, redis_url, tmp_path)
    cli.done("db", "upgrade")
    (tmp_path / "r.csv").write_text("to\n+61491570156\n")
    file = ["--file", str(tmp_path / "r.csv"), "--account", "acme", "--body", "Hello"]
    for words in (["campaign", "send", *file], ["check"]):
        result = cli.run(*words)
        assert (result.exit_code, type(result.exception)) == (1, SystemExit)
        assert "ACCESS_REFUSED" in result.output or "NOT_ALLOWED" in result.output


@pytest.mark.redis
@pytest.mark.parametrize("words", [["send", *SENDING], ["dispatch", "tail"], ["campaign", "status", "c"]], ids=" ".join)
def test_a_command_says_that_redis_asks_for_another_password(
    words: list[str], server: RedisProcess, tmp_path: Path
) -> None:
    with server.client() as client:
        client.config_set("requirepass", "right")
    for url, why in (
        (server.url, "authenticat"),
        (with_login(server.url, "", "s3cret"), "invalid username-password pair"),
    ):
        said = cli_on(url, url, tmp_path).refused(*words)
        assert why in said.lower()
        assert "s3cret" not in said


@pytest.mark.postgres
@pytest.mark.parametrize(
    "words", [["senders", "list", "--platform"], ["rules", "list"], ["db", "upgrade"]], ids=" ".join
)
def test_a_command_says_why_postgresql_does_not_let_it_in(
    words: list[str], postgres_server: str, redis_url: str, tmp_path: Path
) -> None:
    cli = cli_on(redis_url, redis_url, tmp_path)
    url = f"{postgres_server.rpartition('/')[0]}/no-such-database"
    said = Cli({**cli.settings, "SMART_ASSIGN_DATABASE_URL": url}).refused(*words)
    assert 'database "no-such-database" does not exist' in said
