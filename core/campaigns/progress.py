"""A campaign's progress, as the hand-off counts it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

import redis

from core.errors import NotFoundError, RefusedError
from core.moments import parse_rfc3339, rfc3339_or_none

_PARKED = "parked:"
_DAY_S = 86_400


def progress_key(stem: str, account_id: str, campaign_id: str) -> str:
    """The Redis key of a campaign's progress."""
    return f"{stem}:campaign:{len(account_id)}:{account_id}:{campaign_id}"


def campaign_id_of(key: str) -> str:
    """The campaign whose progress is kept under a key that `progress_key` made."""
    rest = key.partition(":campaign:")[2]
    length, _, ids = rest.partition(":")
    return ids[int(length) + 1 :]


def campaign_accounts_key(prefix: str, campaign_id: str) -> str:
    """The Redis set of the accounts that have a campaign of this id."""
    return f"{prefix}:campaign-accounts:{campaign_id}"


def campaigns_key(prefix: str, account_id: str) -> str:
    """The Redis sorted set of an account's campaigns that are counted, by when their first batch was settled."""
    return f"{prefix}:campaigns-of:{account_id}"


def counts_key(prefix: str) -> str:
    """The Redis hash of how many messages were dispatched, parked and dropped as repeats, by all workers together."""
    return f"{prefix}:counts"


def campaigns_begun_stem(prefix: str) -> str:
    """What the Redis hashes of how many campaigns each account began in a day begin with; the day's number since 1970 follows."""
    return f"{prefix}:campaigns-begun:"


def not_counted_stem(prefix: str) -> str:
    """The same of the hashes of how many recipients of each account were sent to in campaigns that are not counted."""
    return f"{prefix}:campaigns-not-counted:"


class NotCountedError(NotFoundError):
    """Nothing is known of a campaign, and its account has begun more of them in a day than are counted."""


@dataclass(frozen=True, slots=True)
class CampaignProgress:
    """Counts of one campaign's recipients: each was dispatched, parked, or dropped as a duplicate.

    `resent` counts recipients that were dispatched once more, by another sender, and `resend_parked` resends that were parked;
    the other counts know nothing of resends. `started_at` and `updated_at` are when its first and its latest batch were settled.
    """

    account_id: str
    campaign_id: str
    dispatched: int = 0
    parked: Mapping[str, int] = field(default_factory=dict)
    duplicates: int = 0
    batches: int = 0
    total_batches: int | None = None
    complete: bool = False
    resent: int = 0
    resend_parked: int = 0
    started_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def received(self) -> int:
        """Recipients whose batch was worked on."""
        return self.dispatched + self.duplicates + sum(self.parked.values())

    @property
    def percent(self) -> float | None:
        """How much of the campaign is settled, where its number of batches is known."""
        return 100 * self.batches / self.total_batches if self.total_batches else None

    def document(self) -> dict[str, object]:
        """As `campaign status --json` prints it; with the counts of resends where there were any."""
        names = (
            "campaign_id",
            "received",
            "dispatched",
            "parked",
            "duplicates",
            "batches",
            "total_batches",
            "complete",
        )
        resends = ("resent", "resend_parked") if self.resent or self.resend_parked else ()
        values = asdict(self) | {"received": self.received}
        return {name: values[name] for name in (*names, *resends)}


def listed_campaign(progress: CampaignProgress) -> dict[str, object]:
    """As lists show it: its counts, and when its first and its latest batch were settled."""
    times = {"started_at": progress.started_at, "updated_at": progress.updated_at}
    return progress.document() | {name: rfc3339_or_none(at) for name, at in times.items()}


