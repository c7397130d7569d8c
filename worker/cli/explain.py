"""`smart-assign explain`: who would send a message, and why nobody else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from core.engine.graded_sender import label
from core.errors import NotFoundError, RefusedError
from core.previews.message import inquire
from core.sender import Product
from core.storage.decisions import no_decision
from worker.cli.output import command, json_option, print_json, print_table, say, warn
from worker.cli.parameters import (
    Moment,
    country_option,
    product_option,
    sender_id_option,
    sender_type_option,
    traffic_class_option,
)
from worker.cli.session import open_session

#: What a message must have and a decision never looks at.
_STAND_IN = {"message_id": "explain", "body": "explain"}
_STAND_IN_MEDIA = {"media_urls": ["https://example.com/explain"]}


@click.command("explain")
@click.option("--account", "--account-id", "account_id", metavar="ACCOUNT", help="The account that sends.")
@click.option("--to", metavar="NUMBER", help="The recipient, in E.164, or a national number with --country.")
@click.option("--subaccount", "--subaccount-id", "subaccount_id", metavar="ACCOUNT", help="The sub-account that sends.")
@country_option
@product_option
@sender_id_option
@sender_type_option
@click.option("--reply-expected", is_flag=True, help="Only senders that can receive replies.")
@traffic_class_option
@click.option("--body", metavar="TEXT", help="The text, where what it holds matters (links, numbers); not kept.")
@click.option("--at", "moment", type=Moment(), help="As of this moment instead of now; the inventory is today's.")
@click.option("--decision", "decision_id", metavar="ID", help="Print the decision of a message, as it was made.")
@json_option
@command
def explain(decision_id: str | None, as_json: bool, moment: datetime | None, **asked: Any) -> None:
    """Show the decision that sending would make, with every candidate, its rank or why it was rejected.

    Exit code 1 where no sender fits; the reason is then the code under which the message would be parked.
    """
    if decision_id is None:
        explained = _decided(asked, moment)
    else:
        if asked["account_id"] or asked["to"]:
            raise click.UsageError("--decision goes with --json alone")
        explained = _stored(decision_id)
    if as_json:
        print_json(explained)
    else:
        _print_known(explained)
    # One of a newer version may have no such field, and is no refusal for that.
    if explained.get("sender", explained) is None:
        if as_json:
            warn(f"smart-assign: {explained.get('sentence') or 'no sender'}")
        raise SystemExit(1)


def _decided(asked: Mapping[str, Any], moment: datetime | None) -> Mapping[str, Any]:
    missing = [option for option, name in (("--account", "account_id"), ("--to", "to")) if not asked[name]]
    if missing:
        raise click.UsageError(f"give {' and '.join(missing)}, or --decision")
    media = _STAND_IN_MEDIA if asked["product"] is Product.MMS else {}
    with open_session() as session:
        return inquire(
            session.store,
            session.store.active_rules,
            {**_STAND_IN, **media, **{name: value for name, value in asked.items() if name != "body" or value}},
            session.settings.policy,
            moment=moment or session.store.clock(),
        )


def _stored(decision_id: str) -> Mapping[str, Any]:
    with open_session(writes=False) as session:
        document = session.store.decision(decision_id)
    if document is None:
        raise NotFoundError(no_decision(decision_id))
    return document


def _print_known(explained: Mapping[str, Any]) -> None:
    """For people. Raises RefusedError where it is not of this version's form."""
    try:
        _print(explained)
    except (KeyError, TypeError) as error:
        words = "a newer version of this program wrote the decision: look at it with that one, or with --json"
        raise RefusedError(f"{words} ({type(error).__name__}: {error})") from None


def _print(explained: Mapping[str, Any]) -> None:
    """The sentence, on stderr where it is a refusal, then who was looked at, best first."""
    if explained["sender"] is None:
        warn(f"smart-assign: {explained['sentence']}")
    else:
        say(explained["sentence"])
        words = (f"source {explained['source']}", f"reason {explained['reason']}", f"grade {explained['grade']}")
        say(", ".join(words))
    if explained["warnings"]:
        say(f"warnings: {', '.join(explained['warnings'])}")
    if following := explained.get("alternates"):  # decisions of before name none
        say(
            f"if it fails at the carrier: {', then '.join(label(each['sender_id'], each['sender_type']) for each in following)}"
        )
    if explained["candidates"]:
        rows = [_row(candidate, explained["account_id"]) for candidate in explained["candidates"]]
        print_table("", ("rank", "sender", "type", "grade", "why"), rows)
    if explained["decision_id"] is not None:
        until = explained["valid_until"] or "something in it changes"
        words = (f"decision {explained['decision_id']}", f"rules {explained['rules_version']}", f"good until {until}")
        say(", ".join(words))


def _row(candidate: Mapping[str, Any], account_id: str | None) -> tuple[object, ...]:
    why, owner = candidate["detail"], candidate["account_id"] or "the platform"
    of = [candidate["sender_type"] or "any type", candidate["sender_country_code"]]
    if owner != account_id:
        why = f"{why} (held by {owner})"
    return (
        candidate["rank"] or "-",
        candidate["sender_id"] or "(pool)",
        " ".join(filter(None, of)),
        candidate["grade"],
        f"{candidate['rejected']}: {why}" if candidate["rejected"] else why,
    )
