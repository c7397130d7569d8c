"""`smart-assign area-codes`: whether recipients get the equal sender that is nearest to them."""

from __future__ import annotations

import click

from core.accounts.spread_switches import SpreadSwitches
from worker.cli.output import command, json_option, print_json, say
from worker.cli.parameters import SWITCHES, account_option, switch_argument, switch_word
from worker.cli.session import open_session


@click.command("area-codes")
@switch_argument
@account_option
@json_option
@command
def area_codes(*, switch: str | None, account_id: str, as_json: bool) -> None:
    """Give recipients of +1 an equal sender of their area code, else of their state; without on, off or inherit: show it.

    Equal are senders that only trust, age or name tell apart. `inherit`: as the account above.
    """
    with open_session() as session:
        switches = SpreadSwitches(session.store)
        if switch is not None:
            switches.set_area_codes(account_id, SWITCHES[switch])
        found = switches.area_codes(account_id)
    if as_json:
        print_json({"account_id": account_id, "area_codes": found})
        return
    say(f"Area codes of {account_id} for what Smart Assign decides: {switch_word(found)}.")
