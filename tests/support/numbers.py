"""Texts, hints, and what they are read as, whichever way they come in: the cases of docs/recipients.md."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """A recipient as it is written. Either `e164` and `country`, or `words` of the refusal, is expected."""

    to: str
    hint: str | None = None
    e164: str | None = None
    country: str | None = None
    words: str = ""


def read(to: str, hint: str | None, e164: str, country: str) -> Case:
    return Case(to, hint, e164, country)


def refuse(to: str, hint: str | None, words: str) -> Case:
    return Case(to, hint, words=words)


#: No case holds a line end or begins with a blank, for a file of recipients could not tell it.
CASES = {
    "a decimal": read("4915112345678.0", "DE", "+4915112345678", "DE"),
    "a decimal with a plus": read("+4915112345679.0", "DE", "+4915112345679", "DE"),
    "a Dutch decimal": read("31612345678.0", "NL", "+31612345678", "NL"),
    "a decimal of Singapore": read("6581234567.0", "SG", "+6581234567", "SG"),
    "a South African decimal": read("27711234567.0", "ZA", "+27711234567", "ZA"),
    "a lost plus": read("4915112345677", "DE", "+4915112345677", "DE"),
    "a lost plus in Indonesia": read("62812345678", "ID", "+62812345678", "ID"),
    "a lost plus in Kosovo": read("38343201234", "XK", "+38343201234", "XK"),
    "Houston": read("+1 621 345 6789", None, "+16213456789", "US"),
    "Peoria": read("+1 861 345 6789", None, "+18613456789", "US"),
    "Detroit": read("+1 679 345 6789", None, "+16793456789", "US"),
    "southeast Georgia": read("+1 565 345 6789", None, "+15653456789", "US"),
    "narrow blanks": read("+61\u202f412\u202f345\u202f678", None, "+61412345678", "AU"),
    "figure spaces": read("+61\u2007412\u2007345\u2007679", None, "+61412345679", "AU"),
    "a mark of direction": read("+61412\u200e345670", None, "+61412345670", "AU"),
    "an apostrophe": read("'0412345671", "AU", "+61412345671", "AU"),
    "a zero in brackets": read("+44 (0)7400 123457", None, "+447400123457", "GB"),
    "00": read("00447400123458", "AU", "+447400123458", "GB"),
    "a link": read("tel:+447400123459", None, "+447400123459", "GB"),
    "UK": read("07400 123450", "UK", "+447400123450", "GB"),
    "a Brazilian number without its area code": refuse("961234567", "BR", "has no area code"),
    "a Mexican one": refuse("12345678", "MX", "has no area code"),
    "an Argentine one": refuse("15-2345-6789", "AR", "has no area code"),
    "a German one": refuse("89", "DE", "has no area code"),
    "an Indian one": refuse("7123456", "IN", "has no area code"),
    "a Chinese one": refuse("2345678", "CN", "has no area code"),
    "two": refuse("0412 345 678;0398 765 432", "AU", "holds more than one number"),
    "Mexico's old form": refuse("+5215512345678", None, "Mexico's superseded form"),
    "an exponent": refuse("4.9151E+12", "DE", "spreadsheet"),
    "letters": refuse("1-800-FLOWERS", "US", "holds letters"),
    "an extension": refuse("+12025550123 x12", None, "has an extension"),
    "a calling code twice": refuse("+494915112345678", None, "calling code twice"),
    "no country": refuse("0412345678", None, "no country is given"),
}
