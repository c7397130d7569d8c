"""The recipients of a campaign as they are read: how many in each country, by what their texts hold and take."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from core.campaigns.batch import Batch, RefusedRow
from core.content.inspection import NO_CONTENT, NOWHERE, Content, ContentCountries, content_to
from core.content.segments import Encoding, TextSize, text_size
from core.phone import InvalidRecipientError, parse_recipient
from core.sender import Product

#: Repeated recipients are counted among so many; eight bytes each are kept for it.
REPEATS_AMONG = 10_000_000
_SHELVES = 256


class Part(NamedTuple):
    """Recipients of one country whose texts hold the same, and so share one decision.

    `sizes` counts them by what their text takes; None: there is no text to tell it by, or it is an MMS.
    """

    country: str
    content: Content
    example: str
    sizes: Mapping[TextSize | None, int]

    @property
    def recipients(self) -> int:
        """How many."""
        return sum(self.sizes.values())


class Audience:
    """Recipients, and how often a number came again. `body` is the text of all that have none of their own."""

    def __init__(
        self,
        body: str | None = None,
        *,
        product: Product = Product.SMS,
        content_countries: ContentCountries = NOWHERE,
        repeats_among: int = REPEATS_AMONG,
    ) -> None:
        self._body, self._is_text = body, product is Product.SMS
        self._content_countries, self._repeats_among = content_countries, repeats_among
        self._alike: dict[str, int] = {}
        self._own: dict[tuple[str, Content, int], int] = {}
        self._examples: dict[str, str] = {}
        self.invalid = 0
        self.total = 0
        self._shelves = [array("Q") for _ in range(_SHELVES)]

    def add(self, e164: str, country: str, body: str | None = None) -> None:
        """Count a recipient, in E.164 and with its country; `body` where it has a text of its own."""
        self.total += 1
        if body is not None:
            self._count_own(country, body)
        elif country in self._alike:
            self._alike[country] += 1
        else:
            self._alike[country] = 1
        if country not in self._examples:
            self._examples[country] = e164
        if self.total <= self._repeats_among:
            number = int(e164[1:])
            self._shelves[number % _SHELVES].append(number)

    def _count_own(self, country: str, body: str) -> None:
        content = content_to(body, country, self._content_countries)
        size = text_size(body)
        # A plain number is hashed much quicker than a size, and there may be millions.
        key = (country, content, size.segments if size.encoding is Encoding.GSM_7 else -size.segments)
        self._own[key] = self._own.get(key, 0) + 1

    def refuse(self) -> None:
        """Count a row that is no recipient."""
        self.invalid += 1

    def parts(self) -> list[Part]:
        """The recipients by country and by what their texts hold."""
        sizes: dict[tuple[str, Content], dict[TextSize | None, int]] = {}
        for country, content, size, count in self._counts():
            held = sizes.setdefault((country, content), {})
            held[size] = held.get(size, 0) + count
        return [Part(country, content, self._examples[country], held) for (country, content), held in sizes.items()]

    def _counts(self) -> Iterator[tuple[str, Content, TextSize | None, int]]:
        shared = None if self._body is None else self._size(self._body)
        for country, count in self._alike.items():
            yield country, self._content(country, self._body), shared, count
        for (country, content, number), count in self._own.items():
            size = TextSize(Encoding.GSM_7 if number > 0 else Encoding.UCS_2, abs(number))
            yield country, content, size if self._is_text else None, count

    def _content(self, country: str, body: str | None) -> Content:
        return NO_CONTENT if body is None else content_to(body, country, self._content_countries)

    def _size(self, body: str) -> TextSize | None:
        return text_size(body) if self._is_text else None

    @property
    def repeats(self) -> int | None:
        """Recipients whose number came before; None where there are too many recipients to tell."""
        if self.total > self._repeats_among:
            return None
        return sum(len(shelf) - len(set(shelf)) for shelf in self._shelves)


def audience_of(batch: Batch, content_countries: ContentCountries = NOWHERE, *, text_known: bool = True) -> Audience:
    """The recipients of a batch that came whole; without `text_known` the body of the batch only stands for one."""
    shared = batch.shared
    body = shared.body if text_known else None
    audience = Audience(body, product=shared.product, content_countries=content_countries)
    for row in batch.rows:
        if isinstance(row, RefusedRow) or (row.body or shared.body) is None:
            audience.refuse()
            continue
        try:
            recipient = parse_recipient(row.to, row.country or shared.country)
        except InvalidRecipientError:
            audience.refuse()
        else:
            audience.add(recipient.e164, recipient.country, row.body)
    return audience
