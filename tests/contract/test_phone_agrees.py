"""Whole ranges of numbers, read by core/phone and by libphonenumber.

Of international numbers not one may differ, but for what we refuse on purpose and for NANPA's newer area codes. Of
national numbers ours is libphonenumber's reading, or a refusal.
"""

from __future__ import annotations

import csv
import random
import subprocess
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    NumberParseException,
    PhoneNumberFormat,
    PhoneNumberType,
    ValidationResult,
)
from phonenumbers.phonemetadata import PhoneMetadata

from core.phone import InvalidRecipientError, Recipient, country_of, parse_recipient, settled_country
from core.phone.prefixes import Node, table

ROOT = Path(__file__).resolve().parents[2]
DIGITS = "0123456789"
CODES = sorted(COUNTRY_CODE_TO_REGION_CODE)
SHARED_CODES = [code for code in CODES if len(COUNTRY_CODE_TO_REGION_CODE[code]) > 1]
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
E164 = PhoneNumberFormat.E164
with (ROOT / "core" / "data" / "nanpa_area_codes.csv").open(newline="") as file:
    AREA_CODES = {row["area_code"]: row["country"] for row in csv.DictReader(file)}

#: Text, hint.
Case = tuple[str, str | None]


def libphonenumber_reads(to: str, region: str | None) -> Recipient | None:
    try:
        number = phonenumbers.parse(to, region)
    except NumberParseException:
        return None
    country = phonenumbers.region_code_for_number(number) or newer_country(number)
    possible = phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE
    if country is None or not possible:
        return None
    return Recipient(phonenumbers.format_number(number, E164), country)


def newer_country(number: phonenumbers.PhoneNumber) -> str | None:
    digits = str(number.national_number)
    fits = number.country_code == 1 and len(digits) == 10 and digits[3] in "23456789"
    return AREA_CODES.get(digits[:3]) if fits else None


def we_read(to: str, hint: str | None) -> Recipient | None:
    try:
        return parse_recipient(to, hint)
    except InvalidRecipientError:
        return None


def disagreements(cases: Iterable[Case]) -> list[tuple[Case, Recipient | None, Recipient | None]]:
    """Where ours is another number, or a refusal that has not one of its reasons, or no refusal."""
    pairs = ((case, we_read(*case), libphonenumber_reads(*case)) for case in cases)
    return [(case, ours, theirs) for case, ours, theirs in pairs if ours != theirs and not refused(case, ours, theirs)][
        :20
    ]


def refused(case: Case, ours: Recipient | None, theirs: Recipient | None) -> bool:
    """Whether we refuse a number that libphonenumber rewrites, or that has its code twice or a nought behind it."""
    if ours is not None or theirs is None:
        return False
    number = phonenumbers.parse(theirs.e164)
    national, code = phonenumbers.national_significant_number(number), str(number.country_code)
    return theirs.e164 != "+" + digits_of(case[0]) or national.startswith((code, "0")) or len(theirs.e164) > 16


def digits_of(text: str) -> str:
    return "".join(str(unicodedata.decimal(character)) for character in text if character.isdecimal())


def other_numbers(cases: Iterable[Case]) -> list[tuple[Case, Recipient | None, Recipient | None]]:
    """Where both read a number, and not the same."""
    pairs = ((case, we_read(*case), libphonenumber_reads(*case)) for case in cases)
    return [(case, ours, theirs) for case, ours, theirs in pairs if ours and theirs and ours != theirs][:20]


def international(numbers: Iterable[str]) -> Iterator[Case]:
    return ((number, None) for number in numbers)


def examples() -> list[phonenumbers.PhoneNumber]:
    of_regions = [
        phonenumbers.example_number_for_type(region, number_type)
        for region in REGIONS
        for number_type in PhoneNumberType.values()
    ]
    of_no_region = [phonenumbers.example_number_for_non_geo_entity(code) for code in CODES]
    return [number for number in of_regions + of_no_region if number is not None]


