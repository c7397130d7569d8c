"""From a text as files and people write it to the digits in it, or the reason why it is not one telephone number.

Only marks that every reader passes over are passed over. Where a text holds anything else - letters, a second number,
what a spreadsheet made of a number - it is refused, for to guess would be to write to a stranger.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from core.phone.number import InvalidNumberError

#: Longer than any number with all its marks; a longer text is not looked at.
LONGEST_TEXT: Final = 250

#: Blanks that Unicode does not count among the separators: Braille's, and the fillers of Hangul.
_MORE_BLANKS: Final = "\t\u2800\u3164\u115f\u1160\uffa0"
_LINE_ENDS: Final = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
#: Marks without width that Unicode does not count among the format characters.
_MORE_MARKS: Final = (
    "\u034f\u180b\u180c\u180d" + "".join(map(chr, range(0xFE00, 0xFE10))) + "".join(map(chr, range(0xE0100, 0xE01F0)))
)
#: Shows what follows it from right to left, digits too: what is seen is another number than what is stored.
REVERSES: Final = "\u202e"
_SIGNS: Final = {
    "\ufe62": "+",
    "\u2212": "-",
    "\u30fc": "-",
    "\u2044": "/",
    "\u2215": "/",
    "\u00b7": ".",
    **dict.fromkeys("\u2018\u2019\u02bc\u00b4`", "'"),
    **dict.fromkeys("\u201c\u201d", '"'),
    **dict.fromkeys(_LINE_ENDS, "\n"),
    **dict.fromkeys(_MORE_BLANKS, " "),
    **dict.fromkeys(_MORE_MARKS, ""),
}
_BY_CATEGORY: Final = {"Zs": " ", "Pd": "-"}
#: From here on stand the wide forms of ASCII.
_WIDE, _WIDE_END, _WIDE_SHIFT = 0xFF01, 0xFF5E, 0xFEE0

_NOT_A_NUMBER: Final = "is not a telephone number"
_SPREADSHEET: Final = "was changed by a spreadsheet into a calculated number: format the column as text"
_EXTENSION: Final = "has an extension, which no text message can reach"
_TWO: Final = "holds more than one number"
_LETTERS: Final = "holds letters: write the number in digits alone"
_FOREIGN_SIGN: Final = "holds a character that belongs to no telephone number"
_URI: Final = "is a link that holds more than a number"

#: As nearly all numbers are written; there is nothing in it to pass over or to refuse.
_SIMPLE: Final = re.compile(r"\+?[0-9](?:[ -]?[0-9])*\Z", re.ASCII)

_URI_FORM: Final = re.compile(r"(?:tel|sms):(?://)?(.*)\Z", re.IGNORECASE)
_CONTEXT: Final = re.compile(r"phone-context=(\+[0-9][0-9 ().-]*)\Z", re.IGNORECASE)
_QUOTED: Final = re.compile(r"""=?"([^"]*)"\Z|'([^']*)'?\Z""")
_EXPONENT: Final = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]*)? *[eE] *[+-]?[0-9]+\Z")
_EXTENDED: Final = re.compile(r"[0-9)] *[,;]? *(?:x|ext|extn|extension|#)[.:]? *#?[0-9]{1,7}#?\Z", re.IGNORECASE)
#: What stands between two numbers; letters do too, as in "or".
_SEPARATES: Final = ";,|&\n"
_FOREIGN: Final = re.compile(rf"[^0-9 ()\[\]./+{_SEPARATES}-](?<=[\W\d_])")
_TWO_LONG: Final = re.compile(
    r"(?:[0-9][^0-9]*){5}[^\W\d_][^0-9]*(?:[0-9][^0-9]*){5}"
    r"|(?:[0-9][^0-9]*){7}[:~=*\\•、_<>][^0-9]*(?:[0-9][^0-9]*){7}"
)
#: Two numbers with nothing between them but what may stand within one; together they are too long for one.
_TWO_IN_A_ROW: Final = re.compile(r"(?=(?:[^0-9]*[0-9]){19})(?:[^0-9]*[0-9]){7,}[^0-9]+[0-9](?:[^0-9]*[0-9]){6}")

_WHOLE_DECIMAL: Final = re.compile(r"(\+{0,2}[0-9]+)[.,]0*\Z")
_THOUSANDS: Final = re.compile(r"\+?[0-9]{1,3}(?:(,[0-9]{3})+(?:\.[0-9]*)?|(?:[. '][0-9]{3})+,[0-9]*)\Z")
_ONE_POINT: Final = re.compile(r"\+?([0-9]+)([.,])([0-9]+)\Z")
_LAST_GROUPS: Final = re.compile(r"([0-9]+)[^0-9]*\.(0+)\Z")
#: A point stands behind a calling code or an area code, with a number behind it; elsewhere it is a decimal fraction's.
_AREA_DIGITS, _NUMBER_DIGITS = 6, 3

_FORM: Final = re.compile(r"[(\[ ]*\+{0,2}[(\[ ]*[0-9](?:[0-9 ()\[\]./-]*[0-9])?[)\] ]*\Z")
_SET_APART_ZERO: Final = re.compile(r"[(\[] *0 *[)\]]")
_BEHIND_A_SLASH: Final = re.compile(r"/[^0-9/]*[0-9]{1,3}[^0-9]*\Z")


