"""What one account has, no other one sees or touches: every endpoint, from every side."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from api.main import create_app
from core.accounts.accounts import Accounts
from core.campaigns.progress import progress_key
from core.encoding import encode_json
from core.errors import ParkReason
from core.parked.store import ParkedDocument
from tests.support.accounts import AU, AU_NUMBER
from tests.support.served import AU_STRATEGY, DEFAULTS, Login, ServedApi

Body = Mapping[str, Any] | None


@dataclass(frozen=True)
class World:
    """An account with two sub-accounts, and a stranger; each has a default, a decision, a campaign, a parked message."""

    api: ServedApi
    logins: dict[str, Login]
    defaults: dict[str, str]
    decisions: dict[str, str]

    def ask(self, who: str, method: str, path: str, body: Body = None) -> httpx.Response:
        return self.api.client(self.logins[who]).request(method, path, json=body)

    def account(self, who: str) -> str:
        return self.logins[who].account_id


@pytest.fixture(scope="module")
def world(api: ServedApi) -> World:
    above = api.account()
    logins = {"above": above, "stranger": api.account()}
    logins |= {name: api.account(parent=above) for name in ("below", "sibling")}
    made = World(api, logins, {}, {})
    for name, login in logins.items():
        made.defaults[name] = api.default(login)["id"]
        made.decisions[name] = used_decision(made, name)
        record_campaign(api, login.account_id)
        api.store.park([parked(made, name)])
    return made


def used_decision(world: World, name: str) -> str:
    """The id of a decision that a message has met."""
    told = world.ask(name, "POST", "/v1/explain", {"to": AU}).json()["data"]
    world.api.store.save_decisions({told["decision_id"]: encode_json(told)}, world.api.store.clock())
    return str(told["decision_id"])


def record_campaign(api: ServedApi, account_id: str) -> None:
    counts = {"dispatched": 1, "batches": 1}
    app = create_app(api.settings)
    app.state.services.redis.hset(progress_key("smart-assign", account_id, account_id), mapping=counts)
    app.state.services.close()


def parked(world: World, name: str) -> ParkedDocument:
    """As a sub-account's message is parked: under both ids for `below`, under its own alone for `sibling`."""
    account = world.account(name)
    both = name == "below"
    return ParkedDocument(
        parked_id=f"prk_{account}",
        reason=ParkReason.NO_COMPLIANT_SENDER,
        detail="none fits",
        lane="smart-assign.ingress",
        parked_at=world.api.store.clock(),
        account_id=world.account("above") if both else account,
        subaccount_id=account if both else None,
        document=b"{}",
    )


#: What each kind of path shows of another one's, by owner. `{default}` and so on stand for the owner's own.
PATHS: list[tuple[str, str, Body]] = [
    ("GET", DEFAULTS + "/{default}", None),
    ("GET", "/v1/decisions/{decision}", None),
    ("GET", "/v1/parked/{parked}", None),
    ("GET", "/v1/senders?account_id={account}", None),
    ("GET", "/v1/trust?account_id={account}", None),
    ("GET", "/v1/campaigns/{account}?account_id={account}", None),
    ("GET", "/v1/campaigns?account_id={account}", None),
    ("GET", "/v1/parked?account_id={account}", None),
    ("GET", "/v1/defaults/history?account_id={account}", None),
    ("GET", "/v1/defaults/at-risk?account_id={account}", None),
    ("GET", "/v1/destinations?account_id={account}", None),
    ("GET", "/v1/destinations/history?account_id={account}", None),
    ("GET", "/v1/explain?to=%2B61491570156&account_id={account}", None),
    ("POST", "/v1/explain", {"to": AU, "account_id": "{account}"}),
    ("POST", "/v1/defaults/assign-all", {"countries": "all", "dry_run": True, "account_id": "{account}"}),
    ("GET", "/v1/erasures?account_id={account}", None),
    ("POST", "/v1/erasures", {"to": AU, "account_id": "{account}"}),
    ("POST", "/v1/campaigns/preview", {"recipients": [{"to": AU}], "account_id": "{account}"}),
    ("POST", "/v1/messages", {"to": AU, "body": "Hello", "account_id": "{account}"}),
]

