"""What stands in a text that countries have rules for: links, links by a public shortener, telephone numbers.

Read is how a person would read it, by the text alone; nothing is looked up, and nothing of the text is kept.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import NamedTuple

_DATA = Path(__file__).parents[1] / "data"


class Content(NamedTuple):
    """What a text holds. A tuple: quick to compare, as a part of what decisions are grouped by."""

    has_url: bool = False
    has_shortener: bool = False
    has_phone: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of what is there."""
        return tuple(name for name, there in zip(self._fields, self, strict=True) if there)


_CONTENTS = {each: each for each in map(Content._make, product((False, True), repeat=3))}
NO_CONTENT = _CONTENTS[Content()]

#: The countries whose rules look at what a text holds, and whether at telephone numbers too.
ContentCountries = Mapping[str, bool]
NOWHERE: ContentCountries = {}

_LEAST_DIGITS, _MOST_DIGITS = 7, 15
_RUN = b"0" * _LEAST_DIGITS


def content_of(text: str, *, numbers: bool = True) -> Content:
    """What the text holds; telephone numbers only with `numbers`. Equal answers are one object."""
    has_url, has_shortener = _links(text) if _has_inner_dot(text) else (False, False)
    has_phone = numbers and _may_hold_number(text) and _has_number(text)
    if not (has_url or has_phone):
        return NO_CONTENT
    return _CONTENTS[Content(has_url, has_shortener, has_phone)]


def content_to(text: str, country: str, countries: ContentCountries) -> Content:
    """What the text holds, as far as rules of the country look at it."""
    numbers = countries.get(country)
    return NO_CONTENT if numbers is None else content_of(text, numbers=numbers)


# -- links --------------------------------------------------------------------


def _read_domains() -> frozenset[str]:
    lines = (_DATA / "top_level_domains.txt").read_text("utf-8").splitlines()
    return frozenset(name for line in lines if not line.startswith("#") for name in line.split())


def _read_shorteners() -> frozenset[str]:
    with (_DATA / "url_shorteners.csv").open(encoding="ascii", newline="") as file:
        return frozenset(row["domain"] for row in csv.DictReader(file))


TOP_LEVEL_DOMAINS = _read_domains()
SHORTENERS = _read_shorteners()

#: Taken in any letter case, and behind a label of digits alone (163.com).
_COMMON = frozenset({"com", "net", "org", "cn"})
#: Short forms that people write close to the next word; behind one of them two letters are no top-level domain.
_ABBREVIATIONS = frozenset(
    {
        *("approx", "apt", "av", "bldg", "bzw", "ca", "capt", "cia", "co", "corp", "dept", "dr", "est", "etc", "ext"),
        *("ggf", "hr", "inc", "incl", "inkl", "jr", "kr", "ltd", "max", "min", "mr", "mrs", "ms", "no", "nr", "pcs"),
        *("prof", "pvt", "pty", "ref", "rs", "sr", "sra", "st", "str", "tel", "tlf", "usw", "vs", "zzgl"),
    }
)

_last_label = re.compile(r"\.(?<=\w\.)(xn--[a-zA-Z0-9-]+|[^\W\d_]{2,24}|(?<=\d\.)\d{1,3}(?=[:/]))(?![\w@-]|\.\w)")
_last_of_host = re.compile(r"[\w.-]+\Z")
_address = re.compile(r"([^\s/:?#]+\.?)[^\s]*")
_SCHEMES = ("http", "https", "ftp")
_LONGEST_SCHEME = 5


def _has_inner_dot(text: str) -> bool:
    """Whether there is a dot that is not the last of a sentence: without one there is no link."""
    dots = text.count(".")
    return dots > 0 and dots != text.count(". ") + text.endswith(".")


