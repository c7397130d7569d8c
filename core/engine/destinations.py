"""Destinations: to which countries an account may send, and which of its settings counts for one of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class DestinationMode(StrEnum):
    """What becomes of messages to a country."""

    ALLOW = "allow"
    BLOCK = "block"
    MONITOR = "monitor"


@dataclass(frozen=True, slots=True)
class DestinationSetting:
    """What an account or sub-account has set for a country, or with `country` None for the rest of the world."""

    account_id: str
    country: str | None
    mode: DestinationMode


@dataclass(frozen=True, slots=True)
class Destination:
    """The mode that counts for a country; `setting` is None where it is the deployment's own."""

    mode: DestinationMode
    setting: DestinationSetting | None = None

    @property
    def words(self) -> str:
        """Where the mode comes from, as a clause."""
        if self.setting is None:
            return f"DEFAULT_DESTINATION is {self.mode}"
        of = "the rest of the world" if self.setting.country is None else self.setting.country
        return f"account {self.setting.account_id} has {of} set to {self.mode}"

    def document(self) -> dict[str, str | None]:
        """As JSON values; `set_by` and `set_for` are null where the mode is the deployment's own."""
        if self.setting is None:
            return {"mode": self.mode.value, "set_by": None, "set_for": None}
        return {"mode": self.mode.value, "set_by": self.setting.account_id, "set_for": self.setting.country or "rest"}


def nearest_destination(country: str, settings: Iterable[DestinationSetting], default: DestinationMode) -> Destination:
    """The destination that counts for a country.

    `settings` are the requester's and those of the account above it, the requester's first, and of each account a
    country before the rest, so that the first one that speaks of the country is the nearest.
    """
    for setting in settings:
        if setting.country in (None, country):
            return Destination(setting.mode, setting)
    return Destination(default)
