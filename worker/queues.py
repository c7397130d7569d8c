"""The queues that are ours, by the names that the settings give them."""

from __future__ import annotations

from collections.abc import Mapping

from worker.settings import Settings

#: How RabbitMQ is asked for a queue that survives the loss of a node.
QUORUM: Mapping[str, str] = {"x-queue-type": "quorum"}


def our_queues(settings: Settings) -> tuple[str, ...]:
    """The names of all queues that we read or write."""
    return (
        settings.ingress_queue,
        settings.campaign_ingress_queue,
        settings.messages_queue,
        settings.campaigns_queue,
        settings.resend_queue,
        settings.feedback_queue,
        settings.work_queue,
        settings.dispatch_queue,
        settings.parked_queue,
        settings.events_queue,
    )
