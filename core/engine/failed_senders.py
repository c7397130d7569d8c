"""Senders that failed at the carrier: rejected where a message is decided again, and who would be next.

What a resend says has failed is a Sender ID, with its type where that is known. It is one sender however it is spelled,
and whoever else holds the same one fails with it, for the carrier sees the Sender ID alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from core.engine.decision import Rejection, SenderRef
from core.engine.filters import Screened
from core.sender import NUMBER_TYPES, Sender, SenderType, bare_sender_id
from core.sender_ids import SenderNames

WORDS = "failed at the carrier before, for this message"


def without_failed(failed: Sequence[SenderRef], screened: Iterable[Screened]) -> list[Screened]:
    """The senders after the filters, those that failed rejected as FAILED_BEFORE, whatever else is said of them."""
    held = list(screened)
    if failed:
        senders = [each.graded.sender for each in held]
        names = SenderNames(senders)
        for place in {place for ref in failed for place in _places(ref, names, senders)}:
            held[place] = held[place]._replace(rejected=Rejection.FAILED_BEFORE, words=WORDS)
    return held


def _places(ref: SenderRef, names: SenderNames, senders: Sequence[Sender]) -> Iterator[int]:
    places = names.places(ref.sender_id, ref.sender_country) if ref.sender_id else range(len(senders))
    for place in places:
        sender = senders[place]
        if ref.sender_type in (None, sender.sender_type) and (ref.sender_id or sender.sender_id is None):
            yield place


def identity(sender: Sender) -> tuple[SenderType, str]:
    """What two rows have in common that a carrier takes for one sender."""
    sender_id = sender.sender_id or ""
    return sender.sender_type, bare_sender_id(sender_id) if sender.sender_type in NUMBER_TYPES else sender_id.casefold()
