"""In which encoding a text goes out, and how many segments it takes.

3GPP TS 23.038 says what the alphabet is (the default alphabet, its extension table, UCS-2) and TS 23.040 what a segment
holds: 140 bytes, of which a text of several segments gives six to the header that puts them together again. National
language tables are not used: whoever sends cannot know whether the recipient's telephone has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from typing import NamedTuple


class Encoding(StrEnum):
    """How the characters of a text go over the air."""

    GSM_7 = "GSM-7"
    UCS_2 = "UCS-2"


class TextSize(NamedTuple):
    """The encoding of a text, and the segments that it takes."""

    encoding: Encoding
    segments: int


#: The default alphabet of TS 23.038, section 6.2.1, without the escape to the extension table.
_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
#: Its extension table (6.2.1.1): each of these takes two septets, which stay in one segment.
_EXTENSION = "\f^{}\\[~]|€"

#: Septets, or units of 16 bits, that one segment holds alone, and as one of several.
_ALONE = {Encoding.GSM_7: 160, Encoding.UCS_2: 70}
_TOGETHER = {Encoding.GSM_7: 153, Encoding.UCS_2: 67}
_BEYOND_16_BITS = "\U00010000"

_all_basic = re.compile(f"[{re.escape(_BASIC)}]*").fullmatch
_all_gsm = re.compile(f"[{re.escape(_BASIC + _EXTENSION)}]*").fullmatch
_extension = re.compile(f"[{re.escape(_EXTENSION)}]").search

#: For `bytes.translate` of a text as JSON in UTF-8. Where nothing changes, each character is one septet and one byte, and
#: `plain_size` of its length tells all: a sixth of the time of a regular expression. A text with an escape changes.
ONE_SEPTET = bytes(byte if chr(byte) in _BASIC and 32 <= byte < 127 else 0 for byte in range(256))


def text_size(text: str) -> TextSize:
    """The encoding and the segments of a text; one that is empty takes a segment too."""
    encoded = text.encode()
    if encoded.translate(ONE_SEPTET) == encoded:  # nearly every text: a quarter of the time of the next step
        return plain_size(len(encoded))
    if _all_basic(text):
        return _fitted(Encoding.GSM_7, len(text), None)
    if _all_gsm(text):
        wide = len(text) + sum(map(text.count, _EXTENSION))
        return _fitted(Encoding.GSM_7, wide, [2 if _extension(sign) else 1 for sign in text])
    units = len(text.encode("utf-16-le")) // 2
    widths = [2 if sign >= _BEYOND_16_BITS else 1 for sign in text] if units > len(text) else None
    return _fitted(Encoding.UCS_2, units, widths)


@cache
def plain_size(characters: int) -> TextSize:
    """The size of a text of so many characters that are one septet each."""
    return _fitted(Encoding.GSM_7, characters, None)


def _fitted(encoding: Encoding, units: int, widths: Iterable[int] | None) -> TextSize:
    """`widths`: those of the characters, where not all are one unit wide; none is cut in two by the end of a segment."""
    if units <= _ALONE[encoding]:
        return TextSize(encoding, 1)
    room = _TOGETHER[encoding]
    if widths is None:
        return TextSize(encoding, -(-units // room))
    segments, used = 1, 0
    for width in widths:
        if used + width > room:
            segments, used = segments + 1, 0
        used += width
    return TextSize(encoding, segments)
