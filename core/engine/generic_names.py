"""Names that say nothing about who sends; some countries refuse them as a Sender ID."""

from __future__ import annotations

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


def is_generic(name: str) -> bool:
    """Whether the whole of `name` is one of `GENERIC_NAMES`; a name that merely contains one is not."""
    return name.upper() in GENERIC_NAMES