@dataclass(frozen=True, slots=True)
class Written:
    """The digits of a text. `plus`: they begin with a calling code, or with 00 or 011 and one.

    `zero_at` is the place of a 0 in brackets, as in +44 (0)20; `tail` is how many digits stand behind the last slash,
    where so few may be a second number's end or an extension.
    """

    digits: str
    plus: bool
    zero_at: int | None = None
    tail: int = 0


class _Plain(dict[int, str]):
    """What each character is read as, worked out at the first time that it is seen."""

    def __missing__(self, code: int) -> str:
        self[code] = plain = _plain(chr(code))
        return plain


def _plain(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if _WIDE <= ord(character) <= _WIDE_END:
        return chr(ord(character) - _WIDE_SHIFT)
    marked = category == "Cf" and character != REVERSES
    return _SIGNS.get(character, "" if marked else _BY_CATEGORY.get(category, character))


_PLAIN: Final = _Plain()


def plain_text(text: str) -> str:
    """`text` with each digit, sign and blank in its plain form, so that a search meets every spelling."""
    return text.translate(_PLAIN)


def read_written(to: str) -> Written:
    """The digits of `to`. Raises InvalidNumberError."""
    if _SIMPLE.match(to) and not _TWO_IN_A_ROW.match(to):
        plain = to.replace(" ", "").replace("-", "")
        return Written(plain.removeprefix("+"), plain[0] == "+")
    if len(to) > LONGEST_TEXT:
        raise InvalidNumberError(_NOT_A_NUMBER if not any(map(str.isdigit, to)) else "has too many digits")
    text = _bare(plain_text(to))
    text = _unquoted(text)
    if found := _URI_FORM.match(text):
        text = _of_uri(found[1])
    text = text.lstrip(" \n;,|").rstrip(" \n;,|.")
    if not any(map(str.isdigit, text)):
        raise InvalidNumberError(_NOT_A_NUMBER)
    return _digits_of(_whole(text))


def _bare(text: str) -> str:
    return text.strip(" \n")


def _unquoted(text: str) -> str:
    """Without a spreadsheet's marks for text: an apostrophe before it, quotes around it, `="…"`."""
    for _ in range(2):
        if found := _QUOTED.match(text):
            text = _bare(found[1] or found[2] or "")
    return text


def _of_uri(rest: str) -> str:
    """The number of a `tel:` or `sms:` link; a local one with the prefix that its context names (RFC 3966)."""
    number, *parameters = (_bare(part) for part in unquote(rest).translate(_PLAIN).split(";"))
    if "?" in rest or "," in number.rstrip(","):
        raise InvalidNumberError(_TWO if "," in number else _URI)
    for parameter in filter(None, parameters):
        context = _CONTEXT.match(parameter)
        if context is None or number.startswith("+"):
            raise InvalidNumberError(_EXTENSION if parameter.lower().startswith(("ext=", "isub=")) else _URI)
        number = f"{context[1]} {number}"
    return number


def _whole(text: str) -> str:
    """`text` without the `.0` of a spreadsheet. Raises where it cannot be one number, and says why."""
    if found := _WHOLE_DECIMAL.match(text):
        return found[1]
    if _of_spreadsheet(text):
        raise InvalidNumberError(_SPREADSHEET)
    if _EXTENDED.search(text):
        raise InvalidNumberError(_EXTENSION)
    if _TWO_LONG.search(text) or _TWO_IN_A_ROW.match(text):
        raise InvalidNumberError(_TWO)
    if _FOREIGN.search(text):
        raise InvalidNumberError(_FOREIGN_SIGN)
    if set(text) & set(_SEPARATES) or "+" in text.lstrip("([ ").lstrip("+"):
        raise InvalidNumberError(_TWO)
    if any(map(str.isalpha, text)):
        raise InvalidNumberError(_LETTERS)
    if not _FORM.match(text):
        raise InvalidNumberError(_FOREIGN_SIGN)
    return text


def _of_spreadsheet(text: str) -> bool:
    """Whether a spreadsheet counted with it: rounded, a fraction, with marks between the thousands."""
    if _EXPONENT.match(text) or _THOUSANDS.match(text):
        return True
    if found := _ONE_POINT.match(text):
        before, mark, behind = found.groups()
        fraction = len(before) > _AREA_DIGITS or len(behind) < _NUMBER_DIGITS
        return fraction if mark == "." else len(behind) < _NUMBER_DIGITS
    # Noughts behind a last point are a fraction's, unless there are more points, and groups as long: 06.12.34.56.00
    last = _LAST_GROUPS.search(text)
    return last is not None and (len(last[1]) != len(last[2]) or text.count(".") == 1)


def _digits_of(text: str) -> Written:
    digits = "".join(filter(str.isdigit, text))
    zero = _SET_APART_ZERO.search(text)
    zero_at = sum(map(str.isdigit, text[: zero.start()])) if zero else None
    behind = _BEHIND_A_SLASH.search(text)
    tail = sum(map(str.isdigit, behind[0])) if behind else 0
    # At the very beginning it is the zero that is dialled inside the country.
    return Written(digits, "+" in text, zero_at or None, tail)
