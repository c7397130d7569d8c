"""Destinations of an inventory file, written a thousand at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from core.accounts.destinations import DestinationChange, read_destinations, write_destinations
from core.inventory.lines import DestinationLine, Kind
from core.inventory.result import ImportResult
from core.inventory.senders import account_refs
from core.storage.database import Write


def write_destination_lines(
    write: Write, lines: Sequence[DestinationLine], result: ImportResult, by: str, now: datetime
) -> None:
    """Writes the destinations that differ, with their history."""
    refs = account_refs(write.connection, (line.account_id for line in lines))
    keyed = []
    for line in lines:
        ref = refs.get(line.account_id)
        if ref is None:
            result.refuse(line, "account_id", f"there is no account {line.account_id!r}")
        else:
            keyed.append((ref, line))
    known = read_destinations(write.connection, [(ref, line.country) for ref, line in keyed])
    changes = [(ref, DestinationChange(line.country, known.get((ref, line.country)), line.mode)) for ref, line in keyed]
    write_destinations(write, changes, by=by, now=now)
    created = sum(change.before is None for _, change in changes)
    updated = sum(not change.idle for _, change in changes) - created
    result.count(Kind.DESTINATION, created=created, updated=updated, total=len(keyed))
