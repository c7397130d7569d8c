"""`smart-assign defaults assign-all`: the smart choice becomes the default for many countries in one go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import click

from core.defaults.assign_all import AssignAll, CountryAssignment, assignment_document
from core.engine.graded_sender import label
from core.sender import Product
from worker.cli.interrupts import telling
from worker.cli.output import command, json_option, print_json, print_table, say
from worker.cli.parameters import Countries, account_option, known_country, product_option
from worker.cli.session import open_session, operator

_OUTCOMES = {
    "assigned": "assigned",
    "unchanged": "unchanged",
    "left_alone": "left alone",
    "none": "no sender",
}


@click.command("assign-all")
@account_option
@click.option(
    "--countries", type=Countries(), metavar="AU,GB,…", help="Else all countries that the account's senders can serve."
)
@product_option
@click.option("--dry-run", is_flag=True, help="Show what would be assigned; change nothing.")
@click.option("--overwrite", is_flag=True, help="Replace defaults that were set by hand as well.")
@json_option
@command
def assign_all(
    *,
    account_id: str,
    countries: Sequence[str] | None,
    product: Product,
    dry_run: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Make the smart choice the default sender, country by country; defaults set by hand are left alone."""
    codes = None if countries is None else [known_country(code) for code in countries]
    with (
        open_session() as session,
        telling(lambda: "either all countries were assigned or none; `defaults list` shows it"),
    ):
        found = AssignAll(session.store, session.store.active_rules, session.settings.policy).run(
            account_id, codes, product, by=operator(), overwrite=overwrite, dry_run=dry_run
        )
    if as_json:
        told = {"account_id": account_id, "product": product.value, "dry_run": dry_run}
        print_json(told | {"countries": [assignment_document(each) for each in found]})
        return
    print_table("", ("country", "sender", "outcome", "why"), [_row(each) for each in found])
    say(_summary(found, dry_run))


def _row(found: CountryAssignment) -> tuple[object, ...]:
    sender = found.sender and f"{found.sender.sender_type} {label(found.sender.sender_id, None)}"
    if found.sender is not None and found.sender.sender_id is None:
        sender = label(None, found.sender.sender_type)
    return found.country, sender, _OUTCOMES[found.outcome], f"{found.reason}: {found.detail}"


def _summary(found: Sequence[CountryAssignment], dry_run: bool) -> str:
    counts = Counter(each.outcome.value for each in found)
    words = ", ".join(f"{counts[outcome]} {name}" for outcome, name in _OUTCOMES.items() if counts[outcome])
    tail = " Nothing was changed: this was a dry run." if dry_run else ""
    return f"{len(found)} countries: {words}.{tail}" if found else f"No country that a sender can serve.{tail}"
