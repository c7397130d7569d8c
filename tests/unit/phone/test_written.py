"""How files and people write numbers: what is passed over, and what is refused because it is not one number."""

from __future__ import annotations

import pytest

from core.phone import InvalidRecipientError, parse_recipient

AU = "+61412345678"
DE = "+4915112345678"

READ = {
    # Blanks and marks
    "a no-break space": ("+61\u00a0412\u00a0345\u00a0678", None, AU),
    "a narrow no-break space": ("+61\u202f412\u202f345\u202f678", None, AU),
    "a figure space": ("+61\u2007412\u2007345\u2007678", None, AU),
    "an ideographic space": ("+61\u3000412\u3000345678", None, AU),
    "a tabulator": ("+61\t412345678", None, AU),
    "Braille's blank": ("+61\u2800412345678", None, AU),
    "a left-to-right mark": ("+61412\u200e345678", None, AU),
    "marks of embedding around it": ("\u202a+61412345678\u202c", None, AU),
    "marks of isolation around it": ("\u2066+61 412 345 678\u2069", None, AU),
    "a space without width": ("+61\u200b412\u200b345678", None, AU),
    "a word joiner": ("+61\u2060412345678", None, AU),
    "a soft hyphen": ("+61\u00ad412345678", None, AU),
    "a byte order mark before it": ("\ufeff+61412345678", None, AU),
    "line ends around it": ("\r\n+61412345678\n", None, AU),
    # Digits and punctuation
    "points": ("+61.412.345.678", None, AU),
    "points in the middle of the line": ("+61\u00b7412\u00b7345\u00b7678", None, AU),
    "one point behind the calling code, as registrars write": ("+61.412345678", None, AU),
    "hyphens of every kind": ("+61\u2010412\u2013345\u2212678", None, AU),
    "slashes": ("0412/345/678", "AU", AU),
    "a slash behind the area code": ("0151/12345678", "DE", DE),
    "square brackets": ("+61 [412] 345 678", None, AU),
    "the calling code in brackets": ("(+61) 412 345 678", None, AU),
    "a blank behind the plus": ("+ 61 412 345 678", None, AU),
    "two pluses": ("++61412345678", None, AU),
    "a wide plus and wide digits": ("\uff0b\uff16\uff11412345678", None, AU),
    "Arabic digits": ("\u0660\u0664\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668", "AU", AU),
    "Devanagari digits": ("+\u096f\u0967 98765 43210", None, "+919876543210"),
    "a full stop at the end": ("0412 345 678.", "AU", AU),
    "a semicolon at the end": ("0412 345 678;", "AU", AU),
    # A zero in brackets
    "a zero in brackets": ("+44 (0)20 7946 0018", None, "+442079460018"),
    "a zero in square brackets": ("+44 [0] 20 7946 0018", None, "+442079460018"),
    "a zero in brackets behind 00": ("0044 (0) 20 7946 0018", None, "+442079460018"),
    "a zero in brackets, and the plus was lost": ("44 (0)20 7946 0018", "GB", "+442079460018"),
    "a zero in brackets at the beginning": ("(0)412 345 678", "AU", AU),
    "a zero in brackets where none is dialled": ("+34 (0)612 345 678", None, "+34612345678"),
    "a zero in brackets, lengths vary and none is dialled": ("+352 (0)621 123 456", None, "+352621123456"),
    "a zero in brackets that belongs to the number": ("+39 (0)6 1234 5678", None, "+390612345678"),
    "a zero in brackets of a new range": ("+61 (0)499 999 999", None, "+61499999999"),
    # Links
    "tel:": ("tel:+61412345678", None, AU),
    "tel: with slashes": ("tel://+61412345678", None, AU),
    "tel: in capitals, with a blank": ("TEL: 0412 345 678", "AU", AU),
    "tel: with an escaped plus": ("tel:%2B61412345678", None, AU),
    "sms:": ("sms:+61412345678", None, AU),
    "a context": ("tel:0412-345-678;phone-context=+61", "DE", AU),
    # Spreadsheets
    "an apostrophe": ("'+61412345678", None, AU),
    "a curly apostrophe": ("\u2019+61412345678", None, AU),
    "a formula of text": ('="+61412345678"', None, AU),
    "a formula of a national number": ('="0412 345 678"', "AU", AU),
    "quotes": ('"+61412345678"', None, AU),
    "a decimal": ("4915112345678.0", "DE", DE),
    "a decimal with a plus": ("+4915112345678.0", None, DE),
    "a decimal with two noughts": ("4915112345678.00", "DE", DE),
    "a decimal comma": ("4915112345678,0", "DE", DE),
    "a decimal with nothing behind its point": ("4915112345678.", "DE", DE),
    "a decimal of a number that lost its zero": ("15112345678.0", "DE", DE),
    "a decimal of a Dutch number": ("31612345678.0", "NL", "+31612345678"),
    "a decimal of a number in Singapore": ("6581234567.0", "SG", "+6581234567"),
    "a decimal of a South African number": ("27711234567.0", "ZA", "+27711234567"),
    "noughts that a French number ends with": ("06.12.34.56.00", "FR", "+33612345600"),
    "noughts that a North American number ends with": ("+1.2125550000", None, "+12125550000"),
}


