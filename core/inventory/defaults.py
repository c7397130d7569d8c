"""Default senders of an inventory file: judged as `defaults set` judges them, written a thousand at a time."""

from __future__ import annotations

from collections.abc import Sequence

from core.defaults.changes import DefaultChange, write_changes
from core.defaults.default_senders import facts_for_defaults
from core.defaults.judge import ComplianceJudge, with_country
from core.defaults.rows import DefaultKey, DefaultOrigin, StoredDefault, find_defaults
from core.defaults.strategies import STRATEGIES_FIELD, Strategy, form_errors
from core.engine.decision import DefaultStatus, Facts, Request
from core.errors import FieldError
from core.inventory.lines import DefaultLine, Kind
from core.inventory.result import ImportResult
from core.inventory.senders import account_refs
from core.storage.database import Write


def write_defaults(
    write: Write, lines: Sequence[DefaultLine], result: ImportResult, judge: ComplianceJudge, by: str
) -> None:
    """Writes the defaults that differ; those that are as they were are not judged again."""
    refs = account_refs(write.connection, (line.account_id for line in lines))
    keyed: list[tuple[DefaultLine, DefaultKey]] = []
    for line in lines:
        ref = refs.get(line.account_id)
        if ref is None:
            result.refuse(line, "account_id", f"there is no account {line.account_id!r}")
        else:
            keyed.append((line, (ref, line.country, line.product)))
    known = _read(write, [key for _, key in keyed])
    differing = [(line, key) for line, key in keyed if not _same(line.strategies, known.get(key))]
    facts = facts_for_defaults(write.connection, [_request(line) for line, _ in differing])
    changes = []
    for line, key in differing:
        strategies = _judged(line, facts[_request(line)], result, judge)
        if strategies is not None and not _same(strategies, known.get(key)):
            changes.append(DefaultChange(key, known.get(key), strategies))
    write_changes(write, changes, origin=DefaultOrigin.MANUAL, by=by, now=judge.now)
    created = sum(change.before is None for change in changes)
    result.count(Kind.DEFAULT, created=created, updated=len(changes) - created, total=len(keyed))


def _request(line: DefaultLine) -> Request:
    return Request(line.account_id, None, line.country, line.product)


def _read(write: Write, keys: Sequence[DefaultKey]) -> dict[DefaultKey, StoredDefault]:
    return {stored.key: stored for stored in find_defaults(write.connection, keys, lock=True)}


def _same(strategies: Sequence[Strategy], stored: StoredDefault | None) -> bool:
    """Whether a line asks for what is stored, apart from notes and from countries that it does not give."""
    if stored is None or stored.status != DefaultStatus.ENABLED or len(stored.strategies) != len(strategies):
        return False
    return all(map(_same_strategy, strategies, stored.strategies))


def _same_strategy(wanted: Strategy, stored: Strategy) -> bool:
    countries = (None, stored.sender_country_code)
    names = (wanted.sender_type, wanted.sender_id or None) == (stored.sender_type, stored.sender_id)
    return names and wanted.sender_country_code in countries and stored.status == DefaultStatus.ENABLED


def _judged(
    line: DefaultLine, facts: Facts, result: ImportResult, judge: ComplianceJudge
) -> tuple[Strategy, ...] | None:
    """The line's strategies with their countries filled in; None: they may not be a default."""
    strategies = tuple(with_country(strategy, facts) for strategy in line.strategies)
    errors = form_errors(strategies, judge.rules, as_http=False)
    errors = errors or judge.errors(dict(enumerate(strategies)), _request(line), facts)
    for error in errors:
        result.refuse(line, *_as_of_line(error))
    return None if errors else strategies


def _as_of_line(error: FieldError) -> tuple[str, str]:
    return error.field.replace(STRATEGIES_FIELD, "strategies", 1), error.reason
