"""National or international, whose number, and which of two: what the digits of a text are taken to mean."""

from __future__ import annotations

import re

import pytest

from core.phone import InvalidNumberError, InvalidRecipientError, Recipient, parse_recipient, sender_number

READ = {
    # The plus was lost
    "a German mobile number that lost its plus": ("4915112345678", "DE", "+4915112345678", "DE"),
    "an Indonesian one": ("62812345678", "ID", "+62812345678", "ID"),
    "one of Kosovo": ("38343201234", "XK", "+38343201234", "XK"),
    "one of North America": ("12125550123", "US", "+12125550123", "US"),
    "an Italian one whose first digits are the calling code again": ("393912345678", "IT", "+393912345678", "IT"),
    "an Italian national one that begins like the calling code": ("3912345678", "IT", "+393912345678", "IT"),
    "a Brazilian one whose area code is the calling code": ("55987654321", "BR", "+5555987654321", "BR"),
    # Prefixes
    "00 behind a plus": ("+0049 151 12345678", None, "+4915112345678", "DE"),
    "011 without a hint": ("011 44 20 7946 0018", None, "+442079460018", "GB"),
    "011 behind a plus": ("+011 44 20 7946 0018", None, "+442079460018", "GB"),
    "011 from a country that does not dial it": ("011442079460018", "DE", "+442079460018", "GB"),
    "011 that is Johannesburg": ("011 123 4567", "ZA", "+27111234567", "ZA"),
    "011 that is Buenos Aires": ("011 2345-6789", "AR", "+541123456789", "AR"),
    "a country's own international prefix": ("0011 44 20 7946 0018", "AU", "+442079460018", "GB"),
    "a prefix that begins with other digits": ("010 44 20 7946 0018", "JP", "+442079460018", "GB"),
    "a carrier's prefix": ("0 15 11 98765-4321", "BR", "+5511987654321", "BR"),
    "an Argentine mobile number as it is dialled there": ("011 15-2345-6789", "AR", "+5491123456789", "AR"),
    "the prefix of Belarus behind the calling code": ("+375 80 29 123 45 67", None, "+375291234567", "BY"),
    # Countries
    "UK": ("07911 123456", "UK", "+447911123456", "GG"),
    "a hint with blanks": ("0412 345 678", " au ", "+61412345678", "AU"),
    "an unknown hint beside an international number": ("+61412345678", "ZZ", "+61412345678", "AU"),
    # Area codes of +1 that libphonenumber does not know: NANPA's list
    "Houston's new area code": ("+1 621 345 6789", None, "+16213456789", "US"),
    "Peoria's": ("+18613456789", None, "+18613456789", "US"),
    "Detroit's": ("+1 (679) 345-6789", None, "+16793456789", "US"),
    "the one of southeast Georgia": ("+15653456789", None, "+15653456789", "US"),
    "exchanges of Colorado's that libphonenumber lacks": ("+1 983 651 3581", None, "+19836513581", "US"),
    "a new area code, national": ("(621) 345-6789", "US", "+16213456789", "US"),
    "a new area code, from Canada": ("1 621 345 6789", "CA", "+16213456789", "US"),
    "a Canadian area code": ("+1 942 345 6789", None, "+19423456789", "CA"),
    "a Caribbean one": ("+1 658 345 6789", None, "+16583456789", "JM"),
    # E.164 need only be possible
    "a range that libphonenumber does not know": ("+61499999999", None, "+61499999999", "AU"),
}


@pytest.mark.parametrize(("to", "hint", "e164", "country"), READ.values(), ids=READ)
def test_it_reads(to: str, hint: str | None, e164: str, country: str) -> None:
    assert parse_recipient(to, hint) == Recipient(e164, country)


NO_AREA = "has no area code"
AMBIGUOUS = "national number of the country given, or an international one"

