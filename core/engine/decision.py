"""The engine's answer: the sender, why, and why every other candidate was not taken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from core.content.inspection import NO_CONTENT, Content
from core.engine.country_rules import Grade
from core.engine.destinations import Destination, DestinationMode, DestinationSetting
from core.errors import ParkReason
from core.sender import Product, Sender, SenderType, TrafficClass


class DefaultStatus(StrEnum):
    """Of a default sender or a strategy; a disabled strategy is kept, and passed over."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


class Source(StrEnum):
    """Which step of the decision order gave the sender."""

    EXPLICIT = "explicit"
    OVERRIDE = "override"
    DEFAULT = "default"
    INHERITED_DEFAULT = "inherited_default"
    SMART = "smart"
    RESEND = "resend"


class Rejection(StrEnum):
    """Why a candidate cannot be used; the first filter that fails names it."""

    NOT_OWNED = "NOT_OWNED"
    NOT_ACTIVE = "NOT_ACTIVE"
    MALFORMED = "MALFORMED"
    NAME_TOO_LONG = "NAME_TOO_LONG"
    NAME_TOO_SHORT = "NAME_TOO_SHORT"
    NAME_FORM = "NAME_FORM"
    NAME_GENERIC = "NAME_GENERIC"
    TYPE_BLOCKED = "TYPE_BLOCKED"
    ALTERED_FORBIDDEN = "ALTERED_FORBIDDEN"
    RULE_UNKNOWN = "RULE_UNKNOWN"
    SENDER_COUNTRY_NOT_ALLOWED = "SENDER_COUNTRY_NOT_ALLOWED"
    NOT_REGISTERED = "NOT_REGISTERED"
    PRODUCT_NOT_SUPPORTED = "PRODUCT_NOT_SUPPORTED"
    NO_REPLIES = "NO_REPLIES"
    TRAFFIC_CLASS_NOT_ALLOWED = "TRAFFIC_CLASS_NOT_ALLOWED"
    PROMOTION_NOT_ALLOWED = "PROMOTION_NOT_ALLOWED"
    PROMOTIONAL_AFFIX = "PROMOTIONAL_AFFIX"
    CONTENT_NOT_ALLOWED = "CONTENT_NOT_ALLOWED"
    DEDICATED_AVAILABLE = "DEDICATED_AVAILABLE"
    COMPLIANT_AVAILABLE = "COMPLIANT_AVAILABLE"
    FAILED_BEFORE = "FAILED_BEFORE"


class RankStep(StrEnum):
    """The ranking step that put one candidate before another; the first step that tells two apart decides."""

    GRADE = "GRADE"
    REGISTERED = "REGISTERED"
    LOCAL = "LOCAL"
    DEDICATED = "DEDICATED"
    HEALTH = "HEALTH"
    NEAREST_OWNER = "NEAREST_OWNER"
    TYPE_PREFERENCE = "TYPE_PREFERENCE"
    TRUST = "TRUST"
    RECENCY = "RECENCY"
    SENDER_ID = "SENDER_ID"


class Reason(StrEnum):
    """Why this sender, in one code."""

    EXPLICIT = "EXPLICIT"
    OVERRIDE = "OVERRIDE"
    DEFAULT = "DEFAULT"
    INHERITED_DEFAULT = "INHERITED_DEFAULT"
    REGISTERED_NAME = "REGISTERED_NAME"
    NAME = "NAME"
    LOCAL_DEDICATED = "LOCAL_DEDICATED"
    FOREIGN_DEDICATED = "FOREIGN_DEDICATED"
    LOCAL_SHARED = "LOCAL_SHARED"
    FOREIGN_SHARED = "FOREIGN_SHARED"


