"""`smart-assign defaults`: the sender that an account has chosen for a country and a product."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import IO, Any

import click

from core.defaults.default_senders import DefaultSenders
from core.defaults.pages import MAX_PER_PAGE, PageRequest
from core.defaults.rows import StoredDefault
from core.defaults.strategies import Strategy
from core.documents import default_document
from core.encoding import ContractError
from core.errors import RefusedError
from core.inventory.documents import read_strategies
from core.moments import second_text
from core.sender import Product, SenderType
from worker.cli.output import command, json_option, print_json, print_table, say
from worker.cli.parameters import Text, account_option, enum_option, known_country, product_option
from worker.cli.session import Session, open_session, operator

_country_option = click.option(
    "--country", metavar="COUNTRY", required=True, help="The recipients' country, ISO 3166-1; UK is read as GB."
)


def _defaults(session: Session) -> DefaultSenders:
    """Default senders, judged by the active rules and the policy of the settings."""
    return DefaultSenders(session.store, session.store.active_rules, session.settings.policy)


@click.command("list")
@account_option
@click.option("--inherited", is_flag=True, help="Those of the account above as well, where a sub-account has none.")
@json_option
@command
def list_defaults(account_id: str, inherited: bool, as_json: bool) -> None:
    """List an account's default senders by country."""
    with open_session() as session:
        found = _all(session, account_id)
        if inherited:
            found += _defaults(session).inherited(account_id)
    if as_json:
        print_json({"defaults": [default_document(each) for each in found]})
        return
    columns = ("country", "product", "senders, first to last", "status", "of", "changed")
    print_table("", columns, map(_row, found))


def _all(session: Session, account_id: str) -> list[StoredDefault]:
    found: list[StoredDefault] = []
    cursor: str | None = None
    while True:
        wanted = PageRequest(per_page=MAX_PER_PAGE, cursor=cursor, sort_by="country_code", descending=False)
        page = _defaults(session).page(account_id, wanted)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found


def _row(default: StoredDefault) -> tuple[object, ...]:
    names = ", ".join(f"{each.sender_type} {each.sender_id or '(pool)'}" for each in default.strategies)
    changed = second_text(default.updated_timestamp)
    return default.country, default.product, names, default.status, default.account_id, changed


@click.command("set")
@account_option
@_country_option
@product_option
@enum_option("--sender-type", "--type", "types", kind=SenderType, metavar="TYPE", multiple=True, says="Repeat")
@click.option("--sender-id", "ids", type=Text(), multiple=True, metavar="SENDER", help="One for each type; may be ''.")
@click.option(
    "--sender-country",
    "--sender-country-code",
    "countries",
    type=Text(),
    multiple=True,
    metavar="COUNTRY",
    help="One for each type, or none: the inventory's.",
)
@click.option("--note", "notes", type=Text(), multiple=True, help="One for each type, or none.")
@click.option(
    "--strategies",
    type=click.File("rb"),
    help="Instead of these: a JSON list of {sender_type, sender_id, sender_country_code?, note?}; '-' is stdin.",
)
@json_option
@command
def set_default(
    *,
    account_id: str,
    country: str,
    product: Product,
    strategies: IO[bytes] | None,
    as_json: bool,
    **named: Sequence[Any],
) -> None:
    """Set the default sender, or several in the order in which they are tried; what was set before is replaced."""
    chosen = _of_options(**named) if strategies is None else _of_file(strategies, named)
    code = known_country(country)
    with open_session() as session:
        stored = _defaults(session).put(account_id, code, product, chosen, operator())
    if as_json:
        print_json({"default": default_document(stored)})
    else:
        names = ", then ".join(f"{each.sender_type} {each.sender_id or '(pool)'}" for each in stored.strategies)
        say(f"Default of {account_id} for {stored.product} to {code}: {names}.")


def _of_options(
    types: Sequence[SenderType], ids: Sequence[str | None], countries: Sequence[str | None], notes: Sequence[str | None]
) -> list[Strategy]:
    if not types:
        raise click.UsageError("give --sender-type and --sender-id, or --strategies")
    if len(types) == 1 and not ids:
        ids = (None,)
    for option, values in (("--sender-id", ids), ("--sender-country", countries), ("--note", notes)):
        if len(values) != len(types) and (values or option == "--sender-id"):
            raise click.UsageError(f"{option} is given {len(values)} times, --sender-type {len(types)} times")
    nothing = (None,) * len(types)
    rows = zip(types, ids, countries or nothing, notes or nothing, strict=True)
    return [
        Strategy(sender_type, sender_id, sender_country and known_country(sender_country), note)
        for sender_type, sender_id, sender_country, note in rows
    ]


def _of_file(file: IO[bytes], named: dict[str, Sequence[Any]]) -> list[Strategy]:
    if any(named.values()):
        raise click.UsageError("--strategies takes no option of a strategy beside it")
    try:
        document = json.load(file)
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"the strategies are not JSON: {error}") from error
    try:
        return read_strategies(document)
    except ContractError as error:
        raise RefusedError("the default sender is refused", error.errors) from None


@click.command("unset")
@account_option
@_country_option
@product_option
@json_option
@command
def unset(account_id: str, country: str, product: Product, as_json: bool) -> None:
    """Remove a default sender: the account's above, or Smart Assign, decides again."""
    code = known_country(country)
    with open_session() as session:
        _defaults(session).unset(account_id, code, product, operator())
    if as_json:
        print_json({"unset": {"account_id": account_id, "country": code, "product": product.value}})
    else:
        say(f"{account_id} has no default for {product} to {code} any more.")
