"""The migration that keeps numbers in E.164: what was one number becomes one sender, and is told of."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

import core.storage
from core.accounts.senders import Senders
from core.sender import Registration, RegistrationStatus, SenderStatus, SenderType
from core.storage.database import Database, open_engine, transaction
from core.storage.upgrade import upgrade

APPROVED, REJECTED = RegistrationStatus.APPROVED, RegistrationStatus.REJECTED


@pytest.fixture
def before(database_url: str) -> Iterator[Engine]:
    """A database of the schema before, with account `acme`."""
    engine, config = open_engine(database_url), Config()
    config.set_main_option("script_location", str(Path(core.storage.__path__[0]) / "migrations"))
    config.set_main_option("path_separator", "os")
    with transaction(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        connection.execute(
            text(
                "INSERT INTO accounts (user_id, account_id, may_borrow, status, created_at)"
                " VALUES (1, 'acme', true, 'active', '2026-01-01 00:00:00')"
            )
        )
    yield engine
    engine.dispose()


def hold(engine: Engine, sender_id: str, country: str | None = "AU", **fields: Any) -> int:
    """A sender as the program before kept it; gives its id."""
    kind, status = fields.get("sender_type", "longcode"), fields.get("status", "active")
    bare = sender_id.removeprefix("+")
    identity = f"1/{kind}/{bare if bare.isdigit() else sender_id}"
    with transaction(engine) as connection:
        sender_ref = connection.scalar(
            text(
                "INSERT INTO senders (identity, account_ref, sender_id, sender_type, country, status, trust, two_way, mms)"
                " VALUES (:identity, 1, :sender_id, :kind, :country, :status, 50, true, false) RETURNING id"
            ),
            {"identity": identity, "sender_id": sender_id, "kind": kind, "country": country, "status": status},
        )
        for registered_in, standing in fields.get("registrations", {}).items():
            connection.execute(
                text("INSERT INTO registrations (sender_ref, country, status) VALUES (:ref, :country, :status)"),
                {"ref": sender_ref, "country": registered_in, "status": standing},
            )
    assert isinstance(sender_ref, int)
    return sender_ref


def migrated(engine: Engine) -> list[dict[str, Any]]:
    """Migrates; gives what was told."""
    with structlog.testing.capture_logs() as told:
        upgrade(engine)
    return [{**each} for each in told if each["event"].startswith("sender")]


def held(engine: Engine) -> list[tuple[str | None, SenderStatus, tuple[Registration, ...]]]:
    senders = Senders(Database(engine)).page("acme").senders
    return [(sender.sender_id, sender.status, sender.registrations) for sender in senders]


def test_it_makes_one_sender_of_three_spellings(before: Engine) -> None:
    hold(before, "0491570006", status="suspended", registrations={"NZ": "approved", "AU": "rejected"})
    hold(before, "61491570006", registrations={"AU": "rejected"})
    hold(before, "0061491570006", registrations={"AU": "approved", "SG": "rejected"})
    hold(before, "+61491570007")
    told = migrated(before)
    registrations = (Registration("AU", APPROVED), Registration("NZ", APPROVED), Registration("SG", REJECTED))
    active = SenderStatus.ACTIVE
    assert held(before) == [("+61491570006", active, registrations), ("+61491570007", active, ())]
    assert told == [
        {
            "event": "senders_joined",
            "log_level": "warning",
            "account_id": "acme",
            "sender_id": "+61491570006",
            "sender_type": "longcode",
            "joined": ["61491570006 (active)", "0061491570006 (active)", "0491570006 (suspended)"],
        }
    ]
    senders = Senders(Database(before))
    assert senders.get("acme", "0491 570 006").sender_id == "+61491570006"


def test_it_leaves_types_and_owners_apart(before: Engine) -> None:
    hold(before, "61491570006")
    hold(before, "0491570006", sender_type="own_number")
    assert migrated(before) == []
    assert [number for number, *_ in held(before)] == ["+61491570006", "+61491570006"]


@pytest.mark.parametrize(
    ("sender_id", "sender_type", "country"),
    [("12", "longcode", None), ("61400", "longcode", "AU"), ("0491570006", "longcode", None)],
)
def test_it_tells_of_what_is_no_number_and_leaves_it(
    before: Engine, sender_id: str, sender_type: str, country: str | None
) -> None:
    hold(before, sender_id, country, sender_type=sender_type)
    (told,) = migrated(before)
    assert (told["event"], told["sender_id"], told["account_id"]) == ("sender_is_no_number", sender_id, "acme")
    assert [number for number, *_ in held(before)] == [sender_id]


def test_it_leaves_names_and_short_codes_as_they_are(before: Engine) -> None:
    hold(before, "ACME", None, sender_type="alpha_tag")
    hold(before, "Acme", None, sender_type="alpha_tag")
    hold(before, "12345", "AU", sender_type="shortcode")
    assert migrated(before) == []
    assert [number for number, *_ in held(before)] == ["ACME", "Acme", "12345"]


def test_it_names_one_number_once_in_a_default(before: Engine) -> None:
    default_ref = uuid.uuid4()
    stored = default_ref.hex if before.dialect.name == "sqlite" else str(default_ref)
    with transaction(before) as connection:
        connection.execute(
            text(
                "INSERT INTO default_senders (id, account_ref, country, product, status, origin, created_timestamp,"
                " updated_timestamp, spread) VALUES (:id, 1, 'AU', 'SMS', 'ENABLED', 'MANUAL', '2026-01-01 00:00:00',"
                " '2026-01-01 00:00:00', false)"
            ),
            {"id": stored},
        )
        spellings = [("longcode", "61491570006"), ("alpha_tag", "ACME"), ("longcode", "0491570006")]
        for position, (kind, sender_id) in enumerate(spellings):
            connection.execute(
                text(
                    "INSERT INTO default_strategies (default_ref, position, sender_type, sender_id, sender_country_code,"
                    " status) VALUES (:id, :position, :kind, :sender_id, 'AU', 'ENABLED')"
                ),
                {"id": stored, "position": position, "kind": kind, "sender_id": sender_id},
            )
    migrated(before)
    with before.connect() as connection:
        rows = connection.execute(text("SELECT sender_type, sender_id FROM default_strategies ORDER BY position"))
        assert [tuple(row) for row in rows] == [("longcode", "+61491570006"), ("alpha_tag", "ACME")]


def test_it_joins_for_the_longcode_alone(before: Engine) -> None:
    hold(before, "+61 491 570 006")
    hold(before, "+61491570006")
    migrated(before)
    assert Senders(Database(before)).get("acme", "+61491570006", SenderType.LONGCODE).sender_id == "+61491570006"
