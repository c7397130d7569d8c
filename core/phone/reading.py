"""From digits to one number: international or national, and refused wherever both, or another number, could be meant.

What is written is what is reached. libphonenumber reads more kindly than that - it completes, rewrites and cuts - so its
reading is taken only where the digits of the number are the digits of the text, but for prefixes that are only dialled.
docs/recipients.md says the rules for users.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberType, ValidationResult
from phonenumbers.phonemetadata import PhoneMetadata

from core.phone.countries import known_region
from core.phone.number import InvalidNumberError, InvalidRecipientError, Recipient
from core.phone.prefixes import ASK, BAD_LENGTH, IN_NO_RANGE, LOCAL_ONLY, NO_CODE, answer_for, settled_country
from core.phone.written import Written, read_written

#: ITU-T E.164: no number is longer, its calling code included.
_LONGEST: Final = 15

_REASONS: Final = {
    IN_NO_RANGE: "lies in no country's range of numbers",
    BAD_LENGTH: "has too few or too many digits for its country",
    LOCAL_ONLY: "has no area code, so it can only be dialled locally",
    NO_CODE: "begins with no country's calling code",
}

_TOO_MANY: Final = "has too many digits for one number"

_PARSE_REASONS: Final = {
    NumberParseException.INVALID_COUNTRY_CODE: _REASONS[NO_CODE],
    NumberParseException.NOT_A_NUMBER: "has too few digits",
    NumberParseException.TOO_SHORT_AFTER_IDD: "has too few digits",
    NumberParseException.TOO_SHORT_NSN: "has too few digits",
    NumberParseException.TOO_LONG: _TOO_MANY,
}

_NO_COUNTRY_GIVEN: Final = "is a national number, and no country is given to read it by"
_UNKNOWN_COUNTRY: Final = "is a national number, and the country given has no numbers that are known"
_NOT_ITS_COUNTRYS: Final = "is no number of the country given"
_AMBIGUOUS: Final = (
    "could be a national number of the country given, or an international one that lost its plus: "
    "write it with a plus and the calling code"
)
_TWO_CODES: Final = "has the calling code twice"
_CODE_OR_AREA: Final = (
    "could have the calling code twice, or a first part that looks like one: no text can be sent on a guess"
)
_NOUGHT: Final = "has a zero behind the calling code that does not belong there"
_REWRITTEN: Final = "is written in a short or superseded form, which stands for another number"
_BEHIND_A_SLASH: Final = "has a second number or an extension behind a slash"
_ZERO: Final = "has a zero in brackets that may or may not belong to the number: write it without brackets"

#: Forms that were given up, by what the digits behind the plus look like; a national number gets its calling code first.
_SUPERSEDED: Final = (
    (
        re.compile(r"521[0-9]{10}\Z"),
        "is written in Mexico's superseded form, with a 1 behind the calling code 52: write it without the 1",
    ),
    (
        re.compile(r"52(?:01|04[45])[0-9]{10}\Z"),
        "is written in Mexico's superseded form, with 01, 044 or 045 in front: write it without them",
    ),
    (
        re.compile(r"549?(?=[0-9]{12,13}\Z)0?[0-9]{2,4}15[0-9]{6,8}\Z"),
        "is written in Argentina's form for calls inside the country: behind the calling code 54 it has a 9 and no 15",
    ),
    (
        re.compile(r"225[0-9]{8}\Z"),
        "is written in the superseded form of Côte d'Ivoire, with eight digits: numbers have ten since 2021",
    ),
    (
        re.compile(r"229[2-9][0-9]{7}\Z"),
        "is written in the superseded form of Benin, with eight digits: since 2024 they have 01 in front",
    ),
)
#: Where what is superseded behind a plus is still what people dial.
_DIALS_SUPERSEDED: Final = frozenset({"AR"})

#: Argentina's mobile numbers behind the calling code, where a 9 stands for the 15 that is dialled inside the country.
_ARGENTINE_MOBILE: Final = re.compile(r"9[0-9]{10}\Z")
#: The same as they are dialled within one area.
_ARGENTINE_LOCAL: Final = re.compile(r"15[0-9]{6,8}\Z")

_INTERNATIONAL_PREFIXES: Final = ("00", "011")
_MOBILE: Final = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})
_NORTH_AMERICA: Final = 1
#: Digits of a prefix for calls inside a country, at most: 8, 06, 80.
_LONGEST_TRUNK: Final = 2

#: An international number as people write it, with marks that may be passed over wherever they stand.
_WRITTEN_OUT: Final = re.compile(r"\+[0-9][0-9 ()\u00a0-]{6,40}\Z")
_NO_MARKS: Final = str.maketrans("", "", " ()\u00a0-")


def parse_recipient(to: str, country: str | None = None) -> Recipient:
    """Reads `to`; `country` is a hint, used only where `to` is a national number. Raises InvalidRecipientError."""
    if settled := settled_country(to):
        return Recipient(to, settled)
    if _WRITTEN_OUT.match(to) and "(0)" not in to:
        bare = to.translate(_NO_MARKS)
        if settled := settled_country(bare):
            return Recipient(bare, settled)
    try:
        return _read(read_written(to), country)
    except InvalidNumberError as error:
        raise InvalidRecipientError(error.reason) from None


def sender_number(text: str, country: str | None = None) -> str:
    """The number of a Sender ID in E.164, by the reading that recipients have; `country` is the sender's own.

    Where no country is given, digits without a plus are taken for a number with its calling code: numbers of senders are
    often kept so. Raises InvalidNumberError.
    """
    written = read_written(text)
    if country is None and not written.digits.startswith("0"):
        written = replace(written, plus=True)
    return _read(written, country).e164


def _read(written: Written, country: str | None) -> Recipient:
    if written.tail and _is_a_number(_without_tail(written), country):
        raise InvalidNumberError(_BEHIND_A_SLASH)
    return _found(written, country).recipient


def _without_tail(written: Written) -> Written:
    return replace(written, digits=written.digits[: -written.tail], tail=0)


def _is_a_number(written: Written, country: str | None) -> bool:
    with suppress(InvalidNumberError):
        return _found(written, country).valid
    return False


@dataclass(frozen=True, slots=True)
class _Found:
    """One reading; `kind` is libphonenumber's type, which it knows of valid numbers alone."""

    recipient: Recipient
    code: int
    national: str
    kind: int

    @property
    def valid(self) -> bool:
        """Whether libphonenumber knows such numbers; in North America, or NANPA."""
        # A number of a calling code that many countries share has a country only where a range of one of them holds it.
        return self.kind != PhoneNumberType.UNKNOWN or self.code == _NORTH_AMERICA

    @property
    def valid_mobile(self) -> bool:
        """Whether a text can be sent to it, as far as its range tells."""
        return self.kind in _MOBILE or (self.kind == PhoneNumberType.UNKNOWN and self.code == _NORTH_AMERICA)


