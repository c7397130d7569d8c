"""What a recipient is read as, case by case; tests/contract/test_phone_agrees.py compares whole ranges."""

from __future__ import annotations

import pytest

from core.phone import (
    KNOWN_REGIONS,
    InvalidRecipientError,
    Recipient,
    country_of,
    parse_recipient,
    settled_country,
)

READ = {
    "E.164 of a country with its own code": ("+33612345678", None, "+33612345678", "FR"),
    "E.164 of the United States": ("+12125550123", None, "+12125550123", "US"),
    "E.164 of Canada, same code": ("+16135550123", None, "+16135550123", "CA"),
    "E.164 of Jamaica, same code": ("+18765550123", None, "+18765550123", "JM"),
    "E.164 of Kazakhstan in +7": ("+77011234567", None, "+77011234567", "KZ"),
    "E.164 of Russia in +7": ("+79161234567", None, "+79161234567", "RU"),
    "Russian 8 after the calling code is an area, not the national prefix": (
        "+78121234567",
        None,
        "+78121234567",
        "RU",
    ),
    "E.164 of the United Kingdom": ("+447400123456", None, "+447400123456", "GB"),
    "E.164 of Guernsey in +44": ("+447781123456", None, "+447781123456", "GG"),
    "E.164 of Jersey in +44": ("+447797712345", None, "+447797712345", "JE"),
    "E.164 of the Isle of Man in +44": ("+447624123456", None, "+447624123456", "IM"),
    "Italian landline keeps its zero": ("+390612345678", None, "+390612345678", "IT"),
    "the Vatican in +39": ("+390669812345", None, "+390669812345", "VA"),
    "Svalbard in +47": ("+4779123456", None, "+4779123456", "SJ"),
    "Christmas Island in +61": ("+61891641234", None, "+61891641234", "CX"),
    "Western Sahara in +212, which Morocco's patterns claim first": ("+212528812345", None, "+212528812345", "MA"),
    "Mayotte in +262": ("+262639012345", None, "+262639012345", "YT"),
    "Tristan da Cunha in +290": ("+2908999", None, "+2908999", "TA"),
    "Åland in +358": ("+358181234567", None, "+358181234567", "AX"),
    "Saint Barthélemy in +590": ("+590590271234", None, "+590590271234", "BL"),
    "Bonaire in +599": ("+5997151234", None, "+5997151234", "BQ"),
    "Ascension as libphonenumber names it": ("+24740123", None, "+24740123", "AC"),
    "Kosovo as libphonenumber names it": ("+38343201234", None, "+38343201234", "XK"),
    "calling code of no country": ("+870301234567", None, "+870301234567", "001"),
    "own country wins over the hint": ("+33612345678", "GB", "+33612345678", "FR"),
    "spurious national zero is dropped": ("+4402079460018", None, "+442079460018", "GB"),
    "spaces and brackets": ("+44 (0)20 7946 0018", None, "+442079460018", "GB"),
    "full-width digits": (
        "\uff0b\uff14\uff14\uff12\uff10\uff17\uff19\uff14\uff16\uff10\uff10\uff11\uff18",
        None,
        "+442079460018",
        "GB",
    ),
    "full-width digits after an ASCII start": ("+44207946001\uff18", None, "+442079460018", "GB"),
    "tel: URI": ("tel:+44-20-7946-0018", None, "+442079460018", "GB"),
    "tel: URI with a context": ("tel:020-7946-0018;phone-context=+44", None, "+442079460018", "GB"),
    "national with a hint": ("020 7946 0018", "GB", "+442079460018", "GB"),
    "national with UK as a hint": ("020 7946 0018", "uk", "+442079460018", "GB"),
    "national number of another region of the hint's code": ("613 555 0123", "US", "+16135550123", "CA"),
    "calling code without + and a hint": ("44 20 7946 0018", "GB", "+442079460018", "GB"),
    "00 without a hint is +": ("0044 20 7946 0018", None, "+442079460018", "GB"),
    "full-width 00 without a hint is +": ("\uff10\uff1044 20 7946 0018", None, "+442079460018", "GB"),
    "00 with an unknown hint is +": ("00442079460018", "XX", "+442079460018", "GB"),
    "00 from a country that dials another prefix": ("0044 20 7946 0018", "US", "+442079460018", "GB"),
    "00 dialled from a country that uses it": ("0044 20 7946 0018", "FR", "+442079460018", "GB"),
    "011 dialled from the United States": ("011 44 20 7946 0018", "US", "+442079460018", "GB"),
    "00 after + from a country that dials 00": ("+00442079460018", "GB", "+442079460018", "GB"),
    "possible but not known to be in use": ("+61499999999", None, "+61499999999", "AU"),
}


