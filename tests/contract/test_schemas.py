"""The schema files say what the code reads and writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from core.contract.decode import read_message
from core.contract.models import BatchRecipient, CampaignBatch, OutgoingMessage
from core.contract.schemas import schema_texts
from core.encoding import ContractError
from core.rules.files import shipped_rules, written_lines
from core.rules.schemas import FILE as RULE_LINE
from core.rules.schemas import schema_texts as rule_schema_texts

FOLDER = Path(__file__).parents[2] / "docs" / "schemas"
MESSAGE = {"message_id": "m1", "account_id": "acme", "to": "+61491570156", "body": "hello"}


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(
        json.loads((FOLDER / name).read_text(encoding="utf-8")), format_checker=Draft202012Validator.FORMAT_CHECKER
    )


def test_it_keeps_the_files_equal_to_the_models() -> None:
    on_disk = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    written = schema_texts() | rule_schema_texts()
    assert on_disk == written, "run: python -m core.contract.schemas; python -m core.rules.schemas"


@pytest.mark.parametrize("name", schema_texts() | rule_schema_texts())
def test_it_writes_schemas_that_are_schemas(name: str) -> None:
    Draft202012Validator.check_schema(json.loads((schema_texts() | rule_schema_texts())[name]))


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
    checked = validator(RULE_LINE)
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
    assert validator(RULE_LINE).is_valid(RULE)
    assert not validator(RULE_LINE).is_valid(RULE | fields)
