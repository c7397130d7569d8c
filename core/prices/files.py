"""Price lists as CSV files: read whole or refused whole, every problem by line and column."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, BinaryIO

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError

from core.countries import no_country, normal_country
from core.encoding import TEXT_MARK
from core.errors import FieldError, RefusedError, quoted
from core.file_lines import Text, field_errors, place
from core.prices.price_list import Price, PriceLine
from core.rules.files import shipped_rules
from core.sender import SenderType

MAX_FILE_BYTES = 16_777_216
COLUMNS = ("country", "sender_type", "price", "currency")

_AMOUNT = re.compile(r"[0-9]{1,6}(\.[0-9]{1,10})?")
_CURRENCY = re.compile(r"[A-Z]{3}")


def _country(cell: str) -> str:
    code = normal_country(cell)
    if not shipped_rules().knows(code):
        raise ValueError(no_country(cell))
    return code


def _amount(cell: Any) -> Decimal:
    if not isinstance(cell, str) or not _AMOUNT.fullmatch(cell):
        raise ValueError(f"{quoted(cell)} is not an amount such as 0.0455, with a point and at most ten decimals")
    return Decimal(cell)


def _currency(cell: str) -> str:
    if not _CURRENCY.fullmatch(cell):
        raise ValueError(f"{quoted(cell)} is not an ISO 4217 code such as EUR")
    return cell


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid")

    country: Annotated[Text, AfterValidator(_country)]
    sender_type: Annotated[SenderType | None, BeforeValidator(lambda cell: cell or None)]
    price: Annotated[Decimal, BeforeValidator(_amount)]
    currency: Annotated[Text, AfterValidator(_currency)]


def read_prices(stream: BinaryIO) -> tuple[PriceLine, ...]:
    """The lines of a file. Raises RefusedError, which names every problem by line and column."""
    lines: dict[tuple[str, SenderType | None], tuple[int, PriceLine]] = {}
    errors: list[FieldError] = []
    for number, cells in _rows(stream, errors):
        try:
            row = _Row.model_validate(cells)
        except ValidationError as error:
            errors.extend(field_errors(error, number, _Row, "column"))
            continue
        line = PriceLine(row.country, row.sender_type, Price(row.price, row.currency))
        first, _ = lines.setdefault((line.country, line.sender_type), (number, line))
        if first != number:
            what = f"{line.country} and {line.sender_type or 'all types'}"
            errors.append(FieldError(place(number, "sender_type", "column"), f"{what} stand on line {first} already"))
    if not (lines or errors):
        errors.append(FieldError(place(1), "no price follows the header"))
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        words = f"{errors[0].field}: {errors[0].reason}{more}"
        raise RefusedError(f"the price list is refused, nothing was read: {words}", errors)
    return tuple(line for _, line in lines.values())


def _rows(stream: BinaryIO, errors: list[FieldError]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The rows that have as many cells as the header, each with its line; what is wrong with others goes to `errors`."""
    reader = csv.reader(io.StringIO(_decoded(stream), newline=""), strict=True)
    header: list[str] = []
    number = 1
    try:
        for cells in reader:
            at, number = number, reader.line_num + 1
            row = [cell.strip() for cell in cells]
            if not any(row):
                continue
            if not header:
                header = row
                wrong = _header_error(header)
                if wrong:
                    errors.append(FieldError(place(at), wrong))
                    return
            elif len(row) != len(header):
                errors.append(FieldError(place(at), f"has {len(row)} cells, the header has {len(header)}"))
            else:
                yield at, dict(zip(header, row, strict=True))
    except csv.Error as error:
        errors.append(FieldError(place(number), f"cannot be read as CSV: {error}"))


def _header_error(header: list[str]) -> str | None:
    if sorted(header) == sorted(COLUMNS):
        return None
    return f"is not the header of a price list, which names {', '.join(COLUMNS)} in any order"


def _decoded(stream: BinaryIO) -> str:
    content = stream.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise RefusedError(f"the price list is larger than {MAX_FILE_BYTES} bytes")
    try:
        return content.decode("utf-8").removeprefix(TEXT_MARK)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        wrong = FieldError(place(line), f"byte 0x{content[error.start]:02x} is not UTF-8")
        words = f"the price list is refused, nothing was read: {wrong.field}: {wrong.reason}"
        raise RefusedError(words, [wrong]) from error
