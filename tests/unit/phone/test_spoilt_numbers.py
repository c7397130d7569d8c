"""Mobile numbers of every region in the ways in which files spoil them: the result is the number, or a refusal.

Never another number: that would be a message to a stranger.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import phonenumbers
import pytest
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

from core.phone import InvalidRecipientError, parse_recipient
from tests.support.effort import portion

REGIONS = portion(sorted(phonenumbers.SUPPORTED_REGIONS))
MOBILE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
NUMBERS_OF_EACH = 3

BLANKS = (
    "\t \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u2800\u3000\u3164"
)
MARKS = (
    "\u00ad\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u2060\u2066\u2067\u2068\u2069\ufe0f\ufeff"
)
PUNCTUATION = ".-/()[]\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
BETWEEN_TWO = (";", ",", ", ", "/", " / ", "|", " ", "  ", "\n", "\r\n", "\t", "-", " - ", ".", " or ", "&", "+", "")


@dataclass(frozen=True)
class Mobile:
    """A valid mobile number, in the pieces that spoiling needs."""

    region: str
    code: str
    nsn: str
    national: str

    @property
    def digits(self) -> str:
        return self.code + self.nsn

    @property
    def e164(self) -> str:
        return f"+{self.digits}"


def mobile(region: str, number: PhoneNumber) -> Mobile:
    nsn = phonenumbers.national_significant_number(number)
    return Mobile(region, str(number.country_code), nsn, phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL))


def mobiles(region: str, count: int) -> list[Mobile]:
    """Valid mobile numbers of a region, made from its example; fewer where its range is small."""
    dice, example = random.Random(region), phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
    if example is None:
        return []
    found = {mobile(region, example)}
    for _ in range(60):
        digits = list(phonenumbers.national_significant_number(example))
        for place in dice.sample(range(len(digits)), k=dice.randint(1, len(digits))):
            digits[place] = dice.choice("0123456789")
        number = phonenumbers.parse(f"+{example.country_code}{''.join(digits)}")
        if len(found) < count and is_mobile(number, "".join(digits)):
            found.add(mobile(region, number))
    return sorted(found, key=lambda each: each.e164)


def is_mobile(number: PhoneNumber, digits: str) -> bool:
    same = phonenumbers.national_significant_number(number) == digits
    return same and phonenumbers.number_type(number) in MOBILE


MOBILES = {region: mobiles(region, NUMBERS_OF_EACH) for region in REGIONS}
TEXTS = [each for found in MOBILES.values() for each in found]

#: Makes the text of a number, with its hint.
Spoil = Callable[[Mobile], tuple[str, str | None]]

READ: dict[str, Spoil] = {
    "as it is": lambda it: (it.e164, None),
    "as it is, with a hint": lambda it: (it.e164, "AU"),
    "a decimal with a plus": lambda it: (f"{it.e164}.0", None),
    "a decimal with two noughts": lambda it: (f"{it.e164}.00", "AU"),
    "a decimal with a comma": lambda it: (f"{it.e164},0", None),
    "+00": lambda it: (f"+00{it.digits}", None),
    "+00 with a hint": lambda it: (f"+00{it.digits}", it.region),
    "00": lambda it: (f"00{it.digits}", None),
    "00 with a blank": lambda it: (f"00 {it.digits}", None),
    "011": lambda it: (f"011{it.digits}", None),
    "an apostrophe": lambda it: (f"'{it.e164}", None),
    "a formula": lambda it: (f'="{it.e164}"', None),
    "a link": lambda it: (f"tel:{it.e164}", None),
    "brackets around the calling code": lambda it: (f"(+{it.code}) {it.nsn}", None),
    "two pluses": lambda it: (f"+{it.e164}", None),
    "wide digits": lambda it: (it.e164.translate(wide("\uff10")), None),
    "Arabic digits": lambda it: (it.e164.translate(wide("\u0660")), None),
    "Persian digits": lambda it: (it.e164.translate(wide("\u06f0")), None),
    "line ends around it": lambda it: (f"\r\n{it.e164}\r\n", None),
}

NUMBER_OR_REFUSAL: dict[str, Spoil] = {
    "national": lambda it: (it.national, it.region),
    "national, a decimal": lambda it: (f"{''.join(filter(str.isdigit, it.national))}.0", it.region),
    "national without its zero": lambda it: (it.nsn, it.region),
    "national without its zero, a decimal": lambda it: (f"{it.nsn}.0", it.region),
    "national without its zero, a decimal with a comma": lambda it: (f"{it.nsn},0", it.region),
    "national without a hint": lambda it: (it.national, None),
    "the plus lost": lambda it: (it.digits, it.region),
    "the plus lost, a decimal": lambda it: (f"{it.digits}.0", it.region),
    "the plus lost, two noughts": lambda it: (f"{it.digits}.00", it.region),
    "the plus lost, a decimal with a comma": lambda it: (f"{it.digits},0", it.region),
    "the plus lost, no hint": lambda it: (it.digits, None),
    "the plus became a blank": lambda it: (f" {it.digits}", it.region),
    "00 with a hint": lambda it: (f"00{it.digits}", it.region),
    "0 for 00": lambda it: (f"0{it.digits}", it.region),
    "011 with a hint": lambda it: (f"011{it.digits}", it.region),
    "the calling code twice": lambda it: (f"+{it.code}{it.digits}", None),
    "the calling code twice, written out": lambda it: (f"+{it.code} {it.code} {it.nsn}", None),
    "the calling code twice behind 00": lambda it: (f"00{it.code}{it.digits}", None),
    "the calling code twice, the plus lost": lambda it: (f"{it.code}{it.digits}", it.region),
    "the calling code behind a nought": lambda it: (f"+{it.code}0{it.digits}", None),
    "the calling code and 00": lambda it: (f"+{it.code}00{it.digits}", None),
    "a plus in the middle": lambda it: (f"+{it.code}+{it.digits}", None),
    "a nought in brackets": lambda it: (f"+{it.code} (0) {it.nsn}", None),
    "a nought in brackets, the plus lost": lambda it: (f"{it.code}(0){it.nsn}", it.region),
    "an exponent": lambda it: (f"{float(it.digits):.5E}", it.region),
    "an exponent of all digits": lambda it: (f"{float(it.digits):.14E}", it.region),
    "an exponent of the national number": lambda it: (f"{float(it.nsn):.4E}", it.region),
    "a fraction": lambda it: (f"{it.digits}.5", it.region),
    "a fraction of hundredths": lambda it: (f"{it.e164}.25", it.region),
    "thousands": lambda it: (f"{int(it.digits):,}", it.region),
    "thousands and a decimal": lambda it: (f"{int(it.digits):,}.00", it.region),
    "thousands between points": lambda it: (f"{int(it.digits):,}".replace(",", "."), it.region),
    "thousands between points, a decimal": lambda it: (f"{int(it.digits):,}.0".replace(",", "."), it.region),
    "thousands between blanks, a decimal": lambda it: (f"{int(it.digits):,}".replace(",", "\u202f") + ",00", it.region),
    "a minus": lambda it: (f"-{it.digits}", it.region),
    "an extension": lambda it: (f"{it.e164} x12", None),
    "an extension behind a semicolon": lambda it: (f"tel:{it.e164};ext=12", None),
    "a digit behind a slash": lambda it: (f"{it.e164}/7", None),
    "a digit behind a slash, national": lambda it: (f"{it.national}/7", it.region),
    "a letter for a nought": lambda it: (it.e164.replace("0", "O"), None),
    "a name behind it": lambda it: (f"{it.e164} Bob", None),
}

WITH_A_NOUGHT: dict[str, Spoil] = {
    "a nought behind the calling code": lambda it: (f"+{it.code}0{it.nsn}", None),
    "the same, the plus lost": lambda it: (f"{it.code}0{it.nsn}", it.region),
}


def wide(zero: str) -> dict[int, int]:
    return {ord(str(digit)): ord(zero) + digit for digit in range(10)}


def found(text: str, hint: str | None) -> str | None:
    try:
        return parse_recipient(text, hint).e164
    except InvalidRecipientError:
        return None


def test_it_has_numbers_of_nearly_every_region() -> None:
    assert sum(len(each) == NUMBERS_OF_EACH for each in MOBILES.values()) > len(REGIONS) * 0.95


@pytest.mark.parametrize("spoil", READ.values(), ids=READ)
def test_it_reads_the_number(spoil: Spoil) -> None:
    assert [it for it in TEXTS if found(*spoil(it)) != it.e164] == []


@pytest.mark.parametrize("spoil", NUMBER_OR_REFUSAL.values(), ids=NUMBER_OR_REFUSAL)
def test_it_reads_no_other_number(spoil: Spoil) -> None:
    assert [it for it in TEXTS if found(*spoil(it)) not in {it.e164, None}] == []


@pytest.mark.parametrize("spoil", WITH_A_NOUGHT.values(), ids=WITH_A_NOUGHT)
def test_it_reads_no_other_number_unless_it_is_written_there(spoil: Spoil) -> None:
    """In Italy and on Ascension a nought behind the calling code makes another valid number of a mobile one."""
    other = [(it, read) for it in TEXTS if (read := found(*spoil(it))) not in {it.e164, None}]
    assert {it.code for it, _ in other} <= {"39", "247"}
    assert all(read == f"+{it.code}0{it.nsn}" for it, read in other)


@pytest.mark.parametrize("spoil", ["national", "national without its zero", "the plus lost", "00 with a hint"])
def test_it_reads_nearly_all_that_can_be_meant_in_one_way(spoil: str) -> None:
    refused = [it for it in TEXTS if found(*NUMBER_OR_REFUSAL[spoil](it)) is None]
    assert len(refused) < len(TEXTS) / 50, refused


def strewn(it: Mobile, signs: str) -> Iterator[str]:
    """The number with one sign in the middle, for each sign, and with many."""
    dice = random.Random(it.digits)
    half = len(it.code) + 1 + len(it.nsn) // 2
    yield from (f"{sign}{it.e164[:half]}{sign}{it.e164[half:]}{sign}" for sign in signs)
    yield it.e164[0] + "".join(dice.choice(signs) + digit for digit in it.digits)


@pytest.mark.parametrize("signs", [BLANKS, MARKS], ids=["blanks", "marks"])
def test_it_passes_over(signs: str) -> None:
    assert {it.e164: text for it in TEXTS[::3] for text in strewn(it, signs) if found(text, None) != it.e164} == {}


def test_it_passes_over_punctuation_or_refuses() -> None:
    texts = [(text, it) for it in TEXTS for text in strewn(it, PUNCTUATION)]
    assert [(text, it) for text, it in texts if found(text, None) not in {it.e164, None}] == []


@pytest.mark.parametrize("between", BETWEEN_TWO)
def test_it_reads_neither_of_two_nor_a_third(between: str) -> None:
    others = TEXTS[1:] + TEXTS[:1]
    texts = [
        (f"{one}{between}{other}", it.region)
        for it, also in zip(TEXTS, others, strict=True)
        for one, other in ((it.e164, also.e164), (it.national, it.national), (it.nsn, it.nsn), (it.digits, also.digits))
    ]
    assert {case: read for case in texts if (read := found(*case)) is not None} == {}
