"""The event that tells of messages to a country that an account monitors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from core.encoding import SCHEMA_VERSION, encode_json
from core.moments import rfc3339

MONITORED_EVENT = "destination.monitored"

#: Whose messages, and to which country: account, sub-account, country.
Route = tuple[str, str | None, str]


def monitored_events(counts: Mapping[Route, int], now: datetime) -> list[bytes]:
    """One event `destination.monitored` as JSON for each route, with how many messages went there together."""
    return [
        encode_json(
            {
                "schema": SCHEMA_VERSION,
                "event": MONITORED_EVENT,
                "at": rfc3339(now),
                "account_id": account_id,
                "subaccount_id": subaccount_id,
                "country": country,
                "messages": messages,
            }
        )
        for (account_id, subaccount_id, country), messages in counts.items()
    ]
