"""What a text is read as, and the refusal of a text that is no number. No refusal ever holds the number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipient:
    """A number in E.164 and its country, as libphonenumber names it: AC, TA and XK too, 001 for no country (+870)."""

    e164: str
    country: str


class InvalidNumberError(ValueError):
    """Text that is no telephone number. `reason` is a clause for people and never holds the number."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class InvalidRecipientError(InvalidNumberError):
    """Text that no message can be sent to."""

    def __str__(self) -> str:
        return f"the recipient {self.reason}"
