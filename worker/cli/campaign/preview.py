"""`smart-assign campaign preview`: what a campaign would come to. Enqueues nothing, keeps nothing, needs no broker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import click

from core.previews.campaign import Audience, CampaignPreview, CountryPreview, preview
from worker.cli.campaign.bars import reading_bar
from worker.cli.campaign.options import Campaign, campaign_options, opened_campaign
from worker.cli.output import command, json_option, print_json, print_table, say, warn
from worker.cli.session import open_session
from worker.sending.recipients import Refusal
from worker.sending.state import size_of

REFUSALS_SHOWN = 10
#: Rows between two moves of the bar.
_TOLD_ROWS = 10_000


@click.command("preview")
@campaign_options
@json_option
@command
def preview_campaign(*, as_json: bool, **options: Any) -> None:
    """Show for each country who would send, to how many, and how many cannot be sent to and why; sends nothing."""
    with opened_campaign(**options) as made, open_session() as session:
        audience, refused = _read(made, as_json)
        found = preview(
            made.batch,
            audience,
            session.store,
            session.store.active_rules,
            session.settings.policy,
            now=session.store.clock(),
        )
    if as_json:
        print_json(found.document())
        return
    print_table("", ("country", "recipients", "sendable", "sender", "why"), map(_row, found.countries))
    say("; ".join(_summary(found)))
    for each in refused:
        warn(f"line {each.line}, {each.field}: {each.reason}")
    if found.invalid > len(refused):
        warn(f"and {found.invalid - len(refused):,} more")


def _read(made: Campaign, as_json: bool) -> tuple[Audience, list[Refusal]]:
    """Everybody in the file, and the first of the rows that are refused."""
    without_others = replace(made, layout=replace(made.layout, others=()))  # they decide nothing
    audience, refused, reader = Audience(), list[Refusal](), without_others.reader()
    with reading_bar(size_of(made.stream), quiet=as_json) as told:
        for entry in reader.rows():
            if isinstance(entry, Refusal):
                audience.refuse()
                refused += [entry] if len(refused) < REFUSALS_SHOWN else []
                continue
            audience.add(entry.row.to, entry.country)
            if audience.total % _TOLD_ROWS == 0:
                told(reader.offset)
    return audience, refused


def _row(seen: CountryPreview) -> tuple[object, ...]:
    document: Any = seen.document()
    sender, why = document["sender"], [document["reason"], *document["warnings"]]
    return (
        seen.country,
        f"{seen.recipients:,}",
        f"{seen.sendable:,}",
        f"{sender['sender_type']} {sender['sender_id'] or '(pool)'}" if sender else "-",
        f"{document['source']}: {', '.join(why)}" if sender else ", ".join(why),
    )


def _summary(found: CampaignPreview) -> Iterator[str]:
    yield f"{found.recipients:,} recipients in {len(found.countries)} countries"
    yield f"{found.sendable:,} sendable"
    if found.recipients > found.sendable:
        yield f"{found.recipients - found.sendable:,} not"
    if found.invalid:
        yield f"{found.invalid:,} rows invalid"
    if found.repeats:
        yield f"{found.repeats:,} numbers repeated"
