"""Text from outside as it may stand on a terminal, in a pipe, in a log and in a cell of a spreadsheet.

Whoever sends a message or names an account chooses what people later read. Nothing of that may move a cursor, change a
colour or a title, begin a line of its own, or turn what follows around.
"""

from __future__ import annotations

import re
from typing import Final

#: Control characters, ends of lines, marks that set or turn the direction, and halves of characters, which no text has.
_UNSAFE_CHARACTERS: Final = (
    "\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufff9-\ufffb"
)
_UNSAFE: Final = re.compile(f"[{_UNSAFE_CHARACTERS}]")
_UNSAFE_BUT_LINES: Final = re.compile(f"(?![\n\t])[{_UNSAFE_CHARACTERS}]")
#: Bytes in which nothing has to be looked for: printable ASCII.
_PLAIN: Final = re.compile(rb"[ -~]*\Z")

#: What makes a spreadsheet calculate, where a cell begins with it; blanks before it do not help.
_FORMULA: Final = re.compile("[ \t\r\n]*[=+@\t\r\n\uff1d\uff0b\uff20\uff0d-]")
#: A number that a spreadsheet can at worst take for a number; it must stay as it is, to be copied and sent to.
_TELEPHONE: Final = re.compile(r"\+[0-9]+(?: [0-9]+)*\Z", re.ASCII)


def one_line(text: str) -> str:
    """The text on one line, with what is unsafe as Python escapes it: an ESC, an end of line, a turn of direction."""
    return text if text.isascii() and text.isprintable() else _UNSAFE.sub(_escaped, text)


def lines_of(text: str) -> str:
    """The same with its own line ends and tabs left in."""
    return _UNSAFE_BUT_LINES.sub(_escaped, text)


def one_json_line(document: str) -> str:
    """JSON on one line that says the same: what is unsafe is written as JSON escapes it."""
    return _UNSAFE.sub(_json_escaped, document)


def one_document_line(document: bytes) -> bytes:
    """A document as it came, said to be JSON, on one line; one that is JSON still says the same."""
    if _PLAIN.match(document):
        return document
    text = document.decode("utf-8", "backslashreplace")
    # JSON has line ends and tabs between its parts alone.
    return one_json_line(text.translate(_BLANKS)).encode()


def safe_cell(text: str) -> str:
    """The text as a cell of a CSV file: a spreadsheet shows it, and never calculates it.

    An apostrophe stands before what begins like a formula, but for a plain `+4915112345678`. Smart Assign's own reader
    of recipients passes over such an apostrophe.
    """
    shown = one_line(text)
    return f"'{shown}" if _FORMULA.match(text) and not _TELEPHONE.match(text) else shown


_BLANKS: Final = dict.fromkeys(map(ord, "\t\n\r"), " ")


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


def _json_escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
