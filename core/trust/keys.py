"""The names of what is kept of receipts in Redis. docs/trust.md says what each is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from core.sender import SenderType, sender_name

_encode = msgspec.json.Encoder().encode


class SenderKey(NamedTuple):
    """One sender of one owner (None: the platform pool), as recipients of one country meet it.

    `bare_id` is its Sender ID without a number's leading '+', and empty for a pool without a number.
    """

    owner: str | None
    country: str
    sender_type: SenderType
    bare_id: str

    @property
    def name(self) -> str:
        """Its name among the senders of its owner and country."""
        return sender_name(self.sender_type, self.bare_id)

    @property
    def text(self) -> str:
        """The key as one text, which `parsed_key` reads."""
        return _encode(self).decode()


_parse = msgspec.json.Decoder(SenderKey).decode


def parsed_key(text: bytes) -> SenderKey:
    """The inverse of `SenderKey.text`. Raises ValueError for what this version does not know."""
    return _parse(text)


@dataclass(frozen=True, slots=True)
class TrustKeys:
    """The keys of one deployment. Those of rates are where receipts are claimed, the others where decisions are cached."""

    prefix: str

    @property
    def rates_stem(self) -> str:
        """What the keys of rates begin with; the text of a `SenderKey` follows. Hashes: rates by who vouches for them."""
        return f"{self.prefix}:trust:rates:"

    @property
    def due(self) -> str:
        """Sorted set: the texts of keys whose rates are to be looked at, by when, in ms of the server's clock."""
        return f"{self.prefix}:trust:due"

    @property
    def lock(self) -> str:
        """String: there while one worker publishes."""
        return f"{self.prefix}:trust:publishing"

    @property
    def frozen(self) -> str:
        """Hash: the texts of keys whose published trust an operator holds as it is, with when and by whom."""
        return f"{self.prefix}:trust:frozen"

    @property
    def epochs_due(self) -> str:
        """Set: owners, each as JSON, of whose senders an order has changed since their epoch was raised."""
        return f"{self.prefix}:trust:epochs-due"

    def published(self, owner: str | None, country: str) -> str:
        """Hash: what is published of the senders of an owner in a country, by `sender_name`."""
        return f"{self.prefix}:trust:published:{_encode((owner, country)).decode()}"

    def countries(self, owner: str | None) -> str:
        """Set: the countries in which anything is published of an owner's senders."""
        return f"{self.prefix}:trust:countries:{_encode(owner).decode()}"
