"""One telephone number in any text: however it is spelled there, and whatever stands around it."""

from __future__ import annotations

import re
from typing import Final

import phonenumbers

from core.phone.number import InvalidRecipientError
from core.phone.reading import parse_recipient
from core.phone.written import LONGEST_TEXT, plain_text

#: What people write between two digits of a number.
_BETWEEN: Final = r"[ ()\[\]./-]{0,4}"
#: What is dialled before a national number inside its country.
_TRUNK: Final = r"(?:0|8|06|80)"
#: A shorter national number is looked for with its calling code alone: its digits would be found in any other text.
_SHORTEST_NATIONAL: Final = 7
_FOREIGN_CODE: Final = re.compile(r"\+[0-9]{1,3}[ ().-]{0,3}\Z")
#: Digits at the end of a number by which a text without it is told cheaply.
_TAIL: Final = 4


class NumberSearch:
    """Looks for one number in texts; `e164` is the number with its plus."""

    def __init__(self, e164: str) -> None:
        number = phonenumbers.parse(e164)
        code, national = str(number.country_code), phonenumbers.national_significant_number(number)
        spaced = _BETWEEN.join(national)
        before = rf"(?P<code>(?:\+|00|011)?{_BETWEEN}{_BETWEEN.join(code)}){_BETWEEN}(?:\(?0\)?)?{_BETWEEN}"
        if len(national) >= _SHORTEST_NATIONAL:
            before = rf"(?:{before}|\(?{_TRUNK}\)?{_BETWEEN})?"
        self._e164 = e164
        #: Digits that stand, in this order and with no other digit between, in whatever names the number.
        self.tail = national[-_TAIL:]
        self._pattern = re.compile(rf"(?<![0-9]){before}{spaced}(?![0-9])")

    def is_in(self, text: str, country: str | None = None) -> bool:
        """Whether the text names the number; digits without a calling code may be of `country`.

        A text that is one number is read as recipients are. In any other the national digits alone are enough, whosever
        they are: what is erased may be too much, and never too little.
        """
        plain = text if text.isascii() else plain_text(text)
        if self.tail not in "".join(filter(str.isdigit, plain)):
            return False
        read = _read(text, country)
        return read == self._e164 if read else any(map(_is_own, self._pattern.finditer(plain)))


def _read(text: str, country: str | None) -> str | None:
    """The number that the whole text is; None: it is none."""
    if len(text) > LONGEST_TEXT:
        return None
    try:
        return parse_recipient(text, country).e164
    except InvalidRecipientError:
        return None


def _is_own(found: re.Match[str]) -> bool:
    """Whether no other country's calling code stands before the national digits."""
    return bool(found["code"]) or _FOREIGN_CODE.search(found.string, 0, found.start()) is None
