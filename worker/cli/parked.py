"""`smart-assign parked`: what could not be dispatched: read it, send it again, or give it up."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from core.documents import original_document, parked_document
from core.errors import NotFoundError, ParkReason, reason_info
from core.moments import second_text
from core.parked.replay import parked_ids
from core.parked.store import ParkedEntry, ParkedFilter, ParkedState
from core.phone import NO_COUNTRY
from worker.broker_access import queue_access
from worker.cli.interrupts import telling, whole
from worker.cli.output import command, errors_as_exit_codes, json_option, print_json, print_table, say, say_lines, warn
from worker.cli.parameters import enum_option, known_country, limit_option
from worker.cli.session import Session, open_session
from worker.handoff.replay import replay_over

#: `--state` for every state.
_ANY = "any"


def _filter_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--reason`, `--account`, `--country`, `--campaign` as one ParkedFilter, `wanted`."""

    @enum_option("--reason", kind=ParkReason, metavar="CODE", says="Why it was parked")
    @click.option("--account", "--account-id", "account_id", metavar="ACCOUNT", help="An account with sub-accounts.")
    @click.option("--country", metavar="COUNTRY", help="The recipients' country; 001: numbers of none.")
    @click.option("--campaign", "--campaign-id", "campaign_id", metavar="CAMPAIGN", help="A campaign.")
    @wraps(function)
    def filtered(
        *,
        reason: ParkReason | None,
        account_id: str | None,
        country: str | None,
        campaign_id: str | None,
        **rest: Any,
    ) -> Any:
        with errors_as_exit_codes():
            code = _of_country(country) if country else None
        wanted = ParkedFilter(reason=reason, account_id=account_id, country=code, campaign_id=campaign_id)
        return function(wanted=wanted, **rest)

    return filtered


def _of_country(code: str) -> str:
    """Numbers of no country are parked too. Raises NotFoundError."""
    return code if code == NO_COUNTRY else known_country(code)


# ---- reading ----


@click.command("list")
@_filter_options
@click.option(
    "--state",
    type=click.Choice([*(each.value for each in ParkedState), _ANY]),
    default=ParkedState.PARKED.value,
    show_default=True,
)
@limit_option
@json_option
@command
def list_parked(*, wanted: ParkedFilter, state: str, limit: int, as_json: bool) -> None:
    """List parked messages, the newest first, and count them all by reason; bodies and numbers are not shown."""
    query = ParkedFilter(
        reason=wanted.reason,
        account_id=wanted.account_id,
        country=wanted.country,
        campaign_id=wanted.campaign_id,
        state=None if state == _ANY else ParkedState(state),
    )
    with open_session() as session:
        found, counts = session.store.parked(query, limit=limit), session.store.parked_counts(query)
    if as_json:
        print_json(
            {"parked": [parked_document(entry) for entry in found], "counts": counts, "total": sum(counts.values())}
        )
        return
    columns = ("id", "parked", "reason", "account", "country", "message", "detail")
    print_table(f"{len(found)} of {sum(counts.values())}", columns, map(_row, found))
    for reason, count in sorted(counts.items()):
        say(f"{reason} {count}: {reason_info(reason).meaning}; {reason_info(reason).remedy}")


def _row(entry: ParkedEntry) -> tuple[object, ...]:
    account = "/".join(filter(None, (entry.account_id, entry.subaccount_id)))
    what = entry.message_id or "/".join(filter(None, (entry.campaign_id, entry.batch_id)))
    return entry.parked_id, second_text(entry.parked_at), entry.reason, account, entry.country, what, entry.detail


@click.command("show")
@click.argument("parked_id", metavar="ID")
@json_option
@command
def show(parked_id: str, as_json: bool) -> None:
    """Show a parked message with its whole original, body and number included."""
    with open_session() as session:
        found = session.store.parked_one(parked_id)
    if found is None:
        raise NotFoundError(f"there is no parked message {parked_id!r}")
    if as_json:
        print_json(parked_document(found) | original_document(found))
        return
    for name, value in parked_document(found).items():
        if value:
            say(f"{name}: {value}")
    say(f"original, {len(found.document)} bytes:")
    say_lines(found.document.decode("utf-8", "backslashreplace"))


# ---- acting ----


@dataclass(frozen=True, slots=True)
class _Target:
    """What to act on: ids, or all that meet a filter."""

    ids: tuple[str, ...]
    wanted: ParkedFilter

    @classmethod
    def of(cls, ids: Sequence[str], wanted: ParkedFilter, everything: bool) -> _Target:
        """Exit code 2 where nothing, or more than one way of naming it, is given."""
        filtered = wanted != ParkedFilter()
        if bool(ids) + bool(filtered or everything) != 1:
            raise click.UsageError("give ids, or --reason, --account, --country, --campaign, or --all")
        return cls(tuple(dict.fromkeys(ids)), wanted)

    def count(self, session: Session) -> int:
        return len(self.ids) or sum(session.store.parked_counts(self.wanted).values())

    def pages(self, session: Session) -> Iterable[Sequence[str]]:
        return iter((self.ids,)) if self.ids else parked_ids(session.store, self.wanted)


def _target_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """IDs, or a filter, or `--all`, as one `target`."""

    @click.argument("ids", metavar="[ID]...", nargs=-1)
    @click.option("--all", "everything", is_flag=True, help="All that are parked.")
    @_filter_options
    @wraps(function)
    def targeted(*, ids: tuple[str, ...], everything: bool, wanted: ParkedFilter, **rest: Any) -> Any:
        return function(target=_Target.of(ids, wanted, everything), **rest)

    return targeted


@click.command("replay")
@_target_options
@json_option
@command
def replay(*, target: _Target, as_json: bool) -> None:
    """Put originals back on the queues that they came from, each once; mend first what had them parked."""
    with open_session() as session:
        parts = queue_access()
        again = replay_over(parts.broker.producer, session.store, parts.settings)
        with telling(lambda: f"{again.replayed} were replayed, the others are still parked"):
            for ids in target.pages(session):
                with whole():
                    again.replay(ids)
    _report(target, again.replayed, "replayed", as_json)


@click.command("drop")
@_target_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@command
def drop(*, target: _Target, yes: bool, as_json: bool) -> None:
    """Give messages up for good; on a terminal it asks first."""
    with open_session() as session:
        if not yes and sys.stdin.isatty():
            click.confirm(f"Drop {target.count(session)} parked messages?", abort=True, err=True)
        dropped = _drop(session, target.pages(session))
    _report(target, dropped, "dropped", as_json)


def _drop(session: Session, pages: Iterable[Sequence[str]]) -> int:
    dropped = 0
    with telling(lambda: f"{dropped} were dropped, the others are still parked"):
        for ids in pages:
            with whole():
                dropped += len(session.store.mark_dropped(ids, session.store.clock()))
    return dropped


def _report(target: _Target, done: int, verb: str, as_json: bool) -> None:
    """Exit code 1 where ids were given and one of them was not parked any more."""
    missed = len(target.ids) - done if target.ids else 0
    if as_json:
        print_json({verb: done, "not_parked": missed})
    else:
        say(f"{done} {verb}.")
    if missed:
        warn(f"smart-assign: {missed} of the ids named are not parked")
        raise SystemExit(1)
