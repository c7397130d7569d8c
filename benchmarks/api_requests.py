"""One request for each endpoint of the API, for an account of a filled database."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy import Engine, text

DEFAULTS = "/v3/senders/default-senders"
AU = "+61491570156"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request by name; each call is one more of its kind, `before` prepares what it needs, unmeasured."""

    name: str
    ask: Callable[[httpx.Client], httpx.Response]
    before: Callable[[httpx.Client], Any] | None = None


def requests(account: str, engine: Engine) -> Iterator[Asked]:
    """The requests of `account`; writes leave what they found, or it is put back through `engine` before the next."""
    number = int(account.removeprefix("acct-"))
    chosen = {"sender_type": "alpha_tag", "sender_id": f"Shop{number % 1000}"}
    body = {"country_code": "FR", "product_type": "SMS", "default_sender_strategies": [chosen]}
    made: list[str] = []

    def create(client: httpx.Client) -> httpx.Response:
        answer = client.post(DEFAULTS, json=body)
        made[:] = [answer.json()["data"]["id"]]
        return answer

    def remove(client: httpx.Client) -> None:
        if made:
            client.delete(f"{DEFAULTS}/{made.pop()}")

    def there(client: httpx.Client) -> None:
        if not made:
            create(client)

    def parked_again(_client: httpx.Client) -> None:
        _put_back(engine, "UPDATE parked SET state = 'parked' WHERE parked_id = :value", f"prk-{number}")

    def without_default(_client: httpx.Client) -> None:
        where = "country = 'AU' AND account_ref = (SELECT user_id FROM accounts WHERE account_id = :value)"
        _put_back(engine, f"DELETE FROM default_senders WHERE {where}", account)

    one = f"{DEFAULTS}/%s"
    notes = itertools.count()
    yield Asked("(GET healthz: HTTP alone)", lambda c: c.get("/healthz"))
    yield Asked("POST default-senders", create, remove)
    yield Asked("GET default-senders/{id}", lambda c: c.get(one % made[0]), there)
    yield Asked(
        "PATCH default-senders/{id}",
        lambda c: c.patch(
            one % made[0], json=body | {"default_sender_strategies": [chosen | {"note": str(next(notes))}]}
        ),
        there,
    )
    yield Asked("DELETE default-senders/{id}", lambda c: c.delete(one % made.pop()), there)
    yield Asked("GET default-senders", lambda c: c.get(DEFAULTS))
    yield Asked("GET default-senders, sorted", lambda c: c.get(DEFAULTS, params={"sort_by": "country_code"}))
    types = "/v3/senders/compliant-sender-types?filter[product_type]=SMS"
    yield Asked("GET compliant-sender-types, 1 country", lambda c: c.get(f"{types}&filter[country_code][0]=AU"))
    yield Asked("GET compliant-sender-types, all", lambda c: c.get(types))
    for name, path in {
        "GET v1/senders": "/v1/senders",
        "GET v1/senders, by country": "/v1/senders?country=AU&sender_type=longcode",
        "GET v1/accounts": "/v1/accounts",
        "GET v1/rules": "/v1/rules",
        "GET v1/rules/{country}": "/v1/rules/AU",
        "GET v1/explain": "/v1/explain?to=%2B61491570156",
        "GET v1/decisions/{id}": f"/v1/decisions/dec-{number}",
        "GET v1/defaults/history": "/v1/defaults/history",
        "GET v1/defaults/at-risk": "/v1/defaults/at-risk",
        "GET v1/parked": "/v1/parked",
        "GET v1/parked, by reason": "/v1/parked?reason=NO_COMPLIANT_SENDER&country=AU",
        "GET v1/parked/{id}": f"/v1/parked/prk-{number}",
        "GET v1/campaigns/{id}": "/v1/campaigns/none",
        "GET readyz": "/readyz",
        "GET metrics": "/metrics",
    }.items():
        yield Asked(name, lambda c, path=path: c.get(path))  # type: ignore[misc]
    yield Asked("POST v1/explain", lambda c: c.post("/v1/explain", json={"to": AU, "reply_expected": True}))
    preview = {"recipients": [{"to": AU}] * 100}
    yield Asked("POST v1/campaigns/preview, 100", lambda c: c.post("/v1/campaigns/preview", json=preview))
    assign, assign_all = {"countries": ["AU"]}, "/v1/defaults/assign-all"
    yield Asked("POST v1/defaults/assign-all, 1, dry", lambda c: c.post(assign_all, json=assign | {"dry_run": True}))
    yield Asked("POST v1/defaults/assign-all, 1", lambda c: c.post(assign_all, json=assign), without_default)
    replay, parked_id = "/v1/parked/replay", f"prk-{number}"
    yield Asked("POST v1/parked/replay, none", lambda c: c.post(replay, json={"parked_ids": ["none"]}))
    yield Asked("POST v1/parked/replay, 1", lambda c: c.post(replay, json={"parked_ids": [parked_id]}), parked_again)
    yield Asked("DELETE v1/parked/{id}", lambda c: c.delete(f"/v1/parked/{parked_id}"), parked_again)
    child = f"/v1/accounts/acct-{(number // 10 + 1) * 10}"
    yield Asked(
        "PATCH v1/accounts/{id}",
        lambda c: c.patch(child, json={"may_borrow": True}),
        lambda c: c.patch(child, json={"may_borrow": False}),
    )


def _put_back(engine: Engine, statement: str, value: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement), {"value": value})
