"""Who is let in, and how often; in the same envelope as every other error."""

from __future__ import annotations

import base64
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import httpx
import pytest

from api.failed_logins import MAX_OF_ACCOUNT, WINDOW_S
from api.known_visitors import TRUST_S
from api.rate_limit import RateLimiter
from api.settings import ApiSettings
from core.accounts.accounts import Accounts
from core.accounts.logins import ApiKeys
from tests.support.served import DEFAULTS, Login, ServedApi, body_of, running_server
from worker.settings import Settings


def basic(user: str | bytes, key: str) -> dict[str, str]:
    text = (user if isinstance(user, bytes) else user.encode()) + b":" + key.encode()
    return {"Authorization": f"Basic {base64.b64encode(text).decode()}"}


def envelope(answer: httpx.Response) -> tuple[int, str]:
    document = answer.json()
    assert document["http_code"] == answer.status_code
    assert (document["data"], document["details"]) == (None, [])
    return answer.status_code, document["response_code"]


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({}, id="none"),
        pytest.param({"Authorization": "Bearer abc"}, id="another scheme"),
        pytest.param({"Authorization": "Basic"}, id="no credentials"),
        pytest.param({"Authorization": "Basic !!!"}, id="not base64"),
        pytest.param({"Authorization": "Basic " + base64.b64encode(b"acme").decode()}, id="no colon"),
        pytest.param(basic("nobody", "key"), id="unknown account"),
        pytest.param(basic("a\x00b", "key"), id="NUL"),
        pytest.param(basic(b"\xff", "key"), id="not UTF-8"),
        pytest.param(basic("", ""), id="empty"),
    ],
)
@pytest.mark.parametrize("content", [b"", b"{"])
def test_it_asks_for_user_name_and_key(api: ServedApi, header: dict[str, str], content: bytes) -> None:
    answer = api.client().post(DEFAULTS, headers=header, content=content)
    assert envelope(answer) == (401, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"].startswith("Basic ")


def test_it_takes_any_key_of_the_account_until_it_is_revoked(api: ServedApi, acme: Login) -> None:
    keys = ApiKeys(api.store)
    second = Login(acme.account_id, keys.add(acme.account_id))
    other = Login(acme.account_id, api.account(()).key)
    assert [api.client(login).get(DEFAULTS).status_code for login in (acme, second, other)] == [200, 200, 401]
    newest = keys.of(acme.account_id)[-1]
    keys.revoke(acme.account_id, newest.key_id)
    time.sleep(TRUST_S)
    assert [api.client(login).get(DEFAULTS).status_code for login in (acme, second)] == [200, 401]


def test_it_refuses_unread_after_many_wrong_keys_but_not_who_was_let_in_before(api: ServedApi) -> None:
    # The count begins anew with each minute: none may begin within the test.
    left_s = WINDOW_S - time.time() % WINDOW_S
    time.sleep(left_s if left_s < 20 else 0)
    login, stranger = api.account(), Login(api.account().account_id, "wrong")
    assert api.client(login).get(DEFAULTS).status_code == 200
    for victim in (login, stranger):
        wrong = api.client(Login(victim.account_id, "wrong"))
        statuses = [wrong.get(DEFAULTS).status_code for _ in range(MAX_OF_ACCOUNT + 1)]
        assert statuses == [401] * MAX_OF_ACCOUNT + [429]
    answer = api.client(stranger).get(DEFAULTS)
    assert envelope(answer) == (429, "TOO_MANY_REQUESTS")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    time.sleep(TRUST_S)
    assert api.client(login).get(DEFAULTS).status_code == 200


def test_it_lets_in_names_beyond_ascii(api: ServedApi) -> None:
    account, key = Accounts(api.store).add(f"müller-{api.account(()).account_id}")
    assert api.client().get(DEFAULTS, headers=basic(account.account_id, key)).status_code == 200


@pytest.mark.parametrize("stem", ["a:b", ":", "a::b:"])
def test_it_lets_in_names_with_colons(api: ServedApi, stem: str) -> None:
    account, key = Accounts(api.store).add(f"{stem}{api.account(()).account_id}:")
    assert api.client().get(DEFAULTS, headers=basic(account.account_id, key)).status_code == 200
    assert api.client().get(DEFAULTS, headers=basic(account.account_id, f"x:{key}")).status_code == 401


@pytest.mark.parametrize("suspended", ["itself", "the account above"])
def test_it_refuses_a_suspended_account(api: ServedApi, suspended: str) -> None:
    above = api.account(())
    below = api.account((), parent=above)
    login = below if suspended == "the account above" else above
    Accounts(api.store).suspend(above.account_id)
    assert envelope(api.client(login).get(DEFAULTS)) == (403, "FORBIDDEN")


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v3/nothing", 404), ("PUT", DEFAULTS, 405)])
def test_it_answers_in_the_envelope_where_there_is_nothing(api: ServedApi, method: str, path: str, status: int) -> None:
    assert envelope(api.client().request(method, path))[0] == status


@pytest.mark.parametrize("path", [DEFAULTS, "/v1/rules", "/v1/nothing", "/healthz", "/docs"])
def test_it_answers_head_as_get_without_the_body(visitor: httpx.Client, path: str) -> None:
    get, head = visitor.get(path), visitor.head(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["content-length"] == get.headers["content-length"]
    assert head.headers["content-type"] == get.headers["content-type"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", DEFAULTS, "GET, HEAD, POST"),
        ("OPTIONS", f"{DEFAULTS}/1", "DELETE, GET, HEAD, PATCH"),
        ("GET", "/v1/accounts/a/b", "PATCH"),
        ("POST", "/docs", "GET, HEAD"),
    ],
)
def test_it_names_the_methods_of_a_path(visitor: httpx.Client, method: str, path: str, allowed: str) -> None:
    answer = visitor.request(method, path)
    assert envelope(answer) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize("declared", [True, False])
def test_it_refuses_a_body_that_is_too_large(visitor: httpx.Client, declared: bool) -> None:
    part = b" " * 1_048_576

    def parts() -> Iterator[bytes]:
        yield from [part] * 5

    answer = visitor.post(DEFAULTS, content=part * 5 if declared else parts())
    assert envelope(answer) == (413, "PAYLOAD_TOO_LARGE")


def test_it_reads_no_headers_without_end(api: ServedApi) -> None:
    """Before anybody is let in, so that nobody fills the memory."""
    address = urlsplit(api.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 100_000)
        with suppress(ConnectionResetError):  # it does not read the rest, which may overtake its answer
            assert connection.recv(12) == b"HTTP/1.1 400"


def test_it_says_when_to_come_back(api: ServedApi, acme: Login) -> None:
    other = api.account(())
    with running_server(api.settings.model_copy(update={"api_rate_limit": 3})) as url:
        with httpx.Client(base_url=url, auth=acme.basic) as client:
            answers = [client.get(DEFAULTS) for _ in range(4)]
            assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
            assert envelope(answers[3]) == (429, "TOO_MANY_REQUESTS")
            assert 1 <= int(answers[3].headers["retry-after"]) <= 20
        assert httpx.get(f"{url}{DEFAULTS}", auth=other.basic).status_code == 200


def test_it_fills_the_bucket_again() -> None:
    now = 0.0
    limiter = RateLimiter(60, clock=lambda: now)
    assert [limiter.wait("acme") for _ in range(62)] == [0] * 60 + [1, 1]
    now = 2.0
    assert [limiter.wait("acme") for _ in range(3)] == [0, 0, 1]
    assert limiter.wait("other") == 0


def test_it_counts_nothing_where_the_limit_is_off() -> None:
    assert {RateLimiter(0).wait("acme") for _ in range(1000)} == {0}


def test_it_says_that_the_database_is_away(api: ServedApi) -> None:
    away = api.settings.model_copy(update={"database_url": "postgresql://postgres@127.0.0.1:1/none"})
    with running_server(away) as url:
        assert envelope(httpx.get(f"{url}{DEFAULTS}", auth=("acme", "key"))) == (503, "SERVICE_UNAVAILABLE")
        ready = httpx.get(f"{url}/readyz")
        assert (ready.status_code, ready.json()["checks"][0]) == (503, {"name": "database", "ok": False})
        assert httpx.get(f"{url}/healthz").status_code == 200


def test_it_works_while_redis_is_away(api: ServedApi, acme: Login) -> None:
    away = api.settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    with running_server(away) as url, httpx.Client(base_url=url, auth=acme.basic, timeout=30) as client:
        assert client.post(DEFAULTS, json=body_of("AU")).status_code == 200
        assert len(client.get(DEFAULTS).json()["data"]["data"]) == 1
        assert client.get("/readyz").status_code == 503


def test_it_counts_requests_by_route(api: ServedApi, acme: Login) -> None:
    client = api.client(acme)
    client.get(f"{DEFAULTS}/77")
    client.get("/nothing/at/all")
    text = client.get("/metrics").text
    route = f'route="{DEFAULTS}/{{default_sender_id}}",status="404"'
    assert f'smart_assign_api_requests_total{{method="GET",{route}}}' in text
    assert 'route="none",status="404"' in text
    assert "/nothing" not in text


def test_it_reads_the_settings_that_the_workers_read() -> None:
    worker, needed = Settings.model_fields, {"broker_url", "database_url"}
    assert ApiSettings.environment_prefix == Settings.environment_prefix
    for name, field in ApiSettings.model_fields.items():
        assert name in worker
        assert name in needed or field.default == worker[name].default
        assert field.is_required() == (name in needed)
