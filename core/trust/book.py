"""What is published of senders, for people: read by owner, and held as it is by operators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec
import redis

from core.moments import rfc3339, rfc3339_or_none
from core.sender import Evidence, SenderType
from core.trust.keys import SenderKey, TrustKeys, parsed_key
from core.trust.published import decoded
from core.trust.publishing import shown_sender_id


class Frozen(msgspec.Struct, frozen=True):
    """Since when a sender is held as it is, and by whom."""

    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Standing:
    """One sender in one country: what is published of it, and whether that is frozen; one of the two at least."""

    key: SenderKey
    evidence: Evidence | None
    frozen: Frozen | None

    def document(self) -> dict[str, object]:
        """As `trust show --json` and `/v1/trust` show it; `trust` null: that of the inventory counts."""
        evidence, frozen = self.evidence, self.frozen
        return {
            "account_id": self.key.owner,
            "sender_id": shown_sender_id(self.key),
            "sender_type": self.key.sender_type.value,
            "country": self.key.country,
            "trust": None if evidence is None else evidence.trust,
            "unhealthy": evidence is not None and evidence.unhealthy,
            "delivered_percent": None if evidence is None else evidence.delivered,
            "messages": None if evidence is None else evidence.messages,
            "as_of": None if evidence is None else rfc3339(evidence.as_of),
            "frozen_at": rfc3339_or_none(frozen.at if frozen else None),
            "frozen_by": frozen.by if frozen else None,
        }


_TYPES = frozenset(map(str, SenderType))
_decode_frozen = msgspec.json.Decoder(Frozen).decode


class TrustBook:
    """Reads what is published, and freezes it. May raise redis.RedisError.

    `cache` is the Redis that decisions read; `rates` gives the one in which receipts are counted, where anything is changed.
    """

    def __init__(self, cache: redis.Redis, prefix: str, rates: Callable[[], redis.Redis] | None = None) -> None:
        self._cache, self._keys, self._rates = cache, TrustKeys(prefix), rates

    def listed(self, owner: str | None, country: str | None = None) -> list[Standing]:
        """What is published or frozen of the senders of an owner (None: the pool), by country and sender."""
        frozen = {key: held for key, held in self._frozen().items() if key.owner == owner}
        countries = {country} if country else self._countries(owner) | {key.country for key in frozen}
        found: dict[SenderKey, Evidence] = {}
        for code in sorted(countries):
            fields: dict[bytes, bytes] = self._cache.hgetall(self._keys.published(owner, code))  # type: ignore[assignment]
            for name, raw in fields.items():
                sender_type, _, bare_id = name.decode().partition("/")
                if sender_type in _TYPES and (record := decoded(raw)) is not None:
                    found[SenderKey(owner, code, SenderType(sender_type), bare_id)] = record.evidence
        keys = {*found, *(key for key in frozen if key.country in countries)}
        ordered = sorted(keys, key=lambda key: (key.country, key.name))
        return [Standing(key, found.get(key), frozen.get(key)) for key in ordered]

    def freeze(self, key: SenderKey, by: str, now: datetime) -> None:
        """Hold what is published of a sender as it is, and where nothing is, the trust of the inventory."""
        self._cache.hset(self._keys.frozen, key.text, msgspec.json.encode(Frozen(now, by)))

    def unfreeze(self, key: SenderKey) -> bool:
        """Let receipts count again, those of meanwhile too; whether it was frozen."""
        was = bool(self._cache.hdel(self._keys.frozen, key.text))
        if self._rates is not None:
            # Within a second it is looked at.
            self._rates().zadd(self._keys.due, {key.text: 0})
        return was

    def _countries(self, owner: str | None) -> set[str]:
        found: set[bytes] = self._cache.smembers(self._keys.countries(owner))  # type: ignore[assignment]
        return {code.decode() for code in found}

    def _frozen(self) -> dict[SenderKey, Frozen]:
        """Those that this version can read."""
        fields: dict[bytes, bytes] = self._cache.hgetall(self._keys.frozen)  # type: ignore[assignment]
        found = {}
        for text, raw in fields.items():
            try:
                found[parsed_key(text)] = _decode_frozen(raw)
            except ValueError:
                continue
        return found
