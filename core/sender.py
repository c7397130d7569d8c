"""Sender IDs: their types, their standing, and what makes one well-formed.

The seven sender types and their formats are those of ClickSend's public Smart Assign API description.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class SenderType(StrEnum):
    """What a Sender ID is; the spelling is the same on the wire, in the database and on the command line."""

    ALPHA_TAG = "alpha_tag"
    TEN_DLC = "10DLC"
    TOLLFREE = "tollfree"
    OWN_NUMBER = "own_number"
    SHORTCODE = "shortcode"
    LONGCODE = "longcode"
    SHARED_LONGCODE = "shared_longcode"


class SenderStatus(StrEnum):
    """Only an `active` sender may send."""

    ACTIVE = "active"
    PENDING = "pending"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    RELEASED = "released"


class RegistrationStatus(StrEnum):
    """A sender's standing with the registry or the carriers of one recipient country."""

    APPROVED = "approved"
    PENDING = "pending"
    REJECTED = "rejected"
    EXPIRED = "expired"


class Product(StrEnum):
    """The message product; MMS carries media."""

    SMS = "SMS"
    MMS = "MMS"


class TrafficClass(StrEnum):
    """Why the message is sent; carriers treat the classes differently."""

    TRANSACTIONAL = "transactional"
    PROMOTIONAL = "promotional"
    OTP = "otp"


#: Types whose Sender ID is a full telephone number.
NUMBER_TYPES = frozenset(
    {SenderType.TEN_DLC, SenderType.TOLLFREE, SenderType.OWN_NUMBER, SenderType.LONGCODE, SenderType.SHARED_LONGCODE}
)

#: No country has numbers with fewer digits, its calling code included.
LEAST_DIGITS = 7

#: An own number is verified for a year, then its holder must confirm it again.
OWN_NUMBER_VALIDITY = timedelta(days=365)

_NUMBER = re.compile(r"\+?[0-9]{2,15}\Z")
_SHORTCODE = re.compile(r"[0-9]{3,8}\Z")
#: A hyphen stands in the marks of promotional names (`AD-` in the United Arab Emirates, `-AD` in Saudi Arabia) alone.
_ALPHA = re.compile(r"(?=.{3,11}\Z)(AD-)?[A-Za-z0-9+]+(-AD)?\Z")

#: Sender type -> (pattern, the same in words).
_FORMS: dict[SenderType, tuple[re.Pattern[str], str]] = {
    SenderType.SHORTCODE: (_SHORTCODE, "must be 3 to 8 digits"),
    SenderType.ALPHA_TAG: (_ALPHA, "must be 3 to 11 letters, digits or '+'"),
    SenderType.TEN_DLC: (_NUMBER, "must be 2 to 15 digits with an optional leading '+'"),
    SenderType.TOLLFREE: (_NUMBER, "must be 2 to 15 digits with an optional leading '+'"),
    SenderType.OWN_NUMBER: (_NUMBER, "must be 2 to 15 digits with an optional leading '+'"),
    SenderType.LONGCODE: (_NUMBER, "must be 2 to 15 digits with an optional leading '+'"),
}


@dataclass(frozen=True, slots=True)
class Registration:
    """Standing of one sender in one recipient country; a missing date means no limit on that side."""

    country: str
    status: RegistrationStatus
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    def approved_at(self, moment: datetime) -> bool:
        """Whether the registration is approved and in date at `moment` (aware UTC; `valid_until` is exclusive)."""
        return (
            self.status is RegistrationStatus.APPROVED
            and (self.valid_from is None or self.valid_from <= moment)
            and (self.valid_until is None or moment < self.valid_until)
        )


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the receipts of late say of a sender in one recipient country, as it was published last.

    `trust` runs from 0 to 100 in steps, and is None before enough receipts are in. `delivered` is the share of the messages
    that arrived, in percent; `messages` is how many it is taken over, each counting less the older it is, and `span` says
    whether that is a matter of "hours" or "days". `as_of` (aware UTC) is when it was published.
    """

    trust: int | None
    unhealthy: bool
    delivered: float
    messages: int
    span: str
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Sender:
    """One Sender ID in an inventory. `account_id` None is the platform pool, open to every account.

    `country` is the sender's own country (ISO 3166-1 alpha-2) or None (names; pools without a number).
    `trust` runs from 0 to 100. `traffic_classes` None means every class. Times are aware UTC. `evidence` is what is known
    of it in the country of the recipients that are asked about, where anything is.
    """

    account_id: str | None
    sender_id: str | None
    sender_type: SenderType
    country: str | None = None
    status: SenderStatus = SenderStatus.ACTIVE
    purchased_at: datetime | None = None
    activated_at: datetime | None = None
    expires_at: datetime | None = None
    trust: int = 50
    two_way: bool = True
    mms: bool = False
    messages_per_second: float | None = None
    traffic_classes: frozenset[TrafficClass] | None = None
    registrations: tuple[Registration, ...] = ()
    evidence: Evidence | None = None

    @property
    def trust_in_use(self) -> int:
        """The measured trust, where there is one; else that of the inventory."""
        if self.evidence is None or self.evidence.trust is None:
            return self.trust
        return self.evidence.trust

    @property
    def unhealthy(self) -> bool:
        """Whether most of its messages to the country have failed of late."""
        return self.evidence is not None and self.evidence.unhealthy

    @property
    def shared(self) -> bool:
        """Whether other accounts send from it too."""
        return self.sender_type is SenderType.SHARED_LONGCODE

    @property
    def can_receive(self) -> bool:
        """Whether a recipient can reply: a name never can, a number unless its inventory says otherwise."""
        return self.two_way and self.sender_type is not SenderType.ALPHA_TAG

    @property
    def ends_at(self) -> datetime | None:
        """When the sender stops being usable by itself; an own number a year after its activation."""
        if self.expires_at is not None or self.sender_type is not SenderType.OWN_NUMBER:
            return self.expires_at
        start = self.activated_at or self.purchased_at
        return None if start is None else start + OWN_NUMBER_VALIDITY


def sender_name(sender_type: SenderType, sender_id: str | None) -> str:
    """What a sender is called within its owner's inventory; the same with and without the '+' of a number."""
    return f"{sender_type}/{bare_sender_id(sender_id)}"


def naming_fields(sender_id: str | None, sender_type: SenderType, country: str | None) -> dict[str, str | None]:
    """The fields by which every document names a sender."""
    return {"sender_id": sender_id, "sender_type": sender_type.value, "sender_country_code": country}


def form_error(sender_type: SenderType, sender_id: str | None) -> str | None:
    """What is wrong with the form of `sender_id` for its type, as a clause for people, or None."""
    if sender_type is SenderType.SHARED_LONGCODE and not sender_id:
        return None
    pattern, words = _FORMS.get(sender_type, (_NUMBER, "must be empty, or 2 to 15 digits with an optional leading '+'"))
    if sender_id is None or not pattern.match(sender_id):
        return words
    if sender_type is SenderType.ALPHA_TAG and sender_id.isdigit():
        return "must contain at least one character that is not a digit"
    return None


def bare_sender_id(sender_id: str | None) -> str:
    """What is compared of a Sender ID: a number without its leading '+', a name as it is written, '' for none."""
    text = sender_id or ""
    bare = text.removeprefix("+")
    return bare if bare.isdigit() else text