class Progress:
    """Reads campaigns' progress. Every method may raise redis.RedisError."""

    def __init__(self, client: redis.Redis, prefix: str, clock: Callable[[], float] = time.time) -> None:
        self._client, self._prefix, self._clock = client, prefix, clock

    def find(self, campaign_id: str, account_id: str | None = None) -> CampaignProgress:
        """The progress of a campaign; `account_id` tells apart campaigns of one id.

        Raises NotFoundError where nothing of it was settled yet, NotCountedError where it may be one of too many, RefusedError
        where several accounts have one.
        """
        if account_id is None:
            account_id = self._account_of(campaign_id)
        found: dict[bytes, bytes] = self._client.hgetall(  # type: ignore[assignment]
            progress_key(self._prefix, account_id, campaign_id)
        )
        if not found:
            self.refuse_not_counted(campaign_id, account_id)
            raise NotFoundError(f"nothing of campaign {campaign_id} was settled yet")
        return _read(account_id, campaign_id, {name.decode(): value.decode() for name, value in found.items()})

    def listed(self, account_id: str, *, limit: int, after: str | None = None) -> list[CampaignProgress]:
        """An account's campaigns, the newest first; `after`: those that began before this one."""
        key, first = campaigns_key(self._prefix, account_id), 0
        if after is not None:
            rank: int | None = self._client.zrevrank(key, after)  # type: ignore[assignment]
            if rank is None:  # those older than it have gone with it
                return []
            first = rank + 1
        found: list[CampaignProgress] = []
        while len(found) < limit:
            ids: list[bytes] = self._client.zrevrange(key, first, first + limit - 1)  # type: ignore[assignment]
            if not ids:
                break
            first += len(ids)
            found += self._of(account_id, [each.decode() for each in ids])
        return found[:limit]

    def _of(self, account_id: str, campaign_ids: Sequence[str]) -> Iterator[CampaignProgress]:
        """What is still known of campaigns, in the order given."""
        with self._client.pipeline(transaction=False) as pipe:
            for campaign_id in campaign_ids:
                pipe.hgetall(progress_key(self._prefix, account_id, campaign_id))
            for campaign_id, counts in zip(campaign_ids, pipe.execute(), strict=True):
                if counts:
                    yield _read(
                        account_id, campaign_id, {name.decode(): text.decode() for name, text in counts.items()}
                    )

    def refuse_not_counted(self, campaign_id: str, account_id: str) -> None:
        """Raises NotCountedError where the account began too many campaigns today or yesterday (UTC)."""
        today = int(self._clock() // _DAY_S)
        with self._client.pipeline(transaction=False) as pipe:
            for day in (today - 1, today):
                pipe.hget(f"{not_counted_stem(self._prefix)}{day}", account_id)
            counts = [int(count or 0) for count in pipe.execute()]
        if any(counts):
            raise NotCountedError(
                f"nothing is counted of campaign {campaign_id}: account {account_id} began more campaigns in a day of UTC than "
                f"are counted (SMART_ASSIGN_CAMPAIGNS_A_DAY). Those beyond are sent all the same, to {counts[1]:,} recipients "
                f"today and {counts[0]:,} yesterday; what it begins from the next 00:00 UTC on is counted again"
            )

    def outcomes(self) -> dict[str, int]:
        """How many messages were `dispatched`, `parked` and dropped as `duplicates` since this Redis began.

        Counted whole on a Redis broker alone; on RabbitMQ the hash holds campaigns only.
        """
        found: dict[bytes, bytes] = self._client.hgetall(counts_key(self._prefix))  # type: ignore[assignment]
        return {name.decode(): int(value) for name, value in found.items() if value.isdigit()}

    def _account_of(self, campaign_id: str) -> str:
        members: set[bytes] = self._client.smembers(  # type: ignore[assignment]
            campaign_accounts_key(self._prefix, campaign_id)
        )
        accounts = sorted(member.decode() for member in members)
        if not accounts:
            raise NotFoundError(f"nothing of campaign {campaign_id} was settled yet")
        if len(accounts) > 1:
            raise RefusedError(f"campaign {campaign_id} exists for the accounts {', '.join(accounts)}: name one")
        return accounts[0]


def _read(account_id: str, campaign_id: str, found: Mapping[str, str]) -> CampaignProgress:
    def number(name: str) -> int:
        return int(found.get(name, 0))

    parked = {
        name.removeprefix(_PARKED): int(value)
        for name, value in found.items()
        if name.startswith(_PARKED) and value.lstrip("-").isdecimal()
    }
    times = {name: parse_rfc3339(found[name]) for name in ("started_at", "updated_at") if name in found}
    return CampaignProgress(
        account_id=account_id,
        campaign_id=campaign_id,
        dispatched=number("dispatched"),
        parked={code: count for code, count in sorted(parked.items()) if count > 0},
        duplicates=number("duplicates"),
        batches=number("batches"),
        total_batches=number("total_batches") or None,
        complete="completed_at" in found,
        resent=number("resent"),
        resend_parked=number("resend_parked"),
        **times,
    )