#: Of these nothing but 404 is ever answered for another one's, except by the account above.
WRITES: list[tuple[str, str, Body]] = [
    ("PATCH", DEFAULTS + "/{default}", {"default_sender_strategies": [AU_STRATEGY]}),
    ("DELETE", DEFAULTS + "/{default}", None),
    ("DELETE", "/v1/parked/{parked}", None),
    ("PATCH", "/v1/accounts/{account}", {"may_borrow": False}),
    ("PUT", "/v1/destinations", {"account_id": "{account}", "rest": True, "mode": "block"}),
    ("DELETE", "/v1/destinations?rest=true&account_id={account}", None),
]


def filled(world: World, path: str, body: Body, owner: str) -> tuple[str, Body]:
    account = world.account(owner)
    words = {
        "default": world.defaults[owner],
        "decision": world.decisions[owner],
        "parked": f"prk_{account}",
        "account": account,
    }
    mine = None if body is None else {k: account if v == "{account}" else v for k, v in body.items()}
    return path.format(**words), mine


STRANGERS = [
    ("stranger", "above"),
    ("stranger", "below"),
    ("above", "stranger"),
    ("below", "stranger"),
    ("below", "sibling"),
    ("sibling", "below"),
]


@pytest.mark.parametrize(("viewer", "owner"), STRANGERS)
@pytest.mark.parametrize(("method", "path", "body"), PATHS + WRITES, ids=lambda each: each if "/" in str(each) else "")
def test_it_knows_nothing_of_what_is_somebody_elses(
    world: World, viewer: str, owner: str, method: str, path: str, body: Body
) -> None:
    answer = world.ask(viewer, method, *filled(world, path, body, owner))
    assert answer.status_code == 404, answer.text
    assert answer.json()["data"] is None


@pytest.mark.parametrize(("viewer", "owner"), [("above", "below"), ("above", "above"), ("below", "below")])
@pytest.mark.parametrize(("method", "path", "body"), PATHS, ids=lambda each: each if "/" in str(each) else "")
def test_it_shows_an_account_its_own_and_its_subaccounts(
    world: World, viewer: str, owner: str, method: str, path: str, body: Body
) -> None:
    answer = world.ask(viewer, method, *filled(world, path, body, owner))
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [each for each in PATHS if not re.search("(senders|trust)[?]|default}", each[1])],
    ids=lambda each: each if "/" in str(each) else "",
)
def test_it_shows_a_subaccount_nothing_of_the_account_above(world: World, method: str, path: str, body: Body) -> None:
    assert world.ask("below", method, *filled(world, path, body, "above")).status_code == 404


