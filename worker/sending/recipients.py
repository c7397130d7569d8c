"""A file of recipients, CSV, JSON Lines or a workbook's sheet, read row by row in constant memory.

A row that cannot be sent to is refused with its line and reason; the rows around it go on. Reading may begin again
behind any row, by the position that was reached.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple, TypeVar

import msgspec

from core.campaigns.batch import Row
from core.contract.models import BatchRecipient, validated
from core.countries import normal_country
from core.encoding import WHOLE_DOCUMENT, ContractError, decode_json
from core.errors import FieldError
from core.phone import InvalidRecipientError, parse_recipient, settled_country
from worker.sending.layout import COLUMNS, Format, Layout
from worker.sending.lines import Lines, Position, UnreadableError
from worker.sending.sheet_xml import BadRow
from worker.sending.telephone_columns import TO
from worker.sending.workbook import read_row

#: Limits of the contract; what exceeds them is put to its model, which has the words.
BODY_CHARACTERS = 1600
ID_CHARACTERS = 64

_SHOWN_NUMBER = 32


_Raw = TypeVar("_Raw")


class Recipient(Row, omit_defaults=True, gc=False):
    """A recipient as a batch carries it: without the fields that it leaves out."""


class ExtendedRecipient(Recipient):
    """A recipient with unknown fields, which the batch passes through."""

    extra: Mapping[str, Any] = {}


class Addressed(NamedTuple):
    """A row that can be sent to, `to` in E.164, and its country."""

    row: Recipient
    country: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that cannot: the line on which it begins, the field to blame, and why. `to` is the number as given."""

    line: int
    field: str
    reason: str
    to: str = ""


@dataclass(frozen=True, slots=True)
class Hints:
    """What the campaign gives to all rows: the country of national numbers, and whether it has a body."""

    country: str | None = None
    has_body: bool = True


class RecipientsReader:
    """Reads rows from a stream that stands at `position`, up to byte `end` of it, for a file may grow meanwhile."""

    def __init__(
        self, stream: BinaryIO, layout: Layout, hints: Hints, position: Position | None = None, end: int | None = None
    ) -> None:
        self._layout, self._hints = layout, hints
        # A column that the file has not is read from an empty cell behind the others.
        self._places = tuple(dict(layout.places).get(name, -1) for name in COLUMNS)
        self._lines = Lines(stream, layout.start if position is None else position, sys.maxsize if end is None else end)

    @property
    def offset(self) -> int:
        """Bytes up to the end of the latest row."""
        return self._lines.offset

    @property
    def position(self) -> Position:
        """Where the latest row ends."""
        return Position(self._lines.offset, self._lines.line)

    def rows(self) -> Iterator[Addressed | Refusal]:
        """Every row that is not blank."""
        ways = {Format.CSV: self._csv_rows, Format.JSONL: self._json_rows, Format.XLSX: self._sheet_rows}
        return ways[self._layout.format]()

    def _csv_rows(self) -> Iterator[Addressed | Refusal]:
        lines, read, address = self._lines, self._recipient_of_cells, self._address
        reader = csv.reader(lines, delimiter=self._layout.delimiter, strict=True)
        while True:
            line = lines.begin_row()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (csv.Error, UnreadableError) as error:
                lines.put_back()
                yield Refusal(line, WHOLE_DOCUMENT, _broken_words(error))
                continue
            if any(cells):
                yield address(line, read, cells)

    def _json_rows(self) -> Iterator[Addressed | Refusal]:
        lines, read = self._lines, self._recipient_of_named if self._layout.column else _recipient_of_json
        while True:
            line = lines.begin_row()
            try:
                text = next(lines).strip()
            except StopIteration:
                return
            except UnreadableError as error:
                yield Refusal(line, WHOLE_DOCUMENT, str(error))
                continue
            if text:
                yield self._address(line, read, text)

    def _sheet_rows(self) -> Iterator[Addressed | Refusal]:
        lines = self._lines
        for text in lines:
            row = read_row(text)
            lines.begin_row()
            lines.line = row.number  # blank rows were not copied
            if isinstance(row, BadRow):
                yield Refusal(row.number, WHOLE_DOCUMENT, row.reason)
            else:
                yield self._address(row.number, self._recipient_of_cells, row.cells)

    def _address(self, line: int, read: Callable[[_Raw], Recipient], raw: _Raw) -> Addressed | Refusal:
        try:
            row = read(raw)
        except ContractError as error:
            blamed = error.errors[0]
            return Refusal(line, blamed.field, blamed.reason, _given_number(raw, self._layout))
        if row.body is None and not self._hints.has_body:
            return Refusal(line, "body", "is missing, and the campaign has none", row.to)
        country = settled_country(row.to)
        if country is None:
            try:
                row.to, country = _located(row.to, row.country or self._hints.country)
            except InvalidRecipientError as error:
                return Refusal(line, "to", error.reason, row.to[:_SHOWN_NUMBER])
        return Addressed(row, country)

    def _recipient_of_cells(self, cells: list[str]) -> Recipient:
        """A text stays as it is, but a blank one counts for none; all else loses the blanks around it."""
        if len(cells) != self._layout.width:
            cells = _fitted(cells, self._layout.width)
        cells.append("")
        at_to, at_id, at_body, at_country, at_custom = self._places
        to, message_id, body = cells[at_to].strip(), cells[at_id].strip(), cells[at_body]
        country, custom_string = cells[at_country].strip(), cells[at_custom]
        body = "" if body.isspace() else body
        if not to:
            raise _refused("to", "is missing")
        if country or len(body) > BODY_CHARACTERS or len(message_id) > ID_CHARACTERS:
            values = zip(COLUMNS, (to, message_id, body, normal_country(country), custom_string), strict=True)
            row = _recipient_of_values({name: value for name, value in values if value})
        else:
            row = Recipient(to, message_id or None, body or None, None, custom_string or None)
        if self._layout.others:
            return _with_others(row, {name: cells[place] for name, place in self._layout.others if cells[place]})
        return row

    def _recipient_of_named(self, text: str) -> Recipient:
        """A JSON object whose number stands in a field of another name."""
        values = decode_json(text.encode())
        if isinstance(values, dict):
            rest = {name: value for name, value in values.items() if name != TO}
            values = {TO: rest.pop(self._layout.column), **rest} if self._layout.column in rest else rest
        return _recipient_of_values(values)


