"""`/v1/destinations`: many countries in one go, dry runs, and what a sub-account may not do."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.support.accounts import AU
from tests.support.served import Login, ServedApi

PATH = "/v1/destinations"


def put(client: httpx.Client, **body: Any) -> httpx.Response:
    return client.put(PATH, json=body)


def test_it_sets_lists_explains_and_removes(client: httpx.Client) -> None:
    dry = put(client, countries=["AU", "UK"], mode="block", dry_run=True)
    assert dry.json()["data"] == {
        "data": [
            {"country": "AU", "before": None, "after": "block", "changed": True},
            {"country": "GB", "before": None, "after": "block", "changed": True},
        ],
        "dry_run": True,
    }
    assert client.get(PATH).json()["data"] == {"data": [], "default": "allow"}
    assert put(client, countries=["AU", "UK"], mode="block").status_code == 200
    assert put(client, rest=True, mode="monitor").status_code == 200
    held = client.get(PATH).json()["data"]["data"]
    assert [(each["country"], each["mode"]) for each in held] == [("AU", "block"), ("GB", "block"), (None, "monitor")]
    explained = client.post("/v1/explain", json={"to": AU}).json()["data"]
    assert (explained["reason"], explained["candidates"]) == ("COUNTRY_NOT_ENABLED", [])
    preview = client.post("/v1/campaigns/preview", json={"recipients": [{"to": AU}]}).json()["data"]["countries"][0]
    assert (preview["unsendable"], preview["destination"]["mode"]) == ({"COUNTRY_NOT_ENABLED": 1}, "block")
    assigned = client.post("/v1/defaults/assign-all", json={"countries": ["AU"], "dry_run": True}).json()["data"][
        "data"
    ]
    assert (assigned[0]["reason"], assigned[0]["destination"]["mode"]) == ("COUNTRY_NOT_ENABLED", "block")
    gone = client.delete(PATH, params={"countries": ["AU,GB"]}).json()["data"]["data"]
    assert [each["before"] for each in gone] == ["block", "block"]
    told = client.get(f"{PATH}/history", params={"limit": 1}).json()["data"]["data"]
    assert (told[0]["before"], told[0]["after"]) == ("block", None)


def test_a_region_is_its_countries(client: httpx.Client) -> None:
    done = put(client, region="EU", mode="block", dry_run=True).json()["data"]["data"]
    assert (len(done), done[0]["country"]) == (27, "AT")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"mode": "block"}, "countries"),
        ({"mode": "block", "rest": True, "region": "EU"}, "countries"),
        ({"mode": "block", "region": "ATLANTIS"}, "region"),
        ({"mode": "block", "countries": ["AU", "QQ"]}, "countries[1]"),
        ({"mode": "stop", "rest": True}, "mode"),
        ({"rest": True}, "mode"),
    ],
)
def test_it_names_the_field_that_is_to_blame(client: httpx.Client, body: dict[str, Any], field: str) -> None:
    answer = client.put(PATH, json=body)
    assert answer.status_code == 400
    assert [each["field"] for each in answer.json()["details"]] == [field]


def test_a_sub_account_reads_what_counts_for_it_and_changes_nothing(api: ServedApi, acme: Login) -> None:
    below = api.account(parent=acme)
    above, own = api.client(acme), api.client(below)
    assert put(above, account_id=below.account_id, countries=["AU"], mode="block").status_code == 200
    assert put(above, rest=True, mode="monitor").status_code == 200
    seen = own.get(PATH, params={"inherited": True}).json()["data"]["data"]
    assert [(each["account_id"], each["mode"]) for each in seen] == [
        (below.account_id, "block"),
        (acme.account_id, "monitor"),
    ]
    assert put(own, countries=["AU"], mode="allow").status_code == 403
    assert own.delete(PATH, params={"rest": True}).status_code == 403
    assert own.post("/v1/explain", json={"to": AU}).json()["data"]["reason"] == "COUNTRY_NOT_ENABLED"
