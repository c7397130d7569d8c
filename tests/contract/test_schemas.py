"""The schema files say what the code reads and writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from core.contract.decode import read_message
from core.contract.models import BatchRecipient, CampaignBatch, OutgoingMessage
from core.encoding import ContractError
from core.errors import FieldError
from core.inventory.reading import read_line
from core.rules.files import shipped_rules, written_lines
from core.schemas import schema_texts

FOLDER = Path(__file__).parents[2] / "docs" / "schemas"
SAMPLE_INVENTORY = Path(__file__).parents[2] / "worker" / "demo" / "data" / "sample_inventory.jsonl"
MESSAGE = {"message_id": "m1", "account_id": "acme", "to": "+61491570156", "body": "hello"}


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(
        json.loads((FOLDER / name).read_text(encoding="utf-8")), format_checker=Draft202012Validator.FORMAT_CHECKER
    )


def test_it_keeps_the_files_equal_to_the_models() -> None:
    on_disk = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    assert on_disk == schema_texts(), "run: python -m core.schemas"


@pytest.mark.parametrize("name", schema_texts())
def test_it_writes_schemas_that_are_schemas(name: str) -> None:
    Draft202012Validator.check_schema(json.loads(schema_texts()[name]))


REFUSED: dict[str, dict[str, Any]] = {
    "no id": {"message_id": None},
    "an empty id": {"message_id": ""},
    "an id too long": {"message_id": "x" * 65},
    "a number for an account": {"account_id": 7},
    "an empty body": {"body": ""},
    "a body too long": {"body": "x" * 1601},
    "a country of three letters": {"country": "AUS"},
    "a country of digits": {"country": "12"},
    "an unknown product": {"product": "FAX"},
    "an MMS without media": {"product": "MMS"},
    "an MMS with no media at all": {"product": "MMS", "media_urls": []},
    "media that are no texts": {"media_urls": [1]},
    "an unknown sender type": {"sender_type": "pigeon"},
    "a number for a sender": {"sender_id": 61491570006},
    "a number for the alias": {"from": 61491570006},
    "a text for a flag": {"reply_expected": "yes"},
    "a flag for a time": {"schedule": True},
    "a text for a time": {"schedule": "tomorrow"},
    "a date without a time": {"expires_at": "2026-01-31"},
}

ACCEPTED: dict[str, dict[str, Any]] = {
    "the least": {},
    "nulls": {name: None for name in OutgoingMessage.model_fields if name not in MESSAGE} | {"from": None},
    "empty texts": {name: "" for name in OutgoingMessage.model_fields if name not in MESSAGE},
    "the alias": {"from": "ACME"},
    "unknown fields": {"vip": {"level": 3}},
    "an MMS": {"product": "MMS", "media_urls": ["https://example.com/a.png"]},
    "fractions of a second": {"schedule": 1893456000.5},
    "a time": {"expires_at": "2026-01-31T12:00:00+11:00"},
    "small letters in a country": {"country": "uk"},
}


@pytest.mark.parametrize("fields", REFUSED.values(), ids=REFUSED.keys())
def test_it_refuses_in_the_schema_what_the_model_refuses(fields: dict[str, Any]) -> None:
    document = MESSAGE | fields
    assert not validator("outgoing-message.json").is_valid(document)
    with pytest.raises(ContractError):
        read_message(document)


@pytest.mark.parametrize("fields", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_it_accepts_in_the_schema_what_the_model_accepts(fields: dict[str, Any]) -> None:
    document = MESSAGE | fields
    validator("outgoing-message.json").validate(document)
    assert OutgoingMessage.model_validate(document).message_id == "m1"


def test_it_describes_the_recipients_of_a_batch() -> None:
    batch = {"account_id": "acme", "campaign_id": "c", "batch_id": "b", "body": "x", "recipients": [{"to": "+61"}]}
    checked = validator("campaign-batch.json")
    checked.validate(batch)
    checked.validate(batch | {name: None for name in CampaignBatch.model_fields if name not in batch})
    checked.validate(batch | {name: "" for name in CampaignBatch.model_fields if name not in batch})
    checked.validate(batch | {"recipients": [dict.fromkeys(BatchRecipient.model_fields, "")]})
    checked.validate(batch | {"recipients": [dict.fromkeys(BatchRecipient.model_fields) | {"to": "+61"}]})
    assert not checked.is_valid(batch | {"recipients": [{"to": 61}]})
    assert not checked.is_valid(batch | {"recipients": []})


def test_it_describes_every_line_of_the_shipped_rules() -> None:
    checked = validator("rule-file-line.json")
    lines = [json.loads(line) for line in written_lines(shipped_rules())]
    wrong = [line for line in lines if not checked.is_valid(line)]
    assert lines
    assert wrong == []


RULE = {"kind": "rule", "country": "GB", "sender_type": "longcode", "sender_country": "any", "status": "allowed"}


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "law"},
        {"country": "gb"},
        {"status": "overwritten"},
        {"confidence": True},
        {"only_sender_countries": "US"},
        {"stauts": "x"},
        {"override_reason": "x"},
    ],
    ids=str,
)
def test_it_refuses_in_the_schema_what_no_rule_file_may_hold(fields: dict[str, Any]) -> None:
    assert validator("rule-file-line.json").is_valid(RULE)
    assert not validator("rule-file-line.json").is_valid(RULE | fields)


ACCOUNT = {"kind": "account", "account_id": "acme"}
SENDER = {"kind": "sender", "account_id": "acme", "sender_id": "+61491570156", "sender_type": "longcode"}
REGISTRATION = SENDER | {"kind": "registration", "country": "AU", "status": "approved"}
DEFAULT = {"kind": "default", "account_id": "acme", "country": "AU", "strategies": [{"sender_type": "shared_longcode"}]}

INVENTORY_ACCEPTED: dict[str, dict[str, Any]] = {
    "the least of an account": ACCOUNT,
    "nulls of an account": ACCOUNT | dict.fromkeys(("name", "parent", "may_borrow", "status", "api_key")),
    "a key of 20 characters": ACCOUNT | {"api_key": "x" * 20},
    "the least of a sender": {"kind": "sender", "account_id": None, "sender_type": "shared_longcode"},
    "nulls of a sender": SENDER | dict.fromkeys(("status", "trust", "two_way", "mms", "messages_per_second")),
    "all of a sender": SENDER
    | {
        "trust": 100,
        "two_way": False,
        "messages_per_second": 0.5,
        "traffic_classes": ["otp"],
        "expires_at": "2027-01-31",
    },
    "a registration": REGISTRATION,
    "a default": DEFAULT,
    "nulls of a default": DEFAULT
    | {
        "product": None,
        "strategies": [{"sender_type": "shared_longcode", "sender_id": None, "sender_country_code": None}],
    },
}

INVENTORY_REFUSED: dict[str, dict[str, Any]] = {
    "no kind": {"account_id": "acme"},
    "an unknown kind": {"kind": "acount", "account_id": "acme"},
    "an unknown field": ACCOUNT | {"may_borow": True},
    "no account": {"kind": "account"},
    "an account that is null": ACCOUNT | {"account_id": None},
    "an account that is too long": ACCOUNT | {"account_id": "x" * 65},
    "a short key": ACCOUNT | {"api_key": "x" * 19},
    "no owner": {"kind": "sender", "sender_type": "shared_longcode"},
    "an unknown type": SENDER | {"sender_type": "pigeon"},
    "too much trust": SENDER | {"trust": 101},
    "a text for trust": SENDER | {"trust": "50"},
    "no rate": SENDER | {"messages_per_second": 0},
    "no class": SENDER | {"traffic_classes": []},
    "no status": REGISTRATION | {"status": None},
    "no strategy": DEFAULT | {"strategies": []},
    "an unknown field of a strategy": DEFAULT | {"strategies": [{"sender_type": "shared_longcode", "note": "x"}]},
}


def inventory_errors(document: dict[str, Any]) -> list[FieldError]:
    errors: list[FieldError] = []
    read_line(json.dumps(document).encode(), 1, errors)
    return errors


@pytest.mark.parametrize("document", INVENTORY_ACCEPTED.values(), ids=INVENTORY_ACCEPTED.keys())
def test_it_accepts_in_the_schema_what_an_inventory_file_may_hold(document: dict[str, Any]) -> None:
    validator("inventory-file-line.json").validate(document)
    assert inventory_errors(document) == []


@pytest.mark.parametrize("document", INVENTORY_REFUSED.values(), ids=INVENTORY_REFUSED.keys())
def test_it_refuses_in_the_schema_what_no_inventory_file_may_hold(document: dict[str, Any]) -> None:
    assert not validator("inventory-file-line.json").is_valid(document)
    assert inventory_errors(document) != []


def test_it_describes_every_line_of_the_sample_inventory() -> None:
    lines = SAMPLE_INVENTORY.read_text(encoding="utf-8").splitlines()
    checked = validator("inventory-file-line.json")
    assert lines
    assert [line for line in lines if not checked.is_valid(json.loads(line))] == []