@pytest.mark.parametrize(("to", "hint", "e164"), READ.values(), ids=READ)
def test_it_passes_over(to: str, hint: str | None, e164: str) -> None:
    assert parse_recipient(to, hint).e164 == e164


SPREADSHEET = "spreadsheet"
EXTENSION = "extension"
TWO = "more than one number"
LETTERS = "letters"
SIGN = "belongs to no telephone number"

REFUSED = {
    "scientific notation": ("4.9151E+12", "DE", SPREADSHEET),
    "scientific notation with a comma": ("4,9151E+12", "DE", SPREADSHEET),
    "scientific notation with a plus": ("+4.9151e12", None, SPREADSHEET),
    "a fraction": ("4915112345678.5", "DE", SPREADSHEET),
    "a fraction with a comma": ("4915112345678,5", "DE", SPREADSHEET),
    "a fraction of a short number": ("123456.78", "DE", SPREADSHEET),
    "thousands": ("4,915,112,345,678", "DE", SPREADSHEET),
    "thousands and a decimal": ("4,915,112,345,678.00", "DE", SPREADSHEET),
    "thousands as a German spreadsheet writes them": ("4.915.112.345.678,00", "DE", SPREADSHEET),
    "thousands between points, and one nought": ("4.915.112.345.678.0", "DE", SPREADSHEET),
    "a decimal of a number with blanks": ("+49 151 12345678.0", None, SPREADSHEET),
    "a decimal that might be the last two digits": ("+49 151 1234 56.00", None, SPREADSHEET),
    "a decimal whose number is none": ("0151.000", "DE", "no area code"),
    "ext.": ("+44 20 7946 0018 ext. 12", None, EXTENSION),
    "x": ("+1 212 555 0123 x12", None, EXTENSION),
    "#": ("+1 212 555 0123 #12", None, EXTENSION),
    "a link's extension": ("tel:+12125550123;ext=12", None, EXTENSION),
    "a few digits behind a slash": ("+61 412 345 678/9", None, EXTENSION),
    "a few digits behind a slash where lengths vary": ("089 123456/57", "DE", "slash"),
    "letters on the keypad": ("1-800-FLOWERS", "US", LETTERS),
    "a name behind it": ("+49 151 1234567 Bob", None, LETTERS),
    "a letter for a digit": ("+61 412 34S 678", None, LETTERS),
    "a capital O for a nought": ("O412 345 678", "AU", LETTERS),
    "a word before it": ("Mobile 0412 345 678", "AU", LETTERS),
    "no digits at all": ("#NAME?", "AU", "not a telephone number"),
    "two behind a semicolon": ("0412 345 678;0398 765 432", "AU", TWO),
    "two behind a comma": ("0412345678,0398765432", "AU", TWO),
    "two behind a bar": ("0412 345 678 | 0398 765 432", "AU", TWO),
    "two on two lines": ("0412 345 678\n0398 765 432", "AU", TWO),
    "two behind an and": ("0412 345 678 & 0398 765 432", "AU", TWO),
    "two behind an or": ("0412 345 678 or 0398 765 432", "AU", TWO),
    "two with a plus": ("+61412345678 +61398765432", None, TWO),
    "two with a plus, run together": ("+61412345678+61398765432", None, TWO),
    "two behind a slash": ("0412 345 678 / 0398 765 432", "AU", TWO),
    "two behind a blank": ("0412345678 0398765432", "AU", TWO),
    "two behind a hyphen": ("0412345678 - 0398765432", "AU", TWO),
    "two, the second in brackets": ("0412345678 (0398765432)", "AU", TWO),
    "two behind a colon": ("0412345678: 0398765432", "AU", TWO),
    "two behind a bullet": ("0412345678 \u2022 0398765432", "AU", TWO),
    "underscores between groups": ("+61_412_345_678", None, SIGN),
    "a second one that is short": ("0412345678;0398", "AU", TWO),
    "links to two": ("sms:+61412345678,+61398765432", None, TWO),
    "a link with a text": ("sms:+61412345678?body=hello", None, "more than a number"),
    "a link's local number of a private network": ("tel:7042;phone-context=example.com", "GB", "more than a number"),
    "a minus": ("-61412345678", "AU", SIGN),
    "a service code": ("*100#", "GB", SIGN),
    "a mark that turns digits round": ("\u202e876543214016+", None, SIGN),
    "a control character": ("+61412\x00345678", None, SIGN),
    "angle brackets": ("<+61412345678>", None, SIGN),
    "a zero in brackets in the middle": ("+49 151 (0) 12345678", None, "zero in brackets"),
    "a zero in brackets in a national number": ("02 (0) 9876 5432", "AU", "zero in brackets"),
    "a text without an end": ("0" * 300, "AU", "too many digits"),
}


@pytest.mark.parametrize(("to", "hint", "words"), REFUSED.values(), ids=REFUSED)
def test_it_refuses(to: str, hint: str | None, words: str) -> None:
    with pytest.raises(InvalidRecipientError) as caught:
        parse_recipient(to, hint)
    assert words in caught.value.reason
