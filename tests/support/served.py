"""The API on a port of its own, in a thread of the test run, with accounts that tests make."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn

from api.main import create_app
from api.settings import ApiSettings
from core.accounts.accounts import Accounts
from core.accounts.logins import ApiKeys
from core.accounts.senders import Senders
from core.sender import Sender, SenderStatus, SenderType
from core.storage.upgrade import upgrade
from core.store import Store
from tests.support.accounts import AU_NUMBER, SENDERS, add_account, open_store
from tests.support.services import wait_for

START_S = 60.0
AU_STRATEGY = {"sender_type": "longcode", "sender_id": AU_NUMBER, "sender_country_code": "AU"}
NAME_STRATEGY = {"sender_type": "alpha_tag", "sender_id": "ACME"}
DEFAULTS = "/v3/senders/default-senders"


@dataclass(frozen=True)
class Login:
    """An account and a key of it."""

    account_id: str
    key: str

    @property
    def basic(self) -> tuple[str, str]:
        return self.account_id, self.key


@dataclass
class ServedApi:
    """A running API and the database behind it."""

    url: str
    settings: ApiSettings
    store: Store
    clients: list[httpx.Client] = field(default_factory=list)

    def client(self, login: Login | None = None) -> httpx.Client:
        """An HTTP client that asks as this account, or as nobody."""
        made = httpx.Client(base_url=self.url, auth=login.basic if login else None, timeout=30)
        self.clients.append(made)
        return made

    def account(self, senders: Sequence[Sender] = SENDERS, parent: Login | None = None, **options: Any) -> Login:
        """A new account, or sub-account, with senders like acme's."""
        account_id = f"a{uuid.uuid4().hex[:12]}"
        if parent is None:
            add_account(self.store, account_id, tuple(senders))
            return Login(account_id, ApiKeys(self.store).add(account_id))
        _, key = Accounts(self.store).add(account_id, parent=parent.account_id, **options)
        for sender in senders:
            self.add_sender(account_id, sender.sender_id, sender.sender_type, sender.country)
        return Login(account_id, key)

    def add_sender(
        self, account_id: str, sender_id: str | None, sender_type: SenderType, country: str | None, **fields: Any
    ) -> Sender:
        return Senders(self.store).add(Sender(account_id, sender_id, sender_type, country, **fields))

    def set_status(self, login: Login, sender_id: str, status: SenderStatus) -> None:
        Senders(self.store).set_status(login.account_id, sender_id, status)

    def default(self, login: Login, country: str = "AU", *strategies: dict[str, Any]) -> dict[str, Any]:
        """A default sender of the account, made through the API."""
        body = body_of(country, *strategies)
        answer = self.client(login).post(DEFAULTS, json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["data"])


def body_of(country: str, *strategies: dict[str, Any]) -> dict[str, Any]:
    """The body of a create; one AU number unless strategies are given."""
    return {
        "country_code": country,
        "product_type": "SMS",
        "default_sender_strategies": list(strategies or [AU_STRATEGY]),
    }


@contextmanager
def served(database_url: str, redis_url: str, broker_url: str | None = None, **settings: Any) -> Iterator[ServedApi]:
    """Migrate, install the rules, and serve."""
    upgrade(database_url)
    with open_store(database_url, redis_url) as store:
        store.ensure_rules()
        chosen = ApiSettings(
            broker_url=broker_url or redis_url, redis_url=redis_url, database_url=database_url, **settings
        )
        with running_server(chosen) as url:
            api = ServedApi(url, chosen, store)
            yield api
            for client in api.clients:
                client.close()


@contextmanager
def running_server(settings: ApiSettings) -> Iterator[str]:
    config = uvicorn.Config(create_app(settings), host="127.0.0.1", port=0, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="api")
    thread.start()
    try:
        wait_for(lambda: server.started or not thread.is_alive(), START_S, "the API")
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(START_S)
