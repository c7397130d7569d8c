"""`smart-assign campaign preview`: what a campaign would come to. Enqueues nothing, keeps nothing, needs no broker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import click

from core.engine.country_rules import RuleBook
from core.previews.audience import Audience
from core.previews.campaign import CampaignPreview, CountryPreview, preview
from core.previews.forecast import Forecast, PriceLimit
from core.prices.store import Prices
from worker.cli.campaign.bars import reading_bar
from worker.cli.campaign.options import Campaign, campaign_options, opened_campaign
from worker.cli.output import command, json_option, print_json, print_table, say, warn
from worker.cli.session import open_session
from worker.sending.recipients import Refusal
from worker.sending.state import size_of

REFUSALS_SHOWN = 10
#: Rows between two moves of the bar.
_TOLD_ROWS = 10_000


class Limit(click.ParamType):  # type: ignore[type-arg]  # older clicks have no argument
    """An amount of money, with or without its currency."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> PriceLimit:
        """Fails with exit code 2 on what is none."""
        if isinstance(value, PriceLimit):
            return value
        try:
            return PriceLimit.read(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command("preview")
@campaign_options
# Read before --file is opened, which nobody would close where the amount is none.
@click.option(
    "--max-price", "limit", type=Limit(), metavar="AMOUNT", is_eager=True, help="Fail above it: 250, or 250 EUR."
)
@json_option
@command
def preview_campaign(*, limit: PriceLimit | None, as_json: bool, **options: Any) -> None:
    """Show for each country who would send, to how many, and how many cannot be sent to and why; sends nothing.

    With segments, the least time, and the cost by the price list, where one was imported. Exit code 1 where --max-price
    does not suffice, or where it cannot be told.
    """
    with opened_campaign(**options) as made, open_session() as session:
        rules = session.store.active_rules()
        audience, refused = _read(made, rules, as_json)
        found = preview(
            made.batch,
            audience,
            session.store,
            rules,
            session.settings.policy,
            now=session.store.clock(),
            prices=Prices(session.store).price_list(),
        )
    if as_json:
        print_json(found.document())
    else:
        _report(found, refused)
    if limit is not None:
        limit.check(found.forecast)


def _report(found: CampaignPreview, refused: list[Refusal]) -> None:
    print_table("", ("country", "recipients", "sendable", "sender", "why"), map(_row, found.countries))
    if rows := [row for country in found.countries for row in _forecast_rows(country)]:
        print_table("", ("country", "sender", "messages", "segments", "at least", "cost"), rows)
    say("; ".join(_summary(found)))
    if words := "; ".join(_forecast_words(found.forecast)):
        say(words)
    for each in refused:
        warn(f"line {each.line}, {each.field}: {each.reason}")
    if found.invalid > len(refused):
        warn(f"and {found.invalid - len(refused):,} more")


def _read(made: Campaign, rules: RuleBook, as_json: bool) -> tuple[Audience, list[Refusal]]:
    """Everybody in the file, and the first of the rows that are refused."""
    without_others = replace(made, layout=replace(made.layout, others=()))  # they decide nothing
    shared = made.batch.shared
    audience = Audience(shared.body, product=shared.product, content_countries=rules.content_countries)
    refused, reader = list[Refusal](), without_others.reader()
    with reading_bar(size_of(made.stream), quiet=as_json) as told:
        for entry in reader.rows():
            if isinstance(entry, Refusal):
                audience.refuse()
                refused += [entry] if len(refused) < REFUSALS_SHOWN else []
                continue
            audience.add(entry.row.to, entry.country, entry.row.body)
            if audience.total % _TOLD_ROWS == 0:
                told(reader.offset)
    return audience, refused


def _row(seen: CountryPreview) -> tuple[object, ...]:
    document: Any = seen.document()
    sender, why = document["sender"], [document["reason"], *document["warnings"]]
    why += [code for code in seen.unsendable if sender]
    return (
        seen.country,
        f"{seen.recipients:,}",
        f"{seen.sendable:,}",
        f"{sender['sender_type']} {sender['sender_id'] or '(pool)'}" if sender else "-",
        f"{document['source']}: {', '.join(why)}" if sender else ", ".join(why),
    )


def _summary(found: CampaignPreview) -> Iterator[str]:
    yield f"{found.recipients:,} recipients in {len(found.countries)} countries"
    yield f"{found.sendable:,} sendable"
    if found.recipients > found.sendable:
        yield f"{found.recipients - found.sendable:,} not"
    if found.invalid:
        yield f"{found.invalid:,} rows invalid"
    if found.repeats:
        yield f"{found.repeats:,} numbers repeated"


def _forecast_words(forecast: Forecast) -> Iterator[str]:
    if forecast.segments:
        yield f"{forecast.segments:,} segments"
    if forecast.bottleneck is not None:
        sender, seconds = forecast.bottleneck
        name = f"{sender.sender_type} {sender.sender_id or '(pool)'}"
        rate = f"{sender.messages_per_second:g} messages a second"
        yield f"at least {_time_words(seconds)}: {name} has most to send for its {rate}"
    if forecast.cost:
        yield f"cost {_cost_words(forecast)}"
    if forecast.cost and forecast.unpriced:
        yield f"no price for {forecast.unpriced:,} messages"


def _forecast_rows(seen: CountryPreview) -> Iterator[tuple[object, ...]]:
    """A row for each sender of a country."""
    for part in seen.parts:
        for each in part.forecasts:
            sender, segments = each.sender, each.segments
            encodings = "/".join(sorted({size.encoding for size in part.part.sizes if size is not None}))
            cost = each.price and f"{(segments or 0) * each.price.amount:,f} {each.price.currency}"
            yield (
                seen.country,
                f"{sender.sender_type} {sender.sender_id or '(pool)'}",
                f"{each.messages:,}",
                "-" if segments is None else f"{segments:,} {encodings}",
                "-" if each.seconds is None else _time_words(each.seconds),
                cost or "-",
            )


def _cost_words(forecast: Forecast) -> str:
    return " + ".join(f"{amount:,f} {currency}" for currency, amount in sorted(forecast.cost.items()))


def _time_words(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if hours else f"{minutes} min {rest} s"