EXAMPLES = [phonenumbers.format_number(number, E164) for number in examples()]


def random_digits(dice: random.Random, count: int) -> str:
    return "".join(dice.choices(DIGITS, k=count))


def behind_calling_codes(dice: random.Random, count: int) -> Iterator[str]:
    for _ in range(count):
        code = str(dice.choice(CODES))
        yield f"+{code}{random_digits(dice, dice.randint(4, 15 - len(code)))}"


def mutated_examples(dice: random.Random, count: int) -> Iterator[str]:
    for _ in range(count):
        digits = list(dice.choice(EXAMPLES)[1:])
        for _ in range(dice.randint(1, 4)):
            place = dice.randrange(len(digits))
            replaced = dice.random() < 0.7
            digits[place : place + replaced] = dice.choice(DIGITS)
        # A nought behind the plus is an international prefix to us.
        yield "+" + "".join(digits).lstrip("0")


def ends(node: Node | None = None, prefix: str = "+") -> Iterator[tuple[str, int]]:
    """Every prefix at which the table answers, with every length that it answers for there."""
    node = table() if node is None else node
    if isinstance(node, tuple):
        yield from ((prefix, length) for length in range(max(len(prefix), 8), len(node)))
        return
    for digit in DIGITS:
        yield from ends(node[digit], prefix + digit)
    if len(prefix) >= 8:
        yield prefix, len(prefix)


def at_prefixes(dice: random.Random, share: float) -> Iterator[str]:
    chosen = ((prefix, length) for prefix, length in ends() if prefix[1] != "0" and dice.random() < share)
    return (prefix + random_digits(dice, length - len(prefix)) for prefix, length in chosen)


def behind_every_area(dice: random.Random, code: int) -> Iterator[str]:
    metadata = PhoneMetadata.metadata_for_region(COUNTRY_CODE_TO_REGION_CODE[code][0])
    lengths = [length for length in metadata.general_desc.possible_length if 4 <= length <= 15 - len(str(code))]
    for area in range(10_000):
        yield f"+{code}{area:04}{random_digits(dice, dice.choice(lengths) - 4)}"


