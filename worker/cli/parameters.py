"""What commands take: moments, countries, and options that many commands share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

import click

from core.countries import read_country
from core.errors import NotFoundError
from core.moments import parse_moment
from core.process.loading import load
from core.sender import Product, SenderType, TrafficClass

#: The countries that there are stand in it; whoever names none does not load it.
_SHIPPED_COUNTRIES = "core.rules.shipped:shipped_countries"
#: Names are looked at where one is given, or a code is not known.
_NAMED, _ALIKE = "core.rules.country_names:country_named", "core.rules.country_names:countries_alike"
ALPHA_2 = 2

_F = TypeVar("_F", bound=Callable[..., Any])


class Moment(click.ParamType):  # type: ignore[type-arg]  # older clicks have no argument
    """A moment in aware UTC, as people write one (core/moments.py): a date is its first instant in UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Fails with exit code 2 on anything else."""
        if isinstance(value, datetime):
            return value
        try:
            return parse_moment(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class OneOf(click.ParamType):  # type: ignore[type-arg]  # the same
    """A member of an enumeration, by its text in any case."""

    def __init__(self, kind: type[StrEnum]) -> None:
        self._kind = kind
        self.name = kind.__name__

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> StrEnum:
        """Fails with exit code 2 on anything else."""
        known = {member.value.lower(): member for member in self._kind}
        found = known.get(str(value).lower())
        if found is None:
            self.fail(f"{value!r} is not one of: {', '.join(self._kind)}", param, ctx)
        return found


class Text(click.ParamType):  # type: ignore[type-arg]  # the same
    """A text that may be given empty for "none"."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | None:  # noqa: ARG002
        """An empty text is None."""
        return value or None


class Countries(click.ParamType):  # type: ignore[type-arg]  # older clicks have no argument
    """Countries by code or name with commas between them; codes may stand with blanks, too."""

    name = "countries"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Sequence[str]:
        """Fails with exit code 2 where there is no code at all."""
        codes = [code for part in str(value).split(",") for code in _named_or_coded(part.strip())]
        if not codes:
            self.fail("name at least one country, such as AU,GB,US", param, ctx)
        return codes


def _named_or_coded(part: str) -> Sequence[str]:
    """One country by its name, or codes with blanks between them."""
    words = part.split()
    if len(words) > 1 and any(len(word) != ALPHA_2 for word in words):
        return [part]
    return words


def enum_option(*names: str, kind: type[StrEnum], metavar: str, says: str = "", **more: Any) -> Callable[[_F], _F]:
    """An option that takes a member of an enumeration; its help ends with the members."""
    words = f"{says}; one of: {', '.join(kind)}." if says else f"One of: {', '.join(kind)}."
    return click.option(*names, type=OneOf(kind), metavar=metavar, help=words, **more)


def known_country(text: str) -> str:
    """The ISO 3166-1 alpha-2 code in capitals of a country by its code, UK as GB, or by its name.

    Raises NotFoundError for one that there is not, with those whose names are alike.
    """
    is_code = len(text.strip()) == ALPHA_2
    named: str | None = None if is_code else load(_NAMED)(text)
    if named:
        return named
    try:
        return read_country(text, load(_SHIPPED_COUNTRIES)())
    except ValueError as error:
        alike = [] if is_code else load(_ALIKE)(text)
        raise NotFoundError(f"country: {error}" + (f"; did you mean {' or '.join(alike)}?" if alike else "")) from None


def optional_country(code: str | None) -> str | None:
    """The same for an option that may be absent."""
    return None if code is None else known_country(code)


account_option = click.option(
    "--account", "--account-id", "account_id", required=True, metavar="ACCOUNT", help="The account or sub-account."
)
country_option = click.option("--country", metavar="COUNTRY", help="ISO 3166-1 alpha-2 code, or a name.")
sender_id_option = click.option(
    "--sender-id", metavar="SENDER", type=Text(), help="The number or name; empty for a shared pool without a number."
)
sender_type_option = enum_option("--sender-type", "--type", "sender_type", kind=SenderType, metavar="TYPE")
product_option = enum_option("--product", kind=Product, metavar="PRODUCT", default=Product.SMS, show_default=True)
traffic_class_option = enum_option(
    "--traffic-class",
    kind=TrafficClass,
    metavar="CLASS",
    default=TrafficClass.TRANSACTIONAL,
    show_default=True,
    says="Why the message is sent",
)
limit_option = click.option(
    "--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many at the most."
)

#: What a switch of an account is set to; `inherit`: as the account above.
SWITCHES: Mapping[str, bool | None] = {"on": True, "off": False, "inherit": None}
switch_argument = click.argument("switch", type=click.Choice(list(SWITCHES)), required=False)


def switch_word(value: bool | None) -> str:
    """How a switch is called that is set to this."""
    return next(word for word, known in SWITCHES.items() if known is value)


def owner_options(function: _F) -> _F:
    """`--account A`, or `--platform` for the pool that is open to every account."""
    pool = click.option("--platform", is_flag=True, help="The platform pool instead of an account.")
    account = click.option(
        "--account", "--account-id", "account_id", metavar="ACCOUNT", help="The account or sub-account that holds it."
    )
    return account(pool(function))


def owner(account_id: str | None, platform: bool) -> str | None:
    """The account, or None for the pool; exit code 2 unless exactly one is named."""
    if platform == (account_id is not None):
        raise click.UsageError("give either --account or --platform")
    return account_id
