"""One enriched message, as the programs that are measured beside ours publish it: of the same size, written before."""

from __future__ import annotations

import base64
import json
from typing import Any

DOCUMENT: dict[str, Any] = {
    "schema": 1,
    "dispatch_id": "d" * 32,
    "message_id": "m0",
    "account_id": "acme",
    "subaccount_id": None,
    "to": "+61491570156",
    "country": "AU",
    "body": "x" * 120,
    "product": "SMS",
    "sender_id": "+61491570006",
    "sender_type": "longcode",
    "sender_country_code": "AU",
    "traffic_class": "transactional",
    "reply_expected": False,
    "assignment": {
        "source": "smart",
        "grade": "compliant",
        "reason": "LOCAL_DEDICATED",
        "warnings": [],
        "decision_id": "0" * 32,
        "rules_version": "2026-01-01",
        "requested_sender_id": None,
    },
    "assigned_at": "2026-01-01T00:00:00.000000Z",
    "media_urls": None,
    "source": None,
    "custom_string": None,
    "schedule": None,
    "expires_at": None,
    "campaign_id": None,
    "batch_id": None,
    "extra": {},
}


def enriched() -> bytes:
    """The document as JSON."""
    return json.dumps(DOCUMENT, separators=(",", ":")).encode()


#: The same in kombu's envelope.
SEALED = json.dumps(
    {
        "body": base64.b64encode(enriched()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {},
        "properties": {
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": "stock.dispatch"},
            "priority": 0,
            "body_encoding": "base64",
            "message_id": "d" * 32,
            "delivery_tag": "t" * 40,
        },
    }
).encode()
