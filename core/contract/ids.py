"""The ids of a message: those that can be read of any document, and the digest that stands for one message."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields

from core.encoding import ContractError, decode_json

#: Bytes of a message's digest that mark it as dispatched; 14 fill the same memory in Redis as 8.
MARK_BYTES = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageIds:
    """What a document says of where it belongs; None for what it does not say, or what could not be read."""

    message_id: str | None = None
    campaign_id: str | None = None
    batch_id: str | None = None
    account_id: str | None = None
    subaccount_id: str | None = None
    country: str | None = None

    def as_dict(self) -> dict[str, str | None]:
        """The same under its names."""
        return {name: getattr(self, name) for name in ID_FIELDS}


NO_IDS = MessageIds()

#: The names of the ids.
ID_FIELDS = tuple(field.name for field in fields(MessageIds))


def known_ids(document: object) -> dict[str, str]:
    """The ids of a document that are texts of a sane length, for a notice about a document that was refused."""
    if not isinstance(document, dict):
        return {}
    values = {name: document.get(name) for name in ID_FIELDS}
    found = {name: value for name, value in values.items() if isinstance(value, str) and 0 < len(value) <= 64}
    if found or not isinstance(document.get("message"), dict):
        return found
    return known_ids(document["message"] | {"message": None})  # that of a resend


def ids_in(document: bytes) -> dict[str, str]:
    """`known_ids` of a document as it came in; none where it cannot be read."""
    try:
        return known_ids(decode_json(document))
    except ContractError:
        return {}


def account_hash(account_id: str, subaccount_id: str | None = None) -> hashlib.blake2b:
    """What the digests of the messages of an account, or of one of its sub-accounts, begin with, for `digest_of`.

    That of an account alone is what the first edition took for its sub-accounts too.
    """
    account = f"{len(account_id)}:{account_id}"
    if subaccount_id is None:
        return hashlib.blake2b(account.encode(), digest_size=16)
    both = f"{account}{len(subaccount_id)}:{subaccount_id}"
    return hashlib.blake2b(both.encode(), digest_size=16, person=b"sub-account")


def digest_of(account: hashlib.blake2b, message_id: str) -> bytes:
    """16 bytes that stand for one message of one account or sub-account: its dispatch id, and its mark against repeats.

    `account` is its `account_hash`; to copy one is quicker than to begin anew.
    """
    digest = account.copy()
    digest.update(message_id.encode())
    return digest.digest()
