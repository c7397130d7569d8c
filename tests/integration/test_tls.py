"""Brokers that speak TLS alone, with a certificate of an authority of the tests' own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import started
from tests.support.accounts import AU_NUMBER, message, seed
from tests.support.certificates import make_certificates
from tests.support.command_line import run_cli
from tests.support.running_worker import Deployment, running
from tests.support.services import Certificates, MissingServiceError, RabbitProcess, RedisProcess
from tests.support.stock_clients import dispatched, send_with_celery


@pytest.fixture
def certificates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, absent: Callable[[str, Exception | str], None]
) -> Certificates:
    """Trusted in this process and by what it starts, as an operator would have it: OpenSSL's own variable."""
    try:
        made = make_certificates(tmp_path)
    except MissingServiceError as error:
        absent("OpenSSL", error)
        raise
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    return made


@pytest.fixture
def tls_redis(certificates: Certificates, absent: Callable[[str, Exception | str], None]) -> Iterator[RedisProcess]:
    with started(RedisProcess(certificates=certificates), "a Redis server with TLS", absent) as server:
        yield server


@pytest.fixture
def tls_rabbitmq(certificates: Certificates, absent: Callable[[str, Exception | str], None]) -> Iterator[RabbitProcess]:
    with started(RabbitProcess(certificates=certificates), "a RabbitMQ server with TLS", absent) as server:
        yield server


@pytest.mark.parametrize("words", ["", "&ssl_cert_reqs=required", "&ssl_cert_reqs=CERT_REQUIRED"])
def test_it_does_all_over_a_redis_that_speaks_tls(tls_redis: RedisProcess, sqlite_url: str, words: str) -> None:
    url = tls_redis.url + words
    does_its_main_job(Deployment(url, url, sqlite_url))


def test_it_does_all_over_a_rabbitmq_that_speaks_tls(
    tls_rabbitmq: RabbitProcess, redis_url: str, sqlite_url: str
) -> None:
    does_its_main_job(Deployment(tls_rabbitmq.tls_url, redis_url, sqlite_url))


def test_it_names_the_certificate_that_it_does_not_trust(
    tls_redis: RedisProcess, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    url = tls_redis.url.partition("?")[0]
    checked = run_cli("check", environment=Deployment(url, url, sqlite_url).environment)
    assert checked.returncode == 1
    assert "CERTIFICATE_VERIFY_FAILED" in checked.stdout


def does_its_main_job(deployment: Deployment) -> None:
    """A message by the command line and one by stock Celery, through a worker, to the dispatch queue."""
    seed(deployment.database_url, deployment.redis_url)
    sent, tasked = message(message_id="by-hand"), message(message_id="by-celery")
    options = ["--account", sent["account_id"], "--to", sent["to"], "--body", sent["body"], "--message-id", "by-hand"]
    with running(deployment):
        assert run_cli("send", *options, environment=deployment.environment).returncode == 0
        send_with_celery(deployment, [{"args": [tasked]}])
        documents = dispatched(deployment, 2)
        checked = run_cli("check", environment=deployment.environment)
    taken = {(each["message_id"], each["sender_id"]) for each in documents}
    assert taken == {("by-hand", AU_NUMBER), ("by-celery", AU_NUMBER)}
    assert (checked.returncode, checked.stdout.count("ok ")) == (0, 5)
