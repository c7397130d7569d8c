"""`smart-assign defaults check`: default senders that cannot be used any more, or will not be before long."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from core.defaults.at_risk import AtRisk, EndangeredDefault, Risk
from core.documents import endangered_document
from core.engine.graded_sender import label
from core.moments import second_text
from worker.cli.output import command, fail, json_option, print_json, print_table, say
from worker.cli.session import Session, open_session


@click.command("check")
@click.option("--account", "--account-id", "account_id", metavar="ACCOUNT", help="Of one account; else of all.")
@click.option("--days", type=click.IntRange(0, 366), help="How far to look ahead; else AT_RISK_DAYS.")
@click.option("--fail", "fail_where_unusable", is_flag=True, help="Exit code 1 where one cannot be used at present.")
@json_option
@command
def check(account_id: str | None, days: int | None, fail_where_unusable: bool, as_json: bool) -> None:
    """List the defaults of which a sender cannot be used, or will not be within some days."""
    with open_session() as session:
        ahead = session.settings.at_risk_days if days is None else days
        found = list(_service(session, ahead).find(account_id))
    if as_json:
        print_json({"days": ahead, "at_risk": [_document(each) for each in found]})
    elif found:
        columns = ("country", "product", "account", "sender", "from", "why")
        print_table("", columns, [_row(each, risk) for each in found for risk in each.risks])
    else:
        say(f"All default senders can be used, today and for {ahead} days." if ahead else "All can be used.")
    unusable = sum(not each.usable_now for each in found)
    if fail_where_unusable and unusable:
        fail(f"{unusable} default {'sender' if unusable == 1 else 'senders'} cannot be used at present")


def _service(session: Session, days: int) -> AtRisk:
    rules = session.store.active_rules()
    return AtRisk(session.store, lambda: rules, session.settings.policy, timedelta(days=days))


def _document(found: EndangeredDefault) -> dict[str, Any]:
    problems = [{"field": risk.problem.field, "reason": risk.problem.reason} for risk in found.risks]
    return endangered_document(found) | {"problems": problems}


def _row(found: EndangeredDefault, risk: Risk) -> tuple[object, ...]:
    since = second_text(risk.at_risk_from)
    when = since if risk.usable_now else f"already, since {since}" if since else "already"
    name = label(risk.strategy.sender_id, risk.strategy.sender_type)
    return found.default.country, found.default.product, found.default.account_id, name, when, risk.detail
