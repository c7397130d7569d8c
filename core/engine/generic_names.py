"""Names that say nothing about who sends; some countries refuse them as a Sender ID."""

from __future__ import annotations

from collections.abc import Iterable

from core.engine.country_profile import matches

#: Compared with the whole name, letter case ignored. The first three are those of our country data; the others are
#: words that providers' public sender policies give as examples (MessageMedia for GB: Alert, Verify, Info; MailUp:
#: Special, Promo, SMS; Promotexter for PH: TEST, MESSAGE, MSG) and their plain synonyms.
GENERIC_NAMES = frozenset(
    {
        *("INFO", "SMS", "NOTICE"),
        *("ALERT", "ALERTS", "AUTH", "AUTHMSG", "BANK", "CODE", "DELIVERY", "INFOSMS", "MESSAGE", "MESSAGES", "MSG"),
        *("NOTIFY", "OFFER", "OTP", "PARCEL", "PASSCODE", "PIN", "PROMO", "PROMOTION", "REMINDER", "SALE", "SECURITY"),
        *("SENDER", "SERVICE", "SMSINFO", "SPECIAL", "SUPPORT", "TEST", "TESTING", "TEXT", "UPDATE"),
        *("VERIFIED", "VERIFY", "WARNING", "WINNER"),
    }
)


def generic_word(name: str, of_country: Iterable[str]) -> str | None:
    """The generic word that `name` is, or holds where a word of the country has stars (`*INFO*`); None: it is its own.

    Case does not count. A word that is generic everywhere is compared with the whole name only.
    """
    upper = name.upper()
    if upper in GENERIC_NAMES:
        return upper
    return next((word for word in of_country if matches(word.upper(), upper)), None)
