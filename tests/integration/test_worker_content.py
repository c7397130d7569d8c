"""What a text holds decides with: who may send links to a country, on every broker and database."""

from __future__ import annotations

import json
from typing import Any

from core.sender import Registration, RegistrationStatus, Sender, SenderType
from core.store import Store
from tests.support.accounts import add_account, message
from tests.support.cli_runner import Cli
from tests.support.running_worker import Deployment
from tests.support.stock_clients import dispatched, notices, push

SWEDEN = "+46701234567"
PLAIN, REGISTERED = "+46700000001", "+46700000002"
APPROVED = (Registration("SE", RegistrationStatus.APPROVED),)


def held(account_id: str, sender_id: str, **fields: Any) -> Sender:
    return Sender(account_id, sender_id, SenderType.LONGCODE, "SE", **fields)


def test_it_sends_a_link_from_a_registered_sender_or_parks_it(deployment: Deployment, store: Store) -> None:
    bare, both = f"bare-{deployment.stem}", f"both-{deployment.stem}"
    add_account(store, bare, (held(bare, PLAIN),))
    add_account(store, both, (held(both, PLAIN, trust=99), held(both, REGISTERED, registrations=APPROVED, trust=1)))
    link, plain = "Track it: acme.se/t/1", "It is on its way, e.g. today."
    batch = {"account_id": bare, "campaign_id": f"links-{deployment.stem}", "batch_id": "b", "body": plain}
    push(
        deployment,
        [message(SWEDEN, account_id=account, body=text) for account in (bare, both) for text in (link, plain)],
    )
    push(deployment, [batch | {"recipients": [{"to": SWEDEN}, {"to": SWEDEN, "body": link}]}], "campaign_ingress")
    came = [(each["account_id"], each["body"], each["sender_id"]) for each in dispatched(deployment, 4)]
    assert sorted(came) == sorted([(bare, plain, PLAIN)] * 2 + [(both, plain, REGISTERED), (both, link, REGISTERED)])
    parked = notices(deployment, 2)
    assert [(each["reason"], each["account_id"], each["country"]) for each in parked] == [
        ("CONTENT_NOT_ALLOWED", bare, "SE")
    ] * 2
    assert "acme.se" not in str(parked)
    cli = Cli(deployment.environment)
    run = cli.run("explain", "--account", bare, "--to", SWEDEN, "--body", link, "--json")
    assert run.exit_code == 1
    explained = json.loads(run.stdout)
    assert explained["reason"] == "CONTENT_NOT_ALLOWED"
    assert explained["candidates"][0]["rejected"] == "CONTENT_NOT_ALLOWED"
