"""The ids of a message: those that can be read of any document, and the digest that stands for one message."""

from __future__ import annotations

import hashlib

from core.encoding import ContractError, decode_json

_ID_FIELDS = ("message_id", "campaign_id", "batch_id", "account_id", "subaccount_id", "country")


def known_ids(document: object) -> dict[str, str]:
    """The ids of a document that are texts of a sane length, for a notice about a document that was refused."""
    if not isinstance(document, dict):
        return {}
    found = {name: document.get(name) for name in _ID_FIELDS}
    return {name: value for name, value in found.items() if isinstance(value, str) and 0 < len(value) <= 64}


def ids_in(document: bytes) -> dict[str, str]:
    """`known_ids` of a document as it came in; none where it cannot be read."""
    try:
        return known_ids(decode_json(document))
    except ContractError:
        return {}


def message_digest(account_id: str, message_id: str) -> bytes:
    """16 bytes that stand for one message of one account: its dispatch id, and its mark against repeats."""
    return digest_of(account_hash(account_id), message_id)


def account_hash(account_id: str) -> hashlib.blake2b:
    """What the digests of one account's messages begin with, for `digest_of`."""
    return hashlib.blake2b(f"{len(account_id)}:{account_id}".encode(), digest_size=16)


def digest_of(account: hashlib.blake2b, message_id: str) -> bytes:
    """`message_digest` of a message of the account with this `account_hash`; to copy one is quicker than to begin anew."""
    digest = account.copy()
    digest.update(message_id.encode())
    return digest.digest()
