"""`smart-assign rules import` and `diff`: a file of rules becomes the active version, or is compared with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import IO

import click

from core.engine.country_rules import RuleBook
from core.rules.documents import with_others
from core.rules.files import RuleChange, RulesFile, diff_rules, read_rules_file
from core.sender import Product
from worker.cli.interrupts import telling
from worker.cli.output import command, json_option, print_json, print_table, say, warn
from worker.cli.parameters import Moment, product_option
from worker.cli.rules.what_if import find_affected, print_affected
from worker.cli.session import Session, open_session, operator

_file = click.argument("file", type=click.File("rb"))
_replace = click.option(
    "--replace",
    is_flag=True,
    help="FILE is the whole of the rules: countries that it leaves out have none afterwards. Else they keep theirs.",
)


@dataclass(frozen=True, slots=True)
class _Following:
    """The rules as they would be after an import, and the countries that keep theirs because the file has none."""

    read: RulesFile
    book: RuleBook
    kept: tuple[str, ...]

    @classmethod
    def of(cls, read: RulesFile, session: Session, replace: bool) -> _Following:
        active = session.store.active_rules().with_overrides(())
        if replace:
            return cls(read, read.book, ())
        kept = tuple(code for code in active.countries() if code not in read.book.rules)
        return cls(read, with_others(read.book, active) if kept else read.book, kept)


@click.command("import")
@_file
@_replace
@click.option("--dry-run", is_flag=True, help="Read and compare only.")
@json_option
@command
def import_rules(*, file: IO[bytes], replace: bool, dry_run: bool, as_json: bool) -> None:
    """Make the rules of FILE (wide CSV or JSON lines, '-' for stdin) the active ones, whole or not at all.

    A country of FILE is taken whole; countries that it leaves out keep their rules, unless --replace.
    """
    read = read_rules_file(file)
    with open_session() as session, telling(lambda: "`smart-assign rules versions` shows which version is active"):
        following = _Following.of(read, session, replace)
        changes = _changes(session, following.book, session.store.clock())
        imported = not dry_run and session.store.import_rules(read.book, operator(), keep_others=not replace)
    _warn_of_losses(read, changes)
    summary = {
        "version": following.book.version,
        "imported": imported,
        "dry_run": dry_run,
        "countries": len(following.book.countries()),
        "kept_countries": len(following.kept),
        "rules": sum(len(held) for held in following.book.rules.values()),
        "changes": len(changes),
        "ignored_columns": list(read.ignored_columns),
    }
    if as_json:
        print_json(summary)
    else:
        fate = "is active now" if imported else "would become active" if dry_run else "was active already"
        words = f"{summary['countries']} countries, {summary['rules']} rules, {len(changes)} changes"
        say(f"Version {following.book.version} {fate}: {words}.")
        _say_kept(following)


@click.command("diff")
@_file
@_replace
@click.option("--at", type=Moment(), metavar="TIME", help="Compare at this moment instead of now.")
@click.option(
    "--accounts", "limit", type=click.IntRange(0), default=100, show_default=True, help="List so many of each effect."
)
@click.option("--no-accounts", is_flag=True, help="Compare the rules alone.")
@product_option
@json_option
@command
def diff(
    *,
    file: IO[bytes],
    replace: bool,
    at: datetime | None,
    limit: int,
    no_accounts: bool,
    product: Product,
    as_json: bool,
) -> None:
    """Show what the rules of FILE would change, and which accounts' defaults and smart choices with them.

    Local corrections are left out of the changes, for they outlive versions; accounts are judged with them.
    """
    read = read_rules_file(file)
    with open_session() as session:
        moment = at or session.store.clock()
        version = session.store.active_rules().with_overrides(()).version
        following = _Following.of(read, session, replace)
        changes = _changes(session, following.book, moment)
        affected = (
            None
            if no_accounts
            else find_affected(session, following.book, changes, at=moment, product=product, limit=limit)
        )
    _warn_of_losses(read, changes)
    if as_json:
        summary = {"from": version, "to": following.book.version, "changes": [_change(change) for change in changes]}
        kept = {"kept_countries": len(following.kept)}
        print_json(summary | kept | {"affected": affected and affected.document()})
        return
    columns = ("country", "type", "from", "what", "before", "after", "felt")
    print_table(f"{version} -> {following.book.version}: {len(changes)} changes", columns, map(_change_row, changes))
    _say_kept(following)
    if affected is not None:
        print_affected(affected)


def _changes(session: Session, book: RuleBook, at: datetime) -> tuple[RuleChange, ...]:
    return diff_rules(session.store.active_rules().with_overrides(()), book, at)


def _say_kept(following: _Following) -> None:
    if following.kept:
        say(f"{len(following.kept)} countries that the file leaves out keep their rules; --replace takes them away.")


def _warn_of_losses(read: RulesFile, changes: Iterable[RuleChange]) -> None:
    if read.ignored_columns:
        warn(f"columns that nobody knows, left unread: {', '.join(read.ignored_columns)}")
    gone = [change.country for change in changes if change.what == "country" and change.after is None]
    if gone:
        warn(f"countries that the file leaves without rules: {', '.join(gone)}")


def _change(change: RuleChange) -> dict[str, object]:
    return {
        "country": change.country,
        "sender_type": change.sender_type,
        "sender_country": change.sender_country,
        "what": change.what,
        "before": change.before,
        "after": change.after,
        "now": change.now,
    }


def _change_row(change: RuleChange) -> tuple[object, ...]:
    return *list(_change(change).values())[:-1], "now" if change.now else "later"
