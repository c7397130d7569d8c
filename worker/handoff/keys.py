"""The names of all keys that the workers keep in Redis. Workers of two versions share them while one replaces the other.

The keys of decisions and epochs are core's own, and so are those of a campaign's progress, which the API reads too.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from core.cache.bounds import bounds_key
from core.campaigns.progress import (
    campaign_accounts_key,
    campaigns_begun_stem,
    campaigns_key,
    counts_key,
    not_counted_stem,
    progress_key,
)

#: The names of the lanes of single messages: what comes as documents, and as tasks.
INGRESS_LANE, MESSAGES_LANE, RESEND_LANE = "ingress", "messages", "resend"


def content_key(document: bytes) -> str:
    """What tells a document by what it says, in the place of a name that its broker does not give it."""
    return hashlib.blake2b(document, digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one deployment, which all begin with its prefix."""

    prefix: str

    @property
    def claims(self) -> str:
        """Sorted set: the ids of claims by when they are taken up again, in ms of the server's clock."""
        return f"{self.prefix}:claims"

    @property
    def claim_stem(self) -> str:
        """What the key of a claim begins with; its id follows. List: the documents of the claim."""
        return f"{self.prefix}:claim:"

    @property
    def attempts(self) -> str:
        """Hash: how often work on a claim was begun."""
        return f"{self.prefix}:attempts"

    @property
    def gave_way(self) -> str:
        """List: campaign claims that gave way to single messages."""
        return f"{self.prefix}:gave-way"

    def lines(self, lane: str) -> str:
        """List: the accounts of which so much waited on a lane that it waits in a line of its own."""
        return f"{self.prefix}:lines:{lane}"

    def line_stem(self, lane: str) -> str:
        """What the keys of those lines begin with; the account follows, and none for all others. Lists: ids of claims."""
        return f"{self.prefix}:line:{lane}:"

    @property
    def outbox(self) -> str:
        """Hash: parked documents whose record is not in SQL yet."""
        return f"{self.prefix}:outbox"

    @property
    def counts(self) -> str:
        """Hash: how many messages were dispatched, parked and dropped as repeats."""
        return counts_key(self.prefix)

    @property
    def bounds(self) -> str:
        """Hash: how much the bounds of what one account may have kept have left out."""
        return bounds_key(self.prefix)

    @property
    def campaigns_begun_stem(self) -> str:
        """What the keys of the campaigns that were begun in a day begin with; its number follows. Hashes: by account."""
        return campaigns_begun_stem(self.prefix)

    @property
    def not_counted_stem(self) -> str:
        """The same of recipients in campaigns that are not counted, since too many were begun that day."""
        return not_counted_stem(self.prefix)

    @property
    def seen_stem(self) -> str:
        """What the keys of the marks of dispatched messages begin with; the half window follows. Sets."""
        return f"{self.prefix}:seen:"

    @property
    def edition(self) -> str:
        """String: since when, in s of the server's clock, workers that know the ids of sub-accounts have worked here."""
        return f"{self.prefix}:edition"

    @property
    def reserved(self) -> str:
        """Sorted set: marks of messages that are being published to RabbitMQ, by when they are free again."""
        return f"{self.prefix}:reserved"

    @property
    def intake(self) -> str:
        """Hash: how many documents were taken from each queue, and put on it, by all workers; for the age of the oldest."""
        return f"{self.prefix}:intake"

    @property
    def in_flight(self) -> str:
        """Sorted set: the progress keys of campaigns that are not complete, by when a batch of theirs was settled last."""
        return f"{self.prefix}:campaigns-in-flight"

    @property
    def arrivals_stem(self) -> str:
        """What the keys of the looks at queues begin with; a queue's name follows. List: how many had come, and when."""
        return f"{self.prefix}:arrivals:"

    @property
    def event_outbox(self) -> str:
        """List: events that wait for RabbitMQ."""
        return f"{self.prefix}:events-outbox"

    @property
    def feedback_claims(self) -> str:
        """Sorted set: the ids of claims of receipts by when they are taken up again, in ms of the server's clock."""
        return f"{self.prefix}:feedback-claims"

    @property
    def feedback_claim_stem(self) -> str:
        """What the key of a claim of receipts begins with; its id follows. List: its documents."""
        return f"{self.prefix}:feedback-claim:"

    @property
    def feedback_attempts(self) -> str:
        """Hash: how often work on a claim of receipts was begun."""
        return f"{self.prefix}:feedback-attempts"

    @property
    def feedback_connections(self) -> str:
        """Sorted set: connections over which receipts came from RabbitMQ, by when, in ms of the server's clock."""
        return f"{self.prefix}:feedback-connections"

    @property
    def feedback_counted_stem(self) -> str:
        """What is kept of a connection begins with this; its id follows. Hash: digests of the documents counted last."""
        return f"{self.prefix}:feedback-counted:"

    @property
    def taken(self) -> str:
        """Hash: tasks that Celery's consumers took from its queues and have not written down yet, by an id of each taking."""
        return f"{self.prefix}:taken"

    @property
    def taken_index(self) -> str:
        """Sorted set: those ids by when, in ms of the server's clock."""
        return f"{self.prefix}:taken-index"

    @property
    def scheduler_lease(self) -> str:
        """String: there while a scheduler leads, its token."""
        return f"{self.prefix}:scheduler-lease"

    @property
    def enqueued(self) -> str:
        """Sorted set: the names of periodic tasks by the due time, in s, for which each was enqueued last."""
        return f"{self.prefix}:enqueued"

    def due(self, due: str) -> str:
        """String: which message of a periodic task that was due is worked on, where several were enqueued."""
        return f"{self.prefix}:due:{due}"

    def claim(self, claim_id: str) -> str:
        """List: the documents of a claim."""
        return self.claim_stem + claim_id

    def settled_task(self, task_id: str) -> str:
        """String: there, where the outcome of a task that Celery runs was handed off."""
        return f"{self.prefix}:settled:{task_id}"

    def batch(self, batch_key: str) -> str:
        """Hash: the settled chunks of a campaign batch, by who settled them."""
        return f"{self.prefix}:batch:{batch_key}"

    def progress(self, account_id: str, campaign_id: str) -> str:
        """Hash: the counts of a campaign."""
        return progress_key(self.prefix, account_id, campaign_id)

    def campaign_accounts(self, campaign_id: str) -> str:
        """Set: the accounts that have a campaign of this id."""
        return campaign_accounts_key(self.prefix, campaign_id)

    def campaigns_of(self, account_id: str) -> str:
        """The campaigns of an account, by when they began."""
        return campaigns_key(self.prefix, account_id)

    def drained(self, queue: str) -> str:
        """List: what a drain of `queue` has taken and not let go of."""
        return f"{self.prefix}:drain:{queue}"

    def drain_lock(self, queue: str) -> str:
        """String: held while a drain of `queue` runs."""
        return f"{self.prefix}:drain-lock:{queue}"

    @property
    def redelivered_stem(self) -> str:
        """What the keys of counted redeliveries begin with; a digest of the document follows. Strings."""
        return f"{self.prefix}:redelivered:"

    def parked_as(self, content: str) -> str:
        """String: the id under which a document that says this was parked, or of the work that parked parts of it."""
        return f"{self.prefix}:parked-as:{content}"
