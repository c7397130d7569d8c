"""`smart-assign rules check`: which rules should be looked at."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import click

from core.moments import boundary_text, rfc3339
from core.rules.review import HORIZON, ComingChange, Review, RuleGroup, review
from worker.cli.output import command, json_option, print_json, print_table, say
from worker.cli.session import open_session


@click.command("check")
@click.option(
    "--days", type=click.IntRange(1, 3650), default=HORIZON.days, show_default=True, help="Changes so far ahead."
)
@json_option
@command
def check(days: int, as_json: bool) -> None:
    """Say which rules nobody has looked at for a year, what changes soon, and what rests on one source.

    Local corrections are left out. Exit code 0 whatever is found.
    """
    with open_session(writes=False) as session:
        book, now = session.store.active_rules(), session.store.clock()
    found = review(book, now, timedelta(days=days))
    if as_json:
        print_json({"rules_version": book.version, "at": rfc3339(now), "days": days, **_document(found)})
        return
    groups = ("country", "types", "sources", "looked at")
    print_table(f"Not looked at for a year: {len(found.stale)}", groups, _rows(found.stale))
    changes = [(boundary_text(each.at), each.country, each.what, each.words) for each in found.coming]
    print_table(f"Changes in the next {days} days: {len(changes)}", ("at", "country", "what", "then"), changes)
    print_table(f"On one source: {len(found.single_source)}", groups, _rows(found.single_source))
    say(f"Rules {book.version}.")


def _rows(groups: Iterable[RuleGroup]) -> list[tuple[object, ...]]:
    return [
        (group.country, ", ".join(group.sender_types), ", ".join(group.sources) or "none", group.looked_at or "never")
        for group in groups
    ]


def _document(found: Review) -> dict[str, object]:
    return {
        "stale": [_group(group) for group in found.stale],
        "coming": [_change(change) for change in found.coming],
        "single_source": [_group(group) for group in found.single_source],
    }


def _group(group: RuleGroup) -> dict[str, object]:
    return {
        "country": group.country,
        "sender_types": [each.value for each in group.sender_types],
        "sources": list(group.sources),
        "looked_at": group.looked_at and group.looked_at.isoformat(),
    }


def _change(change: ComingChange) -> dict[str, object]:
    return {"at": rfc3339(change.at), "country": change.country, "what": change.what, "then": change.words}
