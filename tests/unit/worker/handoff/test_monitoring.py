"""Events of messages to countries that an account monitors."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime

import redis

from core.messages.assigner import Outcome
from worker.handoff.monitoring import EventsOfMonitored

NOW = datetime(2026, 11, 28, 7, tzinfo=UTC)


class Events:
    def __init__(self, *, away: bool = False) -> None:
        self.sent: list[dict[str, object]] = []
        self._away = away

    def send(self, events: list[bytes]) -> None:
        if self._away:
            raise redis.ConnectionError
        self.sent += map(json.loads, events)


def test_it_tells_of_each_route_with_its_messages() -> None:
    events = Events()
    outcome = Outcome(monitored=Counter({("acme", None, "TJ"): 2, ("acme", "shop", "AU"): 1}))
    EventsOfMonitored(events, lambda: NOW).report(outcome)  # type: ignore[arg-type]
    assert events.sent[0] == {
        "schema": 1,
        "event": "destination.monitored",
        "at": "2026-11-28T07:00:00.000000Z",
        "account_id": "acme",
        "subaccount_id": None,
        "country": "TJ",
        "messages": 2,
    }
    assert [(each["subaccount_id"], each["messages"]) for each in events.sent] == [(None, 2), ("shop", 1)]


def test_it_tells_nobody_of_nothing_and_stops_nothing_where_the_queue_is_away() -> None:
    EventsOfMonitored(Events(away=True), lambda: NOW).report(Outcome())  # type: ignore[arg-type]
    EventsOfMonitored(Events(away=True), lambda: NOW).report(Outcome(monitored=Counter({("acme", None, "TJ"): 2})))  # type: ignore[arg-type]
