"""`smart-assign spread`: whether recipients are spread over equal senders."""

from __future__ import annotations

import click

from core.accounts.spread_switches import SpreadSwitches, Switches
from core.errors import RefusedError
from core.sender import Product
from worker.cli.output import command, json_option, print_json, say
from worker.cli.parameters import (
    SWITCHES,
    account_option,
    country_option,
    optional_country,
    product_option,
    switch_argument,
    switch_word,
)
from worker.cli.session import open_session


@click.command("spread")
@switch_argument
@account_option
@country_option
@product_option
@json_option
@command
def spread(*, switch: str | None, account_id: str, country: str | None, product: Product, as_json: bool) -> None:
    """Spread recipients over senders that only trust, age or name tell apart; without on, off or inherit: show it.

    With --country for the account's default there, over its senders; else for all that Smart Assign decides. One
    recipient always sees the same sender. `inherit`: as the account above.
    """
    code = optional_country(country)
    with open_session() as session:
        switches = SpreadSwitches(session.store)
        if switch is not None and code is not None:
            if SWITCHES[switch] is None:
                raise RefusedError("a default has no account above: its switch is on or off")
            switches.set_default(account_id, code, product, switch == "on")
        elif switch is not None:
            switches.set_account(account_id, SWITCHES[switch])
        found = switches.get(account_id)
    _report(account_id, found, as_json)


def _report(account_id: str, found: Switches, as_json: bool) -> None:
    if as_json:
        defaults = [{"country": country, "product": product.value} for country, product in found.defaults]
        print_json({"account_id": account_id, "spread": found.account, "defaults": defaults})
        return
    say(f"Spread of {account_id} for what Smart Assign decides: {switch_word(found.account)}.")
    for country, product in found.defaults:
        say(f"The default for {product} to {country} is spread over its senders.")