class Warn(StrEnum):
    """What the reader of an enriched message should know beside the sender."""

    OVERRIDE_NOT_OWNED_REVERTED = "OVERRIDE_NOT_OWNED_REVERTED"
    OVERRIDE_NOT_ACTIVE_REVERTED = "OVERRIDE_NOT_ACTIVE_REVERTED"
    OVERRIDE_NOT_COMPLIANT_REVERTED = "OVERRIDE_NOT_COMPLIANT_REVERTED"
    DEFAULT_NOT_OWNED_REVERTED = "DEFAULT_NOT_OWNED_REVERTED"
    DEFAULT_NOT_ACTIVE_REVERTED = "DEFAULT_NOT_ACTIVE_REVERTED"
    DEFAULT_NOT_COMPLIANT_REVERTED = "DEFAULT_NOT_COMPLIANT_REVERTED"
    SENDER_ALTERED = "SENDER_ALTERED"
    RULE_UNKNOWN = "RULE_UNKNOWN"
    SENDER_UNHEALTHY = "SENDER_UNHEALTHY"
    COUNTRY_MONITORED = "COUNTRY_MONITORED"


class InvalidOverride(StrEnum):
    """What happens to a sender of steps 1 to 3 that fails its conditions."""

    REVERT = "revert"
    PARK = "park"


class AlteredSenders(StrEnum):
    """Whether a sender that the carrier replaces or labels may be used when nothing compliant exists."""

    ALLOW = "allow"
    FORBID = "forbid"


class UnknownRule(StrEnum):
    """What may be used where the data says nothing: a dedicated number of the country itself, nothing, anything."""

    LOCAL = "local"
    FORBID = "forbid"
    ALLOW = "allow"


@dataclass(frozen=True, slots=True)
class Policy:
    """The operator's choices that the engine obeys (settings of the same names)."""

    invalid_override: InvalidOverride = InvalidOverride.REVERT
    altered_senders: AlteredSenders = AlteredSenders.ALLOW
    unknown_rule: UnknownRule = UnknownRule.LOCAL
    default_destination: DestinationMode = DestinationMode.ALLOW
    alternates: int = 2


@dataclass(frozen=True, slots=True)
class SenderRef:
    """A sender as a message, a batch or a default names it; `sender_type` is None where any type will do."""

    sender_id: str | None
    sender_type: SenderType | None = None
    sender_country: str | None = None


class Request(NamedTuple):
    """What a decision is made for; all messages with an equal request share one decision. A tuple: quick to look up.

    `account_id` is the account that sends and `subaccount_id` its sub-account, if one sends.
    `override` is the batch's sender for this country. `content` is what the text holds, told only where a rule of the
    country looks at it, so that texts to all others share one decision. `failed` are the senders that
    failed at the carrier, in a resend.
    """

    account_id: str
    subaccount_id: str | None
    country: str
    product: Product = Product.SMS
    traffic_class: TrafficClass = TrafficClass.TRANSACTIONAL
    reply_expected: bool = False
    explicit: SenderRef | None = None
    override: SenderRef | None = None
    content: Content = NO_CONTENT
    failed: tuple[SenderRef, ...] = ()


