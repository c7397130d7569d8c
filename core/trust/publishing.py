"""Publishing: one worker at a time looks at the rates that have changed, and writes down what decisions are to go by.

In this order, so that a crash at any place is made good by the next turn: the events, then what is published together with
whose epochs are due, then the epochs, and last when each sender is to be looked at again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import redis
from redis.exceptions import LockNotOwnedError

from core.encoding import SCHEMA_VERSION, encode_json
from core.moments import rfc3339
from core.sender import NUMBER_TYPES
from core.storage.database import Database
from core.trust.inventory import Trusts, inventory_trusts, raise_epochs
from core.trust.keys import SenderKey, TrustKeys, parsed_key
from core.trust.owners import OWN_WORD
from core.trust.published import Published, decoded
from core.trust.rates import Measure, Rates, State, TrustPolicy, measured, next_look_s, next_state

#: Senders that one turn looks at.
AT_ONCE = 500
#: A turn that has not come to its end by then is taken for dead.
TURN_S = 30
#: The figures beside a trust that stays the same are published again after so long.
REFRESHED_AFTER_S = 3600.0
#: Of a sender of which the inventory says nothing.
_DEFAULT_TRUST = 50

UNHEALTHY_EVENT, RECOVERED_EVENT = "sender.unhealthy", "sender.recovered"

#: Puts events, each a JSON document, where they are sent from; raises where it cannot.
Tell = Callable[[Sequence[bytes]], None]

# KEYS: 1 what is due. ARGV: text, when it was due, when it is to be looked at again (empty: not by itself), for each.
# What has been written to meanwhile stays due.
_LOOKED_AT = """
for i = 1, #ARGV, 3 do
  if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[i]) or '-1') == tonumber(ARGV[i + 1]) then
    if ARGV[i + 2] == '' then redis.call('ZREM', KEYS[1], ARGV[i])
    else redis.call('ZADD', KEYS[1], ARGV[i + 2], ARGV[i]) end
  end
end
"""
# KEYS: rates. Forgets the recent receipts of each, so that a sender which is tried again is judged by what it does then.
_FORGET_RECENT = """
for i = 1, #KEYS do
  local fields = redis.call('HGETALL', KEYS[i])
  for j = 1, #fields, 2 do
    local ok, rates = pcall(cjson.decode, fields[j + 1])
    if ok and type(rates) == 'table' and #rates == 9 then
      rates[7], rates[8] = 0, 0
      redis.call('HSET', KEYS[i], fields[j], cjson.encode(rates))
    end
  end
