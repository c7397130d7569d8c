"""The sample of the demo: accounts with senders of every kind, and messages that show every way a decision can go.

Numbers are the examples of libphonenumber and ranges set aside for fiction. Everything is the same at every run.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from core.encoding import encode_json
from core.phone import settled_country

INVENTORY_FILE = Path(__file__).with_name("data") / "sample_inventory.jsonl"

#: A default that was compliant when it was set: its number is suspended afterwards.
LAPSED_ACCOUNT, LAPSED_SENDER = "northwind", "+46701740605"

ACCOUNTS = ("northwind", "bluebird-bank", "helios-travel", "maple-clinic", "lotus-foods", "savanna-mobile")

_SEED = 20260131
_SHOWN = (
    *("AU", "NZ", "GB", "IE", "US", "CA", "FR", "DE", "ES", "IT", "NL", "NO", "SE", "DK", "CH", "AT", "PL", "CZ"),
    *("PT", "SG", "MY", "TH", "PH", "ID", "VN", "IN", "JP", "HK", "AE", "ZA", "KE", "NG", "EG", "BR", "MX", "CL", "AR"),
)
_TEXTS = (
    "Your parcel is on its way and arrives today between 2 and 4 pm.",
    "Reminder: your appointment is tomorrow at 9:30. Reply C to confirm.",
    "Your table for four is booked for Saturday at 7 pm. See you then!",
    "The gate of your flight has changed. Please check the board.",
    "Thank you for your order. We will write again when it ships.",
)
_OFFER = "This week only: a fifth off everything in the shop. Reply STOP to opt out."
_CODE = "{:06d} is your sign-in code. It is good for ten minutes."

Fields = dict[str, Any]


def regions() -> list[str]:
    """Every region that has an example of a mobile number."""
    return sorted(region for region in phonenumbers.SUPPORTED_REGIONS if example(region))


def example(region: str) -> str | None:
    """The example of a mobile number that libphonenumber gives for it, in E.164."""
    found = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
    return phonenumbers.format_number(found, PhoneNumberFormat.E164) if found else None


def sample_messages() -> list[bytes]:
    """The documents in the order in which they are sent; some are meant to be refused, some come twice."""
    rng = random.Random(_SEED)  # noqa: S311  # a sample, not a secret
    numbers = count(1)
    fields = [*_everywhere(rng), *_shown(rng), *_named(), *_odd_numbers(), *_unsendable()]
    documents = [encode_json({"message_id": f"demo-{next(numbers):05d}"} | each) for each in fields]
    documents += [document for document in documents if b'"account_id":"northwind"' in document][:40]
    documents += _broken()
    rng.shuffle(documents)
    return documents


def sample_campaign() -> list[bytes]:
    """One campaign in two batches, each with a repeated delivery of the same batch."""
    rng = random.Random(_SEED + 1)  # noqa: S311
    recipients = [{"to": _near(region, rng)} for region in _SHOWN for _ in range(10)] + [{"to": "not a number"}]
    half = len(recipients) // 2
    shared: Fields = {
        "campaign_id": "spring-sale",
        "account_id": "northwind",
        "body": _OFFER,
        "traffic_class": "promotional",
        "total_batches": 2,
        "senders": [{"recipient_country_code": "GB", "sender_type": "longcode", "sender_id": "+447700900201"}],
    }
    batches = [
        encode_json(shared | {"batch_id": f"b{place}", "recipients": part})
        for place, part in enumerate((recipients[:half], recipients[half:]), 1)
    ]
    return [batches[0], batches[1], batches[0]]


def _near(region: str, rng: random.Random) -> str:
    """A number beside the region's example, if that is still one of the region's."""
    number = example(region) or ""
    other = f"{number[:-2]}{rng.randrange(100):02d}"
    return other if settled_country(other) == region else number


def _everywhere(rng: random.Random) -> Iterator[Fields]:
    """Six messages to every region, from one account each: Smart Assign decides."""
    for region in regions():
        for account in ACCOUNTS:
            yield {"account_id": account, "to": _near(region, rng), "body": rng.choice(_TEXTS)}


def _shown(rng: random.Random) -> Iterator[Fields]:
    """What depends on the traffic, on replies and on the sub-account, in the countries that the table shows."""
    for region in _SHOWN:
        for account in ACCOUNTS:
            base: Fields = {"account_id": account, "to": _near(region, rng)}
            yield base | {"body": _OFFER, "traffic_class": "promotional"}
            yield base | {"body": _CODE.format(rng.randrange(10**6)), "traffic_class": "otp"}
            yield base | {"body": rng.choice(_TEXTS), "reply_expected": True}
        for subaccount in ("northwind-nz", "northwind-labs"):
            yield {
                "account_id": "northwind",
                "subaccount_id": subaccount,
                "to": _near(region, rng),
                "body": rng.choice(_TEXTS),
            }


def _named() -> Iterator[Fields]:
    """Explicit senders: owned, borrowed, of another account, suspended, from abroad, named in two ways; and MMS."""
    au, gb, de, us, sg = (example(region) for region in ("AU", "GB", "DE", "US", "SG"))
    text = {"body": _TEXTS[1]}
    for _ in range(5):
        yield text | {"account_id": "northwind", "to": au, "sender_id": "+61491570157"}
        yield text | {"account_id": "northwind", "to": au, "sender_id": "61491570156"}
        yield text | {"account_id": "northwind", "subaccount_id": "northwind-nz", "to": au, "sender_id": "+61491570156"}
        yield text | {"account_id": "northwind", "subaccount_id": "northwind-labs", "to": au, "sender_id": "Northwind"}
        yield text | {"account_id": "bluebird-bank", "to": gb, "from": "Bluebird"}
        yield text | {"account_id": "bluebird-bank", "to": gb, "sender_id": "+447700900103"}
        yield text | {"account_id": "helios-travel", "to": gb, "sender_id": "+34612345678"}
        yield text | {"account_id": "helios-travel", "to": de, "sender_id": "+34612345678", "sender_type": "longcode"}
        yield text | {"account_id": "helios-travel", "to": au, "sender_id": "+61491570156"}
        yield text | {"account_id": "lotus-foods", "to": sg, "sender_id": "LotusFoods", "sender_type": "alpha_tag"}
        yield text | {"account_id": "maple-clinic", "to": us, "sender_id": "+13125550102", "sender_type": "10DLC"}
        picture = {"product": "MMS", "media_urls": ["https://example.com/plan.png"]}
        for account, to in (("maple-clinic", us), ("northwind", au), ("bluebird-bank", gb)):
            yield text | picture | {"account_id": account, "to": to}


def _odd_numbers() -> Iterator[Fields]:
    """Recipients as people write them."""
    written = (
        ("07400 123456", "GB"),
        ("07400 123456", "UK"),
        ("0412 345 678", "AU"),
        ("(201) 555-0123", "US"),
        ("06 12 34 56 78", "FR"),
        ("\uff0b\uff14\uff14\uff17\uff14\uff10\uff10\uff11\uff12\uff13\uff14\uff15\uff16", None),
        ("\uff10\uff14\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18", "AU"),
        ("0061412345678", None),
        ("+49 1512 3456789", "FR"),
    )
    for to, country in written:
        for account in ACCOUNTS[:3]:
            yield {
                "account_id": account,
                "to": to,
                "country": country,
                "body": _TEXTS[0],
                "custom_string": "as written",
            }


def _unsendable() -> Iterator[Fields]:
    """What is parked: expired, of an unknown or suspended account, or to nobody."""
    au = example("AU")
    for place in range(8):
        yield {"account_id": "northwind", "to": au, "body": _TEXTS[place % 5], "expires_at": "2026-01-01T00:00:00Z"}
        yield {"account_id": "nobody", "to": au, "body": _TEXTS[place % 5]}
        yield {"account_id": "northwind", "subaccount_id": "northwind-uk", "to": au, "body": _TEXTS[place % 5]}
        yield {"account_id": "dormant-gym", "to": au, "body": _TEXTS[place % 5]}
    for to in ("+999123456", "12345", "call me", "+61", "+870773111632", "0412 345 678"):
        yield {"account_id": "bluebird-bank", "to": to, "body": _TEXTS[2]}


def _broken() -> list[bytes]:
    """Documents that break the contract."""
    whole: Fields = {"message_id": "demo-broken", "account_id": "northwind", "to": "+61412345678", "body": "Hello"}
    return [
        b"this is not JSON",
        b'{"message_id": "demo-cut", "account_id": "north',
        b'{"message_id": "demo-latin", "account_id": "northwind", "to": "+61412345678", "body": "caf\xe9"}',
        b"[]",
        encode_json(whole | {"body": ""}),
        encode_json(whole | {"to": 61412345678}),
        encode_json(whole | {"product": "FAX"}),
        encode_json(whole | {"product": "MMS"}),
        encode_json({name: value for name, value in whole.items() if name != "message_id"}),
    ]