def _found(written: Written, country: str | None) -> _Found:
    digits = written.digits
    if len(digits) > _LONGEST + len("011"):
        raise InvalidNumberError(_TOO_MANY)
    if written.plus:
        prefix = next((each for each in _INTERNATIONAL_PREFIXES if digits.startswith(each)), "")
        return _international(_without_zero(written, len(prefix)))
    region = known_region(country)
    if region is None:
        return _without_country(written, country)
    own_code = str(phonenumbers.country_code_for_region(region))
    if written.zero_at == len(own_code) and digits.startswith(own_code):
        return _international(_without_zero(written, 0))
    for prefix in _INTERNATIONAL_PREFIXES:
        if digits.startswith(prefix):
            return _prefixed(written, prefix, region)
    if written.zero_at is not None:
        raise InvalidNumberError(_ZERO)
    return _national(digits, region)


def _without_country(written: Written, country: str | None) -> _Found:
    for prefix in _INTERNATIONAL_PREFIXES:
        if written.digits.startswith(prefix):
            return _international(_without_zero(written, len(prefix)))
    raise InvalidNumberError(_UNKNOWN_COUNTRY if country else _NO_COUNTRY_GIVEN)


def _without_zero(written: Written, start: int) -> str:
    """The digits from `start` on, without the (0) behind the calling code, unless the country's numbers begin with it."""
    digits, zero_at = written.digits[start:], written.zero_at
    if zero_at is None:
        return digits
    code, rest = digits[: zero_at - start], digits[zero_at - start + 1 :]
    if not code.isdigit() or int(code) not in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
        raise InvalidNumberError(_ZERO)
    kept, left = _known(digits), _known(code + rest)
    if kept is not None and left is not None and kept.recipient != left.recipient:
        raise InvalidNumberError(_ZERO)
    if kept is None and (left is not None or _dials_zero(int(code))):
        return code + rest
    if kept is None:
        raise InvalidNumberError(_ZERO)
    return digits


