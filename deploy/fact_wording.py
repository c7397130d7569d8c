"""From a fact as people note it down to the lines of core/data/country_facts.csv: short names, and values of one form.

What no form is known for is refused, with the column; nothing is guessed, and nothing is left out in silence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

Line = dict[str, str]

#: What a source's name or address holds -> its short name, as in the table of countries.
_SOURCES: Mapping[str, str] = {
    **{name: name for name in ("infobip", "aws", "twilio", "telnyx", "bird", "vonage", "plivo", "pushtech", "mef")},
    **{name: name for name in ("clicksend", "messagemedia", "whispir", "puzzel", "smsmode", "suresms", "clickatell")},
    **{name: name for name in ("quriiri", "viafirma", "kwtsms", "cakraflash", "dlt", "sfr", "regulator")},
    **dict.fromkeys(
        ("traficom", "scamshield", "agcom", "af2m", "consiglio", "tcf", "acma", "comreg", "cnmc"), "regulator"
    ),
    "arenainteractive": "arena",
    "cm.com": "cm",
    "clk-italia": "clk",
    "rte ": "rte",
    "developer": "developers",
}
_SHORT = re.compile(r"[a-z0-9_]{2,20}(;\s*[a-z0-9_]{2,20})*")
_WINDOW = re.compile(r"\b[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}\b")
_WORD = re.compile(r"(\*?[A-Z0-9]{2,11}\*?)( and .*)?")
_CONTAINING = re.compile(r"containing ((?:[A-Z]\w+(?:, | or | and )?)+)")
_CHARACTERS = re.compile(r"A-Z a-z 0-9(?P<others>( only)|(( space| [^\sA-Za-z0-9;])+))")
_AFFIXES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"prefix (\S+)"), "{}*"),
    (re.compile(r"suffix (\S+)"), "*{}"),
    (re.compile(r".*contain (\S+)"), "*{}*"),
    (re.compile(r"(\*?[^*\s]+\*?)\Z"), "{}"),
)
_ANSWERS = ("yes", "no", "unknown")


class WordingError(ValueError):
    """A cell that no form is known for; `column` holds it."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column


def lines_of(row: Mapping[str, str], read_on: str | None) -> Iterator[Line]:
    """The lines that a noted fact becomes: one, mostly. Raises WordingError."""
    line = {column: (cell or "").strip() for column, cell in row.items()}
    line["quoted"] = f"{line['source']} {line['note']}"
    line["source"] = _sources(line["source"])
    if line["source"] and read_on and "(read " not in line["source_date"]:
        line["source_date"] = f"{line['source_date'] or 'undated'} (read {read_on})".replace(", read ", ", of ")
    if line["sender_type"] != "profile":
        yield from _of_rule(line)
    else:
        yield from _PROFILE.get(line["field"], _as_it_stands)(line)


def _sources(text: str) -> str:
    if not text or _SHORT.fullmatch(text):
        return ";".join(part.strip() for part in text.split(";"))
    said = text.lower().split("against it")[0]
    found = {name: said.find(mark) for mark, name in reversed(_SOURCES.items()) if mark in said}
    return ";".join(sorted(found, key=found.__getitem__)) or "other"


def _of_rule(line: Line) -> Iterator[Line]:
    if line["field"] == "local_traffic_registration":
        yield line | {"sender_type": "profile", "field": "alpha_local_registration"}
    elif line["field"] == "note":
        yield _note(line)
    elif line["field"] == "unregistered":
        # That something changes on a day is said, and not what: sources contradict each other.
        disputed = line["confidence"] == "low" and bool(line["effective_from"])
        new = "unknown" if disputed else line["new_value"]
        yield line | {"old_value": line["old_value"] or "blocked", "new_value": new}
    else:
        yield line
        if "unregistered=unknown" in line["note"] and line["new_value"] == "registration_required":
            yield line | {"field": "unregistered", "old_value": "blocked", "new_value": "unknown"}


def _note(line: Line) -> Line:
    words = "; ".join(filter(None, (line["new_value"], line["note"])))
    return line | {"sender_type": "alpha_tag", "field": "note", "old_value": "", "new_value": "", "note": words}


def _as_it_stands(line: Line) -> Iterator[Line]:
    yield line


def _charset(line: Line) -> Iterator[Line]:
    text = line["new_value"]
    first = _CHARACTERS.match(text)
    if first is None or "advised" in text:
        yield line | {"field": "alpha_charset_notes"}
        return
    others = first["others"].strip()
    yield line | {"field": "alpha_characters", "new_value": "none" if others == "only" else others}
    if begins := re.search(r"\bnot (\S) first\b", text):
        yield line | {"field": "alpha_not_first", "old_value": "", "new_value": begins[1]}
    if re.search(r"at least one letter|resemble a phone number", text):
        yield line | {"field": "alpha_needs_letter", "old_value": "no", "new_value": "yes"}


def _words(line: Line) -> Iterator[Line]:
    parts = (part.strip() for part in re.split("[;/]", line["new_value"]))
    words = [match[1] for match in map(_WORD.fullmatch, parts) if match]
    if not words:
        raise WordingError("new_value", "names no word in capitals")
    if "containing" in line["note"]:
        words = [f"*{word.strip('*')}*" for word in words]
    yield line | {"new_value": "; ".join(words)}


def _match(line: Line) -> Iterator[Line]:
    """How words are matched is said of each word, with stars; the words stand where the source is quoted."""
    quoted = _CONTAINING.search(line["quoted"])
    words = re.findall(r"[A-Z][A-Za-z0-9]+", quoted[1]) if quoted else []
    if line["new_value"] != "contains" or not words:
        raise WordingError(
            "new_value", "needs the words: write a line generic_words, with stars for those within names"
        )
    yield line | {"field": "generic_words", "old_value": "", "new_value": "; ".join(f"*{w.upper()}*" for w in words)}


def _affix(line: Line) -> Iterator[Line]:
    for pattern, form in _AFFIXES:
        if match := pattern.match(line["new_value"]):
            yield line | {"new_value": form.format(match[1])}
            yield from _window_within(line)
            return
    raise WordingError("new_value", "is neither a prefix, a suffix, nor contained")


def _permission(line: Line) -> Iterator[Line]:
    said = re.split(r"[\s(,;]", line["new_value"], maxsplit=1)[0]
    answer = said if said in _ANSWERS else "registration" if "regist" in line["new_value"] else ""
    if not answer:
        raise WordingError("new_value", "is not one of: yes, registration, no, unknown")
    yield line | {"new_value": "unknown" if line["confidence"] == "low" else answer}
    yield from _window_within(line)


def _window(line: Line) -> Iterator[Line]:
    if not _WINDOW.search(line["new_value"]):
        raise WordingError("new_value", "names no hours, such as 07:00-21:00")
    yield from _window_within(line)


def _window_within(line: Line) -> Iterator[Line]:
    if match := _WINDOW.search(line["new_value"]):
        yield line | {"field": "promotional_window", "old_value": "", "new_value": match[0]}


def _status_note(line: Line) -> Iterator[Line]:
    yield _note(line)


_PROFILE: Mapping[str, Callable[[Line], Iterator[Line]]] = {
    "alpha_charset": _charset,
    "alpha_status_note": _status_note,
    "generic_match": _match,
    "generic_words": _words,
    "promotional_affix": _affix,
    "promotional_allowed": _permission,
    "promotional_window": _window,
    "phone_allowed": _permission,
    "shortener_allowed": _permission,
    "url_allowed": _permission,
}