end
"""

_decode_rates = msgspec.json.Decoder(Rates).decode


@dataclass(frozen=True, slots=True)
class _Look:
    """One sender that is due: its rates by source, what is published of it, and what it comes to."""

    key: SenderKey
    due: float
    sources: Mapping[str, Rates]
    before: Published | None
    frozen: bool

    @property
    def state(self) -> State:
        """What is published."""
        return State(None, False) if self.before is None else State(self.before.trust, self.before.unhealthy)

    def measure(self, inventory_trust: int, now: float, policy: TrustPolicy) -> Measure:
        """What its rates come to at `now`."""
        faded = {source: rates.at_time(now, policy) for source, rates in self.sources.items()}
        own = faded.pop(OWN_WORD, Rates(now))
        return measured(own, list(faded.values()), inventory_trust, policy)


@dataclass(frozen=True, slots=True)
class _Change:
    """What is to be published of a sender; None: nothing any more."""

    look: _Look
    measure: Measure
    state: State
    after: Published | None

    @property
    def moves(self) -> bool:
        """Whether it is more than fresher figures."""
        return self.state != self.look.state


class Publisher:
    """Publishes trust and health. May raise redis.RedisError and StoreUnavailableError; the next turn goes on.

    `rates` is the Redis in which receipts are counted, `cache` the one that decisions read; they may be one.
    """

    def __init__(
        self,
        rates: redis.Redis,
        cache: redis.Redis,
        database: Database,
        policy: TrustPolicy,
        *,
        prefix: str,
        tell: Tell,
    ) -> None:
        self._rates, self._cache, self._database = rates, cache, database
        self._policy, self._keys, self._tell = policy, TrustKeys(prefix), tell
        self._looked_at = rates.register_script(_LOOKED_AT)
        self._forget_recent = rates.register_script(_FORGET_RECENT)

    def turn(self) -> int:
        """Look at what is due, unless another worker does so at present; how many senders were looked at."""
        now_s, now_us = self._rates.time()
        now = now_s + now_us / 1_000_000
        due: list[tuple[bytes, float]] = self._rates.zrangebyscore(  # type: ignore[assignment]
            self._keys.due, "-inf", now * 1000, 0, AT_ONCE, withscores=True
        )
        if not due and not self._cache.exists(self._keys.epochs_due):
            return 0
        lock = self._rates.lock(self._keys.lock, timeout=TURN_S, blocking=False)
        if not lock.acquire():
            return 0
        try:
            self._raise_epochs()
            self._publish(due, now)
        finally:
            with suppress(LockNotOwnedError):  # it took so long that another has it
                lock.release()
        return len(due)

    def _publish(self, due: Sequence[tuple[bytes, float]], now: float) -> None:
        looks, unreadable = self._read(due)
        asked = {(look.key.owner, look.key.sender_type) for look in looks if look.sources.keys() - {OWN_WORD}}
        trusts = inventory_trusts(self._database, asked) if asked else {}
        looked = list[bytes | str | float]()
        changes = list[_Change]()
        for look in looks:
            held = trusts.get((look.key.owner, look.key.sender_type), {})
            measure = look.measure(held.get(look.key.name, _DEFAULT_TRUST), now, self._policy)
            state = look.state if look.frozen else next_state(measure, look.state, self._policy)
            wait_s = None if look.frozen else next_look_s(measure, state, self._policy)
            looked += [look.key.text, look.due, "" if wait_s is None else (now + wait_s) * 1000]
            if not look.frozen and (change := self._change(look, measure, state, now)) is not None:
                changes.append(change)
        self._write(changes, now)
        for text, at in unreadable:
            looked += [text, at, ""]
        if looked:
            self._looked_at(keys=[self._keys.due], args=looked)

    def _read(self, due: Sequence[tuple[bytes, float]]) -> tuple[list[_Look], list[tuple[bytes, float]]]:
        """The senders that are due; and the texts that name none."""
        keys, unreadable = list[tuple[SenderKey, float]](), list[tuple[bytes, float]]()
        for text, at in due:
            try:
                keys.append((parsed_key(text), at))
            except ValueError:
                unreadable.append((text, at))
        if not keys:
            return [], unreadable
        with self._rates.pipeline(transaction=False) as pipe:
            for key, _ in keys:
                pipe.hgetall(self._keys.rates_stem + key.text)
            rates = pipe.execute()
        with self._cache.pipeline(transaction=False) as pipe:
            for key, _ in keys:
                pipe.hget(self._keys.published(key.owner, key.country), key.name)
            for key, _ in keys:
                pipe.hexists(self._keys.frozen, key.text)
            known = pipe.execute()
        befores, frozen = known[: len(keys)], known[len(keys) :]
        return [
            _Look(key, at, _sources(fields), decoded(before), bool(held))
            for (key, at), fields, before, held in zip(keys, rates, befores, frozen, strict=True)
        ], unreadable

    def _change(self, look: _Look, measure: Measure, state: State, now: float) -> _Change | None:
        """What is to be written of a sender, where anything is."""
        before = look.before
        if state == look.state and (before is None or not _out_of_date(before, measure, now)):
            return None
        if state == State(None, False):
            return _Change(look, measure, state, None)
        delivered, messages = round(measure.delivered, 1), round(measure.messages)
        after = Published(*state, delivered, messages, as_of=round(now), span=self._policy.span)
        return _Change(look, measure, state, after)

    def _write(self, changes: Sequence[_Change], now: float) -> None:
        if not changes:
            return
        moving = [change for change in changes if change.moves]
        turned = [change for change in moving if change.state.unhealthy != change.look.state.unhealthy]
        owners = self._reordered(moving) | {change.look.key.owner for change in turned}
        if turned:
            self._tell([_event(change, now) for change in turned])
        with self._cache.pipeline(transaction=True) as pipe:
            for change in changes:
                key = change.look.key
                place = self._keys.published(key.owner, key.country)
                if change.after is None:
                    pipe.hdel(place, key.name)
                else:
                    pipe.hset(place, key.name, encode_json(change.after))
                    pipe.sadd(self._keys.countries(key.owner), key.country)
            for owner in owners:
                pipe.sadd(self._keys.epochs_due, encode_json(owner))
            pipe.execute()
        recovered = [change.look.key.text for change in turned if not change.state.unhealthy]
        if recovered:
            self._forget_recent(keys=[self._keys.rates_stem + text for text in recovered])
        self._raise_epochs()

    def _reordered(self, moving: Sequence[_Change]) -> set[str | None]:
        """The owners of whose senders two stand in another order than before."""
        by_trust = [change for change in moving if change.state.trust != change.look.state.trust]
        if not by_trust:
            return set()
        peers = {(change.look.key.owner, change.look.key.sender_type) for change in by_trust}
        trusts = inventory_trusts(self._database, peers)
        owners: set[str | None] = set()
        for owner, sender_type in peers:
            mine = [c for c in by_trust if (c.look.key.owner, c.look.key.sender_type) == (owner, sender_type)]
            for country in {change.look.key.country for change in mine}:
                before = self._in_use(owner, country, trusts[owner, sender_type])
                after = before | {
                    c.look.key.name: _in_use(c.state.trust, trusts[owner, sender_type], c.look.key.name)
                    for c in mine
                    if c.look.key.country == country
                }
                if orders_differ(before, after):
                    owners.add(owner)
        return owners

    def _in_use(self, owner: str | None, country: str, trusts: Trusts) -> dict[str, int]:
        """The trust by which each of some senders is ranked at present."""
        fields: dict[bytes, bytes] = self._cache.hgetall(self._keys.published(owner, country))  # type: ignore[assignment]
        known = {name.decode(): decoded(raw) for name, raw in fields.items()}
        return {name: _in_use(record.trust if (record := known.get(name)) else None, trusts, name) for name in trusts}

    def _raise_epochs(self) -> None:
        owed: set[bytes] = self._cache.smembers(self._keys.epochs_due)  # type: ignore[assignment]
        if owed:
            raise_epochs(self._database, {msgspec.json.decode(owner) for owner in owed})
            self._cache.srem(self._keys.epochs_due, *owed)


def orders_differ(before: Mapping[str, int], after: Mapping[str, int]) -> bool:
    """Whether any two stand in another order; those that were equal, and are not, do."""
    moved = [name for name, trust in after.items() if before.get(name) != trust]
    return any(
        _sign(before.get(name, after[name]) - before[other]) != _sign(after[name] - after[other])
        for name in moved
        for other in before
        if other != name
    )


def shown_sender_id(key: SenderKey) -> str | None:
    """The Sender ID as people read it."""
    if key.sender_type in NUMBER_TYPES and key.bare_id.isdigit():
        return f"+{key.bare_id}"
    return key.bare_id or None


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def _in_use(measured_trust: int | None, trusts: Trusts, name: str) -> int:
    return trusts.get(name, _DEFAULT_TRUST) if measured_trust is None else measured_trust


def _sources(fields: Mapping[bytes, bytes]) -> dict[str, Rates]:
    """The rates by source; what a newer version wrote is left out."""
    found = {}
    for source, raw in fields.items():
        with suppress(ValueError):
            found[source.decode()] = _decode_rates(raw)
    return found


def _out_of_date(before: Published, measure: Measure, now: float) -> bool:
    if now - before.as_of < REFRESHED_AFTER_S and measure.messages < 2 * before.messages:
        return False
    return (before.delivered, before.messages) != (round(measure.delivered, 1), round(measure.messages))


def _event(change: _Change, now: float) -> bytes:
    """`sender.unhealthy` or `sender.recovered` as JSON."""
    key, measure = change.look.key, change.measure
    return encode_json(
        {
            "schema": SCHEMA_VERSION,
            "event": UNHEALTHY_EVENT if change.state.unhealthy else RECOVERED_EVENT,
            "at": rfc3339(datetime.fromtimestamp(now, UTC)),
            "account_id": key.owner,
            "sender_id": shown_sender_id(key),
            "sender_type": key.sender_type,
            "country": key.country,
            "recent_delivered_percent": round(measure.recent_delivered, 1),
            "recent_messages": round(measure.recent),
            "delivered_percent": round(measure.delivered, 1),
            "messages": round(measure.messages),
        }
    )
