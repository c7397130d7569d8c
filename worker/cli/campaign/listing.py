"""`smart-assign campaign list`: an account's campaigns."""

from __future__ import annotations

import click

from core.campaigns.progress import CampaignProgress, listed_campaign
from core.moments import second_text
from worker.broker_access import queue_access
from worker.cli.output import command, json_option, print_json, print_table
from worker.cli.parameters import account_option, limit_option


@click.command("list")
@account_option
@limit_option
@json_option
@command
def list_campaigns(account_id: str, limit: int, as_json: bool) -> None:
    """List an account's campaigns, the newest first, for as long as they are counted."""
    found = queue_access().progress.listed(account_id, limit=limit)
    if as_json:
        print_json({"campaigns": [listed_campaign(each) for each in found]})
        return
    columns = ("campaign", "begun", "received", "dispatched", "parked", "state")
    print_table(f"Campaigns of {account_id}: {len(found)}", columns, map(_row, found))


def _row(progress: CampaignProgress) -> tuple[object, ...]:
    begun = progress.started_at and second_text(progress.started_at)
    counts = (progress.received, progress.dispatched, sum(progress.parked.values()))
    percent = progress.percent
    state = "complete" if progress.complete else "running" if percent is None else f"{percent:.0f} %"
    return progress.campaign_id, begun, *(f"{count:,}" for count in counts), state
