"""The accounts that a worker's tests send for, and their messages."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import redis

from core.accounts.accounts import Accounts
from core.accounts.senders import Senders
from core.cache.epochs import RedisEpochs
from core.process.redis_clients import client_url
from core.sender import Registration, RegistrationStatus, Sender, SenderType
from core.storage.database import open_engine
from core.storage.upgrade import upgrade
from core.store import Store

ACCOUNT = "acme"
#: An account without a sender.
BARE = "bare"
AU, GB, FR, US = "+61491570156", "+447400123456", "+33612345678", "+12025550123"
AU_NUMBER, GB_NUMBER, US_NUMBER, NAME = "+61491570006", "+447400000001", "+12025550100", "ACME"

#: Recipient -> the sender that the rules give account `acme` for it.
EXPECTED: Mapping[str, str] = {AU: AU_NUMBER, GB: GB_NUMBER, FR: NAME, US: US_NUMBER}

SENDERS = (
    Sender(ACCOUNT, AU_NUMBER, SenderType.LONGCODE, "AU"),
    Sender(ACCOUNT, GB_NUMBER, SenderType.LONGCODE, "GB"),
    Sender(ACCOUNT, NAME, SenderType.ALPHA_TAG, None),
    Sender(
        ACCOUNT,
        US_NUMBER,
        SenderType.TEN_DLC,
        "US",
        registrations=(Registration("US", RegistrationStatus.APPROVED),),
    ),
)

#: How `AU_NUMBER` may be written; the last two only where the sender's country is known or can be looked up.
SPELLINGS = ("+61491570006", "61491570006", "0061491570006", "+61 491 570 006", "0491570006", "0491 570 006")

_numbers = itertools.count()


@contextmanager
def open_store(database_url: str, redis_url: str) -> Iterator[Store]:
    """The store as programs beside the worker use it: writes publish their epochs."""
    with redis.Redis.from_url(client_url(redis_url)) as client:
        store = Store(open_engine(database_url), RedisEpochs(client, "smart-assign"))
        try:
            yield store
        finally:
            store.engine.dispose()


def seed(database_url: str, redis_url: str) -> None:
    """Migrate, install the rules, add account `acme` with its senders."""
    upgrade(database_url)
    with open_store(database_url, redis_url) as store:
        store.ensure_rules()
        add_account(store, ACCOUNT)
        add_account(store, BARE, ())


def add_account(store: Store, account_id: str, senders: tuple[Sender, ...] = SENDERS) -> str:
    """An account with senders of its own like acme's."""
    Accounts(store).add(account_id)
    for sender in senders:
        Senders(store).add(_owned(sender, account_id))
    return account_id


def _owned(sender: Sender, account_id: str) -> Sender:
    fields = {name: getattr(sender, name) for name in Sender.__dataclass_fields__}
    return Sender(**(fields | {"account_id": account_id}))


def message(to: str = AU, **fields: Any) -> dict[str, Any]:
    """A message document of acme with an id of its own."""
    return {
        "message_id": f"m-{next(_numbers)}-{uuid.uuid4().hex[:12]}",
        "account_id": ACCOUNT,
        "to": to,
        "body": "Your parcel arrives today.",
    } | fields
