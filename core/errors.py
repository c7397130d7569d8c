"""The catalogue of what can go wrong with a message: code, whether trying again can help, a sentence for the operator.

Codes are stable; they stand in parked notices, in `campaign status` and in `explain`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class ParkReason(StrEnum):
    """Why a message was kept instead of dispatched."""

    INVALID_MESSAGE = "INVALID_MESSAGE"
    INVALID_RECIPIENT = "INVALID_RECIPIENT"
    UNKNOWN_ACCOUNT = "UNKNOWN_ACCOUNT"
    ACCOUNT_SUSPENDED = "ACCOUNT_SUSPENDED"
    UNKNOWN_COUNTRY = "UNKNOWN_COUNTRY"
    NO_COMPLIANT_SENDER = "NO_COMPLIANT_SENDER"
    NO_SENDER_FOR_REPLIES = "NO_SENDER_FOR_REPLIES"
    NO_SENDER_FOR_PRODUCT = "NO_SENDER_FOR_PRODUCT"
    SENDER_NOT_OWNED = "SENDER_NOT_OWNED"
    SENDER_NOT_ACTIVE = "SENDER_NOT_ACTIVE"
    SENDER_NOT_COMPLIANT = "SENDER_NOT_COMPLIANT"
    COUNTRY_NOT_ENABLED = "COUNTRY_NOT_ENABLED"
    CONTENT_NOT_ALLOWED = "CONTENT_NOT_ALLOWED"
    EXPIRED = "EXPIRED"
    RETRIES_EXHAUSTED = "RETRIES_EXHAUSTED"
    NEWER_VERSION = "NEWER_VERSION"


@dataclass(frozen=True, slots=True)
class ParkReasonInfo:
    """What an operator reads about a reason: what it means, and what makes a replay worth while."""

    meaning: str
    remedy: str


PARK_REASONS: dict[ParkReason, ParkReasonInfo] = {
    ParkReason.INVALID_MESSAGE: ParkReasonInfo(
        "the document is not JSON, or a field breaks the message contract", "correct the document and send it again"
    ),
    ParkReason.INVALID_RECIPIENT: ParkReasonInfo(
        "the recipient is not a telephone number of any country", "correct the number and send the message again"
    ),
    ParkReason.UNKNOWN_ACCOUNT: ParkReasonInfo(
        "the account or sub-account does not exist", "add the account, then replay"
    ),
    ParkReason.ACCOUNT_SUSPENDED: ParkReasonInfo(
        "the account may not send at present", "lift the suspension, then replay"
    ),
    ParkReason.UNKNOWN_COUNTRY: ParkReasonInfo(
        "the number belongs to no country that has rules (satellite, international service)",
        "import rules for it, then replay",
    ),
    ParkReason.NO_COMPLIANT_SENDER: ParkReasonInfo(
        "the account holds no sender that the recipient's country accepts",
        "add or register a sender for the country, then replay",
    ),
    ParkReason.NO_SENDER_FOR_REPLIES: ParkReasonInfo(
        "a reply is expected and no sender that fits can receive one", "add a two-way number, then replay"
    ),
    ParkReason.NO_SENDER_FOR_PRODUCT: ParkReasonInfo(
        "no sender that fits can carry the product", "add a sender for the product, then replay"
    ),
    ParkReason.SENDER_NOT_OWNED: ParkReasonInfo(
        "the sender named does not belong to the account, and the policy is to park",
        "add the sender or drop it from the message, then replay",
    ),
    ParkReason.SENDER_NOT_ACTIVE: ParkReasonInfo(
        "the sender named may not send at present, and the policy is to park", "activate the sender, then replay"
    ),
    ParkReason.SENDER_NOT_COMPLIANT: ParkReasonInfo(
        "the sender named is not compliant in the recipient's country, and the policy is to park",
        "register or change the sender, then replay",
    ),
    ParkReason.COUNTRY_NOT_ENABLED: ParkReasonInfo(
        "the account, or the one above it, does not send to this country",
        "`smart-assign destinations set … --mode allow` where it is to, then replay",
    ),
    ParkReason.CONTENT_NOT_ALLOWED: ParkReasonInfo(
        "the recipient's country takes no text with a link, a shortened link or a telephone number from any sender held",
        "leave it out of the text, or register a sender where that is enough, then replay",
    ),
    ParkReason.EXPIRED: ParkReasonInfo("expires_at had passed", "send it again with a later expires_at"),
    ParkReason.RETRIES_EXHAUSTED: ParkReasonInfo(
        "work on the message was begun too often without coming to an end", "look at the worker's log, then replay"
    ),
    ParkReason.NEWER_VERSION: ParkReasonInfo(
        "it is no message but a task that the scheduler of a newer version enqueued, and this version does not know it",
        "drop it: that scheduler enqueues it again, and a worker of its version runs it",
    ),
}


#: A refusal quotes no more of a value than this.
_QUOTED_CHARACTERS = 40


def quoted(value: object) -> str:
    """A value as a refusal quotes it: in quotation marks, without control characters, and its beginning alone if it is long."""
    if isinstance(value, str) and len(value) > _QUOTED_CHARACTERS:
        return repr(f"{value[:_QUOTED_CHARACTERS]}…")
    text = repr(value)
    return text if isinstance(value, str) or len(text) <= _QUOTED_CHARACTERS else f"{text[:_QUOTED_CHARACTERS]}…"


#: What can be said of a code that stands in no list here: a worker of a newer version wrote it.
NEWER_REASON = ParkReasonInfo(
    "a newer version of this program knows the code", "look at it with that version, which may replay it too"
)


def reason_info(code: str) -> ParkReasonInfo:
    """What an operator reads about a code, one of a newer version too."""
    return PARK_REASONS[ParkReason(code)] if code in PARK_REASONS else NEWER_REASON


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field of a document that breaks its contract; `field` is a path such as `recipients[3].to`."""

    field: str
    reason: str


class SmartAssignError(Exception):
    """Base of the errors that a person or a program is meant to read."""


class RefusedError(SmartAssignError):
    """A request that breaks a rule; nothing was changed. `errors` names the fields, where fields are to blame."""

    def __init__(self, message: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(message)
        self.errors = tuple(errors)


class NotFoundError(SmartAssignError):
    """What was asked for does not exist, or belongs to somebody else."""


class ForbiddenError(SmartAssignError):
    """It exists and may be seen, but not changed, by who asks."""


class ConflictError(SmartAssignError):
    """What was to be created exists already."""


class StoreUnavailableError(SmartAssignError):
    """The database cannot be reached at present; trying again later can help."""


class RedisUnavailableError(SmartAssignError):
    """Redis answers and refuses at present; trying again later can help."""


class EpochPublishError(SmartAssignError):
    """The epochs could not be published; the write itself is safe, and the comparison with SQL repairs the rest."""