REFUSED = {
    "a Brazilian number without its area code": ("961234567", "BR", NO_AREA),
    "a Mexican one": ("12345678", "MX", NO_AREA),
    "an Argentine one": ("15-2345-6789", "AR", NO_AREA),
    "a German one": ("89", "DE", NO_AREA),
    "an Indian one": ("7123456", "IN", NO_AREA),
    "a Chinese one": ("2345678", "CN", NO_AREA),
    "one of North America": ("555-0123", "US", NO_AREA),
    "one of a country with a single area code": ("464 1234", "AG", NO_AREA),
    "one of Norfolk Island": ("22123", "NF", NO_AREA),
    "an international number without its area code": ("+49 89", None, NO_AREA),
    "one of North America with its calling code": ("+1 555 0123", None, NO_AREA),
    "a national number that is not in use": ("0612 345 678", "AU", "no country's range"),
    "a national number of another country": ("0412 345 678", "ES", "too few"),
    "an area code of +1 that is not in service": ("+1 620 000 0000", None, "no country's range"),
    "another": ("+1 222 345 6789", None, "no country's range"),
    "a new area code with an exchange that cannot be": ("+1 621 145 6789", None, "no country's range"),
    "Mexico's old form": ("+5215512345678", None, "Mexico's superseded form"),
    "Mexico's old form, written out": ("+52 1 55 1234 5678", None, "Mexico's superseded form"),
    "Mexico's old form without its plus": ("5215512345678", "MX", "Mexico's superseded form"),
    "Mexico's old form behind 00": ("005215512345678", None, "Mexico's superseded form"),
    "Mexico's old prefix for mobile numbers": ("044 55 1234 5678", "MX", "Mexico's superseded form, with 01, 044"),
    "the same from abroad": ("+52 045 55 1234 5678", None, "Mexico's superseded form, with 01, 044"),
    "Mexico's old form, national": ("1 55 1234 5678", "MX", "Mexico's superseded form, with a 1"),
    "a national number whose digits are Mexico's old form": ("5215512345678", "AU", "too few or too many"),
    "Argentina's 15 behind the calling code": ("+54 11 15 2345 6789", None, "no 15"),
    "both, Argentina's 9 and 15": ("+54 9 11 15 2345 6789", None, "no 15"),
    "the old eight digits of Côte d'Ivoire": ("+225 07 12 34 56", None, "superseded form of Côte d'Ivoire"),
    "the same, national": ("07 12 34 56", "CI", "superseded form of Côte d'Ivoire"),
    "the old eight digits of Benin": ("+229 97 12 34 56", None, "superseded form of Benin"),
    "an old form of Norfolk Island": ("+67222123", None, "short or superseded form"),
    "a short form of San Marino": ("+378886377", None, "short or superseded form"),
    "a carrier's prefix behind the calling code": ("+55 0 15 11 98765-4321", None, "short or superseded form"),
    "the calling code twice": ("+6262812345678", None, "calling code twice"),
    "the calling code twice, where such a number may be": ("+494915112345678", None, "calling code twice"),
    "the calling code behind the national zero": ("04915112345678", "DE", "calling code twice"),
    "the calling code twice, without a plus": ("494915112345678", "DE", "twice"),
    "the calling code twice behind 00, which holds another prefix and code": ("00656581236455", "SG", "twice"),
    "the calling code behind a nought that begins a prefix": ("02482519663", "SC", AMBIGUOUS),
    "a zero in brackets behind 00 that may belong to the number": ("0039(0)3124137856", "IT", "zero in brackets"),
    "a Dutch mobile number that might be a German landline": ("33612345678", "DE", AMBIGUOUS),
    "digits of an international number, no country": ("4915112345678", None, "no country is given"),
    "digits of an international number, unknown country": ("4915112345678", "AQ", "no numbers that are known"),
}


@pytest.mark.parametrize(("to", "hint", "words"), REFUSED.values(), ids=REFUSED)
def test_it_refuses(to: str, hint: str | None, words: str) -> None:
    with pytest.raises(InvalidRecipientError) as caught:
        parse_recipient(to, hint)
    assert words in caught.value.reason
    digits = re.sub(r"\D", "", to)
    assert not any(digits[at : at + 4] in str(caught.value) for at in range(max(1, len(digits) - 3)))


SENDERS = {
    "as an Australian reads it": ("+61 491 570 006", "AU"),
    "behind 00": ("0061491570006", "AU"),
    "national": ("0491570006", "AU"),
    "without its plus": ("61491570006", "AU"),
    "without its plus, and no country": ("61491570006", None),
    "behind 00, and no country": ("0061491570006", None),
    "in a formula": ('="+61491570006"', None),
}


@pytest.mark.parametrize(("text", "country"), SENDERS.values(), ids=SENDERS)
def test_it_reads_one_sender_however_it_is_spelled(text: str, country: str | None) -> None:
    assert sender_number(text, country) == "+61491570006"


@pytest.mark.parametrize(
    ("text", "country", "words"),
    [
        ("12", "AU", "too few"),
        ("12", None, "few"),
        ("0491570006", None, "no country is given"),
        ("ACME", None, "not a telephone number"),
        ("0491570006 x3", "AU", "extension"),
    ],
)
def test_it_refuses_a_sender_that_is_no_number(text: str, country: str | None, words: str) -> None:
    with pytest.raises(InvalidNumberError) as caught:
        sender_number(text, country)
    assert words in caught.value.reason
