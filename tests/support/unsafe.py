"""A text that would steer a terminal and forge a line, and the look for what such texts leave behind."""

from __future__ import annotations

import unicodedata

#: A title, a colour, a line of its own, a return over the line before, the short form of an escape, a turn of direction,
#: another end of line, and what rich would take for markup.
HOSTILE = "x\x1b]0;t\x07\x1b[31m\nFORGED\r\x9b1m\u202ey\u2028[bold]:smile:"

_TURNS = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufff9\ufffa\ufffb")


def unsafe_in(text: str) -> set[str]:
    """Control characters, ends of lines, halves of characters, turns of direction; by Unicode's own categories."""
    return {c for c in text if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} or c in _TURNS}