def _links(text: str) -> tuple[bool, bool]:
    """Whether there is a link, and whether one is by a shortener."""
    found = False
    at = text.find("://")
    while at > 0:
        scheme = max(0, at - _LONGEST_SCHEME)
        address = _address.match(text, at + 3)
        if address and text[scheme:at].lower().endswith(_SCHEMES):
            if _is_shortener(address[1]):
                return True, True
            found, text = True, f"{text[:at]} {text[address.end() :]}"
        at = text.find("://", at + 1)
    if found and not _has_inner_dot(text):
        return True, False
    for label in _last_label.finditer(text):
        host = _host(text, label)
        if host is not None:
            found = True
            if _is_shortener(host):
                return True, True
    return found, False


def _is_shortener(host: str) -> bool:
    return host.lower().removeprefix("www.") in SHORTENERS


def _host(text: str, label: re.Match[str]) -> str | None:
    """The host whose last label this is, where it is one of a link that names no scheme."""
    end = label.end()
    word = text.rfind(" ", 0, end) + 1
    begin = _last_of_host.search(text, word, end)
    start = end if begin is None else begin.start()
    host, before = text[start:end].strip("."), text[word:start]
    if before.endswith("@") or ("." in before and "/" in before):  # of an address, or of the path of another link
        return None
    with_path = text[end : end + 1] == "/"
    return host if host[:4].lower() == "www." or _is_domain(host, label[1], with_path=with_path) else None


def _is_domain(host: str, last: str, *, with_path: bool) -> bool:
    """Whether it reads as a domain, and not as a short form, an amount, or a sentence that begins without a blank."""
    lower = last.lower()
    if last.isdigit():
        return with_path and host.count(".") == 3
    if lower not in TOP_LEVEL_DOMAINS:
        return False
    if with_path or lower in _COMMON:
        return not _is_initials(host)
    name = host[: -len(last) - 1]
    if last != lower and not (last.isupper() and name.isupper()):
        return False
    if name.rpartition(".")[2].isdigit() or _is_initials(host):
        return False
    return len(last) > 2 or name.lower() not in _ABBREVIATIONS


def _is_initials(host: str) -> bool:
    """Such as `a.k.a` or `p.m.to`: several labels of one letter."""
    labels = host.split(".")[:-1]
    return len(labels) > 1 and all(len(label) == 1 for label in labels)


# -- telephone numbers --------------------------------------------------------------------

#: Of a text in UTF-8: every digit is a `0`, all else an `x`; what may stand between the digits of a number is left out.
_DIGITS = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else ord("x") for byte in range(256))
_BETWEEN = b" -./()"


def _may_hold_number(text: str) -> bool:
    return _RUN in text.encode().translate(_DIGITS, _BETWEEN)


_run = re.compile(r"\d[\d \-./()\u00a0\u2007\u202f]{5,24}\d(?!\w|[.,:]\d)")
_date = re.compile(
    r"(?:\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./](?:\d{4}|\d{2}))(?!\d)|\b\d{1,2}[.]\d{1,2}[.](?= |-|$)"
)
_amount = re.compile(r"\d{1,3}(?:[ .\u00a0\u202f]\d{3})+\Z")
_part_of_more = re.compile(r"[\w.,:/-]\Z")


def _has_number(text: str) -> bool:
    return any(_is_number(text[max(0, run.start() - 2) : run.start()], run[0]) for run in _run.finditer(text))


def _is_number(before: str, run: str) -> bool:
    """With `+` or a trunk `0`, or grouped as numbers are; digits alone may be a code, an order, a parcel."""
    digits = sum(map(str.isdigit, run))
    if not _LEAST_DIGITS <= digits <= _MOST_DIGITS:
        return False
    if "+" in before:
        return True
    if _part_of_more.search(before) or _amount.match(run) or _date.search(run):
        return False
    if run[0] == "0":
        return digits >= 9 or not run.isdigit()
    groups = re.split(r"[^\d]+", run)
    if len(groups) == 1 or len(groups[-1]) == 1 or "/" in run:
        return False
    return digits >= 10 or (digits == 8 and "-" not in run and "." not in run)
