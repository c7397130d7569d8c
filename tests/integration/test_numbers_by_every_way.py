"""A number is read as the same number, or refused with the same words, whichever way it comes in."""

from __future__ import annotations

import csv
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.settings import ApiSettings
from core.accounts.logins import ApiKeys
from core.sender import Registration, RegistrationStatus, Sender, SenderType
from core.store import Store
from tests.support.accounts import SENDERS, add_account
from tests.support.cli_runner import Cli
from tests.support.numbers import CASES, Case
from tests.support.running_worker import Deployment
from tests.support.served import running_server
from tests.support.stock_clients import dispatched, notices, push, send_with_celery

READ = {name: case for name, case in CASES.items() if case.e164 is not None}
REFUSED = {name: case for name, case in CASES.items() if case.e164 is None}
#: With acme's senders, enough for every number that is read to be dispatched. Indonesia takes registered names alone.
MORE_SENDERS = (
    Sender(None, "+4915112340000", SenderType.LONGCODE, "DE"),
    Sender(None, "+27711230000", SenderType.LONGCODE, "ZA"),
    Sender(
        None,
        "ACMEID",
        SenderType.ALPHA_TAG,
        registrations=(Registration("ID", RegistrationStatus.APPROVED),),
    ),
)

#: What became of a recipient: the number, or why there is none.
Fates = dict[str, str]


@pytest.fixture
def account(store: Store) -> str:
    account_id = f"a{uuid.uuid4().hex[:10]}"
    return add_account(store, account_id, (*SENDERS, *MORE_SENDERS))


@pytest.fixture
def cli(deployment: Deployment) -> Cli:
    return Cli(deployment.environment)


def document(account: str, name: str, case: Case) -> dict[str, Any]:
    return {"message_id": name, "account_id": account, "to": case.to, "country": case.hint, "body": "Hello"}


def expected() -> Fates:
    return {name: str(case.e164) for name, case in READ.items()}


def came(deployment: Deployment) -> Fates:
    """What the worker made of the messages; those that it refused, by their reason."""
    fates: Fates = {each["message_id"]: each["to"] for each in dispatched(deployment, len(READ))}
    for notice in notices(deployment, len(REFUSED)):
        assert notice["reason"] == "INVALID_RECIPIENT"
        fates[notice["message_id"]] = notice["fields"][0]["reason"]
    return fates


def check(fates: Fates) -> Fates:
    """Gives the refusals, which must be the same in all ways."""
    assert {name: fates.get(name) for name in READ} == expected()
    assert {name: fates.get(name) for name, case in REFUSED.items() if case.words not in fates.get(name, "")} == {}
    return {name: fates[name] for name in REFUSED}


def test_it_reads_the_same_from_every_queue(deployment: Deployment, account: str) -> None:
    documents = [document(account, name, case) for name, case in CASES.items()]
    push(deployment, documents)
    plain = check(came(deployment))
    again = [each | {"account_id": account, "message_id": f"{each['message_id']} again"} for each in documents]
    send_with_celery(deployment, [{"args": [each]} for each in again])
    by_celery = check({name.removesuffix(" again"): fate for name, fate in came(deployment).items()})
    recipients = [{"to": case.to, "country": case.hint, "message_id": f"b {name}"} for name, case in CASES.items()]
    batch = {"account_id": account, "campaign_id": account, "batch_id": "1", "body": "Hello", "recipients": recipients}
    push(deployment, [batch], "campaign_ingress")
    by_batch = check({name.removeprefix("b "): fate for name, fate in came(deployment).items()})
    assert plain == by_celery == by_batch


def test_it_reads_the_same_from_files(deployment: Deployment, account: str, cli: Cli, tmp_path: Path) -> None:
    lines = "".join(json.dumps(document(account, name, case)) + "\n" for name, case in CASES.items())
    (tmp_path / "m.jsonl").write_text(lines)
    cli.run("send", "--file", str(tmp_path / "m.jsonl"), "--json")
    by_send = check(came(deployment))
    table = tmp_path / "r.csv"
    with table.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("to", "country", "message_id"))
        rows.writerows((case.to, case.hint or "", f"f {name}") for name, case in CASES.items())
    source = ("--account", account, "--file", str(table), "--body", "Hello")
    shown = cli.done("campaign", "preview", *source)
    assert {each["country"]: each["recipients"] for each in shown["countries"]} == countries()
    assert shown["invalid"] == len(REFUSED)
    sent = json.loads(cli.run("campaign", "send", *source, "--campaign-id", f"f-{account}", "--json").stdout)
    names = list(CASES)
    fates = {names[each["line"] - 2]: each["reason"] for each in refusals(table)}
    assert sent["refused_rows"] == len(REFUSED)
    fates |= {each["message_id"].removeprefix("f "): each["to"] for each in dispatched(deployment, len(READ))}
    assert check(fates) == by_send


def refusals(table: Path) -> list[dict[str, Any]]:
    with table.with_name(f"{table.name}.refused.csv").open(newline="") as file:
        return [{"line": int(row["line"]), "reason": row["reason"]} for row in csv.DictReader(file)]


def countries() -> dict[str, int]:
    all_of_them = [str(case.country) for case in READ.values()]
    return {country: all_of_them.count(country) for country in all_of_them}


def test_it_reads_the_same_on_the_command_line(account: str, cli: Cli) -> None:
    for case in CASES.values():
        hint = () if case.hint is None else ("--country", case.hint)
        shown = cli.run("explain", "--account", account, "--to", case.to, *hint, "--json")
        check_explained(case, json.loads(shown.stdout))


@pytest.fixture
def client(deployment: Deployment, store: Store, account: str) -> Iterator[httpx.Client]:
    settings = ApiSettings(
        broker_url=deployment.broker_url, redis_url=deployment.redis_url, database_url=deployment.database_url
    )
    with running_server(settings) as url:
        login = (account, ApiKeys(store).add(account))
        with httpx.Client(base_url=url, auth=login, timeout=30) as made:
            yield made


def test_it_reads_the_same_over_http(client: httpx.Client) -> None:
    for case in CASES.values():
        asked = {"to": case.to, "country": case.hint}
        check_explained(case, client.post("/v1/explain", json=asked).json()["data"])
    recipients = [{"to": case.to, "country": case.hint} for case in CASES.values()]
    shown = client.post("/v1/campaigns/preview", json={"recipients": recipients}).json()["data"]
    assert {each["country"]: each["recipients"] for each in shown["countries"]} == countries()
    assert shown["invalid"] == len(REFUSED)


def check_explained(case: Case, shown: dict[str, Any]) -> None:
    assert shown["country"] == case.country, case
    if case.e164 is None:
        assert shown["reason"] == "INVALID_RECIPIENT", case
        assert case.words in shown["sentence"], case
