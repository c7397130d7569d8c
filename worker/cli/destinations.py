"""`smart-assign destinations`: to which countries an account sends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from core.accounts.destinations import DestinationChange, Destinations, StoredDestination
from core.engine.destinations import DestinationMode
from core.moments import second_text
from core.regions import Region, read_region
from worker.cli.output import command, json_option, print_json, print_table, say
from worker.cli.parameters import Countries, account_option, enum_option, known_country
from worker.cli.session import open_session, operator

_F = TypeVar("_F", bound=Callable[..., Any])


class RegionCode(click.ParamType):  # type: ignore[type-arg]  # older clicks have no argument
    """A region of core/data/regions.csv by its code, in any case."""

    name = "region"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Region:
        """Fails with exit code 2 on a code of no region."""
        if isinstance(value, Region):
            return value
        try:
            return read_region(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _which(function: _F) -> _F:
    """Which countries are meant; one of the three options."""
    dry_run = click.option("--dry-run", is_flag=True, help="Show what would change; change nothing.")
    rest = click.option("--rest", is_flag=True, help="All countries that have no setting of their own.")
    region = click.option(
        "--region", type=RegionCode(), metavar="REGION", help="EU, EEA, or a region of UN M49 such as WESTERN-AFRICA."
    )
    countries = click.option("--countries", type=Countries(), metavar="AU,GB,…", help="ISO 3166-1 alpha-2 codes.")
    return countries(region(rest(dry_run(function))))


def _meant(countries: Sequence[str] | None, region: Region | None, rest: bool) -> tuple[str | None, ...]:
    """The countries that the options name, None for the rest; exit code 2 unless exactly one option is given."""
    if [countries is not None, region is not None, rest].count(True) != 1:
        raise click.UsageError("give one of --countries, --region and --rest")
    if rest:
        return (None,)
    return region.countries if region is not None else tuple(map(known_country, countries or ()))


@click.command("list")
@account_option
@click.option("--inherited", is_flag=True, help="What the account above has set as well.")
@json_option
@command
def list_destinations(*, account_id: str, inherited: bool, as_json: bool) -> None:
    """List what an account has set for countries, and for the rest of the world."""
    with open_session(writes=False) as session:
        found = Destinations(session.store).of(account_id, inherited=inherited)
        default = session.settings.default_destination
    if as_json:
        print_json({"destinations": [each.document() for each in found], "default": default.value})
        return
    print_table("", ("country", "mode", "of", "changed", "by"), map(_row, found))
    say(f"Where nothing is set: {default} (DEFAULT_DESTINATION).")


def _row(stored: StoredDestination) -> tuple[object, ...]:
    return _name(stored.country), stored.mode, stored.account_id, second_text(stored.changed_at), stored.changed_by


@click.command("set")
@account_option
@_which
@enum_option("--mode", kind=DestinationMode, metavar="MODE", required=True)
@json_option
@command
def set_destinations(
    *,
    account_id: str,
    countries: Sequence[str] | None,
    region: Region | None,
    rest: bool,
    mode: DestinationMode,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Allow, block or monitor countries, a region, or the rest of the world."""
    _change(account_id, _meant(countries, region, rest), mode, dry_run, as_json)


@click.command("unset")
@account_option
@_which
@json_option
@command
def unset_destinations(
    *,
    account_id: str,
    countries: Sequence[str] | None,
    region: Region | None,
    rest: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Remove what is set: the rest, the account above or DEFAULT_DESTINATION counts again."""
    _change(account_id, _meant(countries, region, rest), None, dry_run, as_json)


def _change(
    account_id: str, countries: Sequence[str | None], mode: DestinationMode | None, dry_run: bool, as_json: bool
) -> None:
    with open_session() as session:
        changes = Destinations(session.store).change(account_id, countries, mode, by=operator(), dry_run=dry_run)
    if as_json:
        told = {"account_id": account_id, "mode": mode, "dry_run": dry_run}
        print_json(told | {"destinations": [each.document() for each in changes]})
        return
    print_table("", ("country", "before", "after"), map(_change_row, changes))
    changed = sum(not each.idle for each in changes)
    tail = " Nothing was changed: this was a dry run." if dry_run else ""
    say(f"{len(changes)} destinations, {changed} changed.{tail}")


def _change_row(change: DestinationChange) -> tuple[object, ...]:
    return _name(change.country), change.before or "-", change.after or "-"


def _name(country: str | None) -> str:
    return "the rest" if country is None else country