@pytest.mark.parametrize(("to", "hint", "e164", "country"), READ.values(), ids=READ)
def test_it_reads(to: str, hint: str | None, e164: str, country: str) -> None:
    assert parse_recipient(to, hint) == Recipient(e164, country)


REFUSED = {
    "nothing": ("", None, "not a telephone number"),
    "a plus": ("+", None, "not a telephone number"),
    "words": ("hello", None, "not a telephone number"),
    "words with a hint": ("hello", "GB", "not a telephone number"),
    "national without a hint": ("020 7946 0018", None, "no country is given"),
    "national with an unknown hint": ("020 7946 0018", "XX", "no numbers that are known"),
    "digits of an international number without +": ("442079460018", None, "no country is given"),
    "unknown calling code": ("+999123456789", None, "calling code"),
    "unknown calling code, with a hint": ("+999123456789", "GB", "calling code"),
    "unknown calling code, formatted": ("+999 123 456 789", None, "calling code"),
    "zero for a calling code": ("+0123456789", None, "calling code"),
    "00 before 0": ("000123456789", None, "calling code"),
    "too short": ("+3361234567", None, "too few or too many"),
    "too short, formatted": ("+33 6 12 34 56 7", None, "too few or too many"),
    "too long": ("+336123456789", None, "too few or too many"),
    "too long for any country": ("+44" + "1" * 30, None, "too many"),
    "too long for a text": ("+44" + "1" * 400, None, "too many"),
    "nothing after the prefix": ("00", "GB", "few"),
    "no region of a shared code claims it": ("+12120000000", None, "no country's range"),
    "the same, formatted": ("+1 212 000 0000", None, "no country's range"),
    "superscripts are no digits": ("+4420794600\u00b9\u00b8", None, "belongs to no telephone number"),
}


@pytest.mark.parametrize(("to", "hint", "words"), REFUSED.values(), ids=REFUSED)
def test_it_refuses(to: str, hint: str | None, words: str) -> None:
    with pytest.raises(InvalidRecipientError) as caught:
        parse_recipient(to, hint)
    assert words in caught.value.reason


@pytest.mark.parametrize(("to", "hint"), [case[:2] for case in REFUSED.values()], ids=REFUSED)
def test_it_keeps_the_number_out_of_the_error(to: str, hint: str | None) -> None:
    with pytest.raises(InvalidRecipientError) as caught:
        parse_recipient(to, hint)
    assert not any(character.isdigit() for character in str(caught.value))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


COUNTRIES = {
    "settled by the calling code": ("+33612345678", "FR"),
    "settled by the first digits": ("+447781123456", "GG"),
    "impossible length": ("+3361", "FR"),
    "longer than E.164": ("+3361234567890123", "FR"),
    "rewritten while parsing": ("+4402079460018", "GB"),
    "formatted": ("+33 6 12 34 56 78", "FR"),
    "claimed by no region": ("+12120000000", None),
    "unknown calling code": ("+999123456789", None),
    "national": ("0612345678", None),
    "empty": ("", None),
    "words": ("hello", None),
}


@pytest.mark.parametrize(("number", "country"), COUNTRIES.values(), ids=COUNTRIES)
def test_it_names_the_country_of(number: str, country: str | None) -> None:
    assert country_of(number) == country
    assert country_of(number) == country, "and the same again, from memory"


@pytest.mark.parametrize(
    ("to", "country"),
    [
        ("+33612345678", "FR"),
        ("+33 612345678", None),
        ("+4402079460018", None),
        ("+3361234", None),
        ("0612345678", None),
    ],
)
def test_it_settles_only_what_is_e164_as_it_stands(to: str, country: str | None) -> None:
    assert settled_country(to) == country


def test_it_knows_libphonenumbers_own_regions_but_no_alias() -> None:
    assert {"GB", "US", "AC", "TA", "XK"} <= KNOWN_REGIONS
    assert KNOWN_REGIONS.isdisjoint({"UK", "001", "ZZ"})