def _dials_zero(code: int) -> bool:
    metadata = _metadata(code)
    return metadata is not None and metadata.national_prefix == "0"


def _metadata(code: int | None) -> PhoneMetadata | None:
    return PhoneMetadata.metadata_for_region(phonenumbers.region_code_for_country_code(code or 0))


def _known(digits: str) -> _Found | None:
    """The international reading, where it is a valid number."""
    with suppress(InvalidNumberError):
        found = _international(digits)
        return found if found.valid else None
    return None


# ---- international ----


def _international(digits: str) -> _Found:
    """The number whose digits, calling code first, these are. It need only be possible."""
    _refuse_superseded(digits)
    number = _parsed(f"+{digits}", None)
    behind = digits[len(str(number.country_code)) :]
    national = phonenumbers.national_significant_number(number)
    if national != behind and not _only_prefixed(behind, national, number):
        raise InvalidNumberError(_REWRITTEN)
    found = _checked(number, national)
    if national != behind and not found.valid:
        raise InvalidNumberError(_REWRITTEN)
    return found


def _refuse_superseded(digits: str) -> None:
    for form, reason in _SUPERSEDED:
        if form.match(digits) and settled_country(f"+{digits}") is None:
            raise InvalidNumberError(reason)


def _only_prefixed(behind: str, national: str, number: PhoneNumber) -> bool:
    """Whether what is written is the number behind a prefix that is dialled inside the country, as in +44 020."""
    prefix = behind.removesuffix(national)
    if prefix == behind:
        return False
    metadata = _metadata(number.country_code)
    dialled = metadata.national_prefix_for_parsing if metadata is not None else None
    if prefix == "0":
        return True
    return len(prefix) <= _LONGEST_TRUNK and dialled is not None and re.fullmatch(f"(?:{dialled})", prefix) is not None


def _checked(number: PhoneNumber, national: str) -> _Found:
    """Raises where the number is not possible, belongs to no country, or holds the calling code once more."""
    e164 = f"+{number.country_code}{national}"
    if len(e164) > _LONGEST + 1:
        raise InvalidNumberError(_TOO_MANY)
    answer = answer_for(e164)
    if answer == ASK:
        answer = _asked(number)
    if len(answer) == 1:
        raise InvalidNumberError(_REASONS[answer])
    code = number.country_code or 0
    found = _Found(Recipient(e164, answer), code, national, phonenumbers.number_type(number))
    if not found.valid_mobile:
        _refuse_second_prefix(national, str(code), found.valid)
    return found


def _refuse_second_prefix(national: str, code: str, valid: bool) -> None:
    """Raises where the digits behind the calling code are a mobile number behind one more prefix."""
    if national.startswith(code) and _is_mobile(f"+{national}"):
        raise InvalidNumberError(_CODE_OR_AREA if valid else _TWO_CODES)
    bare = national.lstrip("0")
    if bare != national and not valid:
        if _is_mobile(f"+{code}{bare}"):
            raise InvalidNumberError(_NOUGHT)
        if bare.startswith(code) and _is_mobile(f"+{bare}"):
            raise InvalidNumberError(_TWO_CODES)


def _is_mobile(e164: str) -> bool:
    with suppress(NumberParseException):
        number = phonenumbers.parse(e164)
        national = phonenumbers.national_significant_number(number)
        return phonenumbers.number_type(number) in _MOBILE and e164 == f"+{number.country_code}{national}"
    return False


def _asked(number: PhoneNumber) -> str:
    possible = phonenumbers.is_possible_number_with_reason(number)
    if possible == ValidationResult.IS_POSSIBLE_LOCAL_ONLY:
        return LOCAL_ONLY
    if possible != ValidationResult.IS_POSSIBLE:
        return BAD_LENGTH
    return phonenumbers.region_code_for_number(number) or IN_NO_RANGE


