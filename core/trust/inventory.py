"""What the inventory says of the senders whose trust is published: read from SQL when an order may change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import Select, select

from core.sender import SenderType, sender_name
from core.storage.database import Database
from core.storage.statements import CHUNK, any_of, chunks
from core.storage.tables import ACCOUNTS, SENDERS

#: Senders that step 7 of the ranking may compare: those of one owner (None: the pool) and of one type.
Peers = tuple[str | None, SenderType]
#: Their trust in the inventory, by `sender_name`.
Trusts = Mapping[str, int]


def inventory_trusts(database: Database, wanted: Collection[Peers]) -> dict[Peers, Trusts]:
    """The trust of all senders that stand beside each other, as the inventory has it. May raise StoreUnavailableError."""
    found: defaultdict[Peers, dict[str, int]] = defaultdict(dict)
    owners = sorted({owner for owner, _ in wanted if owner is not None})
    types = sorted({str(sender_type) for _, sender_type in wanted})
    with database.single() as connection:
        for part in chunks(owners, CHUNK):
            query = _senders(types).join(ACCOUNTS, ACCOUNTS.c.user_id == SENDERS.c.account_ref)
            rows = connection.execute(query.where(any_of(connection, ACCOUNTS.c.account_id, part)))
            for account_id, sender_type, sender_id, trust in rows:
                kind = SenderType(sender_type)
                found[account_id, kind][sender_name(kind, sender_id)] = trust
        if any(owner is None for owner, _ in wanted):
            pool = select(SENDERS.c.sender_type, SENDERS.c.sender_id, SENDERS.c.trust).where(
                SENDERS.c.account_ref.is_(None), SENDERS.c.sender_type.in_(types)
            )
            for sender_type, sender_id, trust in connection.execute(pool):
                kind = SenderType(sender_type)
                found[None, kind][sender_name(kind, sender_id)] = trust
    return {peers: found.get(peers, {}) for peers in wanted}


def _senders(types: Iterable[str]) -> Select[*tuple[str, str, str | None, int]]:
    columns = (ACCOUNTS.c.account_id, SENDERS.c.sender_type, SENDERS.c.sender_id, SENDERS.c.trust)
    return select(*columns).select_from(SENDERS).where(SENDERS.c.sender_type.in_(list(types)))


def raise_epochs(database: Database, owners: Collection[str | None]) -> None:
    """Tell every cache that the senders of these owners stand in another order. May raise StoreUnavailableError."""
    named = sorted(owner for owner in owners if owner is not None)
    with database.writing() as write:
        for part in chunks(named, CHUNK):
            query = select(ACCOUNTS.c.user_id).where(any_of(write.connection, ACCOUNTS.c.account_id, part))
            for (ref,) in write.connection.execute(query).all():
                write.touch_account(ref)
        if None in owners:
            write.touch_account(None)
