"""An account erases a recipient from its own data and its sub-accounts', and from nobody else's."""

from __future__ import annotations

import json

import pytest

from core.errors import ParkReason
from core.parked.store import ParkedDocument
from tests.support.served import Login, ServedApi

NUMBER = "+61491570156"


def park(api: ServedApi, parked_id: str, account: Login, below: Login | None = None) -> None:
    document = ParkedDocument(
        parked_id=parked_id,
        reason=ParkReason.NO_COMPLIANT_SENDER,
        detail="none fits",
        lane="smart-assign.ingress",
        parked_at=api.store.clock(),
        account_id=account.account_id,
        subaccount_id=below.account_id if below else None,
        document=json.dumps({"to": NUMBER, "body": "Hello"}).encode(),
    )
    api.store.park([document])


@pytest.fixture
def family(api: ServedApi) -> dict[str, Login]:
    """An account with two sub-accounts and a stranger, each with a parked message to the same person."""
    above, stranger = api.account(()), api.account(())
    below, sibling = api.account((), parent=above), api.account((), parent=above)
    park(api, f"prk_{above.account_id}", above)
    park(api, f"prk_{below.account_id}", above, below)
    park(api, f"prk_{sibling.account_id}", sibling)
    park(api, f"prk_{stranger.account_id}", stranger)
    return {"above": above, "below": below, "sibling": sibling, "stranger": stranger}


@pytest.mark.parametrize(
    ("who", "body", "emptied"),
    [
        pytest.param("above", {}, {"above", "below", "sibling"}, id="an account: its own and those below"),
        pytest.param("above", {"account_id": "below"}, {"below"}, id="an account for one below"),
        pytest.param("below", {}, {"below"}, id="a sub-account that is named beside its account"),
        pytest.param("sibling", {}, {"sibling"}, id="a sub-account that sends under its own name"),
        pytest.param("stranger", {}, {"stranger"}, id="a stranger"),
    ],
)
def test_it_erases_what_is_the_accounts(
    api: ServedApi, family: dict[str, Login], who: str, body: dict[str, str], emptied: set[str]
) -> None:
    named = {name: family[value].account_id for name, value in body.items()}
    client = api.client(family[who])
    answer = client.post("/v1/erasures", json={"to": "0491 570 156", "country": "au"} | named)
    assert answer.status_code == 200, answer.text
    done = answer.json()["data"]
    assert done["counts"]["documents"] == len(emptied)
    assert NUMBER[4:] not in answer.text
    left = {name for name, login in family.items() if api.store.parked_one(f"prk_{login.account_id}").document}  # type: ignore[union-attr]
    assert left == family.keys() - emptied
    assert client.get("/v1/erasures", params=named).json()["data"]["data"] == [done]


@pytest.mark.parametrize("whose", ["sibling", "above", "stranger"])
def test_nobody_erases_anothers(api: ServedApi, family: dict[str, Login], whose: str) -> None:
    client, body = api.client(family["below"]), {"to": NUMBER, "account_id": family[whose].account_id}
    assert client.post("/v1/erasures", json=body).status_code == 404
    assert client.get("/v1/erasures", params={"account_id": body["account_id"]}).status_code == 404
    assert all(api.store.parked_one(f"prk_{login.account_id}").document for login in family.values())  # type: ignore[union-attr]


@pytest.mark.parametrize("to", ["", "nobody", "0491570156", "+1"])
def test_it_refuses_what_is_no_number(api: ServedApi, family: dict[str, Login], to: str) -> None:
    answer = api.client(family["above"]).post("/v1/erasures", json={"to": to})
    assert answer.status_code == 400
    assert answer.json()["details"][0]["field"] == "to"


def test_a_dropped_message_keeps_its_reason_and_loses_its_text(api: ServedApi, family: dict[str, Login]) -> None:
    client, parked_id = api.client(family["above"]), f"prk_{family['above'].account_id}"
    assert client.delete(f"/v1/parked/{parked_id}").status_code == 204
    shown = client.get(f"/v1/parked/{parked_id}").json()["data"]
    assert (shown["state"], shown["reason"], shown["original"]) == ("dropped", "NO_COMPLIANT_SENDER", "")