# ---- one row ----


def _recipient_of_json(text: str) -> Recipient:
    try:
        row = _decode(text)
    except (ValueError, RecursionError):
        return _recipient_of_values(decode_json(text.encode()))
    return row if row.country != "UK" else _recipient_of_values(decode_json(text.encode()))


_decode = msgspec.json.Decoder(Recipient).decode


def _recipient_of_values(values: object) -> Recipient:
    """By the contract's model, which names the field to blame. Raises ContractError."""
    model = validated(BatchRecipient, values)
    fields = {name: getattr(model, name) for name in COLUMNS}
    return ExtendedRecipient(**fields, extra=model.model_extra) if model.model_extra else Recipient(**fields)


def _with_others(row: Recipient, others: Mapping[str, str]) -> Recipient:
    if not others:
        return row
    return ExtendedRecipient(row.to, row.message_id, row.body, row.country, row.custom_string, others)


def _fitted(cells: list[str], width: int) -> list[str]:
    """The cells of a row, as many as the header has; empty ones may be missing or too many at its end."""
    if any(cells[width:]):
        raise _refused(WHOLE_DOCUMENT, f"has {len(cells)} cells where the header names {width} columns")
    return [*cells[:width], *[""] * (width - len(cells))]


def _located(to: str, country: str | None) -> tuple[str, str]:
    recipient = parse_recipient(to, country)
    return recipient.e164, recipient.country


def _given_number(raw: object, layout: Layout) -> str:
    """The number of a refused row as far as it can be told."""
    if not isinstance(raw, list):
        return ""
    place = dict(layout.places)[TO]
    return str(raw[place])[:_SHOWN_NUMBER] if place < len(raw) else ""


def _refused(field: str, reason: str) -> ContractError:
    return ContractError([FieldError(field, reason)])


def _broken_words(error: Exception) -> str:
    return str(error) if isinstance(error, UnreadableError) else f"is not CSV: {error}"
