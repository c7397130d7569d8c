"""Sender IDs as texts: in which form one is kept, and which of an account's senders a text names.

A number is kept in E.164 and is one sender however it is spelled; a short code stands for itself; a name is found whatever
its case. docs/decisions/0022 says what that means for countries whose registry counts the case of a name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

from core.phone import REVERSES, InvalidNumberError, sender_number
from core.sender import LEAST_DIGITS, NUMBER_TYPES, Sender, SenderType, bare_sender_id

#: A number as it is kept; ITU-T E.164 allows 15 digits, and no country has numbers of fewer than 7 with its code.
_KEPT = re.compile(r"\+[1-9][0-9]{6,14}\Z")

#: A text with fewer digits is no telephone number; to ask that is quicker than to read it.
_LEAST_NATIONAL = LEAST_DIGITS - 1
_DIGITS = re.compile(r"[0-9]", re.ASCII)

#: A Sender ID is at most 16 characters long. A longer text than this matches none, and is cut before it is a cache key.
_LONGEST_NAMED = 32


def clean_sender_id(sender_id: str) -> str:
    """`sender_id` as it may stand in a log and a cache key: short, and printable.

    Blanks of every kind are blanks, and marks without width or of direction, which nobody sees, are left out.
    """
    text = sender_id
    if not (text.isascii() and text.isprintable()):
        text = "".join(map(_shown, text))
    return text if len(text) <= _LONGEST_NAMED else text[: _LONGEST_NAMED - 1] + "…"


def _shown(character: str) -> str:
    if character.isspace():
        return " "
    if character.isprintable():
        return character
    return "" if unicodedata.category(character) == "Cf" and character != REVERSES else "\ufffd"


def kept_sender_id(sender_type: SenderType, text: str | None, country: str | None = None) -> str | None:
    """`text` as it is kept; `country` is the sender's own, by which a national number is read.

    Raises InvalidNumberError where the type is one of numbers and the text is none.
    """
    if not text:
        return None
    if sender_type not in NUMBER_TYPES or _KEPT.match(text):
        return text
    return sender_number(text, country)


def number_error(sender_type: SenderType, text: str | None, country: str | None = None) -> str | None:
    """What is wrong with a text where its type is one of numbers, as a clause; None: nothing, or another type."""
    try:
        kept_sender_id(sender_type, text, country)
    except InvalidNumberError as error:
        return error.reason
    return None


def kept_if_readable(sender_type: SenderType, text: str | None, country: str | None = None) -> str | None:
    """The same, where what cannot be read stays as it is: it will be found in no inventory."""
    try:
        return kept_sender_id(sender_type, text, country)
    except InvalidNumberError:
        return text


class SenderNames:
    """The senders of an inventory by what a text may call them. Places are those in the sequence given."""

    __slots__ = ("_by_key", "_senders")

    def __init__(self, senders: Sequence[Sender]) -> None:
        self._senders, self._by_key = senders, dict[str, list[int]]()
        for place, sender in enumerate(senders):
            if sender.sender_id:
                self._by_key.setdefault(_key(sender.sender_type, sender.sender_id), []).append(place)

    def places(self, text: str, country: str | None = None) -> list[int]:
        """The places of the senders that `text` names; `country` is the sender's own, where whoever names it says so.

        Without a country a national number is read by the countries of the senders themselves.
        """
        text = text.strip()
        return self._as_written(text) or self._as_read(text, country)

    def _as_written(self, text: str) -> list[int]:
        bare = bare_sender_id(text)
        keys = (text.casefold(), f"+{bare}") if bare.isdigit() else (text.casefold(),)
        return [place for key in dict.fromkeys(keys) for place in self._by_key.get(key, ())]

    def _as_read(self, text: str, country: str | None) -> list[int]:
        if len(_DIGITS.findall(text)) < _LEAST_NATIONAL:
            return []
        if found := self._by_key.get(_read(text, country) or ""):
            return found
        if country is not None:
            return self._by_key.get(_read(text, None) or "", [])
        held = {number for each in self._countries() if (number := _read(text, each)) in self._by_key}
        # A national number that is a sender in two countries names neither: nobody can say which one is meant.
        return self._by_key[held.pop() or ""] if len(held) == 1 else []

    def _countries(self) -> set[str]:
        countries = {sender.country for sender in self._senders if sender.sender_type in NUMBER_TYPES}
        return {country for country in countries if country is not None}


def named_senders(text: str, country: str | None, senders: Iterable[Sender]) -> list[Sender]:
    """The senders that `text` names."""
    held = list(senders)
    return [held[place] for place in SenderNames(held).places(text, country)]


def _key(sender_type: SenderType, sender_id: str) -> str:
    if sender_type in NUMBER_TYPES:
        return f"+{bare_sender_id(sender_id)}"
    return sender_id.casefold()


@lru_cache(4096)
def _read(text: str, country: str | None) -> str | None:
    try:
        return sender_number(text, country)
    except InvalidNumberError:
        return None