def test_it_ships_the_table_of_the_installed_phonenumbers() -> None:
    command = [sys.executable, "deploy/generate_phone_prefixes.py", "--check"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_it_agrees_on_every_example_of_every_region_and_type() -> None:
    assert len(EXAMPLES) > 1_000
    assert disagreements(international(EXAMPLES)) == []


def test_it_settles_nearly_every_example_by_the_table_alone() -> None:
    asked = [number for number in EXAMPLES if settled_country(number) is None]
    assert len(asked) < len(EXAMPLES) / 100, asked


@pytest.mark.parametrize("region", REGIONS)
def test_it_agrees_on_national_and_formatted_examples_of(region: str) -> None:
    forms = (PhoneNumberFormat.NATIONAL, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.RFC3966)
    numbers = [phonenumbers.example_number_for_type(region, kind) for kind in PhoneNumberType.values()]
    texts = [phonenumbers.format_number(number, form) for number in numbers if number is not None for form in forms]
    wide = str.maketrans(DIGITS + "+", "\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19\uff0b")
    assert disagreements((text, region) for text in texts + [text.translate(wide) for text in texts]) == []


def test_it_reads_numbers_dialled_from_every_region() -> None:
    numbers = ("+442079460018", "+12125550123", "+390612345678")
    cases = [
        (f"{prefix}{gap}{number[1:]}", region, number)
        for region in REGIONS
        for prefix in {PhoneMetadata.metadata_for_region(region).international_prefix, "00", "011", "+", "+00", "+011"}
        if prefix.isdigit() or prefix.startswith("+")
        for gap in ("", " ")
        for number in numbers
    ]
    read = {(to, region): we_read(to, region) for to, region, _ in cases}
    other = [case for case in cases if (found := read[case[:2]]) is not None and found.e164 != case[2]]
    assert other == []
    assert len(cases) > 7_000
    # 011 2125550123 is a number in Argentina, and so on: some can be meant in two ways.
    assert sum(found is None for found in read.values()) < len(cases) / 500


def test_it_reads_00_as_plus_where_no_country_is_named() -> None:
    assert [we_read("00" + number[1:], None) for number in EXAMPLES] == [we_read(number, None) for number in EXAMPLES]


@pytest.mark.parametrize("code", SHARED_CODES)
def test_it_agrees_on_the_areas_of_a_shared_code(code: int) -> None:
    dice = random.Random(code)
    numbers = [number for number in behind_every_area(dice, code) if dice.random() < 0.05]
    assert disagreements(international(numbers)) == []


def test_it_agrees_on_generated_numbers() -> None:
    dice = random.Random(1)
    assert disagreements(international(behind_calling_codes(dice, 3_000))) == []
    assert disagreements(international(mutated_examples(dice, 3_000))) == []
    assert disagreements(international(at_prefixes(dice, 0.02))) == []


def written_out(dice: random.Random, numbers: Iterable[str], marks: str) -> Iterator[Case]:
    """Numbers with marks between the digits, also several of them."""
    for number in numbers:
        marked = ("".join(dice.choices(marks, k=dice.randint(0, 3) // 2)) + digit for digit in number[1:])
        yield "+" + "".join(marked).lstrip(marks), dice.choice([None, "AU", "US"])


def test_it_agrees_on_numbers_as_people_write_them() -> None:
    dice = random.Random(3)
    numbers = [*EXAMPLES, *mutated_examples(dice, 2_000), *behind_calling_codes(dice, 1_000)]
    assert disagreements(written_out(dice, numbers, " -\u00a0")) == []
    assert other_numbers(written_out(dice, numbers, " ()./\u00a0-")) == []
    assert parse_recipient("+61 (491) 570-156") == Recipient("+61491570156", "AU")


def test_it_names_the_same_country_whatever_the_length() -> None:
    numbers = [*behind_calling_codes(random.Random(2), 2_000), *(number + "1234" for number in EXAMPLES)]
    theirs = [phonenumbers.region_code_for_number(phonenumbers.parse(number)) for number in numbers]
    assert [country_of(number) for number in numbers] == theirs


PIECES = st.sampled_from(["tel:", ";ext=5", " x33", "00", "011", "+", ";phone-context=+44", ";isub=1", "\uff0b44", "a"])


@settings(max_examples=300, deadline=None)
@given(
    pieces=st.lists(st.text(max_size=8) | st.from_regex(r"[0-9 ()+-]{1,14}", fullmatch=True) | PIECES, max_size=4),
    region=st.sampled_from(REGIONS),
)
def test_it_never_reads_another_number_from_any_text(pieces: list[str], region: str) -> None:
    text = "".join(pieces)
    found = we_read(text, region)
    assert found is None or digits_of(text).endswith(found.e164[-4:]) or "." in text or "\uff0e" in text


@pytest.mark.slow
def test_it_agrees_on_200_000_generated_numbers() -> None:
    dice = random.Random(20_000)
    assert disagreements(international(behind_calling_codes(dice, 100_000))) == []
    assert disagreements(international(mutated_examples(dice, 100_000))) == []
    assert disagreements(written_out(dice, mutated_examples(dice, 20_000), " -\u00a0")) == []


@pytest.mark.slow
def test_it_agrees_at_every_prefix_and_length_of_the_table() -> None:
    assert disagreements(international(at_prefixes(random.Random(3), 1))) == []


@pytest.mark.slow
@pytest.mark.parametrize("code", SHARED_CODES)
def test_it_agrees_on_every_area_of_a_shared_code(code: int) -> None:
    assert disagreements(international(behind_every_area(random.Random(code), code))) == []
