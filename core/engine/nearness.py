"""Which of several equal senders is nearest to a recipient of calling code 1: of its area code, else of its state.

Off unless an account asks for it. Nothing is stored: who is nearest depends on the two numbers alone, so a recipient keeps
its sender on every worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from core.engine.spread import Ticket, pick_sender
from core.phone.area_codes import area_code_of, region_of
from core.sender import Sender


class Place(NamedTuple):
    """Where a number of calling code 1 is: its area code, and the state or province; '' where the list has none."""

    area_code: str
    region: str


def place_of(sender: Sender) -> Place | None:
    """Where a sender is; None: it is no number of calling code 1."""
    return _place(sender.sender_id)


def _place(e164: str | None) -> Place | None:
    area_code = area_code_of(e164)
    return None if area_code is None else Place(area_code, region_of(area_code) or "")


class NearestSender:
    """Picks among senders, best first, of which some have a place; with `spread` by their tickets among the nearest."""

    __slots__ = ("_nearest", "_places", "_spread", "_tickets")

    def __init__(self, places: Sequence[Place | None], tickets: Sequence[Ticket], *, spread: bool) -> None:
        self._places, self._tickets, self._spread = places, tickets, spread
        self._nearest: dict[str | None, tuple[Sequence[int], Sequence[Ticket]]] = {}

    def pick(self, e164: str) -> int:
        """The place in the list of the sender for a recipient in E.164."""
        area_code = area_code_of(e164)
        found = self._nearest.get(area_code)
        if found is None:
            found = self._nearest[area_code] = self._found(_place(e164))
        indexes, tickets = found
        return indexes[pick_sender(e164, tickets) if self._spread and len(indexes) > 1 else 0]

    def _found(self, place: Place | None) -> tuple[Sequence[int], Sequence[Ticket]]:
        indexes = self._near(place) or range(len(self._places))
        return indexes, [self._tickets[index] for index in indexes]

    def _near(self, place: Place | None) -> list[int]:
        if place is None:
            return []
        there = list(enumerate(self._places))
        same_area = [index for index, each in there if each and each.area_code == place.area_code]
        return same_area or [index for index, each in there if each and each.region == place.region != ""]


def nearness_words(sender: Sender, e164: str) -> str | None:
    """Why this sender, for a recipient to which it is near; None: it is not."""
    recipient, place = _place(e164), place_of(sender)
    if recipient is None or place is None:
        return None
    if place.area_code == recipient.area_code:
        return f"it has the recipient's area code {place.area_code}"
    return f"it is of the recipient's {place.region}" if place.region == recipient.region != "" else None
