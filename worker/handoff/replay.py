"""Replay over the worker's own connection to the broker."""

from __future__ import annotations

from collections.abc import Sequence

from core.parked.replay import Replay
from core.parked.store import ParkedStore
from worker.handoff.errors import BROKER_ERRORS
from worker.handoff.producer import Producer, in_trips
from worker.queues import our_queues
from worker.settings import Settings


def replay_over(producer: Producer, store: ParkedStore, settings: Settings) -> Replay:
    """Replays what came from our queues, in trips that the broker can carry."""

    def send(lane: str, originals: Sequence[bytes]) -> None:
        for trip in in_trips(originals, len):
            producer.send(lane, trip)

    return Replay(store, send, frozenset(our_queues(settings)), BROKER_ERRORS)
