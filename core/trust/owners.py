"""Whose sender a receipt is about, and who vouches for it: read from SQL, and remembered for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from core.accounts.sender_rows import identity_of
from core.encoding import storable
from core.sender import bare_sender_id
from core.sender_ids import kept_if_readable
from core.storage.database import Database
from core.storage.statements import CHUNK, OneOrSeveral, chunks
from core.storage.tables import ACCOUNTS, SENDERS
from core.trust.tally import Named

#: How long it is believed who owns a sender, and how many senders are remembered.
REMEMBERED_S = 60.0
MOST_REMEMBERED = 100_000
#: The source that speaks for the owner of a sender.
OWN_WORD = ""
#: All other accounts share so many sources, so that what is kept of a sender is bounded.
SOURCES = 64


class Owned(NamedTuple):
    """The owner of a sender (None: the platform pool), its bare id, and the source that a receipt about it counts for.

    The source is OWN_WORD where the receipt names the owner itself, else a number that stands for the account named.
    """

    owner: str | None
    bare_id: str
    source: str


@dataclass(frozen=True, slots=True)
class _Account:
    ref: int
    account_id: str
    parent_ref: int | None
    parent_id: str | None
    may_borrow: bool


def _accounts(dialect: str, among: Any) -> Any:  # noqa: ARG001  # the statement is the same for both
    parent = ACCOUNTS.alias()
    columns = (
        ACCOUNTS.c.user_id,
        ACCOUNTS.c.account_id,
        ACCOUNTS.c.parent_ref,
        parent.c.account_id,
        ACCOUNTS.c.may_borrow,
    )
    joined = ACCOUNTS.outerjoin(parent, parent.c.user_id == ACCOUNTS.c.parent_ref)
    return select(*columns).select_from(joined).where(among(ACCOUNTS.c.account_id, "ids"))


_ACCOUNTS = OneOrSeveral(_accounts)
_HELD = OneOrSeveral(lambda _, among: select(SENDERS.c.identity).where(among(SENDERS.c.identity, "identities")))


class Owners:
    """Gives each named sender its owner, or None where whoever is named may not use it: a stranger's receipt.

    Used by one thread. May raise StoreUnavailableError.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database, self._clock = database, clock
        self._known: dict[Named, tuple[float, Owned | None]] = {}

    def of(self, wanted: Collection[Named]) -> Mapping[Named, Owned | None]:
        """The owner of each; two statements for every few hundred that are not remembered."""
        now = self._clock()
        found: dict[Named, Owned | None] = {}
        unknown: list[Named] = []
        for named in wanted:
            until, owned = self._known.get(named, (0.0, None))
            if now < until:
                found[named] = owned
            else:
                unknown.append(named)
        for part in chunks(unknown, CHUNK // 4):
            self._remember(found, self._looked_up(part), now)
        return found

    def _remember(self, found: dict[Named, Owned | None], owners: Mapping[Named, Owned | None], now: float) -> None:
        if len(self._known) + len(owners) > MOST_REMEMBERED:
            self._known.clear()
        found.update(owners)
        self._known.update((named, (now + REMEMBERED_S, owned)) for named, owned in owners.items())

    def _looked_up(self, wanted: Sequence[Named]) -> dict[Named, Owned | None]:
        with self._database.single() as connection:
            accounts = _read_accounts(connection, _account_ids(wanted))
            candidates = {named: _candidates(named, accounts) for named in wanted}
            identities = {identity for each in candidates.values() for identity, _ in each}
            held = _held(connection, identities)
        return {
            named: next((owned for identity, owned in each if identity in held), None)
            for named, each in candidates.items()
        }


def _account_ids(wanted: Iterable[Named]) -> list[str]:
    named = {text for each in wanted for text in (each.account_id, each.subaccount_id) if text and storable(text)}
    return sorted(named)


def _read_accounts(connection: Connection, ids: Sequence[str]) -> dict[str, _Account]:
    if not ids:
        return {}
    rows: Iterable[Sequence[Any]] = _ACCOUNTS.execute(connection, "ids", ids)
    return {row[1]: _Account(*row) for row in rows}


def _held(connection: Connection, identities: Collection[str]) -> set[str]:
    asked = sorted(filter(storable, identities))
    return {row[0] for part in chunks(asked, CHUNK) for row in _HELD.execute(connection, "identities", part)}


def _candidates(named: Named, accounts: Mapping[str, _Account]) -> list[tuple[str, Owned]]:
    """Whom the sender may belong to, by the identity that it would have there; the nearest owner first, as in a decision."""
    kept = kept_if_readable(named.sender_type, named.sender_id)
    bare = bare_sender_id(kept)

    def at(ref: int | None, owner: str | None, source: str) -> tuple[str, Owned]:
        return identity_of(ref, named.sender_type, kept), Owned(owner, bare, source)

    if named.account_id is None:
        return [at(None, None, OWN_WORD)] if named.subaccount_id is None else []
    account = accounts.get(named.account_id)
    if account is None:
        return []
    places = []
    sub = accounts.get(named.subaccount_id) if named.subaccount_id else None
    if named.subaccount_id is not None:
        if sub is None or sub.parent_ref != account.ref:
            return []
        places.append(at(sub.ref, sub.account_id, OWN_WORD))
    if sub is None or sub.may_borrow:
        places.append(at(account.ref, account.account_id, OWN_WORD))
    vouching = source_of(account.parent_id or account.account_id)
    if account.parent_ref is not None and account.may_borrow:
        places.append(at(account.parent_ref, account.parent_id, vouching))
    return [*places, at(None, None, vouching)]


def source_of(account_id: str) -> str:
    """The source for which an account's receipts count, where it is not the owner; its sub-accounts have the same."""
    return str(int.from_bytes(blake2b(account_id.encode(), digest_size=2).digest(), "big") % SOURCES)
