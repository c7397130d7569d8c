"""`smart-assign campaign status`: how far the workers are."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import nullcontext

import click

from core.campaigns.progress import CampaignProgress, NotCountedError
from core.errors import NotFoundError
from core.process.loading import load
from core.process.printable import one_line
from worker.broker_access import queue_access
from worker.cli.output import command, json_option, print_json
from worker.cli.tables import GAP
from worker.sending.state import StateFile

WATCH_S = 0.5
RATE_LOOKS = 10
#: Loaded where somebody watches.
_WATCHED = "worker.cli.live:watched"


@click.command("status")
@click.argument("campaign_id", metavar="CAMPAIGN")
@click.option("--account", "--account-id", "account_id", metavar="ACCOUNT", help="Where several have this campaign.")
@click.option("--watch", is_flag=True, help="Go on showing it until it is complete, or Ctrl-C.")
@json_option
@command
def status(campaign_id: str, account_id: str | None, watch: bool, as_json: bool) -> None:
    """Show how many recipients the workers have received and dispatched, and how many they parked and why.

    With --watch and --json, a document for every change.
    """
    if watch:
        _watch(campaign_id, account_id, as_json)
    elif as_json:
        print_json(_find(campaign_id, account_id).document())
    else:
        click.echo(_text(_find(campaign_id, account_id)))


def _find(campaign_id: str, account_id: str | None) -> CampaignProgress:
    """Raises NotFoundError; a campaign that was begun from here, and that no worker has taken up yet, has nothing."""
    progress = queue_access().progress
    try:
        return progress.find(campaign_id, account_id)
    except NotCountedError:
        raise
    except NotFoundError:
        state = StateFile(queue_access().settings.data_dir, campaign_id).load()
        if state is None or account_id not in (None, state.account_id):
            raise NotFoundError(f"nothing is known of campaign {campaign_id}") from None
        progress.refuse_not_counted(campaign_id, state.account_id)
        return CampaignProgress(state.account_id, campaign_id, total_batches=state.total_batches)


def _watch(campaign_id: str, account_id: str | None, as_json: bool) -> None:
    shown: CampaignProgress | None = None
    rate = _Rate()
    with nullcontext() if as_json else load(_WATCHED)() as show:
        while shown is None or not shown.complete:
            found = _find(campaign_id, account_id)
            if show is not None:
                show(_text(found, rate.of(found.received)))
            elif found != shown:
                print_json(found.document())
            shown = found
            if not found.complete:
                time.sleep(WATCH_S)


class _Rate:
    """Recipients a second over the last few looks."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, int]] = deque(maxlen=RATE_LOOKS)

    def of(self, received: int) -> float | None:
        """The rate, once there are two looks."""
        self._looks.append((time.monotonic(), received))
        (begin, before), (end, now) = self._looks[0], self._looks[-1]
        return (now - before) / (end - begin) if end > begin else None


def _text(found: CampaignProgress, rate: float | None = None) -> str:
    """The campaign's name, and a line for each figure, names to the left and figures to the right."""
    lines = [(one_line(name), value) for name, value in _lines(found, _whole_rate(found) if rate is None else rate)]
    left, right = (max(map(len, column)) for column in zip(*lines, strict=True))
    figures = [f"{name:<{left}}{GAP}{value:>{right}}" for name, value in lines]
    return "\n".join([one_line(f"Campaign {found.campaign_id} of {found.account_id}"), *figures])


def _lines(found: CampaignProgress, rate: float | None) -> Iterator[tuple[str, str]]:
    percent = "" if found.percent is None else f", {found.percent:.1f} %"
    of = "" if found.total_batches is None else f" of {found.total_batches:,}"
    yield "batches", f"{found.batches:,}{of}{percent}"
    yield "received", f"{found.received:,}"
    yield "dispatched", f"{found.dispatched:,}"
    for code, count in found.parked.items():
        yield f"parked, {code}", f"{count:,}"
    yield "duplicates", f"{found.duplicates:,}"
    if found.resent or found.resend_parked:
        yield "dispatched again", f"{found.resent:,}"
        yield "parked when sent again", f"{found.resend_parked:,}"
    if rate is not None:
        yield "rate", f"{rate:,.0f} a second"
    yield "complete", "yes" if found.complete else "no"


def _whole_rate(found: CampaignProgress) -> float | None:
    """Over the whole time from the first batch to the latest."""
    if found.started_at is None or found.updated_at is None or found.updated_at <= found.started_at:
        return None
    return found.received / (found.updated_at - found.started_at).total_seconds()
