"""`smart-assign rules`: read the country rules, load a new version, correct one by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import IO

import click

from core.engine.country_rules import CountryProfile, CountryRule, RuleBook
from core.errors import NotFoundError
from core.moments import rfc3339
from core.rules.diff import described_rule
from core.rules.documents import profile_as_dict, rule_as_dict
from core.rules.files import RuleChange, RulesFile, diff_rules, read_rules_file, with_others
from core.rules.store import RuleVersion
from core.sender import Product, SenderType
from worker.cli.output import command, json_option, print_json, print_table, say, told_moment, warn
from worker.cli.parameters import Moment, country_option, known_country, product_option, sender_type_option
from worker.cli.rules.overrides import override, override_remove, overrides
from worker.cli.rules.what_if import find_affected, print_affected
from worker.cli.session import Session, open_session, operator

_file = click.argument("file", type=click.File("rb"))
_replace = click.option(
    "--replace",
    is_flag=True,
    help="FILE is the whole of the rules: countries that it leaves out have none afterwards. Else they keep theirs.",
)
_COLUMNS = ("country", "type", "from", "rule", "sources", "correction")


@click.group("rules")
def rules() -> None:
    """Read country rules, load a new version, correct them locally."""


for _command in (override, overrides, override_remove):
    rules.add_command(_command)


# ---- reading ----


@rules.command("list")
@country_option
@sender_type_option
@json_option
@command
def list_rules(country: str | None, sender_type: SenderType | None, as_json: bool) -> None:
    """List the rules in force now; of two for the same senders the local correction stands first."""
    with open_session() as session:
        book, now = session.store.active_rules(), session.store.clock()
    countries = book.countries() if country is None else (_in_book(book, country),)
    found = [rule for each in countries for rule in book.rules_of(each, now) if sender_type in (None, rule.sender_type)]
    if as_json:
        print_json({"rules_version": book.version, "rules": [rule_as_dict(rule) for rule in found]})
    else:
        _print_rules(f"Rules {book.version}", found)


@rules.command("show")
@click.argument("country")
@json_option
@command
def show(country: str, as_json: bool) -> None:
    """Show all rules of a country, past and to come, with what else is known of it."""
    with open_session() as session:
        book = session.store.active_rules()
    code = _in_book(book, country)
    profile, held = book.profile(code), book.rules_of(code)
    if as_json:
        facts = {"country": code, "rules_version": book.version, "rules": [rule_as_dict(rule) for rule in held]}
        print_json(facts | {"profile": profile_as_dict(profile)})
        return
    _print_rules(f"{profile.name} ({code}), rules {book.version}", held)
    say(_described(profile))


@rules.command("versions")
@json_option
@command
def versions(as_json: bool) -> None:
    """List the versions that the database holds; import the file of a former one to return to it."""
    with open_session() as session:
        known = session.store.rule_versions()
    if as_json:
        print_json({"versions": [_version(each) for each in known]})
    else:
        print_table("", ("version", "origin", "imported", "by", "active"), [_version_row(each) for each in known])


def _in_book(book: RuleBook, country: str) -> str:
    code = known_country(country)
    if not book.knows(code):
        raise NotFoundError(f"the rules {book.version} do not speak of {code}")
    return code


def _print_rules(title: str, held: Iterable[CountryRule]) -> None:
    print_table(title, _COLUMNS, [_row(rule) for rule in held])


def _row(rule: CountryRule) -> tuple[object, ...]:
    told = f"{rule.confidence} of {rule.sources_total}" if rule.sources_total else ""
    return rule.country, rule.sender_type, rule.sender_country, described_rule(rule), told, rule.override_reason


def _described(profile: CountryProfile) -> str:
    unknown = "unknown"
    answers = {True: "yes", False: "no", None: unknown}
    preferred = ", ".join(profile.type_preference) or "the global order"
    letters = ", letters only" if profile.alpha_letters_only else ""
    return "\n".join(
        (
            f"calling codes: {', '.join(profile.calling_codes) or unknown}",
            f"names: at most {profile.alpha_max_length} characters{letters}",
            f"generic names blocked: {answers[profile.generic_senders_blocked]}",
            f"replies to long codes: {answers[profile.two_way_long_code]}; MMS: {answers[profile.mms]}",
            f"preference between types: {preferred}",
            f"sources: {', '.join(profile.sources) or unknown}",
            f"as of: {profile.as_of or unknown}",
            f"notes: {profile.notes or 'none'}",
        )
    )


def _version_row(known: RuleVersion) -> tuple[object, ...]:
    active = "yes" if known.active else ""
    return known.version, known.origin, told_moment(known.imported_at), known.imported_by, active


def _version(known: RuleVersion) -> dict[str, object]:
    return {
        "version": known.version,
        "origin": known.origin,
        "imported_at": rfc3339(known.imported_at),
        "imported_by": known.imported_by,
        "active": known.active,
    }


# ---- files ----


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


@rules.command("import")
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
    with open_session() as session:
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


@rules.command("diff")
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