def _parsed(text: str, region: str | None) -> PhoneNumber:
    try:
        return phonenumbers.parse(text, region)
    except NumberParseException as error:
        raise InvalidNumberError(_PARSE_REASONS[error.error_type]) from None


# ---- national ----


def _prefixed(written: Written, prefix: str, region: str) -> _Found:
    """Digits that begin with 00 or 011: an international number, unless the country reads them as one of its own."""
    readings: list[_Found] = []
    refusals: list[InvalidNumberError] = []
    own: _Found | None = None
    if written.zero_at is None:
        with suppress(InvalidNumberError):
            own = _of_country(written.digits, region)
            readings.append(own)
    try:
        found = _international(_without_zero(written, len(prefix)))
    except InvalidNumberError as error:
        refusals.append(error)
    else:
        if found.valid or own is None:
            readings.append(found)
    if len({each.recipient for each in readings}) > 1:
        raise InvalidNumberError(_AMBIGUOUS)
    if not readings:
        raise refusals[0]
    return readings[0]


def _national(digits: str, region: str) -> _Found:
    """Digits without a plus: of `region`, or with its calling code in front where only that can be meant."""
    code = str(phonenumbers.country_code_for_region(region))
    international = _known(digits) if digits.startswith(code) else None
    try:
        national = _of_country(digits, region)
    except InvalidNumberError:
        if international is not None:
            return international
        if digits.startswith(code):
            _refuse_superseded(digits)
        if region not in _DIALS_SUPERSEDED:
            _refuse_superseded(code + digits)
        raise
    if international is not None and international.recipient != national.recipient:
        if national.valid_mobile:
            raise InvalidNumberError(_AMBIGUOUS)
        return international
    if not national.valid_mobile and _is_mobile_elsewhere(digits, national):
        raise InvalidNumberError(_AMBIGUOUS)
    return national


def _is_mobile_elsewhere(digits: str, national: _Found) -> bool:
    """Whether the digits, with a plus in front, are another country's mobile number: a column that lost its pluses."""
    if digits != national.national:
        return False
    other = _known(digits)
    return other is not None and other.valid_mobile


def _of_country(digits: str, region: str) -> _Found:
    """What somebody in `region` reaches who dials these digits; it must be a valid number. Raises InvalidNumberError."""
    number = _parsed(digits, region)
    national = phonenumbers.national_significant_number(number)
    if _lacks_area_code(digits, national, region):
        raise InvalidNumberError(_REASONS[LOCAL_ONLY])
    found = _checked(number, national)
    if _is_its_own_behind_noughts(digits, found, region):
        raise InvalidNumberError(_AMBIGUOUS)
    if not found.valid:
        raise InvalidNumberError(_REASONS[LOCAL_ONLY] if _is_as_long_as_local(national, region) else _NOT_ITS_COUNTRYS)
    return found


def _is_its_own_behind_noughts(digits: str, found: _Found, region: str) -> bool:
    """Whether noughts and the country's own calling code stand where a prefix for calls abroad was read.

    Of Singapore's 00 65 65…, 006 may be such a prefix, and 56 the calling code of Chile. In North America 1 is the code,
    and 011 its one prefix.
    """
    code = phonenumbers.country_code_for_region(region)
    if code in (found.code, _NORTH_AMERICA):
        return False
    return digits.startswith("0") and digits.lstrip("0").startswith(str(code))


def _lacks_area_code(digits: str, national: str, region: str) -> bool:
    if region == "AR" and (_ARGENTINE_MOBILE.match(national) or _ARGENTINE_LOCAL.match(digits)):
        return _ARGENTINE_LOCAL.match(digits) is not None
    # Where there is one area code alone, libphonenumber would put it in front.
    return not digits.endswith(national)


def _is_as_long_as_local(national: str, region: str) -> bool:
    """Whether a number of this length is one without its area code: its length is known, or less than any mobile's."""
    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None or metadata.mobile is None or metadata.fixed_line is None:
        return False
    local = {*metadata.fixed_line.possible_length_local_only, *metadata.mobile.possible_length_local_only}
    return len(national) in local or len(national) < min(metadata.mobile.possible_length, default=0)
