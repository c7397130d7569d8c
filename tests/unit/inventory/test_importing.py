"""The lines of an inventory file: what is read, what is refused and in which words."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from core.accounts.accounts import AccountStatus
from core.defaults.strategies import Strategy
from core.errors import FieldError
from core.inventory.line_buffer import LineBuffer
from core.inventory.lines import AccountLine, DefaultLine, Line, RegistrationLine, SenderLine
from core.inventory.reading import read_line
from core.sender import Product, Registration, RegistrationStatus, Sender, SenderStatus, SenderType, TrafficClass
from tests.support.accounts import AU_NUMBER, SPELLINGS

ACCOUNT = {"kind": "account", "account_id": "acme"}
SENDER = {"kind": "sender", "account_id": "acme", "sender_id": "+61491570156", "sender_type": "longcode"}
REGISTRATION = SENDER | {"kind": "registration", "country": "AU", "status": "approved"}
DEFAULT = {
    "kind": "default",
    "account_id": "acme",
    "country": "AU",
    "strategies": [{"sender_type": "longcode", "sender_id": "+61491570156"}],
}
KEY = "k3y-from-another-system"
MOMENT = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def read(document: object) -> Line:
    errors: list[FieldError] = []
    line = read_line(json.dumps(document).encode(), 7, errors)
    assert errors == []
    assert line is not None
    return line


def refused(document: object) -> dict[str, str]:
    errors: list[FieldError] = []
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    assert read_line(text, 7, errors) is None
    return {error.field: error.reason for error in errors}


def test_it_reads_an_account_with_its_defaults() -> None:
    given = frozenset({"kind", "account_id"})
    assert read(ACCOUNT) == AccountLine(7, given, "acme", None, None, True, AccountStatus.ACTIVE, None)


def test_it_reads_every_field_of_an_account() -> None:
    full = ACCOUNT | {"name": "Acme", "parent": "p", "may_borrow": False, "status": "suspended", "api_key": KEY}
    line = AccountLine(7, frozenset(full), "acme", "Acme", "p", False, AccountStatus.SUSPENDED, KEY)
    assert read(full) == line


def test_it_reads_every_field_of_a_sender() -> None:
    full = SENDER | {
        "sender_country_code": "nz",
        "status": "pending",
        "purchased_at": "2026-01-31T13:00:00+01:00",
        "activated_at": "2026-01-31",
        "expires_at": "2027-01-31T12:00",
        "trust": 100,
        "two_way": False,
        "mms": True,
        "messages_per_second": 5,
        "traffic_classes": ["otp", "promotional"],
    }
    line = read(full)
    assert isinstance(line, SenderLine)
    assert line.sender == Sender(
        account_id="acme",
        sender_id="+61491570156",
        sender_type=SenderType.LONGCODE,
        country="NZ",
        status=SenderStatus.PENDING,
        purchased_at=MOMENT,
        activated_at=MOMENT.replace(hour=0),
        expires_at=MOMENT.replace(year=2027),
        trust=100,
        two_way=False,
        mms=True,
        messages_per_second=5.0,
        traffic_classes=frozenset({TrafficClass.OTP, TrafficClass.PROMOTIONAL}),
    )


@pytest.mark.parametrize("sender_type", ["longcode", "own_number", "tollfree", "10DLC", "shared_longcode"])
@pytest.mark.parametrize("text", SPELLINGS)
def test_it_keeps_a_number_in_e164(text: str, sender_type: str) -> None:
    line = read(SENDER | {"sender_id": text, "sender_type": sender_type, "sender_country_code": "AU"})
    assert isinstance(line, SenderLine)
    assert (line.sender.sender_id, line.sender.country) == (AU_NUMBER, "AU")
    strategy = {"sender_type": sender_type, "sender_id": text, "sender_country_code": "AU"}
    default = read(DEFAULT | {"strategies": [strategy]})
    assert isinstance(default, DefaultLine)
    assert [each.sender_id for each in default.strategies] == [AU_NUMBER]


@pytest.mark.parametrize("text", ["12", "+12", "61400", "0491570006", "+61491570006;+61491570007", "4.9157e10"])
def test_it_refuses_what_is_no_number_with_the_cause(text: str) -> None:
    assert list(refused(SENDER | {"sender_id": text})) == ["line 7, field sender_id"]


def test_it_keeps_a_short_code_as_it_is_written() -> None:
    line = read(SENDER | {"sender_id": "019491", "sender_type": "shortcode", "sender_country_code": "AU"})
    assert isinstance(line, SenderLine)
    assert line.sender.sender_id == "019491"


@pytest.mark.parametrize(
    ("changes", "country", "two_way"),
    [
        pytest.param({}, "AU", True, id="a number's country is derived"),
        pytest.param({"sender_id": "61491570156"}, "AU", True, id="a number without +"),
        pytest.param({"sender_country_code": "NZ"}, "NZ", True, id="the country given wins"),
        pytest.param({"sender_country_code": "uk"}, "GB", True, id="UK is GB"),
        pytest.param({"sender_id": "+18005550100", "sender_type": "tollfree"}, "US", True, id="toll-free"),
        pytest.param({"sender_id": None, "sender_type": "shared_longcode"}, None, True, id="a pool without a number"),
        pytest.param({"sender_id": "", "sender_type": "shared_longcode"}, None, True, id="the same, empty"),
        pytest.param({"sender_id": "ACME", "sender_type": "alpha_tag"}, None, False, id="a name has none, no replies"),
        pytest.param({"sender_id": "12345", "sender_type": "shortcode"}, None, True, id="a short code's is not known"),
        pytest.param({"account_id": None}, "AU", True, id="the platform pool"),
        pytest.param({"trust": None, "status": None}, "AU", True, id="null is the default"),
    ],
)
def test_it_completes_a_sender(changes: dict[str, Any], country: str | None, two_way: bool) -> None:
    line = read(SENDER | changes)
    assert isinstance(line, SenderLine)
    assert (line.sender.country, line.sender.two_way) == (country, two_way)
    assert (line.sender.trust, line.sender.status) == (50, SenderStatus.ACTIVE)


def test_it_reads_a_registration() -> None:
    line = read(REGISTRATION | {"country": "UK", "valid_from": "2026-01-31T12:00:00Z"})
    assert isinstance(line, RegistrationLine)
    assert line.registration == Registration("GB", RegistrationStatus.APPROVED, MOMENT)
    assert (line.account_id, line.sender_id, line.sender_type) == ("acme", "+61491570156", SenderType.LONGCODE)


def test_it_reads_a_default() -> None:
    line = read(DEFAULT | {"product": "MMS"})
    assert isinstance(line, DefaultLine)
    assert (line.country, line.product) == ("AU", Product.MMS)
    assert line.strategies == (Strategy(SenderType.LONGCODE, "+61491570156"),)


@pytest.mark.parametrize(
    ("document", "fields"),
    [
        pytest.param(b"{", {"line 7"}, id="not JSON"),
        pytest.param(b"\xff", {"line 7"}, id="not UTF-8"),
        pytest.param(b"[" * 100_000, {"line 7"}, id="too deep"),
        pytest.param(b'"' + b"x" * 1_100_000 + b'"', {"line 7"}, id="too long"),
        pytest.param([], {"line 7"}, id="not an object"),
        pytest.param({}, {"line 7, field kind"}, id="no kind"),
        pytest.param({"kind": ["account"]}, {"line 7, field kind"}, id="a kind that is no text"),
        pytest.param({"kind": "acount"}, {"line 7, field kind"}, id="no such kind"),
        pytest.param({"kind": "account"}, {"line 7, field account_id"}, id="no account id"),
        pytest.param(ACCOUNT | {"account_id": "x" * 65}, {"line 7, field account_id"}, id="account id too long"),
        pytest.param(ACCOUNT | {"account_id": ""}, {"line 7, field account_id"}, id="account id empty"),
        pytest.param(ACCOUNT | {"account_id": "a\x00"}, {"line 7, field account_id"}, id="NUL in an account id"),
        pytest.param(ACCOUNT | {"account_id": 5}, {"line 7, field account_id"}, id="account id a number"),
        pytest.param(ACCOUNT | {"may_borow": False}, {"line 7, field may_borow"}, id="misspelt field"),
        pytest.param(
            ACCOUNT | {"may_borrow": "no", "status": "closed", "name": 5, "api_key": ""},
            {"line 7, field may_borrow", "line 7, field status", "line 7, field name", "line 7, field api_key"},
            id="every bad field of an account",
        ),
        pytest.param(
            SENDER | {"sender_type": "alpha_tag", "trust": 101, "purchased_at": "yesterday", "mms": 1},
            {"line 7, field trust", "line 7, field purchased_at", "line 7, field mms", "line 7, field sender_id"},
            id="every bad field of a sender",
        ),
        pytest.param(
            {"kind": "sender", "sender_id": "1"},
            {"line 7, field account_id", "line 7, field sender_type"},
            id="ownerless",
        ),
        pytest.param(SENDER | {"sender_id": "++61"}, {"line 7, field sender_id"}, id="malformed number"),
        pytest.param(
            SENDER | {"sender_id": "12345", "sender_type": "alpha_tag"}, {"line 7, field sender_id"}, id="digits"
        ),
        pytest.param(SENDER | {"sender_country_code": "ZZ"}, {"line 7, field sender_country_code"}, id="no country"),
        pytest.param(SENDER | {"sender_country_code": "AUS"}, {"line 7, field sender_country_code"}, id="alpha-3"),
        pytest.param(SENDER | {"trust": True}, {"line 7, field trust"}, id="true is no number"),
        pytest.param(SENDER | {"trust": 10**30}, {"line 7, field trust"}, id="a huge number"),
        pytest.param(
            SENDER | {"messages_per_second": 0}, {"line 7, field messages_per_second"}, id="no messages a second"
        ),
        pytest.param(SENDER | {"messages_per_second": 10**400}, {"line 7, field messages_per_second"}, id="too many"),
        pytest.param(SENDER | {"traffic_classes": "otp"}, {"line 7, field traffic_classes"}, id="no list"),
        pytest.param(SENDER | {"traffic_classes": ["spam"]}, {"line 7, field traffic_classes[0]"}, id="no such class"),
        pytest.param(SENDER | {"traffic_classes": []}, {"line 7, field traffic_classes"}, id="no class at all"),
        pytest.param(REGISTRATION | {"status": None}, {"line 7, field status"}, id="no status"),
        pytest.param(REGISTRATION | {"country": "XX"}, {"line 7, field country"}, id="registered nowhere"),
        pytest.param(
            REGISTRATION | {"valid_from": "2026-02-01", "valid_until": "2026-01-01"},
            {"line 7, field valid_until"},
            id="ends before it begins",
        ),
        pytest.param(DEFAULT | {"strategies": []}, {"line 7, field strategies"}, id="no strategies"),
        pytest.param(DEFAULT | {"strategies": {}}, {"line 7, field strategies"}, id="strategies that are no list"),
        pytest.param(DEFAULT | {"product": "FAX"}, {"line 7, field product"}, id="no such product"),
        pytest.param(
            DEFAULT | {"strategies": [{"sender_type": "longcode"}, {"sender_id": "1", "note": "x"}, 5]},
            {
                "line 7, field strategies[1].sender_type",
                "line 7, field strategies[1].note",
                "line 7, field strategies[2]",
            },
            id="every bad field of a strategy",
        ),
    ],
)
def test_it_names_line_and_field_of_what_is_wrong(document: object, fields: set[str]) -> None:
    assert set(refused(document)) == fields


def test_it_says_which_field_was_meant() -> None:
    assert refused(ACCOUNT | {"may_borow": False}) == {
        "line 7, field may_borow": "is no field of this kind of line; did you mean may_borrow?"
    }


def test_it_says_what_a_missing_owner_means() -> None:
    ownerless = {"kind": "sender", "sender_type": "shared_longcode"}
    assert refused(ownerless) == {"line 7, field account_id": "is missing (null: the platform pool)"}


@pytest.mark.parametrize(
    "key", ["nineteen-characters", "x" * 201, "nul-in-a-long-enough-key\x00", 123456789012345678901]
)
def test_it_refuses_a_key_that_could_be_guessed_without_quoting_it(key: object) -> None:
    words = "must be a text of 20 to 200 characters, so that nobody guesses it"
    assert refused(ACCOUNT | {"api_key": key}) == {"line 7, field api_key": words}


def test_it_takes_a_key_of_twenty_characters() -> None:
    line = read(ACCOUNT | {"api_key": "x" * 20})
    assert isinstance(line, AccountLine)
    assert line.api_key == "x" * 20


def test_it_quotes_no_more_than_the_beginning_of_what_is_wrong() -> None:
    assert refused(ACCOUNT | {"may_borrow": "y" * 100_000}) == {
        "line 7, field may_borrow": f"'{'y' * 40}…' is neither true nor false"
    }


def test_it_passes_over_blank_lines() -> None:
    errors: list[FieldError] = []
    assert read_line(b" \r\n", 1, errors) is None
    assert errors == []


@pytest.mark.parametrize("document", [ACCOUNT, SENDER, REGISTRATION, DEFAULT])
def test_it_gives_a_line_back_from_disk(document: dict[str, Any]) -> None:
    line = read(document | ({"purchased_at": "2026-01-31T12:00:00Z"} if document is SENDER else {}))
    with LineBuffer(type(line)) as buffer:
        buffer.add(line)
        buffer.add(line)
        assert list(buffer) == [line, line]


def test_it_knows_the_same_sender_with_and_without_plus() -> None:
    assert read(SENDER).key == read(SENDER | {"sender_id": "61491570156"}).key
    assert read(SENDER).key != read(SENDER | {"sender_type": "own_number"}).key
