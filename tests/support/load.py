"""Single messages and campaign batches that keep workers busy, and the account of what became of each."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import redis

from core.campaigns.progress import CampaignProgress, Progress
from core.errors import NotFoundError
from tests.support.accounts import ACCOUNT, AU, message
from tests.support.running_worker import Deployment, until
from tests.support.stock_clients import all_dispatched, push, waiting

#: Messages sent at a time, and the most that may wait: a child is to be at work whenever it is killed.
MESSAGES, BACKLOG = 200, 1000
#: A batch of two chunks, so that a kill may fall between them; few enough that single messages go on.
RECIPIENTS, BATCHES_WAITING = 1200, 2
#: One message in so many is of another account.
OF_ANOTHER = 50


class Came(NamedTuple):
    """What tells an enriched message from others."""

    message_id: str
    dispatch_id: str


@dataclass
class Load:
    """What was sent to a deployment: messages by their ids, and batches of one campaign."""

    deployment: Deployment
    campaign_id: str = field(default_factory=lambda: f"c-{uuid.uuid4().hex[:12]}")
    sent: list[str] = field(default_factory=list)
    batches: int = 0
    #: An account beside the one that sends nearly all; workers part what waits by account.
    other: str = ACCOUNT

    def send(self) -> None:
        """Some messages and a batch, where not enough waits already. Raises what the client raises."""
        idle = True
        if waiting(self.deployment, "ingress") < BACKLOG:
            self.send_messages()
            idle = False
        if waiting(self.deployment, "campaign_ingress") < BATCHES_WAITING:
            self.send_batch()
            idle = False
        if idle:
            time.sleep(0.05)

    def send_messages(self, count: int = MESSAGES) -> None:
        messages = [message(account_id=ACCOUNT if n % OF_ANOTHER else self.other) for n in range(count)]
        push(self.deployment, messages)
        self.sent += [document["message_id"] for document in messages]

    def send_batch(self) -> None:
        stem = f"{self.campaign_id}-{self.batches}"
        ids = [f"{stem}-{place}" for place in range(RECIPIENTS)]
        document = {
            "account_id": ACCOUNT,
            "campaign_id": self.campaign_id,
            "batch_id": stem,
            "body": "Doors open at nine.",
            "recipients": [{"to": AU, "message_id": each} for each in ids],
        }
        push(self.deployment, [document], "campaign_ingress")
        self.sent += ids
        self.batches += 1

    @property
    def progress(self) -> CampaignProgress:
        with redis.Redis.from_url(self.deployment.redis_url) as client:
            try:
                return Progress(client, "smart-assign").find(self.campaign_id)
            except NotFoundError:
                return CampaignProgress(ACCOUNT, self.campaign_id)

    def arrive(self, seconds: float = 120) -> list[Came]:
        """What came on the dispatch queue, when all that was sent has come and no more can come.

        What has not come by then is lost. Repeats are no sign that the rest has come, so messages are told apart.
        """
        came: list[Came] = []
        missing = set(self.sent)

        def is_over() -> bool:
            if not self.deployment.on_redis:
                taken = self._taken()
                came.extend(taken)
                missing.difference_update(each.message_id for each in taken)
                return not missing and self.progress.batches >= self.batches
            return waiting(self.deployment, "dispatch") >= len(self.sent) and not self._claims_left()

        with suppress(AssertionError):  # the account of what is missing says more
            until(is_over, seconds, self._state)
        # On RabbitMQ nobody tells what is still in work.
        time.sleep(0 if self.deployment.on_redis else 3)
        return came + self._taken()

    def _taken(self) -> list[Came]:
        return [Came(each["message_id"], each["dispatch_id"]) for each in all_dispatched(self.deployment)]

    def _claims_left(self) -> bool:
        with redis.Redis.from_url(self.deployment.redis_url) as client:
            return bool(client.zcard("smart-assign:claims"))

    def _state(self) -> str:
        places = {name: waiting(self.deployment, name) for name in ("ingress", "campaign_ingress", "dispatch")}
        return f"{places}, {self.progress}"

    def assert_counted(self) -> None:
        """The campaign's counts are those of what was sent, whatever was killed."""
        progress = self.progress
        assert (progress.received, progress.dispatched, progress.batches) == (
            self.batches * RECIPIENTS,
            self.batches * RECIPIENTS,
            self.batches,
        )


def told_apart(load: Load, came: list[Came]) -> str:
    """What a soak reports: how many came, how many are lost, how many came twice."""
    counted = Counter(each.message_id for each in came)
    twice = sum(1 for count in counted.values() if count > 1)
    return f"{len(load.sent)} sent, {len(set(load.sent) - counted.keys())} lost, {twice} came more than once"


def refused(send: Callable[[], None]) -> bool:
    """Whether a producer is told that its messages were not taken."""
    try:
        send()
    except (redis.RedisError, OSError):
        return True
    return False
