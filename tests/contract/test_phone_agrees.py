"""Whole ranges of numbers, read by core/phone.py and by libphonenumber: not one may differ."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, NumberParseException, PhoneNumberFormat, PhoneNumberType
from phonenumbers.phonemetadata import PhoneMetadata

from core import phone
from core.phone import InvalidRecipientError, Recipient, country_of, parse_recipient, settled_country

ROOT = Path(__file__).resolve().parents[2]
DIGITS = "0123456789"
CODES = sorted(COUNTRY_CODE_TO_REGION_CODE)
SHARED_CODES = [code for code in CODES if len(COUNTRY_CODE_TO_REGION_CODE[code]) > 1]
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
E164 = PhoneNumberFormat.E164

#: Text, hint.
Case = tuple[str, str | None]


def libphonenumber_reads(to: str, region: str | None) -> Recipient | None:
    try:
        number = phonenumbers.parse(to, region)
    except NumberParseException:
        return None
    country = phonenumbers.region_code_for_number(number)
    if country is None or not phonenumbers.is_possible_number(number):
        return None
    return Recipient(phonenumbers.format_number(number, E164), country)


def we_read(to: str, hint: str | None) -> Recipient | None:
    try:
        return parse_recipient(to, hint)
    except InvalidRecipientError:
        return None


def disagreements(cases: Iterable[Case]) -> list[tuple[Case, Recipient | None, Recipient | None]]:
    pairs = ((case, we_read(*case), libphonenumber_reads(*case)) for case in cases)
    return [(case, ours, theirs) for case, ours, theirs in pairs if ours != theirs][:20]


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
        yield "+" + "".join(digits)


def ends(node: phone._Node = phone._root, prefix: str = "+") -> Iterator[tuple[str, int]]:
    """Every prefix at which the table answers, with every length that it answers for there."""
    if isinstance(node, tuple):
        yield from ((prefix, length) for length in range(max(len(prefix), 8), len(node)))
        return
    for digit in DIGITS:
        yield from ends(node[digit], prefix + digit)
    if len(prefix) >= 8:
        yield prefix, len(prefix)


def at_prefixes(dice: random.Random, share: float) -> Iterator[str]:
    chosen = ((prefix, length) for prefix, length in ends() if dice.random() < share)
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
    assert len(asked) < len(EXAMPLES) / 200, asked


@pytest.mark.parametrize("region", REGIONS)
def test_it_agrees_on_national_and_formatted_examples_of(region: str) -> None:
    forms = (PhoneNumberFormat.NATIONAL, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.RFC3966)
    numbers = [phonenumbers.example_number_for_type(region, kind) for kind in PhoneNumberType.values()]
    texts = [phonenumbers.format_number(number, form) for number in numbers if number is not None for form in forms]
    wide = str.maketrans(DIGITS + "+", "\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19\uff0b")
    assert disagreements((text, region) for text in texts + [text.translate(wide) for text in texts]) == []


def test_it_agrees_on_numbers_dialled_from_every_region() -> None:
    cases = [
        (f"{prefix}{gap}{number[1:]}", region)
        for region in REGIONS
        for prefix in (PhoneMetadata.metadata_for_region(region).international_prefix, "00", "011", "+", "+00")
        if prefix.isdigit() or prefix.startswith("+")
        for gap in ("", " ")
        for number in ("+442079460018", "+12125550123", "+390612345678")
    ]
    assert disagreements(cases) == []


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


def written_out(dice: random.Random, numbers: Iterable[str]) -> Iterator[Case]:
    """Numbers with marks after any digit, also several of them, and at the end."""
    for number in numbers:
        marked = (digit + random_marks(dice) if dice.random() < 0.3 else digit for digit in number[1:])
        yield "+" + "".join(marked), dice.choice([None, "AU", "US"])


def random_marks(dice: random.Random) -> str:
    return "".join(dice.choices(" ()./\u00a0-", k=dice.choice([1, 1, 1, 2, 3])))


def test_it_agrees_on_numbers_as_people_write_them() -> None:
    dice = random.Random(3)
    numbers = [*EXAMPLES, *mutated_examples(dice, 2_000), *behind_calling_codes(dice, 1_000)]
    assert disagreements(written_out(dice, numbers)) == []
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
def test_it_agrees_on_any_text(pieces: list[str], region: str) -> None:
    assert disagreements([("".join(pieces), region)]) == []


@pytest.mark.slow
def test_it_agrees_on_200_000_generated_numbers() -> None:
    dice = random.Random(20_000)
    assert disagreements(international(behind_calling_codes(dice, 100_000))) == []
    assert disagreements(international(mutated_examples(dice, 100_000))) == []
    assert disagreements(written_out(dice, mutated_examples(dice, 20_000))) == []


@pytest.mark.slow
def test_it_agrees_at_every_prefix_and_length_of_the_table() -> None:
    assert disagreements(international(at_prefixes(random.Random(3), 1))) == []


@pytest.mark.slow
@pytest.mark.parametrize("code", SHARED_CODES)
def test_it_agrees_on_every_area_of_a_shared_code(code: int) -> None:
    assert disagreements(international(behind_every_area(random.Random(code), code))) == []
