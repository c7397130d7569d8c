"""`smart-assign erase`: remove what is kept of one recipient."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import suppress

import click
import redis

from core.accounts.accounts import Accounts
from core.documents import erasure_document
from core.erasures.erasures import Erasures, asked_number
from core.errors import NotFoundError
from core.parked.store import ParkedFilter
from core.phone import NumberSearch
from worker.cli.output import command, json_option, print_json, say
from worker.cli.parameters import optional_country
from worker.cli.session import Session, open_session, operator
from worker.embedded.urls import embedded_redis
from worker.sending.erasing import erase_from_reports

#: What each count of an erasure is of.
_WORDS = {
    "searched": "parked documents looked at",
    "documents": "parked documents emptied",
    "recipients": "recipients taken out of parked batches that stay",
    "ids": "ids that held the number",
    "unread": "parked documents that could not be looked into",
    "report_rows": "rows of reports under DATA_DIR",
}
_REWRITE_S, _POLL_S = 60.0, 0.05


@click.command()
@click.option("--to", required=True, metavar="NUMBER", help="The recipient; a national number with --country.")
@click.option("--country", metavar="COUNTRY", help="ISO 3166-1 alpha-2, by which a national number is read.")
@click.option(
    "--account", "--account-id", "account_id", metavar="ACCOUNT", help="In its data and its sub-accounts' alone."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@command
def erase(*, to: str, country: str | None, account_id: str | None, yes: bool, as_json: bool) -> None:
    """Remove a recipient's number, and the texts to it, from all that is kept; tells how much it was.

    What waits on a queue is not searched: it is on its way, and gone with its dispatch. Ask again afterwards.
    """
    number = asked_number(to, optional_country(country))
    if not yes and sys.stdin.isatty():
        click.confirm("Erase for good what is kept of this recipient?", abort=True, err=True)
    with open_session() as session:
        done = Erasures(session.store).erase(number, _within(session, account_id), account_id=account_id, by=operator())
        rows = 0
        if account_id is None:
            rows = erase_from_reports(session.settings.data_dir, NumberSearch(number))
        if session.settings.cache_url is None or session.settings.broker_url is None:
            _rewrite_embedded_log(session)
    told = erasure_document(done)
    told["counts"] |= {"report_rows": rows}
    if as_json:
        print_json(told)
        return
    for name, count in told["counts"].items():
        say(f"{count:,} {_WORDS[name]}")
    say(
        "What waits on queues was not searched; `smart-assign check` says how much that is. Ask again when it has gone."
    )
    say(f"Erasure {done.erasure_id} is on record, without the number.")


def _within(session: Session, account_id: str | None) -> Sequence[ParkedFilter]:
    """Everything; or what an account and its sub-accounts sent, which need not exist to have sent something."""
    if account_id is None:
        return (ParkedFilter(state=None),)
    try:
        below = list(Accounts(session.store).sub_account_ids(account_id))
    except NotFoundError:
        below = []
    return [ParkedFilter(state=None, account_id=each) for each in (account_id, *below)]


def _rewrite_embedded_log(session: Session) -> None:
    """Have the embedded Redis write its file anew: what passed through its queues stands in the old one."""
    with embedded_redis(session.settings.data_dir) as embedded:
        if not embedded.persistent:
            return
        with embedded.client() as client:
            with suppress(redis.ResponseError):  # one is under way
                client.bgrewriteaof()
            deadline = time.monotonic() + _REWRITE_S
            while time.monotonic() < deadline and client.info("persistence")["aof_rewrite_in_progress"]:
                time.sleep(_POLL_S)
