"""`smart-assign senders`: an account's inventory, or that of the platform pool."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import click

from core.accounts.senders import TRUST_MAX, Senders
from core.documents import sender_document
from core.sender import Registration, RegistrationStatus, Sender, SenderStatus, SenderType, TrafficClass
from worker.cli.output import command, json_option, print_json, print_table, say
from worker.cli.parameters import (
    Moment,
    country_option,
    enum_option,
    known_country,
    optional_country,
    owner,
    owner_options,
    sender_id_option,
    sender_type_option,
)
from worker.cli.session import open_session

_PAGE = 500
_status_option = enum_option("--status", kind=SenderStatus, metavar="STATUS", required=True)


@click.command("list")
@owner_options
@country_option
@sender_type_option
@enum_option("--status", kind=SenderStatus, metavar="STATUS")
@json_option
@command
def list_senders(
    *,
    account_id: str | None,
    platform: bool,
    country: str | None,
    sender_type: SenderType | None,
    status: SenderStatus | None,
    as_json: bool,
) -> None:
    """List senders in the order in which they were added; --country is the sender's own country."""
    wanted = {"sender_type": sender_type, "status": status, "country": optional_country(country)}
    whose = owner(account_id, platform)
    with open_session(writes=False) as session:
        found = list(_all(Senders(session.store), whose, wanted))
    if as_json:
        print_json({"senders": [sender_document(sender) for sender in found]})
        return
    columns = ("sender", "type", "country", "status", "trust", "replies", "MMS", "registered in")
    print_table(f"Senders of {whose or 'the platform pool'}: {len(found)}", columns, map(_row, found))


def _all(inventory: Senders, account_id: str | None, wanted: dict[str, Any]) -> Iterator[Sender]:
    after: int | None = 0
    while after is not None:
        page = inventory.page(account_id, after=after, limit=_PAGE, **wanted)
        yield from page.senders
        after = page.next_after


def _row(sender: Sender) -> tuple[object, ...]:
    standing = ", ".join(f"{each.country} {each.status}" for each in sender.registrations)
    replies, mms = ("yes" if flag else "no" for flag in (sender.can_receive, sender.mms))
    names = (sender.sender_id or "(pool)", sender.sender_type, sender.country, sender.status)
    return *names, sender.trust, replies, mms, standing


@click.command("add")
@owner_options
@sender_id_option
@enum_option("--sender-type", "--type", "sender_type", kind=SenderType, metavar="TYPE", required=True)
@click.option(
    "--sender-country",
    "--sender-country-code",
    "--country",
    "country",
    metavar="COUNTRY",
    help="The sender's own country; a number's is derived if left out.",
)
@enum_option("--status", kind=SenderStatus, metavar="STATUS", default=SenderStatus.ACTIVE, show_default=True)
@click.option("--purchased-at", type=Moment())
@click.option("--activated-at", type=Moment())
@click.option("--expires-at", type=Moment())
@click.option("--trust", type=int, default=50, show_default=True, help=f"0 to {TRUST_MAX}.")
@click.option("--two-way/--one-way", default=True, show_default=True, help="Whether a number can receive replies.")
@click.option("--mms/--no-mms", default=False, show_default=True, help="Whether it carries MMS.")
@click.option("--messages-per-second", type=float, metavar="RATE")
@enum_option(
    "--traffic-class", "traffic_classes", kind=TrafficClass, metavar="CLASS", multiple=True, says="Only these; repeat"
)
@json_option
@command
def add(
    *,
    account_id: str | None,
    platform: bool,
    country: str | None,
    traffic_classes: tuple[TrafficClass, ...],
    as_json: bool,
    **fields: Any,
) -> None:
    """Add a sender; every field that breaks its rule is named."""
    sender = Sender(
        account_id=owner(account_id, platform),
        country=optional_country(country),
        traffic_classes=frozenset(traffic_classes) or None,
        **fields,
    )
    with open_session() as session:
        added = Senders(session.store).add(sender)
    _report(added, "added", as_json)


@click.command("set-status")
@owner_options
@sender_id_option
@sender_type_option
@_status_option
@json_option
@command
def set_status(
    *,
    account_id: str | None,
    platform: bool,
    sender_id: str | None,
    sender_type: SenderType | None,
    status: SenderStatus,
    as_json: bool,
) -> None:
    """Change a sender's status; only an active one sends."""
    whose = owner(account_id, platform)
    with open_session() as session:
        changed = Senders(session.store).set_status(whose, sender_id, status, sender_type)
    _report(changed, str(status), as_json)


@click.command("register")
@owner_options
@sender_id_option
@sender_type_option
@click.option("--country", metavar="COUNTRY", required=True, help="The recipients' country.")
@enum_option("--status", kind=RegistrationStatus, metavar="STATUS", required=True)
@click.option("--from", "valid_from", type=Moment(), help="First moment: a date or a time.")
@click.option("--until", "valid_until", type=Moment(), help="End, itself excluded: a date or a time.")
@json_option
@command
def register(
    *,
    account_id: str | None,
    platform: bool,
    sender_id: str | None,
    sender_type: SenderType | None,
    country: str,
    status: RegistrationStatus,
    valid_from: datetime | None,
    valid_until: datetime | None,
    as_json: bool,
) -> None:
    """Set a sender's standing with the registry or the carriers of one country."""
    whose = owner(account_id, platform)
    registration = Registration(known_country(country), status, valid_from, valid_until)
    with open_session() as session:
        changed = Senders(session.store).register(whose, sender_id, registration, sender_type)
    only = replace(changed, registrations=(registration,))
    _report(changed if as_json else only, f"{status} in {registration.country}", as_json)


def _report(sender: Sender, fate: str, as_json: bool) -> None:
    if as_json:
        print_json({"sender": sender_document(sender)})
    else:
        whose = "the platform pool" if sender.account_id is None else f"account {sender.account_id}"
        name = sender.sender_id or "without a number"
        say(f"{sender.sender_type} {name} of {whose}, {sender.country or 'no country'}: {fate}.")
