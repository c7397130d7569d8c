"""`smart-assign campaign send`: one text to any number of recipients."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import click

from core.contract.models import MAX_RECIPIENTS
from core.errors import FieldError, NotFoundError, RefusedError
from core.moments import utc_now
from worker.broker_access import queue_access
from worker.cli.campaign.bars import reading_bar, sending_bar
from worker.cli.campaign.options import Campaign, campaign_options, opened_campaign
from worker.cli.interrupts import telling, whole
from worker.cli.output import command, fail, json_option, print_json, say, warn
from worker.sending.campaign import CampaignSender, RefusalReport, begin, plan
from worker.sending.lines import Position
from worker.sending.recipients import ID_CHARACTERS
from worker.sending.state import CampaignState, StateFile, identity_of, option_digests, size_of

BATCH_SIZE = 1_000
MAX_WAITING_BATCHES = 2_000
REFUSALS_SHOWN = 1_000
STDIN = "<stdin>"


@click.command("send")
@campaign_options
@click.option("--campaign-id", help="1 to 64 characters; made up and printed if left out.")
@click.option(
    "--batch-size",
    type=click.IntRange(1, MAX_RECIPIENTS),
    default=BATCH_SIZE,
    show_default=True,
    metavar="N",
    help="Recipients in a batch.",
)
@click.option(
    "--max-waiting",
    type=click.IntRange(0),
    default=MAX_WAITING_BATCHES,
    show_default=True,
    metavar="N",
    help="Pause while so many batches wait for the workers; 0: never.",
)
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="For refused rows.")
@click.option("--resume", is_flag=True, help="Go on with a campaign that was interrupted.")
@json_option
@command
def send(
    *, campaign_id: str | None, batch_size: int, max_waiting: int, report: Path | None, resume: bool, as_json: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Enqueue a campaign from a CSV file with a column `to`, or from JSON Lines.

    Rows that cannot be sent to are written to a report with line and reason; the others are sent, and the exit code
    is 1.
    """
    if resume and not campaign_id:
        raise click.UsageError("--resume needs --campaign-id")
    if campaign_id and len(campaign_id) > ID_CHARACTERS:
        raise RefusedError("the campaign id is too long", [FieldError("--campaign-id", "must have 1 to 64 characters")])
    with opened_campaign(**options) as made:
        known_id = campaign_id or f"c{utc_now():%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        state_file = StateFile(queue_access().settings.data_dir, known_id)
        with state_file.locked(), telling(lambda: _so_far(state_file)):
            fresh = _fresh_state(made, known_id, batch_size, _begun_size(state_file))
            state = begin(state_file, fresh, resume=resume)
            if campaign_id and state is fresh:
                _refuse_known(campaign_id, state.account_id)
            kept = RefusalReport(report or _report_path(made, state_file), state.report_bytes)
            state = _send(made, state, state_file, kept, max_waiting=max_waiting, quiet=as_json)
    _report(state, kept, as_json)


def _begun_size(state_file: StateFile) -> int | None:
    """How much of the file the campaign was begun with; None: it was not begun, or with a stream."""
    found = state_file.load()
    return found.source.size if found is not None and found.source is not None else None


def _fresh_state(made: Campaign, campaign_id: str, batch_size: int, size: int | None) -> CampaignState:
    now = utc_now()
    return CampaignState(
        campaign_id=campaign_id,
        account_id=made.shared["account_id"],
        source=identity_of(made.stream, size),
        options=option_digests(made.options),
        batch_size=batch_size,
        started_at=now,
        updated_at=now,
        offset=made.layout.start.offset,
        line=made.layout.start.line,
    )


def _refuse_known(campaign_id: str, account_id: str) -> None:
    """The workers know a campaign that this DATA_DIR has not begun: its batches would be dropped as repeats."""
    try:
        found = queue_access().progress.find(campaign_id, account_id)
    except NotFoundError:
        return
    raise RefusedError(
        f"campaign {campaign_id} was sent already, from elsewhere ({found.received:,} recipients are settled): "
        "give another --campaign-id"
    )


def _report_path(made: Campaign, state_file: StateFile) -> Path:
    if made.file_name == STDIN:
        return state_file.path.with_suffix(".refused.csv")
    return Path(f"{made.file_name}.refused.csv")


def _send(
    made: Campaign, state: CampaignState, state_file: StateFile, kept: RefusalReport, *, max_waiting: int, quiet: bool
) -> CampaignState:
    if state.finished_at is not None:
        return state
    parts, end = queue_access(), None if state.source is None else state.source.size
    if end is not None and end < (size_of(made.stream) or 0):
        warn("the file has grown since the campaign was begun: the rows that came later are no part of it")
    if state.source is not None and state.total_batches is None:
        with reading_bar(state.source.size, quiet=quiet) as read:
            counted = plan(made.reader(end=state.source.size), state.batch_size, read)
        state.recipients, state.total_batches = counted.recipients, counted.batches or None
    state_file.save(state)
    reader = made.reader(Position(state.offset, state.line), end)
    with sending_bar(state, quiet=quiet) as bar:
        sender = CampaignSender(
            parts.broker.producer,
            parts.settings.campaign_ingress_queue,
            max_waiting=max_waiting,
            told=bar.told,
            paused=bar.paused,
            whole=whole,
        )
        try:
            return sender.send(made.shared, reader, state, kept, state_file.save)
        finally:
            kept.close()


def _so_far(state_file: StateFile) -> str:
    """What an interrupt leaves, as a clause."""
    state = state_file.load()
    if state is None:
        return "nothing was enqueued"
    words = f"{state.enqueued:,} recipients of campaign {state.campaign_id} are enqueued"
    if state.source is None:
        return words
    return f"{words}; the same command with --campaign-id {state.campaign_id} --resume goes on"


def _report(state: CampaignState, kept: RefusalReport, as_json: bool) -> None:
    path = str(kept.path) if state.refused else None
    if as_json:
        print_json(
            {
                "campaign_id": state.campaign_id,
                "enqueued": state.enqueued,
                "batches": state.batches,
                "refused": kept.first(REFUSALS_SHOWN),
                "refused_rows": state.refused,
                "report": path,
            }
        )
    else:
        say(f"Campaign {state.campaign_id}: enqueued {state.enqueued:,} recipients in {state.batches:,} batches.")
        say(f"Watch it: smart-assign campaign status {state.campaign_id} --watch")
    if state.refused:
        fail(f"{state.refused:,} {'row' if state.refused == 1 else 'rows'} refused: {path}")