def listed(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"]["data"])


def test_it_lists_defaults_to_those_who_see_them(world: World) -> None:
    seen = {who: {each["id"] for each in listed(world.ask(who, "GET", DEFAULTS))} for who in world.logins}
    family = {world.defaults[name] for name in ("above", "below", "sibling")}
    assert seen["above"] == family
    assert seen["stranger"] == {world.defaults["stranger"]}
    # Each sub-account has its own for the same country, which hides the one above.
    assert seen["below"] == {world.defaults["below"]}
    assert seen["sibling"] == {world.defaults["sibling"]}


def test_it_lists_accounts_to_their_family(world: World) -> None:
    seen = {who: {each["account_id"] for each in listed(world.ask(who, "GET", "/v1/accounts"))} for who in world.logins}
    assert seen["above"] == {world.account(name) for name in ("above", "below", "sibling")}
    assert all(seen[name] == {world.account(name)} for name in ("below", "sibling", "stranger"))


def test_it_lists_parked_messages_to_who_sent_them(world: World) -> None:
    seen = {who: [each["parked_id"] for each in listed(world.ask(who, "GET", "/v1/parked"))] for who in world.logins}
    prk = {name: f"prk_{world.account(name)}" for name in world.logins}
    assert sorted(seen["above"]) == sorted([prk["above"], prk["below"]])
    assert all(seen[name] == [prk[name]] for name in ("below", "sibling", "stranger"))


def test_it_replays_nothing_of_somebody_else(world: World) -> None:
    ids = [f"prk_{world.account(name)}" for name in ("above", "sibling", "stranger")]
    answer = world.ask("below", "POST", "/v1/parked/replay", {"parked_ids": ids})
    assert answer.json()["data"] == {"replayed": 0}


def test_it_believes_no_id_of_a_parked_message_alone(api: ServedApi) -> None:
    above, stranger = api.account(()), api.account(())
    below = api.account((), parent=above)
    for number, pair in enumerate([(stranger, below), (stranger, above), (below, stranger)]):
        document = parked(World(api, {"x": stranger}, {}, {}), "x")
        fields = {name: getattr(document, name) for name in ParkedDocument.__dataclass_fields__}
        ids = {"account_id": pair[0].account_id, "subaccount_id": pair[1].account_id}
        api.store.park([ParkedDocument(**(fields | ids | {"parked_id": f"{document.parked_id}-{number}"}))])
    assert [len(listed(api.client(login).get("/v1/parked"))) for login in (above, below, stranger)] == [0, 1, 2]


def test_it_finds_ids_with_a_slash(api: ServedApi) -> None:
    above = api.account(())
    below, _ = Accounts(api.store).add(f"{above.account_id}/shop", parent=above.account_id)
    changed = api.client(above).patch(f"/v1/accounts/{below.account_id}", json={"may_borrow": False})
    assert changed.json()["data"]["account_id"] == below.account_id
    record_campaign(api, below.account_id)
    path = f"/v1/campaigns/{quote(below.account_id, safe='')}"
    found = api.client(above).get(path, params={"account_id": below.account_id})
    assert found.json()["data"]["campaign_id"] == below.account_id
    assert api.client(above).get(path).status_code == 404


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_it_lets_a_subaccount_read_but_not_change_what_it_inherits(api: ServedApi, method: str) -> None:
    above = api.account()
    below = api.account((), parent=above)
    inherited = api.default(above)
    client, path = api.client(below), f"{DEFAULTS}/{inherited['id']}"
    assert client.get(path).json()["data"] == inherited
    assert listed(client.get(DEFAULTS)) == [inherited]
    refused = client.request(method, path, json={"default_sender_strategies": [AU_STRATEGY]})
    assert (refused.status_code, refused.json()["response_code"]) == (403, "FORBIDDEN")
    own = api.default(below)
    assert [each["id"] for each in listed(client.get(DEFAULTS))] == [own["id"]]
    assert client.get(path).status_code == 404


def test_it_lets_an_account_change_its_subaccounts(api: ServedApi) -> None:
    above = api.account()
    path = f"{DEFAULTS}/{api.default(api.account(parent=above))['id']}"
    client = api.client(above)
    assert client.patch(path, json={"default_sender_strategies": [AU_STRATEGY]}).status_code == 200
    assert client.delete(path).status_code == 204


def test_it_lends_senders_only_where_the_switch_is_on(api: ServedApi) -> None:
    above = api.account()
    below = api.account((), parent=above)
    held = f"/v1/senders?account_id={above.account_id}"
    body = {"country_code": "AU", "product_type": "SMS", "default_sender_strategies": [AU_STRATEGY]}

    assert AU_NUMBER in {each["sender_id"] for each in listed(api.client(below).get(held))}
    switch = api.client(above).patch(f"/v1/accounts/{below.account_id}", json={"may_borrow": False})
    assert switch.json()["data"]["may_borrow"] is False
    assert api.client(below).get(held).status_code == 404
    refused = api.client(below).post(DEFAULTS, json=body).json()["details"]
    assert [each["field"] for each in refused] == ["default_sender_strategies[0].sender_id"]
    own_switch = api.client(below).patch(f"/v1/accounts/{below.account_id}", json={"may_borrow": True})
    assert own_switch.status_code == 403

    api.client(above).patch(f"/v1/accounts/{below.account_id}", json={"may_borrow": True})
    assert api.client(below).post(DEFAULTS, json=body).status_code == 200


#: Paths whose answer depends on nobody, or only on who asks; the tests above look at the others.
OPEN = {
    "/healthz",
    "/readyz",
    "/metrics",
    "/v1/rules",
    "/v1/rules/{country}",
    "/v3/senders/compliant-sender-types",
    "/v3/sms/send",
}


def test_it_looks_at_every_path(api: ServedApi) -> None:
    looked_at = {path.partition("?")[0] for _, path, _ in PATHS + WRITES}
    looked_at |= {DEFAULTS, "/v1/accounts", "/v1/parked/replay", "/v1/senders"}
    looked_at = {as_pattern(path) for path in looked_at} | {as_pattern(path) for path in OPEN}
    routes = {as_pattern(path) for path in paths_of(api)}
    assert routes <= looked_at, routes - looked_at


def paths_of(api: ServedApi) -> set[str]:
    document: dict[str, Any] = api.client().get("/openapi.json").json()
    return set(document["paths"])


def as_pattern(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))