@dataclass(frozen=True, slots=True)
class DefaultSender:
    """The default configured at one level (`account_id`) for one country and product; disabled strategies left out.

    `spread`: recipients are spread over those of its senders that pass and are equal.
    """

    account_id: str
    country: str
    product: Product
    strategies: tuple[SenderRef, ...]
    spread: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """All that was read for a decision. `senders` holds the sub-account's, the account's and the platform pool's.

    `borrowed_from` names the accounts whose senders may be used beside the requester's own: the parent, where the
    sub-account may borrow. `defaults` is ordered nearest first: the sub-account's, then the account's.
    `spread`: recipients of the smart choice are spread over the senders that are equal to the best. `area_codes`:
    those to calling code 1 get the nearest of these senders (core/engine/nearness.py). `evidence_away`: what the receipts say of the senders could not be read.
    `destinations`: what was set for countries, nearest first, as `nearest_destination` takes it.
    """

    senders: tuple[Sender, ...]
    borrowed_from: frozenset[str] = frozenset()
    defaults: tuple[DefaultSender, ...] = ()
    spread: bool = False
    area_codes: bool = False
    evidence_away: bool = False
    destinations: tuple[DestinationSetting, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountProblem:
    """Why a request has no facts: UNKNOWN_ACCOUNT or ACCOUNT_SUSPENDED. `field` names the id that is to blame."""

    reason: ParkReason
    field: str
    detail: str


@dataclass(frozen=True, slots=True)
class PoolMember:
    """One of the senders over which recipients are spread; `weight` is its messages a second, 1 where unknown."""

    sender: Sender
    weight: float


class Candidate(NamedTuple):
    """One sender that was looked at: its rank from 1, or the code of the filter that it failed, with the words.

    A tuple: quick to make, for an inventory may hold a thousand senders.
    `sender_type` is None only for a sender that was named without a type and is in no inventory.
    `grade` is `unknown` where the data says nothing, also for a sender that the policy admits all the same.
    """

    sender_id: str | None
    sender_type: SenderType | None
    sender_country: str | None
    account_id: str | None
    grade: Grade
    rank: int | None
    rejected: Rejection | None
    detail: str


class Alternate(NamedTuple):
    """A sender that would come next, with its grade as the wire knows it."""

    sender: Sender
    grade: Grade


@dataclass(frozen=True, slots=True)
class Chosen:
    """The decision gives a sender.

    `grade` is `compliant` or `altered`: the wire knows no third. A sender that the policy admits where the data says
    nothing counts as `compliant` here and carries the warning `RULE_UNKNOWN`; its candidate keeps the grade `unknown`.
    `pool` holds the equal senders over which recipients are spread, `sender` the first of them; empty: it sends to all.
    `nearest`: of the pool the nearest sender of a recipient goes first, and without `spread` no draw decides.
    `alternates` are who would come after `sender`, the next one first.
    """

    sender: Sender
    source: Source
    grade: Grade
    reason: Reason
    pool: tuple[PoolMember, ...] = ()
    alternates: tuple[Alternate, ...] = ()
    spread: bool = True
    nearest: bool = False

    def alternates_after(self, sender: Sender) -> tuple[Alternate, ...]:
        """Who would come after `sender`, which may be any of the pool; as many as after the first one."""
        if sender == self.sender:
            return self.alternates
        others = (Alternate(self.sender, self.grade), *(each for each in self.alternates if each.sender != sender))
        return others[: len(self.alternates)]


@dataclass(frozen=True, slots=True)
class NoSender:
    """The decision gives no sender: its messages are parked."""

    park: ParkReason


@dataclass(frozen=True, slots=True)
class Decision:
    """What `decide` answers; `detail` says in words why the outcome is what it is.

    `decision_id` is a digest of the content, so that every worker that decides alike names it alike.
    `valid_until` (aware UTC) is the next moment at which a rule, a registration or a sender begins or ends.
    `destination` says whether the account sends to the country at all, and by which setting.
    """

    decision_id: str
    request: Request
    outcome: Chosen | NoSender
    detail: str
    warnings: tuple[Warn, ...]
    candidates: tuple[Candidate, ...]
    rules_version: str
    valid_until: datetime | None
    destination: Destination

    @property
    def sender(self) -> Sender | None:
        """The sender, where there is one."""
        return self.outcome.sender if isinstance(self.outcome, Chosen) else None

    @property
    def source(self) -> Source | None:
        """The step that gave the sender, where there is one."""
        return self.outcome.source if isinstance(self.outcome, Chosen) else None

    @property
    def grade(self) -> Grade | None:
        """The grade of the sender, where there is one."""
        return self.outcome.grade if isinstance(self.outcome, Chosen) else None

    @property
    def reason(self) -> Reason | None:
        """Why this sender, where there is one."""
        return self.outcome.reason if isinstance(self.outcome, Chosen) else None

    @property
    def pool(self) -> tuple[PoolMember, ...]:
        """The senders over which recipients are spread; empty where they are not."""
        return self.outcome.pool if isinstance(self.outcome, Chosen) else ()

    @property
    def alternates(self) -> tuple[Alternate, ...]:
        """Who would come after the sender, the next one first."""
        return self.outcome.alternates if isinstance(self.outcome, Chosen) else ()

    @property
    def park(self) -> ParkReason | None:
        """Why there is no sender, where there is none."""
        return self.outcome.park if isinstance(self.outcome, NoSender) else None

    @property
    def asked(self) -> SenderRef | None:
        """The sender that the message names, else the one that its batch names for the country."""
        return self.request.explicit or self.request.override

    @property
    def reverted(self) -> bool:
        """Whether the sender asked for was not used."""
        wanted = Reason.EXPLICIT if self.request.explicit else Reason.OVERRIDE
        return self.asked is not None and self.reason is not wanted
