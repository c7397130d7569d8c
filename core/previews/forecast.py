"""What a campaign takes: segments, the least time that its senders need, and what it costs by the price list."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate, pairwise
from typing import NamedTuple

from core.content.segments import Encoding, TextSize
from core.errors import RefusedError
from core.prices.price_list import Price, PriceList
from core.sender import Sender, naming_fields

Amounts = Mapping[str, Decimal]
"""Money by currency."""

_SenderKey = tuple[str | None, str, str | None]


@dataclass(frozen=True, slots=True)
class SenderForecast:
    """What one sender has to send to one country.

    `messages` is a share where recipients are spread. `segments` is None where the texts are not known, or for MMS.
    `price` is that of a segment, None: there is none, or nothing to count.
    """

    sender: Sender
    messages: int
    segments: int | None
    price: Price | None

    @property
    def key(self) -> _SenderKey:
        """What tells this sender from others, in whatever country it sends."""
        return self.sender.account_id, self.sender.sender_type, self.sender.sender_id

    @property
    def seconds(self) -> float | None:
        """The least time for its messages; None: its rate is not known."""
        rate = self.sender.messages_per_second
        return self.messages / rate if rate else None

    def document(self) -> dict[str, object]:
        """As previews show it."""
        cost = _cost([self])
        return {
            **_named(self.sender),
            "messages": self.messages,
            "segments": self.segments,
            "messages_per_second": self.sender.messages_per_second,
            "seconds": _seconds(self.seconds),
            "price": self.price and _money(self.price.amount),
            "currency": self.price and self.price.currency,
            "cost": self.price and _money(cost[self.price.currency]),
        }


def sender_forecasts(
    country: str, senders: Sequence[tuple[Sender, float]], sizes: Mapping[TextSize | None, int], prices: PriceList
) -> list[SenderForecast]:
    """What each of the senders takes of recipients whose texts have these sizes, by its share."""
    shares = [share for _, share in senders]
    messages, segments = _divided(sum(sizes.values()), shares), _segments(sizes)
    of_each = [None] * len(shares) if segments is None else _divided(segments, shares)
    return [
        SenderForecast(
            sender,
            messages[place],
            of_each[place],
            None if segments is None else prices.price(country, sender.sender_type),
        )
        for place, (sender, _) in enumerate(senders)
    ]


def _divided(whole: int, shares: Sequence[float]) -> list[int]:
    """The whole in parts of about these shares, without a rest."""
    ends = [round(whole * total / sum(shares)) for total in accumulate(shares)]
    return [end - begin for begin, end in pairwise([0, *ends])]


def _segments(sizes: Mapping[TextSize | None, int]) -> int | None:
    if None in sizes:
        return None
    return sum(size.segments * count for size, count in sizes.items() if size is not None)


class Bottleneck(NamedTuple):
    """The sender that takes longest for all that it has to send, and how long in seconds."""

    sender: Sender
    seconds: float

    def document(self) -> dict[str, object]:
        """As previews show it."""
        return {
            **_named(self.sender),
            "messages_per_second": self.sender.messages_per_second,
            "seconds": _seconds(self.seconds),
        }


class Forecast(NamedTuple):
    """What several senders take together. `encodings` counts messages by the encoding of their text.

    `unpriced` counts messages for whose segments the list has no price.
    """

    encodings: Mapping[Encoding, int]
    segments: int | None
    bottleneck: Bottleneck | None
    cost: Amounts
    unpriced: int

    @classmethod
    def of(cls, forecasts: Iterable[SenderForecast], sizes: Iterable[Mapping[TextSize | None, int]]) -> Forecast:
        """All of them together: each sender works through its own, and all at the same time.

        `sizes` counts the texts of their recipients.
        """
        held = list(forecasts)
        counts = [each.segments for each in held]
        known = [count for count in counts if count is not None]
        encodings: Counter[Encoding] = Counter()
        for size, count in (item for each in sizes for item in each.items()):
            if size is not None:
                encodings[size.encoding] += count
        return cls(
            dict(encodings.most_common()),
            sum(known) if len(known) == len(counts) else None,
            _bottleneck(held),
            _cost(held),
            sum(each.messages for each in held if each.price is None),
        )

    def document(self) -> dict[str, object]:
        """As previews show it; `encoding` is that of most texts."""
        return {
            "encoding": next((encoding.value for encoding in self.encodings), None),
            "segments": self.segments,
            "seconds": _seconds(self.bottleneck and self.bottleneck.seconds),
            "bottleneck": self.bottleneck and self.bottleneck.document(),
            "cost": {currency: _money(amount) for currency, amount in sorted(self.cost.items())},
            "unpriced": self.unpriced,
        }


def _bottleneck(held: Sequence[SenderForecast]) -> Bottleneck | None:
    seconds: dict[_SenderKey, float] = {}
    senders: dict[_SenderKey, Sender] = {}
    for each in held:
        if each.seconds is not None:
            senders[each.key] = each.sender
            seconds[each.key] = seconds.get(each.key, 0.0) + each.seconds
    if not seconds:
        return None
    slowest = max(seconds, key=lambda key: (seconds[key], tuple(map(str, key))))
    return Bottleneck(senders[slowest], seconds[slowest])


def _cost(held: Iterable[SenderForecast]) -> dict[str, Decimal]:
    amounts: dict[str, Decimal] = {}
    for each in held:
        if each.price is not None and each.segments is not None:
            cost = each.segments * each.price.amount
            amounts[each.price.currency] = amounts.get(each.price.currency, Decimal(0)) + cost
    return amounts


def _named(sender: Sender) -> dict[str, str | None]:
    return naming_fields(sender.sender_id, sender.sender_type, sender.country)


def _money(amount: Decimal) -> str:
    """Decimal text without an exponent and without zeros that say nothing."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _seconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


# -- the limit --------------------------------------------------------------------

_LIMIT = re.compile(r"(?:(?P<before>[A-Za-z]{3}) ?)?(?P<amount>[0-9]+(\.[0-9]+)?)(?: ?(?P<behind>[A-Za-z]{3}))?")


class PriceLimit(NamedTuple):
    """What a campaign may cost at most; `currency` None: that of the price list, where it has one only."""

    amount: Decimal
    currency: str | None = None

    @classmethod
    def read(cls, text: str) -> PriceLimit:
        """`250`, `250 EUR` or `EUR 250`. Raises ValueError."""
        match = _LIMIT.fullmatch(text.strip())
        if match is None or (match["before"] and match["behind"]):
            raise ValueError(f"{text!r} is not an amount such as 250 or 250.50 EUR")
        currency = match["before"] or match["behind"]
        return cls(Decimal(match["amount"]), currency and currency.upper())

    def check(self, forecast: Forecast) -> None:
        """Raises RefusedError where the campaign costs more, or where it cannot be told what it costs."""
        if forecast.unpriced:
            words = "the price list has no price for them"
            raise RefusedError(f"the price of {forecast.unpriced:,} messages is not known: {words}")
        limited = {self.currency} if self.currency else set(forecast.cost)
        if forecast.cost.keys() - limited or len(limited) > 1:
            amounts = " and ".join(f"{_money(amount)} {currency}" for currency, amount in sorted(forecast.cost.items()))
            raise RefusedError(f"the campaign costs {amounts}: a limit in one currency cannot be compared with that")
        for currency in limited:
            cost = forecast.cost.get(currency, Decimal(0)) if currency else Decimal(0)
            if cost > self.amount:
                limit = f"the limit is {_money(self.amount)} {currency}"
                raise RefusedError(f"the campaign costs {_money(cost)} {currency}, and {limit}")
