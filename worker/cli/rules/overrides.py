"""`smart-assign rules override`: correct a rule by hand, for a while or for good."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from core.engine.country_profile import Permission
from core.engine.country_rules import CountryRule, Grade, RuleStatus, SenderOrigin
from core.errors import RefusedError
from core.moments import rfc3339, second_text
from core.rules.diff import described_rule
from core.rules.documents import rule_as_dict
from core.rules.store import RuleOverride
from core.sender import SenderType
from worker.cli.output import command, json_option, print_json, print_table, say
from worker.cli.parameters import Moment, OneOf, country_option, enum_option, known_country, optional_country
from worker.cli.session import open_session, operator


@click.command("override")
@click.argument("country")
@click.argument("sender_type", metavar="TYPE", type=OneOf(SenderType))
@enum_option("--status", kind=RuleStatus, metavar="STATUS", required=True)
@enum_option(
    "--from-country",
    "--sender-country",
    "origin",
    kind=SenderOrigin,
    metavar="ORIGIN",
    default=SenderOrigin.ANY,
    show_default=True,
    says="Which senders, seen from COUNTRY",
)
@click.option(
    "--unregistered",
    type=click.Choice([Grade.ALTERED.value, Grade.BLOCKED.value]),
    help="Grade of an unregistered sender, with registration_required; else blocked.",
)
@enum_option(
    "--url-allowed", kind=Permission, metavar="WHO", says="Links in texts; else as the country's profile has it"
)
@enum_option("--shortener-allowed", kind=Permission, metavar="WHO", says="Links by a public shortener")
@enum_option("--phone-allowed", kind=Permission, metavar="WHO", says="Telephone numbers in texts")
@click.option("--reason", required=True, help="Why; stands in every explanation.")
@click.option("--until", type=Moment(), help="When it ends: a date (its first instant in UTC) or a time.")
@json_option
@command
def override(
    *,
    country: str,
    sender_type: SenderType,
    status: RuleStatus,
    origin: SenderOrigin,
    unregistered: str | None,
    reason: str,
    until: datetime | None,
    as_json: bool,
    **content: Any,
) -> None:
    """Correct the rule of COUNTRY for one sender TYPE, from now on; it outlives imports of new versions."""
    if unregistered and status is not RuleStatus.REGISTRATION_REQUIRED:
        raise click.UsageError("--unregistered goes with --status registration_required")
    rule = CountryRule(
        country=known_country(country),
        sender_type=sender_type,
        sender_country=origin,
        status=status,
        effective_until=until,
        unregistered=Grade(unregistered or Grade.BLOCKED),
        override_reason=reason,
        **content,
    )
    with open_session() as session:
        if until is not None and until <= session.store.clock():
            raise RefusedError(f"until: {rfc3339(until)} has passed")
        added = session.store.add_override(rule, operator())
    _report(added, "stands", as_json)


@click.command("overrides")
@country_option
@click.option("--removed", is_flag=True, help="Those taken back too.")
@json_option
@command
def overrides(country: str | None, removed: bool, as_json: bool) -> None:
    """List the local corrections."""
    code = optional_country(country)
    with open_session() as session:
        found = [each for each in session.store.overrides(removed=removed) if code in (None, each.rule.country)]
    if as_json:
        print_json({"overrides": [_override(each) for each in found]})
        return
    columns = ("id", "country", "type", "from", "rule", "reason", "by", "standing")
    print_table("", columns, map(_override_row, found))


@click.command("override-remove")
@click.argument("override_id", metavar="ID", type=int)
@json_option
@command
def override_remove(override_id: int, as_json: bool) -> None:
    """Take a local correction back; the rule of the active version holds again."""
    with open_session() as session:
        removed = session.store.remove_override(override_id)
    _report(removed, "is taken back", as_json)


def _report(changed: RuleOverride, fate: str, as_json: bool) -> None:
    rule = changed.rule
    if as_json:
        print_json({"override": _override(changed)})
    else:
        words = f"{rule.sender_type} from {rule.sender_country} to {rule.country}: {described_rule(rule)}"
        say(f"Override {changed.override_id} {fate}: {words}.")


def _override(changed: RuleOverride) -> dict[str, object]:
    removed_at = changed.removed_at
    record = {
        "id": changed.override_id,
        "created_at": rfc3339(changed.created_at),
        "created_by": changed.created_by,
        "removed_at": removed_at and rfc3339(removed_at),
    }
    return record | rule_as_dict(changed.rule)


def _override_row(changed: RuleOverride) -> tuple[object, ...]:
    rule = changed.rule
    what = (changed.override_id, rule.country, rule.sender_type, rule.sender_country, described_rule(rule))
    return *what, rule.override_reason, changed.created_by, _standing(changed)


def _standing(changed: RuleOverride) -> str:
    since = f"since {second_text(changed.created_at)}"
    return since if changed.removed_at is None else f"{since}, taken back {second_text(changed.removed_at)}"
