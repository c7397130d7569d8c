"""What `campaign send` and `campaign preview` are given: a file of recipients, and the fields that all of them share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, TypeVar

import click

from core.campaigns.batch import Batch, read_batch
from core.contract.models import CampaignBatch
from core.encoding import ContractError, decode_json
from core.errors import FieldError, RefusedError
from core.sender import Product, SenderType, TrafficClass
from worker.cli.body import body_options
from worker.cli.output import warn
from worker.cli.parameters import account_option, country_option, enum_option, known_country
from worker.sending.encoding import as_utf8, refuse_foreign
from worker.sending.layout import Format, Layout, format_of, read_layout
from worker.sending.lines import Position
from worker.sending.recipients import Hints, RecipientsReader
from worker.sending.workbook import copied_sheet

_F = TypeVar("_F", bound=Callable[..., Any])

#: Fields of a batch: a column of such a name looks as if it decided something.
_OF_ALL = frozenset(CampaignBatch.model_fields) | {"from"}
_STAND_IN = {"campaign_id": "campaign", "batch_id": "batch"}
#: Fields of the batch that are called otherwise on the command line.
_OPTION_NAMES = {"media_urls": "--media-url", "account_id": "--account", "subaccount_id": "--subaccount"}


@dataclass(frozen=True)
class Campaign:
    """A campaign as the options describe it: the batch fields as JSON values, the same read, and its open file."""

    shared: Mapping[str, Any]
    batch: Batch
    file_name: str
    stream: BinaryIO
    layout: Layout

    @property
    def options(self) -> Mapping[str, Any]:
        """All that decides what is sent, by name, for who must tell whether it is the same campaign."""
        others = [name for name, _ in self.layout.others]
        return {**self.shared, "format": self.layout.format, "columns": others, "column": self.layout.column}

    @property
    def hints(self) -> Hints:
        """What rows take from the campaign."""
        return Hints(self.batch.shared.country, self.batch.shared.body is not None)

    def reader(self, behind: Position | None = None, end: int | None = None) -> RecipientsReader:
        """Reads the rows from the first one on, or behind a position, up to byte `end`; once for a stream."""
        behind = behind or self.layout.start
        if self.stream.seekable():
            self.stream.seek(behind.offset)
        return RecipientsReader(self.stream, self.layout, self.hints, behind, end)


def campaign_options(function: _F) -> _F:
    """The options that describe a campaign."""
    options = (
        account_option,
        click.option("--file", "source", type=click.File("rb"), required=True, help="Recipients; '-' is stdin."),
        click.option(
            "--format",
            "file_format",
            type=click.Choice([each.value for each in Format]),
            help="As the file's name says.",
        ),
        click.option("--encoding", metavar="NAME", help="Of the file, where it is neither UTF-8 nor marked as UTF-16."),
        click.option("--column", metavar="NAME", help="The one with the telephone numbers, if it is not called `to`."),
        click.option("--ignore-other-columns", is_flag=True, help="Pass on no column but those that mean something."),
        body_options("Text for all rows without a body of their own"),
        click.option("--subaccount", "--subaccount-id", "subaccount_id", metavar="ACCOUNT", help="That sends."),
        click.option("--sender-id", metavar="SENDER", help="For all recipients; left out: Smart Assign decides."),
        enum_option("--sender-type", kind=SenderType, metavar="TYPE", says="Type of --sender-id"),
        click.option("--sender", "pairs", multiple=True, metavar="CC=TYPE:ID", help="For one country; repeatable."),
        click.option("--senders", "senders_file", type=click.File("rb"), help="The same as a JSON list in a file."),
        enum_option("--traffic-class", kind=TrafficClass, metavar="CLASS", says="transactional unless given"),
        click.option("--reply-expected", is_flag=True, help="Only senders that can receive replies."),
        enum_option("--product", kind=Product, metavar="PRODUCT", says="SMS unless given"),
        click.option("--media-url", "media_urls", multiple=True, help="Media of an MMS; repeatable."),
        country_option,
        click.option("--expires-at", help="RFC 3339 time; past it messages are parked."),
        click.option("--custom-string", help="Passed through."),
    )
    for option in reversed(options):
        function = option(function)
    return function


@contextmanager
def opened_campaign(
    source: BinaryIO,
    file_format: str | None,
    encoding: str | None,
    pairs: tuple[str, ...],
    senders_file: BinaryIO | None,
    *,
    column: str | None,
    ignore_other_columns: bool,
    **values: Any,
) -> Iterator[Campaign]:
    """Read what the options say, and the beginning of the file. Raises RefusedError."""
    shared = {name: value for name, value in values.items() if value not in (None, "", (), False)}
    if senders := [*map(_sender, pairs), *_senders(senders_file)]:
        shared["senders"] = senders
    if "country" in shared:
        shared["country"] = known_country(shared["country"])
    batch = _read(shared)
    known_format = Format(file_format) if file_format else format_of(source.name)
    stream = _readable(source, known_format, encoding)
    try:
        layout = read_layout(stream, known_format, column)
        if ignore_other_columns:
            layout = replace(layout, others=())
        _tell_of_columns(layout)
        if batch.shared.body is None and not layout.may_have_bodies:
            raise click.UsageError("give --body, or a column `body` in the file")
        yield Campaign(shared, batch, source.name, stream, layout)
    finally:
        if stream is not source:
            stream.close()


def _readable(source: BinaryIO, file_format: Format, encoding: str | None) -> BinaryIO:
    """The rows as UTF-8: the stream itself, or a copy. Raises RefusedError for what is no such file."""
    refuse_foreign(source, as_workbook=file_format is Format.XLSX)
    if file_format is not Format.XLSX:
        return as_utf8(source, encoding)
    sheet = copied_sheet(source)
    if sheet.sheets > 1:
        warn(f"the workbook has {sheet.sheets} sheets; only {sheet.name!r} is read")
    return sheet.stream


def _tell_of_columns(layout: Layout) -> None:
    if layout.column is not None:
        warn(f"telephone numbers are read from `{layout.column}`")
    others = [name for name, _ in layout.others]
    if others:
        warn(f"columns that are passed through in `extra`: {', '.join(others)}")
    misread = [name for name in others if name.lower() in _OF_ALL]
    if misread:
        warn(f"no row can set what all share: {', '.join(misread)} is passed through like any other column")


def _read(shared: Mapping[str, Any]) -> Batch:
    try:
        return read_batch({**shared, **_STAND_IN, "recipients": [{"to": "+"}]})
    except ContractError as error:
        raise RefusedError("the campaign breaks the contract", [_by_option(each) for each in error.errors]) from None


def _by_option(error: FieldError) -> FieldError:
    name, bracket, rest = error.field.partition("[")
    if name == "senders":
        return error
    return FieldError(_OPTION_NAMES.get(name, f"--{name.replace('_', '-')}") + bracket + rest, error.reason)


def _sender(pair: str) -> dict[str, Any]:
    country, equals, named = pair.partition("=")
    sender_type, colon, sender_id = named.partition(":")
    if not (equals and colon):
        raise click.UsageError(f"--sender {pair!r} is not of the form CC=TYPE:ID, such as AU=longcode:+61491570006")
    return {
        "recipient_country_code": known_country(country),
        "sender_type": sender_type,
        "sender_id": sender_id or None,
    }


def _senders(file: BinaryIO | None) -> list[Any]:
    if file is None:
        return []
    try:
        senders = decode_json(file.read())
    except ContractError as error:
        raise RefusedError(f"--senders {file.name} {error.errors[0].reason}") from None
    if not isinstance(senders, list):
        raise RefusedError(f"--senders {file.name} must hold a JSON list")
    return senders
