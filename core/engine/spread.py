"""Spreading recipients over equal senders: weighted rendezvous hashing, sticky without storage.

Every sender draws a number for the recipient; the best one, by weight, sends. A recipient keeps its sender on every
worker and after every restart, for nothing but the two identities and the weights enters. A sender that joins takes
its share of each, one that leaves gives up its own recipients and no others.

The score `ln(u) / weight` gives each sender a share in proportion to its weight: Schindelhauer and Schomaker, Weighted
Distributed Hash Tables, 2005.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from math import log

from core.engine.decision import PoolMember
from core.sender import bare_sender_id

Ticket = tuple[int, float]
"""A sender as `pick_sender` needs it: what it is called in 64 bits, and one divided by its weight."""

_MASK = 0xFFFFFFFFFFFFFFFF
# The multipliers of MurmurHash3's finaliser: two rounds, for one would leave the numbers of two senders related.
_FIRST, _SECOND = 0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53
_LOG_OF_ALL = 64 * log(2)
_LOWEST = float("-inf")


def tickets_of(pool: Sequence[PoolMember]) -> tuple[Ticket, ...]:
    """What `pick_sender` needs of the senders, in their order; made once for many recipients."""
    return tuple((_seed(member), 1.0 / member.weight) for member in pool)


def pick_sender(recipient: str, tickets: Sequence[Ticket]) -> int:
    """The place of the sender for a recipient in E.164; the same whatever the order of the others."""
    name = int.from_bytes(blake2b(recipient.encode(), digest_size=8).digest(), "big")
    best, place, index = _LOWEST, 0, 0
    for seed, by_weight in tickets:
        drawn = ((name ^ seed) * _FIRST) & _MASK
        score = (log((((drawn ^ (drawn >> 32)) * _SECOND) & _MASK) | 1) - _LOG_OF_ALL) * by_weight
        if score > best:
            best, place = score, index
        index += 1  # noqa: SIM113 - enumerate takes a tenth of the time of all this
    return place


def _seed(member: PoolMember) -> int:
    sender = member.sender
    name = "\0".join((sender.account_id or "", sender.sender_type, bare_sender_id(sender.sender_id)))
    return int.from_bytes(blake2b(name.encode(), digest_size=8, person=b"spread").digest(), "big")
