"""API keys: how one is made, what is kept of it, and whether one that is shown is it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.encoding import storable

#: What a key that somebody else has made must have, so that it cannot be guessed, and may have.
KEY_MIN_CHARACTERS, KEY_MAX_CHARACTERS = 20, 200

_KEY_BYTES = 32
_SALT_BYTES = 16
_PREFIX_CHARACTERS = 6


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as a list may show it."""

    key_id: int
    prefix: str
    created_at: datetime
    revoked_at: datetime | None
    name: str | None
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeyHash:
    """What is kept of an API key: enough to recognise it, too little to use it."""

    prefix: str
    salt: bytes
    digest: bytes

    @classmethod
    def of(cls, key: str) -> KeyHash:
        """A fast hash is enough: the keys made here have 256 random bits, which nobody guesses."""
        salt = secrets.token_bytes(_SALT_BYTES)
        return cls(key[: min(_PREFIX_CHARACTERS, len(key) // 2)], salt, _digest(salt, key))

    def fits(self, key: str) -> bool:
        """Whether it is the hash of `key`; takes the same time either way."""
        return hmac.compare_digest(self.digest, _digest(self.salt, key))


#: Compared where an account is unknown, so that the time of a refusal does not tell.
NOBODY = KeyHash("", bytes(_SALT_BYTES), bytes(hashlib.sha256().digest_size))


def new_key() -> str:
    """A random API key of 256 bits."""
    return secrets.token_urlsafe(_KEY_BYTES)


def key_error(key: object) -> str | None:
    """What is wrong with an API key that somebody else has made, as a clause that never quotes it, or None."""
    if isinstance(key, str) and KEY_MIN_CHARACTERS <= len(key) <= KEY_MAX_CHARACTERS and storable(key):
        return None
    return f"must be a text of {KEY_MIN_CHARACTERS} to {KEY_MAX_CHARACTERS} characters, so that nobody guesses it"


def key_values(account_ref: int, key: str, now: datetime) -> dict[str, Any]:
    """The columns of a new API key."""
    kept = KeyHash.of(key)
    return {
        "account_ref": account_ref,
        "prefix": kept.prefix,
        "salt": kept.salt,
        "digest": kept.digest,
        "created_at": now,
    }


def _digest(salt: bytes, key: str) -> bytes:
    return hashlib.sha256(salt + key.encode("utf-8", "surrogatepass")).digest()
