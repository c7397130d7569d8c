"""Telephone numbers: what a text is read as, in E.164, and the country that the number belongs to.

`written` takes a text to digits, `reading` takes digits to a number, `prefixes` knows the country of every number. This
page is what the rest of the program imports; docs/recipients.md says the same for users.
"""

from __future__ import annotations

from core.phone.countries import KNOWN_REGIONS, NO_COUNTRY
from core.phone.number import InvalidNumberError, InvalidRecipientError, Recipient
from core.phone.prefixes import country_of, load_prefixes, settled_country
from core.phone.reading import parse_recipient, sender_number
from core.phone.search import NumberSearch
from core.phone.written import REVERSES

__all__ = [
    "KNOWN_REGIONS",
    "NO_COUNTRY",
    "REVERSES",
    "InvalidNumberError",
    "InvalidRecipientError",
    "NumberSearch",
    "Recipient",
    "country_of",
    "load_prefixes",
    "parse_recipient",
    "sender_number",
    "settled_country",
]
