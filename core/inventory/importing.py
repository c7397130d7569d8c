"""The inventory file: accounts, senders, registrations, defaults and destinations as JSON lines, taken whole or refused whole.

The file is read once and never held: checked lines wait on disk by kind until all are checked, then the kinds are
written in the order in which they need each other. So the order within the file does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.exc import IntegrityError

from core.defaults.judge import ComplianceJudge
from core.encoding import UTF8_MARK
from core.engine.country_rules import RuleBook
from core.engine.decision import Policy
from core.errors import ConflictError, FieldError, RefusedError
from core.file_lines import place
from core.inventory.accounts import write_accounts
from core.inventory.defaults import write_defaults
from core.inventory.destinations import write_destination_lines
from core.inventory.line_buffer import LineBuffer
from core.inventory.lines import AccountLine, DefaultLine, DestinationLine, Kind, Line, RegistrationLine, SenderLine
from core.inventory.reading import read_line
from core.inventory.result import Counts, ImportResult
from core.inventory.senders import write_registrations, write_senders
from core.storage.database import Database, Write
from core.storage.statements import chunks

#: A refusal names this many errors; the rest of the file is not read.
MAX_ERRORS = 100

#: Lines written at a time: four statements for as many rows, and at most 17,000 parameters in one of them.
CHUNK_LINES = 1000


@dataclass(frozen=True, slots=True)
class InventorySummary:
    """What an import did, by kind."""

    counts: Mapping[Kind, Counts] = field(default_factory=dict)

    @property
    def changed(self) -> int:
        """Rows created or updated."""
        return sum(counts.created + counts.updated for counts in self.counts.values())

    def as_dict(self) -> dict[str, dict[str, int]]:
        """For `--json`: kind -> created, updated, unchanged."""
        return {kind.value: counts.as_dict() for kind, counts in self.counts.items()}


class InventoryImport:
    """Brings inventory files into the database; defaults are judged by the rules and policy of messages."""

    def __init__(self, database: Database, rules: Callable[[], RuleBook], policy: Policy) -> None:
        self._database, self._rules, self._policy = database, rules, policy

    def run(self, source: Path | Iterable[bytes], by: str) -> InventorySummary:
        """Imports a file, or lines from elsewhere, in one transaction; `by` stands in the history of defaults and destinations.

        Raises RefusedError with every bad line, up to 100 errors; ConflictError where somebody else changed the same
        rows meanwhile. Either way nothing was changed.
        """
        with ExitStack() as stack:
            buffers = _checked(_lines_of(source), stack)
            judge = ComplianceJudge(self._rules(), self._policy, self._database.clock())
            result = ImportResult()
            try:
                with self._database.writing() as write:
                    _write_all(write, buffers, result, judge, by)
            except IntegrityError:
                raise ConflictError("somebody else changed the inventory at the same moment; run it again") from None
        summary = InventorySummary(result.counts)
        if summary.changed:
            self._database.refresh_statistics("accounts", "senders", "registrations", "default_senders")
        return summary


@dataclass(slots=True)
class _Buffers:
    """The checked lines of a file by kind, on disk; sub-accounts are written after their accounts."""

    accounts: LineBuffer[AccountLine]
    subaccounts: LineBuffer[AccountLine]
    senders: LineBuffer[SenderLine]
    registrations: LineBuffer[RegistrationLine]
    defaults: LineBuffer[DefaultLine]
    destinations: LineBuffer[DestinationLine]

    def add(self, line: Line) -> None:
        match line:
            case AccountLine():
                (self.accounts if line.parent is None else self.subaccounts).add(line)
            case SenderLine():
                self.senders.add(line)
            case RegistrationLine():
                self.registrations.add(line)
            case DefaultLine():
                self.defaults.add(line)
            case DestinationLine():
                self.destinations.add(line)


def _checked(texts: Iterable[bytes], stack: ExitStack) -> _Buffers:
    buffers = _Buffers(
        stack.enter_context(LineBuffer(AccountLine)),
        stack.enter_context(LineBuffer(AccountLine)),
        stack.enter_context(LineBuffer(SenderLine)),
        stack.enter_context(LineBuffer(RegistrationLine)),
        stack.enter_context(LineBuffer(DefaultLine)),
        stack.enter_context(LineBuffer(DestinationLine)),
    )
    errors: list[FieldError] = []
    seen: dict[int, int] = {}
    for number, text in enumerate(texts, 1):
        line = read_line(text.removeprefix(UTF8_MARK) if number == 1 else text, number, errors)
        if line is not None:
            buffers.add(line)
            first = seen.setdefault(hash(line.key), number)
            if first != number:
                errors.append(FieldError(place(number), f"repeats what line {first} is about"))
        if len(errors) >= MAX_ERRORS:
            break
    refuse(errors)
    return buffers


def _write_all(write: Write, buffers: _Buffers, result: ImportResult, judge: ComplianceJudge, by: str) -> None:
    """Each kind needs the ones before; an error in one would only bring forth errors in the next."""
    for accounts in (buffers.accounts, buffers.subaccounts):
        for part in chunks(accounts, CHUNK_LINES):
            write_accounts(write, part, result, judge.now)
        refuse(result.errors)
    for senders in chunks(buffers.senders, CHUNK_LINES):
        write_senders(write, senders, result)
    refuse(result.errors)
    for registrations in chunks(buffers.registrations, CHUNK_LINES):
        write_registrations(write, registrations, result, judge.rules, judge.now)
    refuse(result.errors)
    for defaults in chunks(buffers.defaults, CHUNK_LINES):
        write_defaults(write, defaults, result, judge, by)
    refuse(result.errors)
    for destinations in chunks(buffers.destinations, CHUNK_LINES):
        write_destination_lines(write, destinations, result, by, judge.now)
    refuse(result.errors)


def refuse(errors: list[FieldError]) -> None:
    """Raises RefusedError where there are errors."""
    if errors:
        count = f"{MAX_ERRORS} errors or more" if len(errors) >= MAX_ERRORS else f"{len(errors)} errors"
        first = f"{errors[0].field}: {errors[0].reason}"
        more = f" ({count})" if len(errors) > 1 else ""
        raise RefusedError(f"the inventory file is refused, nothing was changed: {first}{more}", errors[:MAX_ERRORS])


def _lines_of(source: Path | Iterable[bytes]) -> Iterator[bytes]:
    if not isinstance(source, Path):
        yield from source
        return
    try:
        with source.open("rb") as file:
            yield from file
    except OSError as error:
        raise RefusedError(f"the inventory file cannot be read: {error}") from error
