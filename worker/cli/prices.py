"""`smart-assign prices`: what a segment costs, for `campaign preview`."""

from __future__ import annotations

from typing import BinaryIO

import click

from core.prices.files import read_prices
from core.prices.price_list import PriceLine
from core.prices.store import Prices
from worker.cli.output import command, json_option, print_json, print_table, say
from worker.cli.parameters import country_option, optional_country
from worker.cli.session import open_session, operator


@click.command("import")
@click.argument("file", type=click.File("rb"))
@json_option
@command
def import_prices(*, file: BinaryIO, as_json: bool) -> None:
    """Make a CSV file (country, sender_type, price, currency) the price list; it is taken whole or refused whole.

    An empty sender type: every type of the country that has no line of its own.
    """
    lines = read_prices(file)
    with open_session() as session:
        changed = Prices(session.store).replace(lines, operator())
    if as_json:
        print_json({"prices": len(lines), "changed": changed})
    else:
        say(f"{len(lines):,} prices are in use, {changed:,} of them new or changed.")


@click.command("list")
@country_option
@json_option
@command
def list_prices(*, country: str | None, as_json: bool) -> None:
    """List what a segment costs, by country and sender type."""
    code = optional_country(country)
    with open_session(writes=False) as session:
        lines = [line for line in Prices(session.store).lines() if code in (None, line.country)]
    if as_json:
        print_json({"prices": [_document(line) for line in lines]})
        return
    rows = [(line.country, line.sender_type or "every other", line.price.amount, line.price.currency) for line in lines]
    print_table("", ("country", "type", "price a segment", "currency"), rows)


def _document(line: PriceLine) -> dict[str, object]:
    return {
        "country": line.country,
        "sender_type": line.sender_type and line.sender_type.value,
        "price": f"{line.price.amount:f}",
        "currency": line.price.currency,
    }
